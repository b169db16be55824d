"""The media file adapter: nothing lost, true pace, quick to cancel, clear when it can't."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from midstream_adapters.base import Options, SourceError, supervise
from midstream_adapters.events import AudioChunk, Kind, Provenance, State, StateChanged, VideoFrame
from midstream_adapters.media import MediaFile, open_source
from tests.adapters.clips import make_clip, truth
from tests.adapters.recorder import FakeTime, Recorder, until


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("media") / "film.mp4", frames=90)


def opened(path: Path | str, options: Options) -> MediaFile:
    (adapter,) = open_source(str(path), "film", options)
    assert isinstance(adapter, MediaFile)
    return adapter


def decode_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("decode")]


async def test_fast_gives_everything_in_order_and_waits_for_room(film: Path) -> None:
    time, sink, want = FakeTime(), Recorder(), truth(film)
    adapter = opened(film, Options(fast=True, clock=time.clock, sleep=time.sleep))
    assert (adapter.info.provenance, adapter.info.reconnects) == (Provenance.FILE, False)
    await adapter.run(sink)
    assert (len(sink.frames), len(sink.chunks)) == (want["frames"], want["chunks"])
    assert (sink.nbytes(Kind.VIDEO), sink.nbytes(Kind.AUDIO)) == (want["video_bytes"], want["audio_bytes"])
    assert not sink.dropped
    assert not time.sleeps
    first = sink.events[0]
    assert isinstance(first, StateChanged)
    assert first.state is State.LIVE
    assert "h264 192x108 30 fps + aac 48 kHz 2 ch, 3.0 s" in first.reason
    pts = [e.pts for e in sink.events if isinstance(e, VideoFrame | AudioChunk)]
    assert pts == sorted(pts)  # type: ignore[type-var]
    assert sink.drains > 1
    await until(lambda: not decode_threads())


async def test_a_sink_without_room_holds_the_reader_up(film: Path) -> None:
    sink = Recorder()
    sink.room.clear()
    task = asyncio.create_task(opened(film, Options(fast=True)).run(sink))
    await until(lambda: sink.drains)
    held = len(sink.events)
    await asyncio.sleep(0.1)
    assert len(sink.events) == held < 150
    sink.room.set()
    await task
    assert len(sink.frames) == 90


async def test_paced_events_come_when_their_pts_is_due(film: Path) -> None:
    time, sink = FakeTime(500.0), Recorder()
    await opened(film, Options(clock=time.clock, sleep=time.sleep)).run(sink)
    assert len(sink.frames) == 90
    for event in sink.frames + sink.chunks:
        assert event.pts is not None
        assert event.at == pytest.approx(
            500.0 + event.pts, abs=0.03
        )  # audio's first PTS may be a chunk before 0
    assert np.diff([e.at for e in sink.events]).min() >= 0
    assert time.now - 500.0 == pytest.approx(3.0, abs=0.1)


async def test_pts_gaps_are_kept_in_the_pace(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "gap.mp4", frames=40, audio=None, pts_of=lambda n: n if n < 20 else n + 90)
    time, sink = FakeTime(0.0), Recorder()
    await opened(path, Options(clock=time.clock, sleep=time.sleep)).run(sink)
    assert len(sink.frames) == 40
    assert sink.frames[20].at - sink.frames[19].at == pytest.approx(91 / 30, abs=0.01)


async def test_pictures_without_pts_are_paced_by_the_declared_rate(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "raw.h264", frames=30, audio=None)
    time, sink = FakeTime(0.0), Recorder()
    adapter = opened(path, Options(clock=time.clock, sleep=time.sleep))
    await adapter.run(sink)
    assert adapter.media is not None
    assert adapter.media.video is not None
    rate = adapter.media.video.frame_rate
    assert rate
    assert {frame.pts for frame in sink.frames} == {None}
    assert [frame.at for frame in sink.frames] == pytest.approx([n / rate for n in range(30)])


async def test_cancelling_frees_the_thread_at_once(film: Path) -> None:
    for fast in (False, True):
        sink = Recorder()
        task = asyncio.create_task(opened(film, Options(fast=fast)).run(sink))
        await until(lambda sink=sink: sink.frames)
        task.cancel()
        async with asyncio.timeout(2.0):  # far more than it takes; a stuck reader would take for ever
            with pytest.raises(asyncio.CancelledError):
                await task
        count = len(sink.events)
        await asyncio.sleep(0.05)
        assert len(sink.events) == count
        await until(lambda: not decode_threads())


def held_open(path: Path) -> bool:
    """Whether this process has `path` open (Linux; elsewhere nobody can tell)."""
    links = Path("/proc/self/fd")
    return links.is_dir() and any(os.path.realpath(link) == str(path) for link in links.iterdir())


@pytest.mark.parametrize("wait", [0.0, 0.001, 0.003, 0.01])
async def test_cancelled_while_opening(wait: float, film: Path) -> None:
    task = asyncio.create_task(opened(film, Options()).run(Recorder()))
    await asyncio.sleep(wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not decode_threads())
    assert not held_open(film)


async def test_several_files_at_once(film: Path) -> None:
    sinks = [Recorder() for _ in range(4)]
    await asyncio.gather(*(opened(film, Options(fast=True)).run(sink) for sink in sinks))
    assert [len(sink.frames) for sink in sinks] == [90] * 4


async def test_supervised_files_end_or_fail_in_one_line(film: Path, tmp_path: Path) -> None:
    sink = Recorder()
    assert await supervise(opened(film, Options(fast=True)), sink, Options()) is State.ENDED
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]

    (tmp_path / "text.mp4").write_text("no film\n" * 100)
    sink = Recorder()
    assert await supervise(opened(tmp_path / "text.mp4", Options(fast=True)), sink, Options()) is State.FAILED
    assert sink.of(StateChanged)[-1].reason == "text.mp4: Invalid data found when processing input"


@pytest.mark.parametrize(
    "name", ["concat:a|b.mp4", "frame%03d.mp4", "-i.mp4", "rtmp:x.mp4", "ünï cödé.mp4", "a?b#c.mp4"]
)
async def test_any_file_name_is_only_a_name(
    name: str, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(film, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    sink = Recorder()
    await opened(name, Options(fast=True)).run(sink)
    assert len(sink.frames) == 90


async def test_a_playlist_on_disk_reaches_no_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        path = tmp_path / "x.m3u8"
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n")
        with pytest.raises(SourceError):
            await opened(path, Options(fast=True)).run(Recorder())
        with pytest.raises(TimeoutError):
            server.accept()


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path, word in (
        (tmp_path, "not a regular file"),
        (tmp_path / "pipe.mp4", "not a regular file"),
        (tmp_path / "none", "No such"),
    ):
        with pytest.raises(SourceError, match=word):
            open_source(str(path), "x", Options())


def test_opening_loads_pyav_only_in_the_decode_thread(film: Path) -> None:
    code = f"""
import sys
from midstream_adapters.base import Options
from midstream_adapters.media import open_source
open_source({str(film)!r}, "x", Options())
assert "av" not in sys.modules
"""
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
