"""RestreamClient's listeners: what they raise, how slow they are, and what cannot wait for them."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Kind, Provenance, State, StateChanged, StreamOpened
from midstream_tui.inbox import MOST, Inbox
from midstream_tui.session import Session
from tests.adapters.hls_server import Site, serving
from tests.adapters.photographs import make_film
from tests.adapters.recorder import until
from tests.app.conftest import FakeClock, audio, frame, live
from tests.app.restream_ends import SECRET, Heard, client


async def test_listeners_that_raise_become_errors_and_never_a_loop(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    restream = client(api_key=SECRET)
    errors: list[Exception] = []

    @restream.on("frame")
    def sync(frame: Any) -> None:
        raise ValueError(f"sync {SECRET}")

    @restream.once("audio")
    async def later(audio: Any) -> None:
        await asyncio.sleep(0)
        raise ValueError(f"async {SECRET}")

    @restream.on("error")
    def record(error: Exception) -> None:
        errors.append(error)
        raise ValueError(f"worse {SECRET}")

    @restream.on("error")
    async def record_later(error: Exception) -> None:
        raise ValueError(f"worse and later {SECRET}")

    over = asyncio.Event()
    restream.on("disconnected", lambda _: over.set())
    with caplog.at_level(logging.WARNING):
        async with restream, asyncio.timeout(10):
            await restream.connect_hls(site.url())
            await over.wait()
            await restream.wait_for_complete()
    assert len(errors) == 61  # a frame each, and the one sound
    assert sum("async" in str(error) for error in errors) == 1
    assert "a listener of 'frame' raised ValueError: sync ***" in map(str, errors)
    assert len([r for r in caplog.records if "listener of 'error'" in r.getMessage()]) == 2 * 61
    assert SECRET not in repr(errors) + caplog.text.replace("Traceback", "")


async def test_errors_that_nobody_listens_to_are_logged(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)  # as if it were not installed
    restream = client(enable_transcription=True)
    with caplog.at_level(logging.WARNING):
        async with restream:
            await restream.connect_hls(site.url())
            await until(lambda: restream.stats.figures.get("speech"))
    assert 'transcription: not installed: pip install "midstream-tui[speech]"' in caplog.text
    assert restream.stats.figures["speech"] == 'not installed: pip install "midstream-tui[speech]"'
    assert restream.analysis.frame_count


async def test_objects_in_its_pictures_are_told_with_their_boxes(tmp_path: Path) -> None:
    make_film(tmp_path / "film.ts", ["chelsea.png", "motorcycle_left.png"], seconds=1.0)
    restream = client(enable_object_detection=True, detect_rate=5.0, options=Options(env={}))
    heard = Heard(restream)
    over = asyncio.Event()
    restream.on("disconnected", lambda _: over.set())
    with serving() as site:
        site.files |= {"film.ts": (tmp_path / "film.ts").read_bytes()}
        site.files["x.m3u8"] = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfilm.ts\n#EXT-X-ENDLIST\n"
        async with restream, asyncio.timeout(20):
            await restream.connect_hls(site.url())
            await over.wait()
    told = [objects for name, objects in heard.all if name == "objects_detected"]
    assert [box.label for objects in told for box in objects][:1] == ["cat"]
    assert {box.label for objects in told for box in objects} >= {"cat", "motorcycle"}
    assert all(objects.took > 0 and objects.timestamp > 1e9 for objects in told)
    moments = [objects.pts for objects in told]
    assert moments == sorted(moments)
    assert restream.stats.figures["vision"] == "SSDLite-MobileNetV2 (COCO)"


async def test_detection_without_its_extra_is_one_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    restream = client(enable_object_detection=True)
    heard = Heard(restream)
    async with restream:
        await restream.connect_hls(site.url())
        await until(lambda: restream.stats.figures.get("vision"))
        await until(lambda: any(name == "error" for name, _ in heard.all))
    line = 'not installed: pip install "midstream-tui[vision]"'
    assert [str(error) for name, error in heard.all if name == "error"] == [f"object detection: {line}"]
    assert restream.stats.figures["vision"] == line
    assert restream.analysis.frame_count
    with pytest.raises(ValueError, match=r"detector: none\.onnx: No such file"):
        await client(enable_object_detection=True, detector="none.onnx").connect_hls(site.url())


async def test_slow_coroutines_hold_the_source_up_and_nothing_is_lost(site: Site) -> None:
    restream = client()
    heard, most = 0, 0

    @restream.on("frame")
    async def slow(frame: Any) -> None:
        nonlocal heard, most
        most = max(most, len(restream._waiting))
        await asyncio.sleep(0.2)
        heard += 1

    over = asyncio.Event()
    restream.on("disconnected", lambda _: over.set())
    async with restream, asyncio.timeout(15):
        await restream.connect_hls(site.url())
        await over.wait()
        await restream.wait_for_complete()
    assert heard == 60
    assert most <= 64
    assert restream.analysis.dropped == 0


async def test_what_can_not_wait_is_shed_and_counted(clock: FakeClock) -> None:
    """A thread that floods the inbox: bounded, states kept, the newest media kept, everything counted."""
    told: list[tuple[Any, int]] = []
    busy = True
    session = Session(clock)
    inbox = Inbox(session, lambda event, number: told.append((event, number)), lambda: busy, str)

    def flood() -> None:
        inbox.emit(StreamOpened("s", clock.now, "x", frozenset({Kind.VIDEO}), Provenance.LIVE))
        inbox.emit(live("s", clock.now))
        for n in range(1000):
            inbox.emit((frame if n % 2 else audio)("s", clock.now + n / 100))

    thread = threading.Thread(target=flood)
    thread.start()
    await asyncio.to_thread(thread.join)
    state = inbox.read("s")
    assert state is not None
    assert (state.video_frames, state.audio_chunks) == (500, 500)
    assert state.drops == {"listener": 1000 - (MOST - 1)}
    waiting = asyncio.create_task(inbox.drain())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert told == []
    busy = False
    await asyncio.wait_for(waiting, 2)
    async with asyncio.timeout(2):
        while len(told) < MOST:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert told[0][0].state is State.LIVE
    assert [n for event, n in told[1:]][-2:] == [500, 500]
    inbox.close(StateChanged("s", clock.now, State.ENDED, "disconnected"))
    inbox.emit(live("s", clock.now))
    assert told[-1][0].reason == "disconnected"
    assert inbox.read("s").state == "ended"  # type: ignore[union-attr]


async def test_a_coroutine_listener_may_disconnect(site: Site) -> None:
    restream = client(options=Options(env={}))
    done = asyncio.Event()

    @restream.once("frame")
    async def enough(frame: Any) -> None:
        await restream.disconnect()
        done.set()

    heard = Heard(restream)
    await restream.connect_hls(site.url())
    await asyncio.wait_for(done.wait(), 5)
    assert heard.of("disconnected") == ["disconnected"]
    count = restream.analysis.frame_count
    await asyncio.sleep(0.1)
    assert 1 <= count == restream.analysis.frame_count < 60


async def test_a_removed_listener_hears_nothing(site: Site) -> None:
    restream = client()
    heard: list[Any] = []
    restream.on("frame", heard.append)
    restream.remove_listener("frame", heard.append)
    over = Heard(restream)
    await restream.connect_hls(site.url())
    await over.until("disconnected")
    assert heard == []


async def test_a_fault_of_ours_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> State:
        raise ZeroDivisionError(f"at rtmp://h/live/{SECRET}")

    monkeypatch.setattr("midstream_tui.restream.supervise", broken)
    with pytest.raises(ConnectionError, match="internal error: ZeroDivisionError") as caught:
        await client().connect_hls(site.url())
    assert SECRET not in str(caught.value)
