"""Detection asked for on real files: looked at whole, with their frames; the models that are loaded and let go."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from midstream_adapters import vision
from midstream_adapters.attach import Thorough
from midstream_adapters.base import Options, supervise
from midstream_adapters.events import Box, Detections, Figures, State
from midstream_adapters.levels import Picture
from midstream_adapters.media import open_source
from midstream_adapters.registry import open_source as open_any
from midstream_adapters.vision import Detector, with_detection
from midstream_adapters.vision_onnx import EXTRA, Unusable
from tests.adapters.fake_detector import Fake
from tests.adapters.onnx_models import seeing_model
from tests.adapters.photographs import TOP, make_film, pixels_of
from tests.adapters.recorder import Recorder, until


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


async def run(path: Path, options: Options) -> Recorder:
    sink = Recorder()
    (adapter,) = open_source(str(path), "film", options)
    assert await supervise(adapter, sink, options) is State.ENDED
    return sink


def moments(sink: Recorder) -> list[float | None]:
    return [event.pts for event in sink.of(Detections)]


async def test_a_file_read_fast_is_looked_at_from_its_first_picture_to_its_last(film: Path) -> None:
    sink = await run(film, with_detection(Options(fast=True), rate=5.0))
    assert moments(sink) == pytest.approx([n / 5 for n in range(20)], abs=0.04)
    labels = [[box.label for box in event.boxes] for event in sink.of(Detections)]
    for n, label in enumerate(TOP.values()):
        assert sum(label in seen for seen in labels[5 * n : 5 * n + 5]) >= 4  # one may fall on a cut
    assert sink.events.index(sink.of(Detections)[-1]) < len(sink.events) - 1  # before the end is told
    assert len(sink.frames) == 100
    assert not sink.dropped


async def test_in_real_time_objects_come_with_their_frames(film: Path) -> None:
    sink = await run(film, with_detection(Options(), rate=8.0))
    found = sink.of(Detections)
    assert len(found) >= 24  # of 32: the machine may be busy
    assert found[0].pts == 0.0  # a file's start is not missed while the model is loaded
    arrival = {frame.pts: frame.at for frame in sink.frames}
    lags = [event.at - arrival[event.pts] for event in found]
    assert all(0.0 <= lag < 2.0 for lag in lags)  # after the frame is shown, never before
    assert {box.label for event in found for box in event.boxes} >= set(TOP.values())
    assert all(event.took > 0 for event in found)


async def test_a_model_by_path_sees_pictures_in_their_colours(tmp_path: Path) -> None:
    film = make_film(tmp_path / "cat.mp4", ["chelsea.png"], seconds=0.4)
    path = seeing_model(tmp_path / "seeing.onnx")
    sink = await run(film, with_detection(Options(fast=True), path, rate=10))
    found = sink.of(Detections)
    assert len(found) == 4
    red = pixels_of("chelsea.png", 64, 64)[..., 0].mean() / 255
    box = next(b for b in found[0].boxes if b.label == "red")
    assert box.score == pytest.approx(red * 48 / 64 + 114 / 255 * 16 / 64, abs=0.08)  # letterbox of 4:3
    assert (box.left, box.right, box.top, box.bottom) == pytest.approx((0.25, 0.75, 1 / 6, 5 / 6), abs=1e-3)


async def test_without_the_extra_a_line_names_it_and_nothing_breaks(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    sink = await run(film, with_detection(Options(fast=True)))
    assert [e.values["vision"] for e in sink.of(Figures) if "vision" in e.values] == [EXTRA]
    assert 'pip install "midstream-tui[vision]"' in EXTRA
    assert len(sink.frames) == 100
    assert sink.of(Detections) == []


async def test_the_simulator_is_looked_at_too() -> None:
    sides: set[tuple[int, ...]] = set()

    class Size(Fake):
        def fit(self, width: int, height: int) -> tuple[int, int]:
            assert (width, height) == (640, 360)
            return 32, 18

        def detect(self, picture: Picture) -> Sequence[Box]:
            sides.add(picture.shape)
            return self.boxes

    options = with_detection(Options(), Size, rate=20)
    (adapter,) = open_any("sim:video", options)
    sink = Recorder()
    task = asyncio.create_task(supervise(adapter, sink, options))
    await until(lambda: len(sink.of(Detections)) >= 3)
    task.cancel()
    await asyncio.wait([task])
    assert sides == {(18, 32, 3)}


def test_the_detector_in_the_box_is_loaded_once_for_all_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vision, "_shared", type(vision._shared)())  # nobody else's
    one, other = vision._embedded(), vision._embedded()
    assert one is other
    gone = weakref.ref(one)
    del one, other
    gc.collect()
    assert gone() is None


def test_what_can_not_be_asked_for(tmp_path: Path) -> None:
    for rate in (0.0, -1.0, 61.0, float("nan")):
        with pytest.raises(ValueError, match="a second"):
            with_detection(Options(), rate=rate)
    with pytest.raises(Unusable, match=r"none\.onnx: No such file"):
        with_detection(Options(), tmp_path / "none.onnx")


def test_looking_needs_no_model_until_there_is_something_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Callable[[], Detector]] = []
    monkeypatch.setattr(vision, "_maker", lambda detector: made.append)
    options = with_detection(Options())
    assert options.models
    assert options.pictures
    assert made == []


def test_a_watch_is_thorough() -> None:
    """Else nobody waits for it, and a file read fast ends before its pictures were looked at."""
    options = with_detection(Options(), Fake)
    (make,) = options.models
    watch = make("s", Recorder(), options)
    assert isinstance(watch, Thorough)
