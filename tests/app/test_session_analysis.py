"""What the fold takes from analysis: the engine's word, too few samples said to be so, which observable is shown."""

from __future__ import annotations

import pytest

from midstream_adapters.events import TextChunk
from midstream_analysis.report import AnalysisReport, Attractor, Classification, LyapunovFit, SeriesReport
from midstream_tui.present import temporal_view
from midstream_tui.session import Area, Session

from .conftest import FakeClock, frame


def verdict(stream: str, observable: str, label: Attractor, exponent: float | None) -> SeriesReport:
    fit = None if exponent is None else LyapunovFit(exponent, 0.99, (0, 5), 2, 1, 3, 0.01, 500, 1.0)
    chaotic = label is Attractor.CHAOTIC
    result = Classification(label, 0.9, True, chaotic, None, fit, 500, 1.0, "because")
    return SeriesReport(stream, observable, result, None, (), None, 0.001)


def test_the_engines_word_is_in_the_state(session: Session, clock: FakeClock) -> None:
    for n in range(5):
        session.apply(TextChunk("s", clock.now, "x", reward=0.5 + n / 10))
    report = AnalysisReport({("s", "reward"): verdict("s", "reward", Attractor.CHAOTIC, 0.49)}, {}, None)
    assert session.take(report) == {Area.TEMPORAL, Area.PATTERNS, Area.MESSAGES}
    state = session.state()
    assert (state.attractor_type, state.lyapunov_exponent, state.is_chaotic) == ("chaotic", 0.49, True)
    assert state.analysed == "s: reward"
    assert state.average_reward == pytest.approx(0.7)
    assert state.streams["s"].observables["reward"].label == "chaotic"


def test_without_analysis_everything_is_unknown(session: Session, clock: FakeClock) -> None:
    session.apply(TextChunk("s", clock.now, "x"))
    state = session.state()
    assert (state.attractor_type, state.lyapunov_exponent, state.is_stable, state.is_chaotic) == (None,) * 4
    assert (state.fps, state.average_reward) == (None, None)


def test_the_next_observable_goes_round(session: Session, clock: FakeClock) -> None:
    for n in range(3):
        session.apply(TextChunk("s", clock.advance(0.1), "x", reward=n / 10))
    seen = []
    for _ in range(3):
        session.next_observable()
        focus = session.focus()
        assert focus is not None
        seen.append(focus[1])
    assert seen == ["interval", "reward", "interval"]


def test_what_has_enough_samples_is_shown_first(session: Session, clock: FakeClock) -> None:
    for n in range(80):
        session.apply(TextChunk("chat", clock.advance(0.1), "x", reward=0.5 if n < 10 else None))
    session.apply(frame("cam", clock.now))
    focus = session.focus()
    assert focus is not None
    assert (focus[0].stream, focus[1]) == ("chat", "interval")  # 79 intervals, but 10 rewards
    for _ in range(60):
        session.apply(TextChunk("chat", clock.advance(0.1), "x", reward=0.5))
    focus = session.focus()
    assert focus is not None
    assert focus[1] == "reward"


def test_too_few_samples_are_not_called_orderly(session: Session, clock: FakeClock) -> None:
    session.apply(TextChunk("s", clock.now, "x", reward=0.5))
    report = AnalysisReport({("s", "reward"): verdict("s", "reward", Attractor.UNKNOWN, 0.0)}, {}, None)
    session.take(report)
    assert session.state().streams["s"].observables["reward"].is_chaotic is None


def test_a_few_samples_are_said_to_be_too_few(session: Session, clock: FakeClock) -> None:
    session.apply(TextChunk("s", clock.now, "x", reward=0.5))
    assert temporal_view(session).reason == "insufficient data: 1 sample, at least 64 are needed"
