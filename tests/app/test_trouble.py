"""Trouble: what is wrong with a stream is told, the worst first, and what is well is not."""

from __future__ import annotations

from typing import Any

import pytest

from midstream_adapters.events import (
    Blame,
    Dropped,
    Impairment,
    Kind,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
)
from midstream_analysis.report import AnalysisReport, Attractor, Classification, SeriesReport
from midstream_tui.present import metrics_view, status_view
from midstream_tui.present_overview import facts_view, overview_view
from midstream_tui.session import Session
from midstream_tui.trouble import Level, headline, troubles, worst

from .conftest import FakeClock, frame, opened, watched


def said(session: Session, clock: FakeClock, stream: str = "s") -> list[tuple[Level, str]]:
    return [(found.level, found.text) for found in troubles(session, session.streams[stream], clock.now)]


def test_a_stream_that_is_well_has_none(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    assert said(session, clock) == []
    assert worst(session, session.streams["s"], clock.now).level is Level.OK
    assert headline(session, clock.now) == (Level.OK, "")


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (
            StateChanged("s", 1000.0, State.FAILED, "401 Unauthorized"),
            Level.ERROR,
            "failed: 401 Unauthorized",
        ),
        (StateChanged("s", 1000.0, State.RECONNECTING, "503", 4.0), Level.ERROR, "lost: 503, retry in 4 s"),
        (
            Impairment("s", 1000.0, "freeze", Kind.VIDEO, 1.0, None, Blame.NETWORK, {}),
            Level.WARNING,
            "freeze for 0.0 s (blame: network)",
        ),
        (Dropped("s", 1000.0, Kind.VIDEO, 12, "queue"), Level.NOTE, "12 dropped (queue)"),
    ],
)
def test_what_is_wrong_is_told(clock: FakeClock, event: Any, level: Level, text: str) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    session.apply(event)
    assert said(session, clock)[0][0] is level
    assert said(session, clock)[0][1].startswith(text)


def test_silence_is_told_with_its_length(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    clock.advance(7)
    assert said(session, clock) == [(Level.WARNING, "silent for 7 s")]
    session.apply(frame("s", clock.now))
    assert said(session, clock) == []


def test_an_impairment_that_lasts_is_told_with_its_length(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now, 10.0))
    session.apply(Impairment("s", clock.now, "freeze", Kind.VIDEO, 8.0, None, Blame.SOURCE, {}))
    for pts, told in ((11.2, "3.2"), (17.94, "9.9"), (17.96, "10"), (50.0, "42")):
        session.apply(frame("s", clock.advance(1.0), pts))
        assert said(session, clock)[0] == (Level.WARNING, f"freeze for {told} s (blame: source)")


def test_an_impairment_that_is_over_is_none(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    for ended in (None, 3.0):
        session.apply(Impairment("s", clock.now, "black", Kind.VIDEO, 1.0, ended, Blame.SOURCE, {}))
    assert said(session, clock) == []


def test_a_failed_turn_is_told_until_one_ends_well(clock: FakeClock) -> None:
    session = watched(clock)
    for turn, error in (("1", "429 Too Many Requests"), ("2", None)):
        session.apply(TurnStarted("s", clock.now, turn))
        session.apply(TextChunk("s", clock.now, "x", "assistant", turn, final=False))
        session.apply(TurnEnded("s", clock.now, turn, error=error))
        told = [(Level.WARNING, "last turn failed: 429 Too Many Requests")] if error else []
        assert said(session, clock) == told


def test_what_a_source_says_of_itself_is_no_trouble(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(StateChanged("s", clock.now, State.LIVE, "h264 1280x720"))
    session.apply(frame("s", clock.now))
    assert said(session, clock) == []
    facts = {fact.label: fact.value for group in facts_view(session, "s", clock.now).groups for fact in group}
    assert facts["It says"] == "h264 1280x720"


def verdict(label: Attractor, confidence: float, stable: bool = True) -> AnalysisReport:
    result = Classification(label, confidence, stable, label is Attractor.CHAOTIC, None, None, 640, 1.0, "")
    return AnalysisReport({("s", "luma"): SeriesReport("s", "luma", result, None, (), None, 0.0)}, {}, None)


def test_chaos_is_told_when_it_is_sure_and_instability(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    session.take(verdict(Attractor.CHAOTIC, 0.7))
    assert said(session, clock) == []
    session.take(verdict(Attractor.CHAOTIC, 0.93))
    assert said(session, clock) == [(Level.NOTE, "chaotic luma (93%)")]
    session.take(verdict(Attractor.STOCHASTIC, 0.9, stable=False))
    assert said(session, clock) == [(Level.NOTE, "unstable luma")]
    assert headline(session, clock.now).level is Level.OK  # a note does not shout
    assert overview_view(session, clock.now).rows[0].attractor is Attractor.STOCHASTIC


def test_a_listener_that_waits_is_no_trouble(clock: FakeClock) -> None:
    session = Session(clock)
    session.apply(opened("in", clock.now))
    session.apply(StateChanged("in", clock.now, State.LISTENING, "listening on ws+listen://127.0.0.1:8787"))
    assert headline(session, clock.now).level is Level.OK
    assert status_view(session, clock.now).lines[0].state == "listening"


def test_what_is_over_has_no_rate_of_now(clock: FakeClock) -> None:
    session = Session(clock)
    for _ in range(20):
        session.apply(TextChunk("s", clock.advance(0.1), "word", nbytes=1000))
    session.apply(StateChanged("s", clock.now, State.ENDED))
    assert [row.bytes_per_s for row in metrics_view(session, clock.now).rows] == [None]
    assert [row.bytes_per_s for row in overview_view(session, clock.now).rows] == [None]


def test_the_headline_names_the_worst_and_counts_the_others(clock: FakeClock) -> None:
    session = watched(clock, "slow")
    session.apply(frame("slow", clock.now))
    session.apply(opened("dead", clock.now))
    session.apply(StateChanged("dead", clock.now, State.FAILED, "no such host"))
    clock.advance(9)
    assert headline(session, clock.now) == (Level.ERROR, "dead failed: no such host (+1 more)")
