"""Detection beside a stream: the right label for real photographs, the latest picture wins, no stream waits."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from dataclasses import replace

import numpy as np
import pytest

from midstream_adapters import vision
from midstream_adapters.base import Options
from midstream_adapters.events import Box, Detections, Figures, VideoFrame
from midstream_adapters.levels import Picture
from midstream_adapters.pictures import Shot
from midstream_adapters.vision import Detector, Eyes
from midstream_adapters.vision_onnx import Unusable
from midstream_adapters.vision_ssd import MODEL, NAMES, SsdLite
from tests.adapters.fake_detector import Fake
from tests.adapters.photographs import TOP, pixels_of
from tests.adapters.recorder import FakeTime, Recorder, until


def test_the_model_that_ships_is_the_one_whose_origin_is_told() -> None:
    told = (MODEL.parent / "ORIGIN.md").read_text()
    (digest,) = re.findall(r"this file: [\d,]+ bytes, sha256 `([0-9a-f]{64})`", told)
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == digest
    assert MODEL.stat().st_size < 10_000_000
    assert "Apache License" in (MODEL.parent / "LICENSE").read_text()
    assert len(NAMES) == 90
    assert len(set(NAMES) - {""}) == 80


@pytest.mark.parametrize(("name", "label"), TOP.items())
def test_the_right_label_for_real_photographs(name: str, label: str) -> None:
    ssd = SsdLite()
    found = ssd.detect(pixels_of(name, *ssd.fit(640, 480)))
    assert found[0].label == label
    assert found[0].score > 0.6
    assert found[0].right - found[0].left > 0.3  # they fill the picture


def test_a_picture_of_nothing_has_nothing_in_it() -> None:
    assert SsdLite().detect(np.full((300, 300, 3), 90, np.uint8)) == ()


def frame(n: int, stream: str = "s", at: float | None = None) -> VideoFrame:
    seconds = n / 10 if at is None else at
    return VideoFrame(stream, seconds, np.zeros((9, 16, 3), np.uint8), 640, 360, seconds, 0.0, None)


def shot(n: int, may_wait: bool = False) -> Shot:
    return Shot(640, 360, lambda width, height: np.full((height, width, 3), n, np.uint8), may_wait)


class Stage:
    """A stream whose frames a test shows and emits by itself."""

    def __init__(self, detector: Detector, rate: float = 10.0, patient: bool = False) -> None:
        self.sink, self.time = Recorder(), FakeTime()
        self.eyes, self.patient = Eyes(lambda: detector, rate, patient), patient
        self.options = Options(clock=self.time.clock)
        self.watches: dict[str, vision.Watch] = {}

    def show(self, n: int, stream: str = "s", at: float | None = None) -> VideoFrame:
        event = frame(n, stream, at)
        self.eyes.show(event, shot(n, self.patient))
        return event

    def emit(self, event: VideoFrame) -> None:
        if event.stream not in self.watches:
            self.watches[event.stream] = self.eyes.model(event.stream, self.sink, self.options)
        self.watches[event.stream].take(event)

    def play(self, *numbers: int, stream: str = "s") -> None:
        for n in numbers:
            self.emit(self.show(n, stream))

    async def loaded(self) -> None:
        self.play(0)
        await until(lambda: self.sink.of(Figures))

    @property
    def seen(self) -> list[Detections]:
        return self.sink.of(Detections)


async def test_of_the_pictures_that_wait_the_latest_wins() -> None:
    fake = Fake()
    stage = Stage(fake)
    await stage.loaded()
    fake.go.clear()
    stage.play(1)
    await until(lambda: fake.seen == [1])
    stage.play(2, 3, 4, 5)
    fake.go.set()
    await until(lambda: len(stage.seen) == 2)
    await stage.watches["s"].close()
    assert fake.seen == [1, 5]
    assert [event.pts for event in stage.seen] == [0.1, 0.5]


async def test_no_more_pictures_are_rendered_than_are_due() -> None:
    stage = Stage(Fake(), rate=2.0)
    await stage.loaded()
    rendered: list[int] = []

    def show(n: int, at: float) -> None:
        def render(width: int, height: int) -> Picture:
            rendered.append(n)
            return np.zeros((height, width, 3), np.uint8)

        stage.eyes.show(frame(n, at=at), Shot(640, 360, render))

    for n in range(100):
        show(n, n / 25)  # four seconds
    assert rendered == [0, 13, 25, 38, 50, 63, 75, 88]
    show(100, 100.0)  # time jumps on, and back
    show(101, 100.4)
    show(102, 3.0)
    show(103, 3.4)
    show(104, 3.5)
    assert rendered[8:] == [100, 102, 104]


async def test_what_is_live_never_waits_for_the_model_to_be_loaded() -> None:
    go = threading.Event()

    def slowly() -> Detector:
        assert go.wait(10)
        return Fake()

    stage = Stage(Fake())
    stage.eyes = Eyes(slowly, 10.0)
    stage.play(1, 2, 3)  # else it would be stuck here
    assert stage.eyes._held == 0
    go.set()
    await until(lambda: stage.sink.of(Figures))
    stage.play(4)
    await until(lambda: [event.pts for event in stage.seen] == [0.4])
    await stage.watches["s"].close()


async def test_what_is_seen_is_told_when_its_frame_is_on_its_way_and_not_before() -> None:
    fake = Fake()
    stage = Stage(fake)
    await stage.loaded()
    ahead = [stage.show(n) for n in range(1, 6)]  # decoded, and held back by the pacing
    await asyncio.sleep(0.05)
    assert fake.seen == []
    stage.emit(replace(ahead[1], at=99.0, pts=7.25))  # stamped anew on its way
    await until(lambda: len(stage.seen) == 1)
    assert fake.seen == [2]  # the first was never emitted: it is passed over
    assert stage.seen[0].pts == 7.25
    await stage.watches["s"].close()
    assert stage.eyes._held == 0


async def test_pictures_are_held_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 6 * 8 * 3
    monkeypatch.setattr(vision, "_MOST_COMING", 10 * size)
    monkeypatch.setattr(vision, "_MOST_HELD", 24 * size)
    stage = Stage(Fake())
    await stage.loaded()
    ahead = [stage.show(n) for n in range(1, 100)]  # decoded far ahead: the first are let go
    assert stage.eyes._held == 10 * size
    for stream in "abcdef":  # streams beyond those that are given models
        for n in range(10):
            stage.show(n, stream)
        assert stage.eyes._held <= 24 * size
    for event in ahead:
        stage.emit(event)
    stage.play(200)
    await until(lambda: stage.seen and stage.seen[-1].pts == 20.0)
    await stage.watches["s"].close()
    assert stage.eyes._held <= 24 * size - 10 * size


async def test_a_stream_without_a_model_makes_room_for_one_that_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vision, "_MOST_EYES", 4)
    stage = Stage(Fake())
    await stage.loaded()
    for n in range(20):
        stage.show(n, f"unwatched {n}")
    assert len(stage.eyes._eyes) <= 4
    stage.play(1)
    await until(lambda: stage.seen)
    stage.play(1, 2, stream="new")
    await until(lambda: any(event.stream == "new" for event in stage.seen))


async def test_streams_take_turns_and_each_has_its_own_numbers() -> None:
    fake = Fake()
    stage = Stage(fake)
    await stage.loaded()
    stage.play(0, stream="t")
    fake.go.clear()
    for n in range(1, 6):
        stage.play(n, stream="s")
        stage.play(100 + n, stream="t")
    fake.go.set()
    await until(lambda: {event.stream for event in stage.seen} == {"s", "t"})
    for watch in stage.watches.values():
        await watch.close()
    assert {event.stream: [box.track for box in event.boxes] for event in stage.seen} == {"s": [1], "t": [1]}
    assert stage.eyes._eyes == {}


async def test_a_patient_one_looks_at_every_picture_that_is_due() -> None:
    fake = Fake()
    stage = Stage(fake, patient=True)
    stage.play(*range(20))  # the very first waits for the detector to be loaded
    await stage.watches["s"].finish()
    assert fake.seen == list(range(20))
    assert [box.track for event in stage.seen for box in event.boxes] == [1] * 20


async def test_numbers_and_labels_of_a_foreign_detector_are_made_fit() -> None:
    hostile = [Box("a\x1b[2J\nb" + "x" * 100, 0.9, 0.0, 0.0, 0.5, 0.5)] * 500
    stage = Stage(Fake(hostile))
    await stage.loaded()
    stage.play(1)
    await until(lambda: stage.seen)
    boxes = stage.seen[0].boxes
    assert len(boxes) == 50
    assert boxes[0].label == "a b" + "x" * 36 + "…"
    await stage.watches["s"].close()


async def test_a_detector_that_fails_is_told_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    fake = Fake()
    stage = Stage(fake)
    await stage.loaded()
    fake.error = RuntimeError("out of\nmemory")
    stage.play(1)
    await until(lambda: len(fake.seen) == 1)
    fake.error = None
    stage.play(2)
    await until(lambda: len(stage.seen) == 1)  # once is no reason to give up
    fake.error = RuntimeError("out of\nmemory")
    for n in range(3, 6):
        stage.play(n)
        await until(lambda n=n: fake.seen[-1] == n and stage.eyes._looking is None)
    told = stage.sink.of(Figures)[-1].values["vision"]
    assert told == "fake failed: RuntimeError: out of memory"
    stage.play(6, 7)
    await stage.watches["s"].close()
    assert fake.seen[-1] == 5
    assert stage.eyes._held == 0


async def test_a_detector_that_can_not_be_loaded_is_told_to_streams_that_come_later_too() -> None:
    def make() -> Detector:
        raise Unusable("no such thing")

    stage = Stage(Fake())
    stage.eyes = Eyes(make, 10.0)
    stage.play(1)
    await until(lambda: stage.sink.of(Figures, "s"))
    stage.play(1, stream="t")
    assert [(e.stream, e.values["vision"]) for e in stage.sink.of(Figures)] == [
        ("s", "no such thing"),
        ("t", "no such thing"),
    ]


async def test_a_detector_that_is_stuck_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vision, "LAST_LOOK", 0.05)
    fake = Fake()
    stage = Stage(fake)
    await stage.loaded()
    fake.go.clear()
    stage.play(1)
    await until(lambda: fake.seen == [1])
    finishing = asyncio.create_task(stage.watches["s"].finish())  # as at the end of a file
    await asyncio.sleep(0.05)
    assert not finishing.done()
    async with asyncio.timeout(5):
        await stage.watches["s"].close()
        await finishing
    fake.go.set()


async def test_the_thread_ends_with_the_last_stream() -> None:
    stage = Stage(Fake())
    await stage.loaded()
    thread = stage.eyes._thread
    assert thread is not None
    await stage.watches["s"].close()
    await asyncio.to_thread(thread.join, 5)
    assert not thread.is_alive()
    stage.watches.clear()
    stage.play(1, 2)  # and there is another one when there is something to look at again
    await until(lambda: stage.seen)
    await stage.watches["s"].close()
