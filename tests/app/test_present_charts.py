"""From events to what the charts are given: the right numbers at the right places, or a reason why there are none."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from midstream_adapters.events import (
    AudioChunk,
    Blame,
    Box,
    Detections,
    Event,
    Figures,
    Impairment,
    Kind,
    Provenance,
    State,
    StateChanged,
    StreamOpened,
    TextChunk,
    TurnEnded,
    TurnStarted,
    VideoFrame,
)
from midstream_analysis.report import AnalysisReport, Attractor, Classification, SeriesReport
from midstream_tui import present_charts as present
from midstream_tui.alerts import Alert, Alerts
from midstream_tui.chart_table import CHARTS, charts_of
from midstream_tui.present_latency import latency_view
from midstream_tui.present_overview import facts_view
from midstream_tui.session import Session
from midstream_tui.sound import SECONDS, SoundRing
from midstream_tui.turns_view import turns_view
from midstream_widgets import formats
from midstream_widgets.charts.axes import seconds
from midstream_widgets.charts.latency import LatencyHistogram

NOW = 100.0


def session(*events: Event, kinds: frozenset[Kind] = frozenset()) -> Session:
    made = Session(clock=lambda: NOW, wall=lambda: 0.0)
    made.apply(StreamOpened("s", 0.0, "test", kinds, Provenance.LIVE))
    made.apply(StateChanged("s", 0.0, State.LIVE))
    for event in events:
        made.apply(event)
    return made


def audio(at: float, samples: Any, rate: int = 16_000) -> AudioChunk:
    samples = np.asarray(samples, np.float32)
    rms = float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
    peak = float(np.abs(samples).max(initial=0.0))
    return AudioChunk("s", at, samples, rate, 48_000, 2, None, len(samples) / rate, rms, peak)


def frame(at: float, luma: float = 1.0, image: Any = None) -> VideoFrame:
    picture = np.zeros((4, 6, 3), np.uint8) if image is None else image
    return VideoFrame("s", at, picture, 640, 480, at, luma, 0.5)


def report(observable: str, n: int, **more: Any) -> AnalysisReport:
    verdict = Classification(Attractor.PERIODIC, 0.9, True, False, 4.0, None, n, 1.0, "")
    given = {"change_points": (), "portrait": None, "total": None, **more}
    said = SeriesReport(
        "s", observable, verdict, None, given["change_points"], given["portrait"], 0.0, given["total"]
    )
    return AnalysisReport({("s", observable): said}, {}, None)


# The table


def test_every_chart_gives_a_view_of_its_widget_whatever_there_is() -> None:
    for made in (session(), session(audio(1.0, [0.1] * 320), frame(1.0), frame(1.1))):
        for name, spec in CHARTS.items():
            assert spec.name == name
            for stream in ("s", "gone"):
                for zoom in (-3, 0, 5):
                    view = spec.view(made, stream, NOW, zoom)
                    assert type(view) is type(spec.widget().view)
                    assert (view.stream, view.zoom) == (stream, zoom)
                    assert spec.view(made, stream, NOW, zoom) == view
            assert spec.view(made, "gone", NOW, 0).reason == "this stream is closed"
            assert spec.title == spec.widget.TITLE


def test_a_stream_has_the_charts_of_what_it_carries() -> None:
    assert [spec.name for spec in charts_of(session(), "s")] == list(CHARTS)
    names = {spec.name for spec in charts_of(session(kinds=frozenset({Kind.AUDIO})), "s")}
    assert names == {"series", "latency", "waveform", "spectrogram", "levels", "portrait", "recurrence"}


@pytest.mark.parametrize(
    ("name", "kinds", "reason"),
    [
        ("video", {Kind.AUDIO}, "no video on this stream"),
        ("video", {Kind.VIDEO}, "no picture yet"),
        ("waveform", {Kind.VIDEO}, "no audio on this stream"),
        ("levels", {Kind.AUDIO}, "no sound yet"),
        ("timeline", {Kind.TEXT}, "no turns on this stream: nobody asked a model"),
        ("timeline", {Kind.VIDEO}, "no text on this stream"),
        ("latency", {Kind.TEXT}, "no latency yet: no turn was answered"),
        ("series", {Kind.TEXT}, "nothing to measure on this stream yet"),
        ("portrait", {Kind.TEXT}, "nothing to analyse on this stream yet"),
    ],
)
def test_an_empty_chart_says_why(name: str, kinds: set[Kind], reason: str) -> None:
    assert CHARTS[name].view(session(kinds=frozenset(kinds)), "s", NOW, 0).reason == reason


def test_the_table_is_free_of_what_is_heavy() -> None:
    code = (
        "import sys, midstream_tui.present_charts, midstream_widgets.chart_views;"
        "print(*({'numpy', 'numba', 'textual', 'av'} & set(sys.modules)))"
    )
    path = [entry for entry in sys.path if entry]
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == ""


# Analysis


def test_the_portrait_is_the_engines_or_says_what_is_missing() -> None:
    made = session(*[frame(0.1 * k, k % 4) for k in range(12)])
    assert present.portrait_view(made, "s", NOW).reason == "warming up 0%"
    name = present.chosen(made, made.streams["s"])
    assert name == "motion"
    made.take(report(name, 12))
    assert present.portrait_view(made, "s", NOW).reason == "motion: needs more samples, has 12"
    points = np.zeros((9, 3), np.float32)
    made.take(report(name, 100, portrait=points))
    view = present.portrait_view(made, "s", NOW)
    assert (view.reason, view.observable, view.verdict) == ("", "motion", "periodic")
    assert view.points is not None
    assert view.points.data is points
    made.take(AnalysisReport({}, {}, None, failed="no compiler"))
    assert present.portrait_view(made, "s", NOW).reason == "the analysis can't work: no compiler"


def test_change_points_stay_with_their_samples_when_more_have_come() -> None:
    made = session(*[frame(0.1 * k, k % 4) for k in range(1200)])
    tally = made.streams["s"]
    made.selected, made.observable = "s", "luma"
    made.take(report("luma", 1000, change_points=(0, 100, 999), total=1100))
    view = present.series_view(made, "s", NOW)
    assert view.total == 1200
    assert len(view.values or ()) == len(tally.series["luma"].samples) == 1000
    assert [mark.place for mark in view.marks] == [200, 1099], "the one of sample 100 is no longer held"
    made.take(report("luma", 1000, change_points=(5,)))
    assert present.series_view(made, "s", NOW).marks == (), "without a count nobody knows where they are"


def test_alerts_and_impairments_are_marked_where_they_began() -> None:
    made = session(*[frame(0.5 * k) for k in range(1, 201)])  # the newest came just now
    made.selected, made.observable = "s", "luma"
    made.apply(Impairment("s", 80.0, "freeze", Kind.VIDEO, 70.0, 75.0, Blame.SOURCE, {}))
    made.alerts = Alerts()
    assert [mark.label for mark in present.series_view(made, "s", NOW).marks] == ["freeze"]
    made.alerts.log += [
        Alert("stall", "s", "silence", 3.0, 2.0, "error", began=90.0),
        Alert("stall", "other", "silence", 3.0, 2.0, "error", began=95.0),
        Alert("old", "s", "silence", 3.0, 2.0, "error", began=-5000.0),
    ]
    marks = present.series_view(made, "s", NOW).marks
    assert [(mark.label, mark.what) for mark in marks] == [("freeze", "alert"), ("stall", "alert")]
    assert [0.5 * (mark.place + 1) for mark in marks] == [75.0, 90.0]


@pytest.mark.parametrize("name", ["motion", "luma", "frame interval"])
def test_ages_of_samples_are_those_of_their_frames(name: str) -> None:
    times = [1.0, 1.5, 4.0, 4.25, 99.0]
    made = session(*[frame(at) for at in times])
    ages = present.sample_ages(made.streams["s"], name, NOW)
    assert ages is not None
    count = len(made.streams["s"].series[name].samples)
    assert (NOW - ages).tolist() == pytest.approx(times[-count:])


# Text


def answered() -> Session:
    return session(
        TurnStarted("s", 10.0, "a", "model-x", "hello"),
        TextChunk("s", 10.3, "hmm", "assistant", "a", 1, final=False, reasoning=True),
        TextChunk("s", 10.8, "yes", "assistant", "a", 1, final=False),
        TextChunk("s", 10.9, "!", "assistant", "a", 1, final=False),
        TurnEnded("s", 11.0, "a"),
        TurnStarted("s", 20.0, "b", "model-x"),
    )


def test_turns_become_bars() -> None:
    view = present.timeline_view(answered(), "s", NOW)
    assert (view.reason, view.now) == ("", NOW)
    first, second = view.turns
    assert (first.model, first.started, first.first, first.first_answer, first.last, first.ended) == (
        "model-x", 10.0, 10.3, 10.8, 10.9, 11.0,
    )  # fmt: skip
    assert first.tokens == 3
    assert first.chunks == (10.3, 10.8, 10.9)
    assert (second.started, second.first, second.ended) == (20.0, None, None)


def test_latency_has_ttft_gaps_and_whole_turns() -> None:
    found = {each.name: each for each in latency_view(answered(), "s", NOW).distributions}
    assert list(found) == ["TTFT", "ICL", "E2E"]
    assert found["TTFT"].seconds.data.tolist() == pytest.approx([0.3])
    assert found["TTFT"].ages.data.tolist() == [89.0]
    assert found["ICL"].seconds.data.tolist() == pytest.approx([0.5, 0.1])
    assert found["E2E"].seconds.data.tolist() == pytest.approx([1.0])


def test_latency_says_the_same_wherever_it_is_shown() -> None:
    """Facts, turns, chart and state have one source and one definition, also when more turns were than are held."""
    rng = np.random.default_rng(7)
    made = session()
    for n, ttft in enumerate(rng.lognormal(-1.0, 1.0, 150)):
        at = 100.0 * n
        made.apply(TurnStarted("s", at, f"t{n}", "m"))
        for k in range(3):
            made.apply(TextChunk("s", at + ttft + 0.05 * k * k, "x ", "assistant", f"t{n}", 1, final=False))
        made.apply(TurnEnded("s", at + ttft + 0.3, f"t{n}"))
    now = 15_000.0
    found = {each.name: each.ever for each in latency_view(made, "s", now).distributions}
    assert all(ever is not None for ever in found.values())
    turns, wire = turns_view(made, "s", now), made.state().streams["s"].wire
    facts = {fact.label: fact.value for group in facts_view(made, "s", now).groups for fact in group}
    for name, p50, p99 in (
        ("TTFT", turns.ttft_ms, turns.ttft_p99_ms),
        ("ICL", turns.icl_p50_ms, turns.icl_p99_ms),
        ("E2E", None, wire.e2e_p99_ms),
    ):
        ever = found[name]
        assert ever is not None
        assert ever.n == (300 if name == "ICL" else 150)
        assert p99 == pytest.approx(1000 * ever.p99, abs=1e-3)
        assert p50 is None or p50 == pytest.approx(1000 * ever.p50, abs=1e-3)
    assert found["TTFT"] is not None
    both = " / ".join(formats.milliseconds(1000 * q) for q in (found["TTFT"].p50, found["TTFT"].p99))
    assert facts["TTFT p50/p99"] == both
    shown = LatencyHistogram().rows(latency_view(made, "s", now), 100, 14)
    text = "".join(part for part, _ in shown[1].spans)
    assert f"p99 {seconds(found['TTFT'].p99)}" in text
    assert "n 150, 100 drawn" in text


def test_frames_have_their_own_distances() -> None:
    (found,) = latency_view(session(*[frame(0.5 * k) for k in range(5)]), "s", NOW).distributions
    assert found.name == "frame interval"
    assert found.seconds.data.tolist() == [0.5] * 4


def test_chunks_of_sound_have_theirs() -> None:
    made = session(*[audio(0.25 * k, np.zeros(320)) for k in range(5)])
    (found,) = latency_view(made, "s", NOW).distributions
    assert found.name == "chunk interval"
    assert found.seconds.data.tolist() == [0.25] * 4


# Sound


def test_sound_is_the_ring_of_the_last_half_minute() -> None:
    made = session(*[audio(0.02 * k, np.full(320, k / 2000)) for k in range(1600)])
    view = present.sound_view(made, "s", NOW)
    assert view.samples is not None
    assert (view.rate, view.total, view.source) == (16_000, 1600 * 320, "48 kHz stereo")
    assert len(view.samples) == SECONDS * 16_000
    assert view.samples.data[-1] == np.float32(1599 / 2000)
    assert view.samples.data[0] == np.float32(100 / 2000)


def test_a_chunk_without_samples_is_told_from_no_sound() -> None:
    empty = AudioChunk("s", 1.0, np.zeros(0, np.float32), 0, 0, 0, None, 0.02, None, None, 100)
    view = present.sound_view(session(empty), "s", NOW)
    assert view.reason == "the sound of this stream has no samples: nobody told its encoding"
    assert present.levels_view(session(empty), "s", NOW).reason == "no sound yet"


@pytest.mark.parametrize("sizes", [[5, 7, 11], [100], [1] * 50, [3, 200, 4]])
def test_the_ring_holds_the_newest(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midstream_tui.sound.SECONDS", 30 / 8000)
    ring = SoundRing()
    assert ring.read() is None
    everything = np.arange(sum(sizes), dtype=np.float32)
    at = 0
    for size in sizes:
        ring.add(everything[at : at + size], 8000)
        at += size
        read = ring.read()
        assert read is not None
        assert read.tolist() == everything[max(0, at - 30) : at].tolist()
    ring.add(everything[:3], 16_000)
    assert (ring.rate, ring.total) == (16_000, 3)
    ring.add(everything[:0], 16_000)
    ring.add(everything, 0)
    assert ring.total == 3


def test_levels_come_from_the_meter_and_the_chunks() -> None:
    told = {
        "loudness_momentary_lufs": -19.84, "loudness_short_term_lufs": "below -70",
        "true_peak_dbtp": -1.2, "codec": "aac",
    }  # fmt: skip
    made = session(audio(1.0, [0.5] * 320), audio(1.02, [0.0] * 320), audio(1.04, [0.1] * 320))
    made.apply(Figures("s", 2.0, told))
    view = present.levels_view(made, "s", NOW)
    assert (view.momentary, view.short_term, view.integrated, view.true_peak) == (-19.8, -120.0, None, -1.2)
    assert (view.rms, view.peak, view.dt) == (-20.0, -20.0, 0.02)
    assert view.history is not None
    assert view.history.data.tolist() == pytest.approx([-6.02, -120.0, -20.0], abs=0.01)


# Video


def test_the_picture_is_the_newest_with_boxes_not_much_older() -> None:
    image = np.full((9, 16, 3), 200, np.uint8)
    made = session(frame(1.0), frame(2.0, image=image))
    view = present.video_view(made, "s", 2.5)
    assert view.image is not None
    assert view.image.data is image
    assert (view.width, view.height, view.looked) == (640, 480, None)
    made.apply(Detections("s", 1.0, 1.0, (Box("cat", 0.9, 0.1, 0.2, 0.3, 0.4, 3),), 0.1))
    (box,) = present.video_view(made, "s", 2.5).boxes
    assert tuple(box) == ("cat", 0.9, 0.1, 0.2, 0.3, 0.4, 3)
    made.apply(frame(9.0))
    late = present.video_view(made, "s", 9.0)
    assert late.boxes == (), "boxes of long ago are not drawn over other pictures"
    assert late.looked == 8.0
