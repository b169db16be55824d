"""What is wrong with a live stream is said while it lasts: ffmpeg publishes through nginx, played as RTMP and HLS."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Blame, Impairment, Kind, VideoFrame
from midstream_adapters.registry import open_source
from tests.peers.peers import (
    Fold,
    free_port,
    needs_ffmpeg,
    needs_nginx,
    nginx,
    publishing,
    running,
    until,
    watched,
)

pytestmark = [pytest.mark.peer, needs_ffmpeg]
HELD = 4.0
ARRIVAL = {"stall", "a/v offset"}
"""What a machine that is too busy for ffmpeg, nginx and us may do to a stream, and would be right to say."""


def publishing_a_freeze(url: str, seconds: float) -> tuple[str, ...]:
    """Moving pictures and a tone; from second 3 on both stand still for `HELD` seconds. B-frames, as OBS sends them."""
    video = f"testsrc2=s=192x108:r=25,loop=loop={int(HELD * 25)}:size=1:start=75,setpts=N/25/TB"
    audio = f"sine=440:r=44100,volume=0:enable='between(t,3,{3 + HELD})'"
    return (
        *f"ffmpeg -nostdin -loglevel error -re -f lavfi -i {video} -re -f lavfi -i {audio}".split(),
        *"-c:v libx264 -preset veryfast -threads 1 -g 25 -bf 2 -pix_fmt yuv420p -c:a aac -b:a 64k".split(),
        *("-t", str(seconds), "-f", "flv", url),
    )


def said(sink: Fold, what: str) -> list[Impairment]:
    return [e for e in sink.of(Impairment) if e.what == what]


@needs_nginx
async def test_a_freeze_and_a_silence_over_rtmp_and_over_hls(tmp_path: Path) -> None:
    port, web = free_port(), free_port()
    url = f"rtmp://127.0.0.1:{port}/live/cam"
    options = Options()
    async with AsyncExitStack() as open_:
        await open_.enter_async_context(nginx(tmp_path / "n", port, web))
        await open_.enter_async_context(running(*publishing_a_freeze(url, 10.0)))
        sinks = {}
        for source in (url, f"http://127.0.0.1:{web}/cam.m3u8#start=1"):
            if source.startswith("http"):
                await until((tmp_path / "n/hls/cam.m3u8").exists)
            (adapter,) = open_source(source, options)
            sinks[source.partition(":")[0]] = await open_.enter_async_context(watched(adapter, options))
        for scheme, sink in sinks.items():
            await until(
                lambda sink=sink: all(len(said(sink, what)) == 2 for what in ("freeze", "silence")), 25
            )
            found = {e.what for e in sink.of(Impairment)} - ARRIVAL
            assert found == {"freeze", "silence"}, scheme
            for what in ("freeze", "silence"):
                first, last = said(sink, what)
                assert first.ended is None
                assert last.ended is not None
                assert last.ended - last.began == pytest.approx(HELD, abs=0.5), (scheme, what)
                assert last.blame is Blame.SOURCE
            # said live: with the picture that made it sure, not with the one that ended it
            at = sink.events.index(said(sink, "freeze")[0])
            shown = [e for e in sink.events[:at] if isinstance(e, VideoFrame)][-1]
            assert shown.pts is not None
            assert shown.pts - said(sink, "freeze")[0].began == pytest.approx(2.0, abs=0.3)
            [state] = sink.session.state().streams.values()
            assert float(state.figures["loudness_integrated_lufs"]) == pytest.approx(-22.0, abs=0.5)
            assert state.figures["decode_errors"] == 0
            if scheme == "rtmp":  # B-frames and a muxer that interleaves: no offset
                assert abs(float(state.figures["av_offset_ms"])) < 500


async def test_a_publisher_that_stops_is_a_stall_of_the_network(tmp_path: Path) -> None:
    port, options = free_port(), Options()
    (adapter,) = open_source(f"rtmp+listen://127.0.0.1:{port}/live", options)
    async with watched(adapter, options) as sink:
        await asyncio.sleep(0.2)
        async with running(*publishing(f"rtmp://127.0.0.1:{port}/live/key")) as ffmpeg:
            await until(lambda: len(sink.frames) >= 20)
            assert not {e.what for e in sink.of(Impairment)} - ARRIVAL
            ffmpeg.send_signal(signal.SIGSTOP)
            took = await until(lambda: said(sink, "stall"))
            ffmpeg.send_signal(signal.SIGCONT)
            assert 0.9 < took < 2.6  # sure after a second, looked at every quarter
            await until(lambda: any(e.ended is not None for e in said(sink, "stall")))
    stall = said(sink, "stall")[0]
    assert stall.blame is Blame.NETWORK
    assert stall.ended is None
    assert stall.kind in (Kind.VIDEO, Kind.AUDIO)
    assert float(stall.figures["stalled_s"]) >= 1.0
