"""Media over HTTP: files whole, what is no media told, a stalled server given up, certificates checked."""

from __future__ import annotations

import asyncio
import re
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from midstream_adapters import network_media
from midstream_adapters.events import Kind, State
from midstream_adapters.mp4_order import index_is_last
from midstream_adapters.network_media import libav_input
from tests.adapters.clips import make_clip, truth
from tests.adapters.network_watch import adapter, reason, watch
from tests.adapters.test_tls import tls  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("net") / "film.mp4", frames=30, frame_rate=10, size=(160, 90))


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
