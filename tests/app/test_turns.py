"""Turns: every figure at the wire against its definition, the log's bounds, and what state and panel say of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.events import Kind, State, StateChanged, TextChunk, TurnEnded, TurnStarted, Usage
from midstream_tui.session import Session
from midstream_tui.turns import KEEP, MOST_OPEN, TIMES, Objectives, TurnLog
from midstream_tui.turns_view import turns_view

from .conftest import FakeClock, live, opened


def piece(at: float, text: str = "x", turn: str = "t", **rest: object) -> TextChunk:
    return TextChunk("llm", at, text, "assistant", turn, final=False, **rest)  # type: ignore[arg-type]


def logged(
    times: list[float], usage: Usage | None = None, ended: float | None = None, **rest: object
) -> TurnLog:
    """A turn asked at 100 s with chunks at 100 + `times`."""
    log = TurnLog("llm")
    log.start(TurnStarted("llm", 100.0, "t", "m", "Why?"))
    for at in times:
        log.chunk(piece(100.0 + at, **rest), 1, True)
    if ended is not None:
        log.end(TurnEnded("llm", 100.0 + ended, "t", usage, "stop"))
    return log


def test_a_turn_by_its_definitions() -> None:
    log = TurnLog("llm")
    log.start(TurnStarted("llm", 100.0, "t", "m", "Why? sk-abcdefghijkl"))
    log.chunk(piece(100.3, "hm", reasoning=True), 1, True)
    log.chunk(piece(100.4, ""), 0, True)  # empty: not a chunk
    log.chunk(piece(100.9, "Be"), 1, True)
    log.chunk(piece(101.0, "cause"), 1, True)
    log.chunk(piece(101.3, "."), 1, True)
    (record,) = log.records(101.3)
    assert (record.ended, record.e2e, record.estimated) == (None, None, True)
    log.end(TurnEnded("llm", 101.4, "t", Usage(9, 11), "stop"))
    (record,) = log.done
    assert record.prompt == "Why? sk-***"
    assert record.ttft == pytest.approx(0.3)
    assert record.ttfat == pytest.approx(0.9)
    assert record.thinking == pytest.approx(0.6)
    assert record.itl == pytest.approx((101.3 - 100.3) / (11 - 1))
    assert record.e2e == pytest.approx(1.4)
    assert record.user_rate == pytest.approx(10.0)
    assert record.request_rate == pytest.approx(11 / 1.4)
    assert record.times == (100.3, 100.9, 101.0, 101.3)
    assert (record.icl_p50, record.icl_max) == (pytest.approx(0.3, rel=0.03), pytest.approx(0.6))
    assert (record.chunks, record.tokens, record.estimated) == (4, 11, False)
    assert record.good(Objectives()) is False
    assert record.good(Objectives(ttft=0.31, itl=0.11)) is True


def test_the_sound_of_a_spoken_answer_is_no_text() -> None:
    (record,) = logged([0.5, 1.0, 2.5], Usage(5, 61, completion_audio=50), ended=3.0).done
    assert record.tokens == 61
    assert record.itl == pytest.approx((2.5 - 0.5) / (11 - 1))
    (record,) = logged([0.5, 1.0], Usage(5, 51, completion_audio=50), ended=3.0).done
    assert record.itl is None


def test_what_this_end_said_is_a_message_and_nothing_received() -> None:
    session = Session(clock=lambda: 101.0)
    session.apply(opened("llm", 100.0))
    session.apply(live("llm", 100.0))
    session.apply(TextChunk("llm", 100.0, "Why is the sky blue?", "user", sent=True))
    stream = session.state().streams["llm"]
    assert (stream.messages, stream.chunks, stream.bytes, stream.last_data) == (1, 0, 0, None)
    assert stream.tokens > 0
    session.apply(TextChunk("llm", 100.5, "Because", "assistant"))
    stream = session.state().streams["llm"]
    assert (stream.chunks, stream.bytes) == (1, 7)


def test_a_stall_is_three_medians_and_two_seconds() -> None:
    steady = [0.1 * n for n in range(1, 11)]
    assert logged([*steady, 2.9]).stalls == 0
    (record,) = logged([*steady, 3.1, 3.2]).records(103.3)
    assert (record.stalls, record.stalled) == (1, pytest.approx(2.1))
    assert logged([1.0, 2.0, 3.0, 4.0, 5.0, 7.5]).stalls == 0  # 2.5 s is no stall where 1 s is usual
    assert logged([1.0, 2.0, 3.0, 4.0, 5.0, 8.5]).stalls == 1


@given(st.lists(st.floats(0.001, 5.0), min_size=1, max_size=1500), st.integers(1, 5000))
def test_a_record_is_bounded_and_its_figures_are_those_of_all_chunks(gaps: list[float], tokens: int) -> None:
    times = [sum(gaps[: n + 1]) for n in range(min(len(gaps), 40))]
    for gap in gaps[40:]:
        times.append(times[-1] + gap)
    (record,) = logged(times, Usage(1, tokens), ended=times[-1] + 1).done
    assert record.chunks == len(times)
    assert len(record.times) <= TIMES
    assert record.every == 1 or record.chunks > TIMES
    assert list(record.times) == [100.0 + t for t in times][:: record.every]
    assert record.ttft == pytest.approx(times[0])
    if tokens > 1 and len(times) > 1:
        assert record.itl == pytest.approx((times[-1] - times[0]) / (tokens - 1))
    else:
        assert record.itl is None
    assert record.thinking == 0.0


def test_the_log_is_bounded_and_nothing_stays_open_for_ever() -> None:
    log = TurnLog("llm")
    for n in range(MOST_OPEN + 5):
        log.start(TurnStarted("llm", float(n), f"t{n}"))
    assert len(log.open) == MOST_OPEN
    assert [r.error for r in log.done] == ["no longer followed: too many turns are open"] * 5
    log.end_all(1000.0, "lost")
    assert not log.open
    assert len(log.done) == KEEP
    assert log.errors == MOST_OPEN + 5
    log.start(TurnStarted("llm", 1.0, "same"))
    log.start(TurnStarted("llm", 2.0, "same"))
    assert log.done[-1].error == "asked again before it ended"


def test_goodput_counts_only_turns_that_kept_both_objectives() -> None:
    log = TurnLog("llm", Objectives(ttft=0.2, itl=0.05))
    for n, (ttft, gap, error) in enumerate(
        [(0.1, 0.01, None), (0.3, 0.01, None), (0.1, 0.2, None), (0.1, 0.01, "no")]
    ):
        at = 100.0 + n
        log.start(TurnStarted("llm", at, f"{n}"))
        for k in range(4):
            log.chunk(piece(at + ttft + k * gap, turn=f"{n}"), 1, False)
        log.end(TurnEnded("llm", at + 0.95, f"{n}", error=error))
    assert (log.completed, log.good, log.errors) == (3, 1, 1)
    assert [record.good(log.objectives) for record in log.done] == [True, False, False, False]
    assert log.goodput(104.0) == pytest.approx(1 / 4, rel=0.05)
    assert TurnLog("llm").goodput(5.0) is None


@pytest.mark.parametrize("text", ["0", "-1", "fast", "inf", "nan"])
def test_objectives_come_from_the_environment(text: str) -> None:
    assert Objectives.of({"MIDSTREAM_TTFT_MS": "500", "MIDSTREAM_ITL_MS": "20"}) == Objectives(0.5, 0.02)
    assert Objectives.of({}) == Objectives(0.2, 0.05)
    with pytest.raises(ValueError, match="MIDSTREAM_ITL_MS is a number of milliseconds above zero"):
        Objectives.of({"MIDSTREAM_ITL_MS": text})


def test_an_answer_whose_request_nobody_saw_has_no_ttft() -> None:
    log = TurnLog("llm")
    log.chunk(piece(5.0, turn="recorded"), 1, True)
    log.chunk(piece(5.5, turn="recorded"), 1, True)
    log.end(TurnEnded("llm", 6.0, "recorded", Usage(3, 2)))
    (record,) = log.done
    assert (record.started, record.ttft, record.e2e, record.good(log.objectives)) == (None, None, None, None)
    assert (record.itl, record.icl_max) == (pytest.approx(0.5), pytest.approx(0.5))
    assert log.ttft.count == 0


def test_state_and_panel_of_a_stream(clock: FakeClock) -> None:
    session = Session(clock, lambda: 1_790_000_000.0, objectives=Objectives(0.5, 0.05))
    at = clock.now
    session.apply(opened("llm", at))
    session.apply(live("llm", at))
    for turn, error in (("a", None), ("b", "HTTP 429 Too Many Requests")):
        session.apply(TurnStarted("llm", clock.now, turn, "m", f"Question {turn}"))
        clock.advance(0.25)
        if error is None:
            for _ in range(5):
                session.apply(piece(clock.now, turn=turn))
                clock.advance(0.02)
        session.apply(TurnEnded("llm", clock.now, turn, error=error))
    session.apply(TurnStarted("llm", clock.now, "c", "m"))
    clock.advance(1.0)
    stream = session.state().streams["llm"]
    assert [(t.turn, t.state, t.good) for t in stream.turns_log] == [
        ("a", "complete", True),
        ("b", "failed", False),
        ("c", "waiting", None),
    ]
    assert stream.turns_log[0].ttft_ms == pytest.approx(250.0)
    assert stream.turns_log[0].itl_ms == pytest.approx(20.0)
    assert stream.turns_log[0].tokens_estimated
    assert (stream.wire.completed, stream.wire.good, stream.wire.errors) == (1, 1, 1)
    assert stream.wire.tokens_per_s_user == pytest.approx(50.0, rel=0.03)
    assert stream.wire.icl_p99_ms == pytest.approx(20.0, rel=0.03)
    assert stream.wire.ttft_objective_ms == 500.0
    assert (
        session.state().to_json()["streams"]["llm"]["turns_log"][1]["error"] == "HTTP 429 Too Many Requests"
    )

    view = turns_view(session, None, clock.now)
    assert view == turns_view(session, "llm", clock.now)
    assert [(line.turn, line.note) for line in view.turns] == [
        ("c", ""),
        ("b", "HTTP 429 Too Many Requests"),
        ("a", ""),
    ]
    assert (view.good, view.completed, view.rates_estimated) == (1, 1, True)
    assert turns_view(session, "none such", clock.now).turns == ()

    session.apply(StateChanged("llm", clock.now, State.RECONNECTING, "connection reset"))
    assert session.state().streams["llm"].turns_log[-1].error == "connection reset"


def test_tokens_that_the_source_counted_are_no_estimate() -> None:
    log = TurnLog("llm")
    log.start(TurnStarted("llm", 100.0, "t"))
    log.chunk(piece(100.1), 3, False)
    (record,) = log.records(100.2)
    assert (record.tokens, record.estimated) == (3, False)
    log.chunk(piece(100.2), 1, True)
    (record,) = log.records(100.3)
    assert (record.tokens, record.estimated) == (4, True)


def test_a_stall_counts_while_it_lasts_and_once_only() -> None:
    log = logged([0.1, 0.2, 0.3])
    for now, stalls, stalled in ((102.2, 0, 0.0), (102.4, 1, 2.1), (105.3, 1, 5.0)):
        (record,) = log.records(now)
        assert (record.stalls, log.stalls_by(now)) == (stalls, stalls)
        assert record.stalled == pytest.approx(stalled)
    log.chunk(piece(106.3), 1, True)
    log.chunk(piece(106.4), 1, True)
    (record,) = log.records(107.0)
    assert (record.stalls, log.stalls_by(107.0), record.stalled) == (1, 1, pytest.approx(6.0))
    log.end(TurnEnded("llm", 116.4, "t", error="lost"))  # it broke off in the midst of a second one
    (record,) = log.records(999.0)
    assert (record.stalls, log.stalls_by(999.0), record.stalled) == (2, 2, pytest.approx(16.0))
    log.start(TurnStarted("llm", 200.0, "u"))  # who waits for the first chunk waits: TTFT says how long
    assert log.stalls_by(300.0) == 2


def test_the_state_and_the_panel_count_a_stall_that_lasts(clock: FakeClock) -> None:
    session = Session(clock, lambda: 0.0)
    session.apply(opened("llm", clock.now))
    session.apply(live("llm", clock.now))
    session.apply(TurnStarted("llm", clock.now, "a"))
    session.apply(piece(clock.now, turn="a"))
    clock.advance(3.0)
    stream, view = session.state().streams["llm"], turns_view(session, "llm", clock.now)
    assert (stream.wire.stalls, stream.turns_log[0].stalls, stream.turns_log[0].stalled_ms) == (1, 1, 3000.0)
    assert (view.stalls, view.turns[0].stalls) == (1, 1)


def test_a_model_that_nobody_asks_is_not_stalled(clock: FakeClock) -> None:
    session = Session(clock, lambda: 0.0)
    session.apply(opened("llm", clock.now))
    session.apply(live("llm", clock.now))
    session.apply(TurnStarted("llm", clock.now, "a"))
    session.apply(piece(clock.now, turn="a"))
    clock.advance(2.5)
    assert session.state().streams["llm"].state == "stalled"  # in mid-answer
    session.apply(TurnEnded("llm", clock.now, "a"))
    clock.advance(60.0)
    assert session.state().streams["llm"].state == "live"
    session.apply(TurnStarted("llm", clock.now, "b"))
    session.apply(TextChunk("llm", clock.now, "asked", "user"))
    clock.advance(8.0)
    assert session.state().streams["llm"].state == "live"  # a model may think before it speaks
    clock.advance(8.0)
    assert session.state().streams["llm"].state == "stalled"


def test_turns_that_overlap_are_each_counted_by_their_own_usage(clock: FakeClock) -> None:
    session = Session(clock, lambda: 0.0)
    session.apply(opened("llm", clock.now))
    for turn in "ab":
        session.apply(TextChunk("llm", clock.now, "What is asked here?", "user"))
        session.apply(TurnStarted("llm", clock.now, turn))
    for turn in "aabb":
        session.apply(piece(clock.advance(0.1), turn=turn))
    session.apply(TurnEnded("llm", clock.now, "a", Usage(100, 20)))
    assert session.tokens_estimated
    session.apply(TurnEnded("llm", clock.now, "b", Usage(1000, 3)))
    assert (session.tokens, session.streams["llm"].tokens) == (1123, 1123)
    assert not session.tokens_estimated


def test_pauses_between_turns_are_no_intervals(clock: FakeClock) -> None:
    session = Session(clock, lambda: 0.0)
    session.apply(opened("llm", clock.now))
    for turn in "ab":
        session.apply(TurnStarted("llm", clock.advance(30.0), turn))
        session.apply(TextChunk("llm", clock.now, "asked", "user"))
        for _ in range(3):
            session.apply(piece(clock.advance(0.5), turn=turn))
    tally = session.streams["llm"]
    assert list(tally.series["interval"].samples) == pytest.approx([0.5] * 4)
    assert tally.tracks[Kind.TEXT].gaps.read(clock.now).greatest == pytest.approx(0.5)
