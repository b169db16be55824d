"""``--detect``: what probe prints, what the panel says, what is refused; over files, RTMP, HLS and WebRTC ingest."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from midstream_adapters.base import Options, supervise
from midstream_adapters.events import Box, Detections, Figures, State, StateChanged, VideoFrame
from midstream_adapters.registry import open_source
from midstream_adapters.vision import with_detection
from midstream_tui.cli import main
from midstream_tui.present import metrics_view, status_view
from midstream_tui.present_vision import FRESH, counted, in_sight, seen_now
from midstream_tui.session import Session
from midstream_tui.vision_state import by_label
from midstream_widgets.streaming_status import status_rows
from tests.adapters.onnx_models import seeing_model
from tests.adapters.photographs import TOP, frame_of, make_film
from tests.adapters.recorder import Recorder, until
from tests.adapters.rtc import Pictures, Publisher, loopback  # noqa: F401
from tests.adapters.rtmp_ends import Publisher as RtmpPublisher
from tests.adapters.rtmp_ends import tags_of


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


def probe(*arguments: str) -> int:
    return main(["probe", "--fast", "--no-analysis", *arguments])


def only_stream(out: str) -> dict[str, object]:
    (stream,) = json.loads(out)["streams"].values()
    return stream  # type: ignore[no-any-return]


def test_probe_prints_what_was_seen(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe("--detect", "--detect-rate", "5", str(film)) == 0
    stream = only_stream(capsys.readouterr().out)
    found = stream["detections"]
    assert isinstance(found, dict)
    assert found["pictures"] == 20
    assert found["pts"] == pytest.approx(3.8)
    assert found["labels"] == {"motorcycle": 1}
    assert set(TOP.values()) <= set(found["seen"])
    assert all(4 <= found["seen"][label] <= 5 for label in TOP.values())
    (box,) = found["boxes"]
    assert box["label"] == "motorcycle"
    assert 0.5 < box["score"] <= 1
    assert 0 <= box["left"] < box["right"] <= 1
    assert 0 <= box["top"] < box["bottom"] <= 1
    assert box["track"] >= 4  # the fourth object at least
    assert found["took_ms"] > 0
    assert stream["video_frames"] == 100


def test_probe_without_being_asked_looks_at_nothing(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe(str(film)) == 0
    assert only_stream(capsys.readouterr().out)["detections"] is None


def test_a_model_by_its_path(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"names": "{0: '\\x1b[2Jred [b]', 1: 'green'}"}
    path = seeing_model(tmp_path / "seeing.onnx", metadata=names)
    assert probe("--detector", str(path), str(film)) == 0
    stream = only_stream(capsys.readouterr().out)
    assert set(stream["detections"]["seen"]) <= {"red [b]", "green"}  # type: ignore[index]
    assert stream["figures"]["vision"] == "seeing.onnx"  # type: ignore[index]


def test_a_file_that_is_no_model_is_told_and_the_film_goes_on(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (junk := tmp_path / "junk.onnx").write_bytes(b"junk" * 100)
    assert probe("--detector", str(junk), str(film)) == 0
    stream = only_stream(capsys.readouterr().out)
    assert str(stream["figures"]["vision"]).startswith("junk.onnx is no ONNX model that can be run")  # type: ignore[index]
    assert stream["video_frames"] == 100
    assert stream["detections"] is None


def test_without_the_extra_the_panel_names_it(
    film: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert probe("--detect", str(film)) == 0
    stream = only_stream(capsys.readouterr().out)
    assert stream["figures"]["vision"] == 'not installed: pip install "midstream-tui[vision]"'  # type: ignore[index]
    assert (stream["video_frames"], stream["state"]) == (100, "ended")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--detector", "/no/such/model.onnx"], "detection: model.onnx: No such file or directory"),
        (["--detector", "/"], "is not a file"),
        (["--detect", "--detect-rate", "0"], "at most 60 a second: 0"),
        (["--detect", "--detect-rate", "nan"], "at most 60 a second: nan"),
        (["--detect-rate", "3"], "--detect-rate goes with --detect"),
    ],
)
def test_what_can_not_be_asked_is_refused_in_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe(*arguments, "sim:video") == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


# -- the panel


def view(stream: str, at: float) -> VideoFrame:
    return VideoFrame(stream, at, np.zeros((9, 16, 3), np.uint8), 640, 360, at, 10.0, 0.0)


def seen(at: float, *labels: str) -> Detections:
    return Detections("s", at, at, tuple(Box(label, 0.9, 0.1, 0.1, 0.5, 0.5, 1) for label in labels), 0.02)


def test_the_panel_counts_by_label_what_is_there_now() -> None:
    session = Session(lambda: 100.0)
    session.apply_all([StateChanged("s", 90.0, State.LIVE), view("s", 99.9), view("s", 100.0)])
    tally = session.streams["s"]
    assert seen_now(tally, 100.0) == ""
    assert metrics_view(session, 100.0).rows[0].detail == "640x360"
    session.apply(seen(100.0, "cat", "person", "person"))
    assert metrics_view(session, 100.0).rows[0].detail == "640x360 · 2 person · 1 cat"
    session.apply(seen(100.5))
    assert seen_now(tally, 100.5) == "nothing seen"
    assert in_sight(tally, 100.5 + FRESH) is tally.detections
    assert in_sight(tally, 100.6 + FRESH) is None  # the source is silent
    session.apply(seen(120.5, "dog"))  # looked at every 20 s
    assert seen_now(tally, 165.0) == "1 dog"
    session.apply(StateChanged("s", 166.0, State.ENDED))
    assert seen_now(tally, 166.0) == ""
    assert tally.seen == {"cat": 1, "person": 2, "dog": 1}


def test_the_status_line_says_what_is_seen_or_why_nothing_is() -> None:
    session = Session(lambda: 100.0)
    session.apply_all([StateChanged("s", 90.0, State.LIVE, "h264"), view("s", 99.9), view("s", 100.0)])

    def line(width: int = 38) -> str:
        rows = status_rows(status_view(session, 100.0), width, 8)
        return " ".join("".join(text for text, _ in row.spans) for row in rows)

    assert status_view(session, 100.0).lines[0].seen == ""
    session.apply(Figures("s", 99.0, {"vision": 'not installed: pip install "midstream-tui[vision]"'}))
    assert 'vision: not installed: pip install "midstream-tui[vision]"' in line()
    session.apply(seen(100.0, "cat"))
    assert "1 cat · h264" in line()
    assert "vision" not in line()
    session.apply(StateChanged("s", 100.0, State.ENDED))
    assert "cat" not in line()


def test_labels_are_ordered_by_count_then_name() -> None:
    found = seen(0.0, "dog", "cat", "bird", "bird")
    assert list(by_label(found)) == ["bird", "cat", "dog"]
    assert counted(found) == "2 bird · 1 cat · 1 dog"


def test_labels_without_end_are_not_all_kept() -> None:
    session = Session()
    for n in range(40):
        session.apply(seen(float(n), *(f"{n} {m}" for m in range(50))))
    tally = session.streams["s"]
    assert len(tally.seen) <= 64
    assert tally.looks == 40
    state = session.state().to_json()["streams"]["s"]["detections"]
    json.dumps(state)
    assert len(state["boxes"]) == 50


# -- live


async def labels_of(source: str, options: Options, publish: object, wanted: str) -> Recorder:
    """Watch `source` until `wanted` was seen in something that `publish` sends there."""
    (adapter,) = open_source(source, options)
    sink = Recorder()
    task = asyncio.create_task(supervise(adapter, sink, options))
    try:
        sending = asyncio.create_task(publish(adapter))  # type: ignore[operator]
        try:
            await until(
                lambda: (
                    any(box.label == wanted for event in sink.of(Detections) for box in event.boxes)
                    or (sending.done() and sending.result())
                )
            )
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    finally:
        task.cancel()
        await asyncio.wait([task])
    return sink


async def test_publishers_over_rtmp_are_looked_at(tmp_path: Path) -> None:
    tags = tags_of(make_film(tmp_path / "film.flv", ["motorcycle_left.png"], seconds=3.0))

    async def publish(adapter: object) -> None:
        while not adapter.port:  # type: ignore[attr-defined]  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        publisher = await RtmpPublisher.connect(adapter.port)  # type: ignore[attr-defined]
        await publisher.publish("cam")
        await publisher.media(tags, real_time=True)

    options = with_detection(Options(env={}), rate=10)
    sink = await labels_of("rtmp+listen://127.0.0.1:0/live", options, publish, "motorcycle")
    (stream,) = {event.stream for event in sink.of(Detections)}
    assert stream.endswith("/live/1")  # the name it was published by is a key, and never shown
    assert {frame.stream for frame in sink.frames} == {stream}


class Photograph(Pictures):
    """A still picture as a WebRTC track."""

    async def recv(self) -> object:  # type: ignore[override]
        blank = await super().recv()
        frame = frame_of("chelsea.png").reformat(320, 240, "yuv420p")
        frame.pts, frame.time_base = blank.pts, blank.time_base
        return frame


@pytest.mark.usefixtures("loopback")
async def test_publishers_over_webrtc_are_looked_at() -> None:
    async def publish(adapter: object) -> None:
        while not adapter.port:  # type: ignore[attr-defined]  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        publisher = Publisher(f"http://127.0.0.1:{adapter.port}/whip", audio=False)  # type: ignore[attr-defined]
        publisher.pc.getSenders()[0].replaceTrack(Photograph())
        try:
            assert (await publisher.publish()).status_code == 201
            await asyncio.sleep(15)
        finally:
            await publisher.close()

    options = with_detection(Options(env={}), rate=10)
    sink = await labels_of("whip+listen://127.0.0.1:0/whip", options, publish, "cat")
    assert {event.stream for event in sink.of(Detections)} <= {frame.stream for frame in sink.frames}
