"""HLS as nginx-rtmp cuts and serves it, from ffmpeg and from our own publisher."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from midstream_adapters.base import Options
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

pytestmark = [pytest.mark.peer, needs_ffmpeg, needs_nginx]
KEY = "hls-peers-key"


async def test_hls_from_a_server_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    port, web = free_port(), free_port()
    url = f"rtmp://127.0.0.1:{port}/live/cam"
    options = Options()
    (adapter,) = open_source(f"http://127.0.0.1:{web}/cam.m3u8#start=1", options)
    name = adapter.info.stream
    playlist = tmp_path / "n/hls/cam.m3u8"
    async with nginx(tmp_path / "n", port, web) as server, running(*publishing(url)):
        await until(playlist.exists)
        async with watched(adapter, options) as sink:
            await until(lambda: len(sink.frames) >= 20 and len(sink.chunks) >= 40)
            assert states(sink, name) == [State.CONNECTING, State.LIVE]
            server.send_signal(signal.SIGKILL)
            gone = await until(lambda: states(sink, name)[-1] is not State.LIVE, 20)
            lost = gone + await until(lambda: State.RECONNECTING in states(sink, name), 20)
            told = [f"{e.state.value}: {e.reason}" for e in sink.of(StateChanged, name)[2:]]
            print(f"{told[0]} ({gone:.2f} s after the kill), then {told[1]} ({lost:.2f} s)")
            before, sounds = len(sink.frames), len(sink.chunks)
            kept = sink.session.state().streams[name]
            assert (kept.video_frames, kept.audio_chunks) == (before, sounds)  # nothing is forgotten
            async with nginx(tmp_path / "n", port, web), running(*publishing(url)):
                await until(lambda: states(sink, name)[-1] is State.LIVE, 25)
                await until(lambda: len(sink.frames) >= before + 10)
                state, shown, heard = sink.session.state().streams[name], len(sink.frames), len(sink.chunks)
                nbytes = sink.nbytes(Kind.VIDEO) + sink.nbytes(Kind.AUDIO)
                seen = [s for s in states(sink, name) if s is not State.CONNECTING]
    assert seen[0] is seen[-1] is State.LIVE
    assert State.RECONNECTING in seen
    assert set(seen) <= {State.LIVE, State.STALLED, State.RECONNECTING}
    assert (state.video_frames, state.audio_chunks) == (shown, heard)
    assert state.bytes == nbytes
    assert state.reconnects == seen.count(State.RECONNECTING)
    assert state.started is not None
    assert (state.width, state.height, state.sample_rate) == (160, 90, 44_100)


async def probed(url: str) -> list[dict[str, object]]:
    """What ffprobe says of `url`, audio first."""
    command = "ffprobe -v error -of json -show_streams".split()
    async with running(*command, url, out=PIPE) as ffprobe:
        out, errors = await asyncio.wait_for(ffprobe.communicate(), 20)
        assert ffprobe.returncode == 0, errors
    found: list[dict[str, object]] = json.loads(out)["streams"]
    return sorted(found, key=lambda stream: str(stream["codec_type"]))


async def test_our_publisher_through_nginx_as_rtmp_and_as_hls(tmp_path: Path) -> None:
    """Our publisher is a process of its own; ffprobe and our own adapters see what nginx makes of it."""
    port, web = free_port(), free_port()
    target = f"rtmp://127.0.0.1:{port}/live/{KEY}"
    command = [sys.executable, "-m", "midstream_tui", "demo", "--publish", target, "--frame-rate", "25"]
    (played,) = open_source(target, Options())
    (hls,) = open_source(f"http://127.0.0.1:{web}/{KEY}.m3u8#start=1", Options())
    async with nginx(tmp_path / "n", port, web), running(*command) as publisher:
        await until((tmp_path / f"n/hls/{KEY}.m3u8").exists)
        audio, video = await probed(target)
        assert (video["codec_name"], video["width"], video["height"]) == ("h264", 640, 360)
        assert (audio["codec_name"], audio["sample_rate"]) == ("aac", "48000")
        decoding = "ffmpeg -nostdin -v error -xerror -i".split(), "-frames:v 40 -f null -".split()
        async with running(*decoding[0], target, *decoding[1]) as ffmpeg:
            _, errors = await asyncio.wait_for(ffmpeg.communicate(), 20)
            assert (ffmpeg.returncode, errors) == (0, b"")  # 40 pictures without a flaw
        async with watched(played, Options()) as rtmp, watched(hls, Options()) as segments:
            for sink in (rtmp, segments):
                await until(lambda s=sink: len(s.frames) >= 25 and len(s.chunks) >= 40)  # type: ignore[misc]
                assert (sink.frames[0].width, sink.frames[0].height) == (640, 360)
                assert len({frame.luma for frame in sink.frames}) > 5
                assert max(chunk.rms or 0 for chunk in sink.chunks) > 0.02
            publisher.send_signal(signal.SIGTERM)
            await until(lambda: states(rtmp, played.info.stream)[-1] is State.ENDED)
        assert publisher.stderr is not None
        said = (await publisher.stderr.read()).decode()
        assert await publisher.wait() == 0
    assert said.splitlines()[-1].startswith(f"left rtmp://127.0.0.1:{port}/live/*** after")
    assert KEY not in said
