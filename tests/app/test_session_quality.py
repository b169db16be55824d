"""From impairments and figures of quality to the status line, the metrics rows and the state."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import (
    AudioChunk,
    Blame,
    Figures,
    Impairment,
    Kind,
    Provenance,
    State,
    StateChanged,
    StreamOpened,
    VideoFrame,
)
from midstream_tui.present import metrics_view, status_view
from midstream_tui.probe import measure
from midstream_tui.session import Session
from midstream_widgets.stream_metrics import metrics_rows
from midstream_widgets.streaming_status import status_rows
from midstream_widgets.views import Flaw, MetricsRow, MetricsView, StatusLine, StatusView
from tests.adapters.quality_clips import MOVING, make
from tests.widgets.test_rows import styles, texts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(clock: Clock) -> Session:
    session = Session(clock=clock, wall=lambda: 0.0)
    session.apply(StreamOpened("cam", 99.0, "rtmp://x", frozenset({Kind.AUDIO, Kind.VIDEO}), Provenance.LIVE))
    session.apply(StateChanged("cam", 99.0, State.LIVE, "flv: h264"))
    return session


def picture(pts: float) -> VideoFrame:
    return VideoFrame("cam", 100.0, np.zeros((9, 16, 3), np.uint8), 640, 360, pts, 50.0, 0.0)


def sound(pts: float) -> AudioChunk:
    return AudioChunk("cam", 100.0, np.zeros(0, np.float32), 16_000, 48_000, 2, pts, 0.02, 0.1, 0.2)


def flaw(what: str, kind: Kind, began: float, ended: float | None, **figures: float) -> Impairment:
    blame = Blame.NETWORK if what == "stall" else Blame.SOURCE
    return Impairment("cam", 100.0, what, kind, began, ended, blame, figures)


def test_a_flaw_is_shown_with_the_media_time_it_has_lasted(session: Session, clock: Clock) -> None:
    session.apply(picture(12.0))
    session.apply(flaw("freeze", Kind.VIDEO, 9.5, None))
    (line,) = status_view(session, clock.now).lines
    assert line.flaws == (Flaw("freeze", "source", 2.0),)
    session.apply(picture(22.6))
    assert status_view(session, clock.now).lines[0].flaws[0].seconds == 13.0
    session.apply(flaw("freeze", Kind.VIDEO, 9.5, 24.5))
    (line,) = status_view(session, clock.now).lines
    assert not line.flaws
    assert line.last_flaw == Flaw("freeze", "source", 15.0)


def test_a_stall_lasts_in_real_time_for_no_media_comes(session: Session, clock: Clock) -> None:
    session.apply(picture(12.0))
    session.apply(flaw("stall", Kind.VIDEO, 12.0, None, stalled_s=1.2))
    clock.now += 5
    assert status_view(session, clock.now).lines[0].flaws == (Flaw("stall", "network", 6.0),)
    session.apply(flaw("stall", Kind.VIDEO, 12.0, 12.0, stalled_s=7.5))  # late, but nothing of it is missing
    assert session.state().streams["cam"].quality["stall"].seconds == 7.5
    assert status_view(session, clock.now).lines[0].last_flaw == Flaw("stall", "network", 7.5)


def test_a_stream_that_is_over_has_no_flaw_any_more(session: Session, clock: Clock) -> None:
    session.apply(flaw("silence", Kind.AUDIO, 1.0, None))
    session.apply(StateChanged("cam", 101.0, State.ENDED))
    assert status_view(session, clock.now).lines[0].flaws == ()


def test_metrics_count_flaws_by_kind_and_show_the_loudness(session: Session, clock: Clock) -> None:
    session.apply(picture(1.0))
    session.apply(sound(1.0))
    session.apply(flaw("black", Kind.VIDEO, 1.0, None))
    session.apply(flaw("black", Kind.VIDEO, 1.0, 3.0))
    session.apply(flaw("freeze", Kind.VIDEO, 5.0, None))
    session.apply(flaw("silence", Kind.AUDIO, 5.0, 8.0))
    session.apply(Figures("cam", 100.0, {"loudness_short_term_lufs": -23.4}))
    rows = {row.kind: row for row in metrics_view(session, clock.now).rows}
    assert (rows["video"].flaws, rows["audio"].flaws) == (2, 1)
    assert (rows["video"].loudness, rows["audio"].loudness) == (None, -23.4)
    session.apply(Figures("cam", 100.0, {"loudness_short_term_lufs": "below -70"}))
    assert metrics_view(session, clock.now).rows[0].loudness is None


def test_figures_of_quality_do_not_flood_the_status_line(session: Session, clock: Clock) -> None:
    told: dict[str, float | str] = {
        "live_latency_s": 6.0,
        "loudness_integrated_lufs": -23.0,
        "video_codec": "h264",
        "decode_errors": 0,
    }
    session.apply(Figures("cam", 100.0, told))
    assert status_view(session, clock.now).lines[0].reason == "flv: h264 · live_latency_s 6"


def test_the_state_has_impairments_and_their_counts(session: Session) -> None:
    session.apply(flaw("black", Kind.VIDEO, 1.0, 3.5))
    session.apply(flaw("black", Kind.VIDEO, 7.0, None))
    state = json.loads(json.dumps(session.state().to_json()))["streams"]["cam"]
    assert state["quality"] == {"black": {"times": 2, "seconds": 2.5, "open": 1}}
    assert [(e["what"], e["kind"], e["began"], e["ended"], e["blame"]) for e in state["impairments"]] == [
        ("black", "video", 1.0, 3.5, "source"),
        ("black", "video", 7.0, None, "source"),
    ]


def test_the_state_is_bounded_whatever_comes(session: Session) -> None:
    for n in range(1000):
        session.apply(flaw("pts gap", Kind.VIDEO, float(n), n + 0.5))
        session.apply(flaw("freeze", Kind.VIDEO, float(n), None))
    state = session.state().streams["cam"]
    assert len(state.impairments) <= 128
    assert state.quality["pts gap"].times == 1000


async def test_probe_tells_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    video = f"{MOVING}:d=6,drawbox=color=black:t=fill:enable='between(t,1,4.99)'"
    path = make(tmp_path / "x.mp4", video, "sine=d=6", "-shortest")
    state = (await measure([str(path)], Options(fast=True), analysis=False)).streams["x.mp4"]
    [black] = state.impairments
    assert (black.what, black.kind, black.blame) == ("black", "video", "source")
    assert (black.began, black.ended) == pytest.approx((1.0, 5.0), abs=0.1)
    assert state.quality["black"].times == 1
    assert isinstance(state.figures["loudness_integrated_lufs"], float)


# -- the rows

LINE = StatusLine("cam", ("audio", "video"), "live", "live", "flv: h264")


def test_an_open_flaw_has_sign_word_length_blame_and_style() -> None:
    line = StatusLine("cam", ("video",), "live", "live", flaws=(Flaw("freeze", "source", 12.0),))
    rows = status_rows(StatusView(lines=(line,)), 60, 10)
    assert "‖ freeze 12s (source)" in texts(rows)[-1]
    assert styles(rows, "freeze") == {"warning"}
    assert styles(status_rows(StatusView(lines=(line,)), 60, 10), "cam") == {"value"}


@pytest.mark.parametrize(
    "what", ["freeze", "black", "silence", "stall", "decode errors", "resolution change"]
)
def test_every_flaw_has_a_word_and_a_sign_of_one_cell(what: str) -> None:
    line = StatusLine("cam", ("video",), "live", "live", flaws=(Flaw(what, "source"),))
    (said,) = [
        text
        for row in status_rows(StatusView(lines=(line,)), 60, 10)
        for text, _ in row.spans
        if what in text
    ]
    assert said[1] == " "
    assert said == f"{said[0]} {what} (source)"


def test_the_last_flaw_is_muted_and_gives_way_to_an_open_one() -> None:
    last = Flaw("black", "source", 5.0)
    rows = status_rows(StatusView(lines=(StatusLine("cam", (), "live", "live", last_flaw=last),)), 60, 10)
    assert "last ■ black 5.0s (source)" in texts(rows)[-1]
    assert styles(rows, "black") == {"muted"}
    both = StatusLine("cam", (), "live", "live", last_flaw=last, flaws=(Flaw("silence", "source", 3.0),))
    assert "black" not in "".join(texts(status_rows(StatusView(lines=(both,)), 60, 10)))


def test_columns_of_quality_are_there_only_where_they_say_something() -> None:
    row = MetricsRow("cam", "audio", "live", "live", 10, 100)
    assert "LUFS" not in texts(metrics_rows(MetricsView((row,)), 120, 5))[0]
    row = MetricsRow("cam", "audio", "live", "live", 10, 100, loudness=-23.04, flaws=3)
    head, line = texts(metrics_rows(MetricsView((row,)), 120, 5))[:2]
    assert head.split()[-2:] == ["Flaws", "LUFS"]
    assert line.split()[-2:] == ["3", "-23.0"]
