"""RTMP with who really speaks it: ffmpeg publishes, nginx-rtmp relays. Publishers are processes of their own."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from midstream_adapters.base import Adapter, Options
from midstream_adapters.events import Kind, State, StateChanged
from midstream_adapters.registry import open_source
from tests.peers.peers import (
    free_port,
    needs_ffmpeg,
    needs_nginx,
    nginx,
    publishing,
    running,
    states,
    until,
    watched,
)

pytestmark = [pytest.mark.peer, needs_ffmpeg]
KEY = "peers-secret-key"


@needs_nginx
async def test_play_through_a_server_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/{KEY}"
    options = Options(env={"MIDSTREAM_STREAM_KEY": KEY})
    (adapter,) = open_source(f"rtmp://127.0.0.1:{port}/live", options)  # the key comes from the environment
    name = adapter.info.stream
    async with watched(adapter, options) as sink:
        async with nginx(tmp_path / "n", port) as server, running(*publishing(url)):
            await until(lambda: len(sink.frames) >= 10 and len(sink.chunks) >= 20)
            server.send_signal(signal.SIGKILL)
            took = await until(lambda: states(sink, name)[-1] is not State.LIVE, 3)
            assert took < 3
        before = len(sink.frames)
        lost = next(e for e in sink.of(StateChanged) if e.state is State.RECONNECTING and "lost" in e.reason)
        assert lost.reason.startswith("the server was lost")
        async with nginx(tmp_path / "n", port), running(*publishing(url)):
            await until(lambda: states(sink, name)[-1] is State.LIVE)
            await until(lambda: len(sink.frames) >= before + 10)
            state, shown = sink.session.state().streams[name], len(sink.frames)
            seen = [s for s in states(sink, name) if s is not State.CONNECTING]
    assert State.RECONNECTING in seen[seen.index(State.LIVE) :]  # it was live, was lost ...
    assert seen[-1] is State.LIVE  # ... and is live again
    assert state.video_frames == shown >= before + 10  # the history is kept
    assert state.reconnects == seen.count(State.RECONNECTING)
    assert (state.width, state.height, state.sample_rate) == (160, 90, 44_100)
    assert KEY not in repr(sink.of(StateChanged)) + repr(sink.session.state())


@needs_nginx
async def test_the_end_of_a_publisher_is_an_end(tmp_path: Path) -> None:
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/{KEY}"
    (adapter,) = open_source(url, Options())
    async with nginx(tmp_path / "n", port), watched(adapter, Options()) as sink:
        async with running(*publishing(url, 2)) as ffmpeg:
            await ffmpeg.wait()
        await until(lambda: State.ENDED in states(sink, adapter.info.stream))
    assert len(sink.frames) >= 15


async def listen(env: dict[str, str]) -> tuple[Adapter, Options, str]:
    port = free_port()
    options = Options(env=env)
    (adapter,) = open_source(f"rtmp+listen://127.0.0.1:{port}/live", options)
    return adapter, options, f"rtmp://127.0.0.1:{port}"


async def test_ingest_two_publishers_one_killed_one_ends() -> None:
    adapter, options, base = await listen({"MIDSTREAM_STREAM_KEY": KEY})
    one, two = (f"{adapter.info.stream}/{name}" for name in ("1", "cam"))
    async with watched(adapter, options) as sink:
        await until(lambda: any("listening" in e.reason for e in sink.of(StateChanged)))
        async with (
            running(*publishing(f"{base}/live/{KEY}")) as first,
            running(*publishing(f"{base}/live/cam?key={KEY}", 5)) as second,
        ):
            await until(lambda: all(State.LIVE in states(sink, name) for name in (one, two)))
            await until(lambda: {e.stream for e in sink.frames} == {one, two})
            first.send_signal(signal.SIGKILL)
            await until(lambda: states(sink, one)[-1] is State.RECONNECTING, 3)
            assert states(sink, two) == [State.CONNECTING, State.LIVE]
            more = len(sink.frames) + 5
            await until(lambda: len(sink.frames) >= more)
            await second.wait()
            await until(lambda: states(sink, two)[-1] is State.ENDED)
        state = sink.session.state().streams
    assert state[two].video_frames == 50
    assert state[two].state == "ended"
    assert states(sink, two) == [State.CONNECTING, State.LIVE, State.ENDED]
    assert sink.nbytes(Kind.AUDIO) > 10_000
    assert KEY not in repr(sink.of(StateChanged)) + repr(sink.session.state())


async def test_a_publisher_that_stops_sending_is_shown_within_three_seconds() -> None:
    adapter, options, base = await listen({})
    async with watched(adapter, options) as sink:
        await until(lambda: any("listening" in e.reason for e in sink.of(StateChanged)))
        async with running(*publishing(f"{base}/live/whatever")) as ffmpeg:
            name = f"{adapter.info.stream}/1"
            await until(lambda: sink.frames)
            ffmpeg.send_signal(signal.SIGSTOP)
            await until(lambda: states(sink, name)[-1] is State.RECONNECTING, 3)
            ffmpeg.send_signal(signal.SIGCONT)
            await until(lambda: states(sink, name)[-1] is State.LIVE)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("live/nonsense", "wrong stream key"),
        (f"other/{KEY}", "wrong application"),
        ("live/x?key=no", "wrong"),
    ],
)
async def test_ffmpeg_is_refused_and_nothing_is_decoded(path: str, said: str) -> None:
    adapter, options, base = await listen({"MIDSTREAM_STREAM_KEY": KEY})
    async with watched(adapter, options) as sink:
        await until(lambda: any("listening" in e.reason for e in sink.of(StateChanged)))
        async with running(*publishing(f"{base}/{path}")) as ffmpeg:
            _, errors = await asyncio.wait_for(ffmpeg.communicate(), 15)
            assert ffmpeg.returncode != 0
            assert b"Server error" in errors
    assert {e.stream for e in sink.events} == {adapter.info.stream}
    assert not sink.frames
    assert not sink.chunks
    assert said in sink.of(StateChanged)[-1].reason
    assert KEY not in repr(sink.events)


async def test_mpegts_over_udp() -> None:
    port = free_port(socket.SOCK_DGRAM)
    (adapter,) = open_source(f"udp://127.0.0.1:{port}", Options())
    async with (
        watched(adapter, Options()) as sink,
        running(*publishing(f"udp://127.0.0.1:{port}?pkt_size=1316", 30, "mpegts")) as ffmpeg,
    ):
        await until(lambda: len(sink.frames) >= 10 and len(sink.chunks) >= 10)
        assert ffmpeg.returncode is None
    assert State.LIVE in states(sink, adapter.info.stream)
