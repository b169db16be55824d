"""What libav fetches itself: the right options, files over HTTP whole, nobody waits for a thread that is stuck."""

from __future__ import annotations

import asyncio
import re
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from midstream_adapters import network_media
from midstream_adapters.base import Backoff, Options, SourceError, supervise
from midstream_adapters.events import Event, Kind, State, StateChanged
from midstream_adapters.live_thread import LiveThread
from midstream_adapters.mp4_order import index_is_last
from midstream_adapters.network_media import NetworkMedia, libav_input, open_source
from midstream_adapters.registry import NETWORK_MEDIA, SSE, kind_of
from tests.adapters.clips import make_clip, truth
from tests.adapters.recorder import Recorder, until
from tests.adapters.servers import ROOT
from tests.adapters.test_tls import tls  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("net") / "film.mp4", frames=30, frame_rate=10, size=(160, 90))


def adapter(url: str, quiet: float = 5.0, **options: object) -> NetworkMedia:
    return NetworkMedia(url, "s", Options(**options), quiet=quiet)  # type: ignore[arg-type]


async def watch(one: NetworkMedia, attempts: int = 1) -> Recorder:
    sink = Recorder()
    backoff = Backoff(first=0.02, most=0.05, attempts=attempts, settled=60.0)
    async with asyncio.timeout(20):
        await supervise(one, sink, Options(), backoff)
    return sink


def reason(sink: Recorder) -> str:
    return sink.of(StateChanged)[-1].reason or sink.of(StateChanged)[-2].reason


# -- options


@pytest.mark.parametrize(
    ("url", "form", "has"),
    [
        ("rtsp://h/x", "rtsp", {"rtsp_transport": "tcp", "timeout": "3000000"}),
        ("rtsps://h/x", "rtsp", {"rtsp_transport": "tcp", "tls_verify": "1"}),
        ("udp://127.0.0.1:1", "mpegts", {"timeout": "3000000", "protocol_whitelist": "udp"}),
        ("http://h/x.mp4", None, {"rw_timeout": "3000000", "max_redirects": "0"}),
        ("https://h/x.mp4", None, {"tls_verify": "1", "headers": "A: b\r\n"}),
    ],
)
def test_options_of_each_protocol(url: str, form: str | None, has: dict[str, str]) -> None:
    found = libav_input(url, quiet=3.0, headers={"A": "b"})
    assert found.container_format == form
    assert has.items() <= found.options.items()
    assert url.startswith("http") != ("timeout" in found.options)  # TCP's would take the place of rw_timeout
    assert "fflags" not in found.options  # nobuffer loses what was read to probe
    assert "file" not in found.options["protocol_whitelist"].split(",")


@pytest.mark.parametrize("scheme", ["rtsp", "udp", "http"])
async def test_libav_takes_the_timeouts_for_what_they_are(scheme: str) -> None:
    """Without PyAV's own: half a second of silence is half a second, and nothing listens for a caller."""
    import av

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(20)

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        given = libav_input(f"{scheme}://127.0.0.1:{port}/x.mp4", quiet=0.5)
        start = time.perf_counter()
        with pytest.raises((av.FFmpegError, OSError)):
            await asyncio.to_thread(
                av.open, given.url, format=given.container_format, options=given.options, timeout=(9, 9)
            )
        assert 0.3 < time.perf_counter() - start < 5


def test_headers_that_break_the_request_are_refused() -> None:
    with pytest.raises(SourceError, match="can't be sent"):
        libav_input("http://h/x.mp4", quiet=1, headers={"A": "b\r\nHost: evil"})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "srt://h:9000?passphrase=secret1",
            "srt:// is not in the libav that PyAV ships.* udp://127.0.0.1:5000",
        ),
        ("rist://h:9000", "rist:// is not in the libav"),
        ("udp://127.0.0.1", "needs a port"),
        ("rtsp:///x", "without a host"),
        ("rtsp://h:99999/x", "not an address"),
    ],
)
def test_what_can_not_be_opened_is_told_in_a_line(source: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        open_source(source, "s", Options())
    assert "secret1" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_libav_still_lacks_srt() -> None:
    import av

    with pytest.raises(av.error.ProtocolNotFoundError):
        av.open("srt://127.0.0.1:9", timeout=(0.2, 0.2))


def test_web_addresses_of_media() -> None:
    for url in ("http://h/x.mp4", "https://h/a/b.WEBM?t=1#x", "http://h/x.mp3", "http://h/x.ts"):
        assert kind_of(url) is NETWORK_MEDIA
    for url in (
        "http://h/x",
        "https://film.ts/",
        "https://film.ts",
        "http://h/x?f=y.mp4",
        "http://h/x.mp4/y",
    ):
        assert kind_of(url) is SSE


# -- HTTP

Handler = Callable[[str, dict[str, str], asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def http(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncGenerator[str, None]:
    """A server of one request a connection: `handler` gets the path, the headers and the writer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(re.findall(r"^([^:\r\n]+): ?(.*?)\r$", head, re.MULTILINE))
            await handler(head.split()[1], {k.lower(): v for k, v in headers.items()}, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        port = listening.sockets[0].getsockname()[1]
        yield f"http{'s' if context else ''}://127.0.0.1:{port}"
    finally:
        listening.close()


async def file(body: bytes, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
    start = int(found[1]) if (found := re.match(r"bytes=(\d+)-", headers.get("range", ""))) else None
    part = body[start or 0 :]
    more = f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}\r\n" if start is not None else ""
    writer.write(
        f"HTTP/1.1 {206 if more else 200} OK\r\nContent-Type: video/mp4\r\nAccept-Ranges: bytes\r\n{more}"
        f"Content-Length: {len(part)}\r\nConnection: close\r\n\r\n".encode()
    )
    writer.write(part)
    await writer.drain()


async def test_a_file_over_http_is_played_whole(film: Path) -> None:
    body, want, asked = film.read_bytes(), truth(film), []

    async def handler(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        asked.append((path, headers.get("x-key")))
        if path == "/a.mp4":
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /b.mp4\r\nContent-Length: 0\r\n\r\n")
        else:
            await file(body, headers, writer)

    async with http(handler) as url:
        sink = await watch(adapter(f"{url}/a.mp4", fast=True, headers={"X-Key": "k"}))
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]
    assert (len(sink.frames), len(sink.chunks)) == (want["frames"], want["chunks"])
    assert sink.nbytes(Kind.VIDEO) == want["video_bytes"]
    assert asked[0][0] == "/a.mp4"
    assert {key for _, key in asked} == {"k"}  # libav sends it too


async def test_an_index_at_the_end_wants_a_server_that_answers_ranges(tmp_path: Path) -> None:
    """It was lost for ever before, by an input/output error. With the index in front all is well."""
    asked: list[str | None] = []

    async def handler(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        asked.append(headers.get("x-key"))
        body = (tmp_path / path[1:]).read_bytes()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {len(body)}\r\n\r\n"
        with suppress(ConnectionError):  # who has seen enough leaves
            writer.write(head.encode() + body)
            await writer.drain()

    for name, flags in (("last.mov", "-faststart"), ("first.mov", "+faststart")):
        make_clip(
            tmp_path / name, frames=30, frame_rate=3, size=(160, 90), audio="pcm_s16le",
            container_options={"movflags": flags},
        )  # fmt: skip
    assert (tmp_path / "last.mov").stat().st_size > 1_000_000  # of a small one libav still has the start
    async with http(handler) as url:
        sink = await watch(adapter(f"{url}/last.mov", fast=True, headers={"X-Key": "k"}), attempts=3)
        assert State.RECONNECTING not in sink.states
        assert sink.states[-1] is State.FAILED
        assert reason(sink).startswith(
            "the file's index (moov) is at its end, and the server answers no ranges"
        )
        assert set(asked) == {"k"}
        sink = await watch(adapter(f"{url}/first.mov", fast=True))
        assert sink.states[-1] is State.ENDED
        assert len(sink.frames) == 30


async def test_a_loss_is_no_want_of_ranges(film: Path) -> None:
    """The index is last, but the server answers ranges: it broke off."""

    async def handler(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        body = film.read_bytes()
        part = body[: len(body) // 2] if "range" in headers else body
        writer.write(
            f"HTTP/1.1 {'206 Part' if 'range' in headers else '200 OK'}\r\nContent-Type: video/mp4\r\n"
            f"Content-Range: bytes 0-{len(body) - 1}/{len(body)}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + part
        )

    async with http(handler) as url:
        sink = await watch(adapter(f"{url}/x.mp4", fast=True))
    assert "moov" not in reason(sink)


@pytest.mark.parametrize(
    ("boxes", "last"),
    [
        ([(b"ftyp", 16), (b"moov", 90), (b"mdat", 9)], False),
        ([(b"ftyp", 16), (b"free", 0), (b"mdat", 9)], True),
        ([(b"ftyp", 16), (b"sidx", 9), (b"moof", 9), (b"mdat", 9)], False),
        ([(b"ftyp", 70_000), (b"mdat", 9)], False),  # not seen
        ([(b"oggs", 16), (b"mdat", 9)], False),
    ],
)
def test_what_comes_first_in_an_mp4(boxes: list[tuple[bytes, int]], last: bool) -> None:
    body = b"".join(struct.pack(">I4s", 8 + size, kind) + bytes(size) for kind, size in boxes)
    assert index_is_last(body[:65_536]) is last
    long = b"".join(struct.pack(">I4sQ", 1, kind, 16 + size) + bytes(size) for kind, size in boxes)
    assert index_is_last(long[:65_536]) is last


def test_boxes_without_a_sensible_length_are_no_index() -> None:
    assert not index_is_last(struct.pack(">I4s", 0, b"free") + struct.pack(">I4s", 9, b"mdat"))
    assert not index_is_last(b"")
    assert not index_is_last(b"\0\0\0\x01free\0\0")


async def test_what_is_no_media_is_told(film: Path) -> None:
    async def handler(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        status, kind, body = {
            "/gone.mp4": ("404 Not Found", "text/plain", b"no such film"),
            "/busy.mp4": ("503 Busy", "text/plain", b""),
            "/page.mp4": ("200 OK", "text/html", b"<html>"),
            "/list.mp4": ("200 OK", "application/vnd.apple.mpegurl", b"#EXTM3U\n"),
            "/junk.mp4": ("200 OK", "video/mp4", bytes(9999)),
            # A playlist that passes for media must not make libav fetch what it names.
            "/evil.mp4": (
                "200 OK",
                "video/mp4",
                b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n",
            ),
            "/loop.mp4": ("302 Found", "text/plain", b""),
            "/file.mp4": ("302 Found", "text/plain", b""),
        }[path]
        place = {"/loop.mp4": "/loop.mp4", "/file.mp4": "file:///etc/passwd"}.get(path, "")
        more = f"Location: {place}\r\n" if place else ""
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body)

    said = {}
    async with http(handler) as url:
        for name in ("gone", "busy", "page", "list", "junk", "evil", "loop", "file"):
            sink = await watch(adapter(f"{url}/{name}.mp4"), attempts=2)
            said[name] = (State.RECONNECTING in sink.states, reason(sink))
            assert not sink.frames
    assert said["gone"] == (False, "HTTP 404 Not Found: no such film")
    assert said["busy"] == (True, "HTTP 503 Service Unavailable")
    assert said["page"] == (False, "no media there, but text/html")
    assert "write hls+ before the address" in said["list"][1]
    assert said["junk"][1].endswith("Invalid data found when processing input")
    assert said["evil"][1].endswith("Invalid data found when processing input")
    assert said["loop"] == (False, "more than 5 redirects")
    assert said["file"] == (False, "redirected to something that is no web address")


async def test_a_public_server_must_not_lead_to_a_private_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/x.mp4\r\nContent-Length: 0\r\n\r\n")

    async def resolve(host: str, port: int) -> list[str]:
        return ["8.8.8.8" if host == "127.0.0.1" else host]  # the test's server passes for a public one

    monkeypatch.setattr(network_media, "resolve", resolve)
    async with http(handler) as url:
        sink = await watch(adapter(f"{url}/x.mp4"), attempts=3)
    assert sink.states == [State.CONNECTING, State.FAILED]
    assert reason(sink) == "a public server redirects to a private address (10.0.0.1): refused"


async def test_https_is_checked_by_us_and_by_libav(tls: ssl.SSLContext, film: Path) -> None:  # noqa: F811
    async def handler(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        await file(film.read_bytes(), headers, writer)

    async with http(handler, tls) as url:
        sink = await watch(adapter(f"{url}/x.mp4"), attempts=3)
        assert sink.states == [State.CONNECTING, State.FAILED]
        assert reason(sink).startswith("the server's certificate is not trusted")

        import av

        given = libav_input(f"{url}/x.mp4", quiet=2)
        with pytest.raises(av.FFmpegError):
            await asyncio.to_thread(av.open, given.url, options=given.options, timeout=(3, 3))
        unchecked = {**given.options, "tls_verify": "0"}
        (await asyncio.to_thread(av.open, given.url, options=unchecked, timeout=(3, 3))).close()


async def test_a_stream_that_stalls_and_one_that_never_answers(film: Path, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "x.ts", frames=30, frame_rate=10, size=(160, 90)).read_bytes()

    async def handler(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        if path == "/x.ts":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + clip[: 188 * 200])
            await writer.drain()
        await asyncio.sleep(20)

    async with http(handler) as url:
        sink = await watch(adapter(f"{url}/x.ts", quiet=0.7))
        assert State.LIVE in sink.states
        assert sink.frames  # what had come before the stall is shown
        assert reason(sink) == "stalled: no packet for 0.7 s"
        sink = await watch(adapter(f"{url}/mute.ts", connect_timeout=0.5))
        assert reason(sink) == "no answer within 0.5 s"


# -- threads


@pytest.mark.parametrize("source", ["rtsp", "udp", "stuck"])
async def test_cancel_is_prompt_whatever_libav_does(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that never answers; and a libav that does not heed its own timeout."""
    release = threading.Event()
    if source == "stuck":
        from midstream_adapters.decode import MediaReader

        monkeypatch.setattr(MediaReader, "open", lambda *_, **__: release.wait(20))

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(20)

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        url = f"udp://127.0.0.1:{port}" if source == "udp" else f"rtsp://127.0.0.1:{port}/x"
        task = asyncio.create_task(supervise(adapter(url, 1.0, connect_timeout=1.5), Recorder(), Options()))
        await asyncio.sleep(0.4)
        start = time.perf_counter()
        task.cancel()
        await asyncio.wait([task])
        took = time.perf_counter() - start
        listening.close()
    assert took < 1.0  # 0.2 s is what is promised; a loaded machine gets more
    release.set()
    await until(lambda: not [t for t in threading.enumerate() if t.name == "live s"], 8)


async def test_the_watchdog_bites_when_libav_does_not() -> None:
    thread = LiveThread("s", quiet=-1.9)  # a tenth of a second, with the slack
    release = threading.Event()

    class Stuck:
        def read(self, most: int, seconds: float) -> list[Event]:
            release.wait(20)
            return []

        def stop(self) -> None: ...
        def close(self) -> None: ...

    thread.reader = Stuck()  # type: ignore[assignment]
    with pytest.raises(TimeoutError):
        await thread.read()
    start = time.perf_counter()
    await thread.leave()
    assert time.perf_counter() - start < 1.0
    release.set()


def test_a_stuck_thread_does_not_hold_up_the_end_of_the_program() -> None:
    program = """
import asyncio, socket, time
from midstream_adapters.base import Options, supervise
from midstream_adapters.network_media import NetworkMedia
class Sink:
    def emit(self, event): pass
    async def drain(self): pass
async def main():
    deaf = socket.create_server(("127.0.0.1", 0))
    adapter = NetworkMedia(f"rtsp://127.0.0.1:{deaf.getsockname()[1]}/x", "s", Options(connect_timeout=15.0))
    task = asyncio.create_task(supervise(adapter, Sink(), Options()))
    await asyncio.sleep(0.8)
    task.cancel()
    await asyncio.wait([task])
asyncio.run(main())
print("done")
"""
    start = time.perf_counter()
    path = [str(ROOT), str(ROOT / "adapters")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path}\n{program}"],
        capture_output=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")
    assert time.perf_counter() - start < 10  # 15 s are what libav would wait


# -- RTSP


@asynccontextmanager
async def rtsp(seconds: float, then_hang: bool = False) -> AsyncGenerator[str, None]:
    """A small RTSP server (RFC 2326) of PCMU sound, interleaved on the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n"
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, number = head.split()[0], re.search(r"CSeq: (\d+)", head)
                assert number is not None
                more, body = "", ""
                if method == "DESCRIBE":
                    more, body = f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n", sdp
                elif method == "SETUP":
                    more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
                    assert "RTP/AVP/TCP" in head
                elif method == "PLAY":
                    more = "Session: 1\r\n"
                writer.write(f"RTSP/1.0 200 OK\r\nCSeq: {number[1]}\r\n{more}\r\n{body}".encode())
                if method != "PLAY":
                    continue
                for n in range(round(seconds * 50)):
                    packet = struct.pack(">BBHII", 0x80, 0, n, n * 160, 7) + bytes([0xFF, 0x7F] * 80)
                    writer.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
                    await writer.drain()
                    await asyncio.sleep(0.005)
                if then_hang:
                    await asyncio.sleep(20)
                return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"rtsp://127.0.0.1:{listening.sockets[0].getsockname()[1]}/x"
    finally:
        listening.close()


async def test_rtsp_over_tcp_plays_and_its_end_and_stall_are_told_apart() -> None:
    async with rtsp(2.0) as url:
        sink = await watch(adapter(url))
    assert State.LIVE in sink.states
    assert len(sink.chunks) >= 95
    assert sink.chunks[0].sample_rate == 8000
    assert reason(sink) == "the server closed the stream"
    async with rtsp(2.0, then_hang=True) as url:
        sink = await watch(adapter(url, quiet=0.7))
    assert reason(sink) == "stalled: no packet for 0.7 s"
