"""The simulator, published: our own ingests receive what was sent, and whatever goes wrong is said in one line."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import AsyncGenerator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from midstream_adapters import flv, publish_encode, publish_rtmp, rtmp
from midstream_adapters.base import Backoff, Interrupted, Options, SourceError, explain, supervise
from midstream_adapters.events import AudioChunk, Figures, Kind, State, StateChanged, VideoFrame
from midstream_adapters.hls import HLSAdapter
from midstream_adapters.http_server import HttpServer, Request, Response
from midstream_adapters.publish import Output, Plan, open_output
from midstream_adapters.publish_hls import LISTED
from midstream_adapters.publish_rtmp import Pipe, Sending
from midstream_adapters.rtmp import Target
from midstream_adapters.rtmp_media import Link
from midstream_adapters.rtmp_server import RTMPListener
from midstream_adapters.stream_simulator import StreamSimulator
from midstream_adapters.whip import TOKEN, WhipListener
from tests.adapters.recorder import Recorder
from tests.adapters.rtc import eventually, loopback  # noqa: F401
from tests.adapters.rtmp_ends import server as rtmp_server
from tests.adapters.servers import ListSink

KEY = "publish-secret-key"
PLAN = Plan(frame_rate=20.0, size=(160, 90))
VIDEO_ONLY = Plan(frozenset({Kind.VIDEO}), 20.0, (160, 90))


def simulator(plan: Plan = PLAN) -> StreamSimulator:
    return StreamSimulator(plan.frame_rate, size=plan.size, rng=random.Random(4))


@asynccontextmanager
async def pushing(output: Output, plan: Plan = PLAN) -> AsyncGenerator[asyncio.Task[None]]:
    """Publish for as long as the block lasts, then leave; leaving takes no longer than two seconds."""
    task = asyncio.create_task(output.run(simulator(plan)))
    clock = asyncio.get_running_loop().time
    try:
        yield task
    finally:
        start = clock()
        task.cancel()
        await asyncio.wait([task])
        assert clock() - start < 2.0


async def failure(running: Awaitable[None]) -> Exception:
    with pytest.raises((SourceError, Interrupted, OSError)) as raised:
        await asyncio.wait_for(running, 10)
    return raised.value


@asynccontextmanager
async def ingest(key: str | None) -> AsyncGenerator[tuple[str, Recorder]]:
    sink = Recorder()
    listener = RTMPListener("127.0.0.1", 0, "live", key, "in", Options())
    task = asyncio.create_task(supervise(listener, sink, Options()))
    await eventually(lambda: listener.port)
    try:
        yield f"rtmp://127.0.0.1:{listener.port}/live", sink
    finally:
        task.cancel()
        await asyncio.wait([task])


# -- RTMP


async def test_rtmp_reaches_our_ingest_whole() -> None:
    async with ingest(KEY) as (url, sink):
        output = open_output(url, PLAN, Options(env={"MIDSTREAM_STREAM_KEY": KEY}))
        async with pushing(output):
            await eventually(lambda: len(sink.frames) >= 30 and len(sink.chunks) >= 40)
        await eventually(lambda: sink.of(StateChanged, "in/1")[-1].state is State.ENDED)
        assert output.counts.frames == len(sink.frames)  # what was sent was received, to the last frame
        assert output.counts.dropped == 0
        assert sink.of(StateChanged, "in/1")[1].reason == "flv: h264 160x90 20 fps + aac 48 kHz 1 ch"
        assert sink.of(StateChanged, "in/1")[-1].reason == "the publisher ended the stream"
        times = [frame.pts for frame in sink.frames]
        assert times == sorted(times)  # type: ignore[type-var]
        assert len({frame.luma for frame in sink.frames}) > 5  # the sky brightens
        assert max(chunk.rms or 0 for chunk in sink.chunks) > 0.02  # it sings
        assert [f.keyframe for f in sink.frames[:2]] == [True, False]
        assert sink.nbytes(Kind.VIDEO) + sink.nbytes(Kind.AUDIO) == pytest.approx(
            output.counts.nbytes, rel=0.05
        )


async def test_rtmp_refused_by_key_and_by_application() -> None:
    async with ingest(KEY) as (url, sink):
        wrong = open_output(f"{url}/wr0ng", PLAN, Options())
        error = await failure(wrong.run(simulator()))
        assert isinstance(error, SourceError)
        assert "refuses: NetStream.Publish.BadName" in explain(error)
        other = open_output(f"{url}-other/{KEY}", PLAN, Options())
        error = await failure(other.run(simulator()))
        assert "NetConnection.Connect.Rejected" in explain(error)
        assert KEY not in explain(error) + other.address
        assert "wr0ng" not in wrong.address
        assert not sink.frames


async def test_rtmp_that_is_lost_or_no_rtmp_at_all_is_told() -> None:
    async with ingest(None) as (url, sink):
        task = asyncio.create_task(open_output(f"{url}/x", VIDEO_ONLY, Options()).run(simulator(VIDEO_ONLY)))
        await eventually(lambda: sink.frames)
    assert isinstance(await failure(task), Interrupted)  # the listener was closed
    assert isinstance(await failure(open_output(f"{url}/x", PLAN, Options()).run(simulator())), OSError)
    web = HttpServer(lambda _: asyncio.sleep(0, Response(204)), max_body=100)
    await web.start("127.0.0.1", 0)
    try:
        output = open_output(f"rtmp://127.0.0.1:{web.port}/live/x", PLAN, Options())
        assert "RTMP" in explain(await failure(output.run(simulator())))
    finally:
        await web.close()


async def test_rtmp_server_that_is_silent_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    output = open_output(f"rtmp://127.0.0.1:{port}/live/x", PLAN, Options(connect_timeout=0.2))
    error = await failure(output.run(simulator()))
    assert explain(error) == "no answer within 0.2 s"
    listening.close()


async def test_a_player_of_rtmp_is_asked_for_no_publish() -> None:
    """A server that only plays: it never answers `publish`, so the wait ends by the clock, not by a hang."""

    async def play(_: object) -> None:
        await asyncio.sleep(10)

    async with rtmp_server(play) as port:
        output = open_output(f"rtmp://127.0.0.1:{port}/live/x", PLAN, Options(connect_timeout=0.3))
        assert isinstance(await failure(output.run(simulator())), Interrupted)


@pytest.mark.parametrize("cut", [1, 7, 4096])
async def test_flv_becomes_the_same_tags_however_it_is_cut(cut: int) -> None:
    tags = [
        (flv.SCRIPT, 0, b"\x02\x00\x01x"),
        (flv.VIDEO, 40, bytes(300)),
        (flv.AUDIO, 1 << 24, b"\xaf\x01z"),
    ]
    data = flv.header(frozenset({Kind.VIDEO})) + b"".join(flv.tag(*tag) for tag in tags)
    pipe = Pipe(asyncio.get_running_loop())
    for at in range(0, len(data), cut):
        pipe.write(data[at : at + cut])
    assert pipe.waiting == len(data) - 13
    assert pipe.take() == tags
    assert (pipe.waiting, pipe.take()) == (0, [])


class Clogged(Link[Sending]):
    """A connection whose other end stops to read once `full` is set."""

    full = asyncio.Event()

    async def flush(self, empty: bool = False) -> None:
        if self.full.is_set():
            await asyncio.get_running_loop().create_future()
        await super().flush(empty)


async def test_a_network_that_is_too_slow_costs_frames_never_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(where: Target, session: Sending, options: Options) -> Clogged:
        link = await rtmp.connect(where, session, options)
        return Clogged(link._reader, link._writer, session)

    Clogged.full = asyncio.Event()
    monkeypatch.setattr(publish_rtmp, "connect", connect)
    monkeypatch.setattr(publish_rtmp, "BACKLOG", 2_000)
    monkeypatch.setattr(publish_rtmp, "STALLED", 2.0)
    async with ingest(None) as (url, sink):
        output = open_output(f"{url}/x", PLAN, Options())
        task = asyncio.create_task(output.run(simulator()))
        await eventually(lambda: sink.frames)
        Clogged.full.set()
        await eventually(lambda: output.counts.dropped > 10)
        made = output.counts.frames
        await eventually(lambda: output.counts.dropped > 20)
        assert output.counts.frames == made
        assert "taken nothing for 2 s" in explain(await failure(task))


# -- HLS


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/index.m3u8"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.parametrize("form", ["ts", "fmp4"])
async def test_hls_is_played_live_and_ends(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_encode, "KEY_SECONDS", 1)
    folder = tmp_path / "take: #1?"  # a name that would not pass for an address
    output = open_output(f"hls:{folder}#{form}", PLAN, Options())
    sink = Recorder()
    with serving(folder) as url:
        async with pushing(output):
            await eventually(lambda: (folder / "index.m3u8").exists())
            adapter = HLSAdapter(url, "hls", Options(), start=LISTED)
            watching = asyncio.create_task(supervise(adapter, sink, Options(), Backoff(first=0.05, most=0.1)))
            await eventually(lambda: len(sink.frames) >= 30 and len(sink.chunks) >= 40)
        assert await asyncio.wait_for(watching, 10) is State.ENDED
    text = (folder / "index.m3u8").read_text()
    assert text.rstrip().endswith("#EXT-X-ENDLIST")
    assert text.count("#EXTINF") <= LISTED
    assert ("#EXT-X-MAP" in text) == (form == "fmp4")
    assert output.counts.frames == len(sink.frames)  # it began with the first segment, and saw the last
    assert sink.of(StateChanged)[1].reason.count("h264 160x90 20 fps + aac 48 kHz 1 ch")
    figures = {k: v for e in sink.of(Figures) for k, v in e.values.items()}
    assert 0 < float(figures["live_latency_s"]) < 10
    assert not list(folder.glob("*.tmp"))


async def test_hls_published_again_goes_on_counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish_encode, "KEY_SECONDS", 1)
    numbers = []
    for _ in range(2):
        async with pushing(open_output(f"hls:{tmp_path}", VIDEO_ONLY, Options()), VIDEO_ONLY):
            await asyncio.sleep(1.1)
        text = (tmp_path / "index.m3u8").read_text()
        numbers.append(int(text.partition("#EXT-X-MEDIA-SEQUENCE:")[2].split()[0]))
    assert numbers[1] > numbers[0]


async def test_hls_into_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for target in (f"hls:{tmp_path}/file", "hls:", "hls://host/x", "hls:/tmp/100%"):
        with pytest.raises(SourceError, match="folder"):
            open_output(target, PLAN, Options())
    inside = open_output(f"hls:{tmp_path}/file/live", PLAN, Options())
    assert "can't write to" in explain(await failure(inside.run(simulator())))


async def test_a_folder_that_vanishes_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_encode, "KEY_SECONDS", 1)
    folder = tmp_path / "live"
    task = asyncio.create_task(open_output(f"hls:{folder}", VIDEO_ONLY, Options()).run(simulator(VIDEO_ONLY)))
    await eventually(lambda: (folder / "index.m3u8").exists())
    shutil.rmtree(folder)
    error = await failure(task)
    assert isinstance(error, SourceError)
    assert "can't write to" in explain(error)


# -- WHIP


@asynccontextmanager
async def whip(token: str | None = None) -> AsyncGenerator[tuple[str, ListSink]]:
    options = Options(env={TOKEN: token} if token else {})
    listener = WhipListener("127.0.0.1", 0, "/whip", token, "whip", options)
    sink = ListSink()
    task = asyncio.create_task(supervise(listener, sink, options))
    await sink.until(lambda _: bool(sink.of(Figures)))
    try:
        yield f"whip+http://127.0.0.1:{listener.port}/whip", sink
    finally:
        task.cancel()
        await asyncio.wait([task])


def states(sink: ListSink, stream: str) -> list[State]:
    return [e.state for e in sink.events if isinstance(e, StateChanged) and e.stream == stream]


async def test_whip_reaches_our_ingest_and_is_deleted() -> None:
    async with whip("t0ken") as (url, sink):
        output = open_output(f"{url}/cam", PLAN, Options(env={TOKEN: "t0ken"}))
        async with pushing(output):
            await sink.until(lambda _: len(sink.of(VideoFrame)) >= 20 and len(sink.of(AudioChunk)) >= 40)
        await sink.until(lambda _: states(sink, "whip/cam")[-1] is State.ENDED)
        assert states(sink, "whip/cam") == [State.CONNECTING, State.LIVE, State.ENDED]
        frames = [e for e in sink.events if isinstance(e, VideoFrame)]
        assert (frames[0].width, frames[0].height) == (160, 90)
        assert max(e.rms or 0 for e in sink.events if isinstance(e, AudioChunk)) > 0.02
        assert output.counts.frames >= len(frames) - 1
        assert output.counts.nbytes > 5_000
        ended = [e.reason for e in sink.events if isinstance(e, StateChanged) and e.stream == "whip/cam"][-1]
        assert ended == "the publisher has left"  # DELETE, not a loss


async def test_whip_with_a_wrong_token_is_refused() -> None:
    async with whip("t0ken") as (url, sink):
        output = open_output(url, VIDEO_ONLY, Options(env={TOKEN: "wr0ng"}))
        error = await failure(output.run(simulator()))
        assert isinstance(error, SourceError)
        assert "401" in explain(error)
        assert "wr0ng" not in explain(error) + repr(sink.events)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(404, {}, b""), "404"),
        (Response(200, {"Content-Type": "text/html"}, b"<html>"), "no WHIP"),
        (Response(201, {"Content-Type": "application/sdp"}, b"v=0 nonsense"), "can't be used"),
        (Response(503, {"Retry-After": "10"}, b""), "503"),
    ],
)
async def test_whip_that_is_none_is_told(answer: Response, said: str) -> None:
    async def handle(_: Request) -> Response:
        return answer

    server = HttpServer(handle, max_body=1 << 16)
    await server.start("127.0.0.1", 0)
    try:
        output = open_output(f"whip+http://127.0.0.1:{server.port}/x", PLAN, Options())
        assert said in explain(await failure(output.run(simulator())))
    finally:
        await server.close()


async def test_whip_whose_server_goes_away_is_told() -> None:
    async with whip() as (url, sink):
        task = asyncio.create_task(open_output(url, VIDEO_ONLY, Options()).run(simulator(VIDEO_ONLY)))
        await sink.until(lambda _: len(sink.of(VideoFrame)) > 3)
    assert "server" in explain(await failure(task))


# -- targets


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "hls:FOLDER"),
        ("nonsense", "hls:FOLDER"),
        ("srt://host:1/x", "hls:FOLDER"),
        ("https://host/whip", "whip+http"),
        ("rtmp://host", "no application"),
        ("rtmp:///live/key", "without a host"),
        ("whip+https:///x", "without a host"),
        ("whip+http://host:port/x", "not an address"),
    ],
)
def test_what_is_no_target_is_told(target: str, said: str) -> None:
    with pytest.raises(SourceError, match=said.replace("+", r"\+")):
        open_output(target, PLAN, Options(env={}))
