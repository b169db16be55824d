"""The fold: what each event counts, what it says changed, and that everything stays bounded."""

from __future__ import annotations

import json

import pytest

from midstream_adapters.events import (
    BytesReceived,
    Dropped,
    Figures,
    Kind,
    Provenance,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
    Usage,
)
from midstream_tui.present import summary, system_view
from midstream_tui.probe import complaint
from midstream_tui.session import MOST_STREAMS, Area, Session
from midstream_tui.transcript import KEEP, MOST_CHARS

from .conftest import FakeClock, audio, frame, live, opened


def ask(session: Session, clock: FakeClock, usage: Usage | None, chunks: int = 5) -> None:
    """One turn: 300 ms to the first token, then one every 20 ms."""
    at = clock.now
    session.apply(opened("llm", at))
    session.apply(live("llm", at))
    session.apply(TextChunk("llm", at, "Why is the sky blue?", "user"))
    session.apply(TurnStarted("llm", at, "t1"))
    at = clock.advance(0.3)
    for n in range(chunks):
        session.apply(TextChunk("llm", at, f"w{n} ", "assistant", "t1", final=False))
        at = clock.advance(0.02)
    session.apply(TurnEnded("llm", at, "t1", usage))


def test_a_turn_is_one_message_with_its_own_timing(session: Session, clock: FakeClock) -> None:
    ask(session, clock, Usage(prompt=12, completion=9))
    state = session.state()
    assert state.message_count == 2
    assert state.recent_messages[-1].text == "w0 w1 w2 w3 w4 "
    stream = state.streams["llm"]
    assert stream.latency.ttft_ms == pytest.approx(300, rel=0.03)
    assert stream.latency.ttft_last_ms == pytest.approx(300, abs=0.01)
    assert stream.latency.itl_ms == pytest.approx(80 / 8, rel=0.03)  # (last - first) / (tokens - 1)
    assert stream.latency.icl_p50_ms == pytest.approx(20, rel=0.03)  # chunks, not tokens
    assert stream.latency.e2e_ms == pytest.approx(400, rel=0.03)


def test_processing_is_the_time_from_arrival_to_fold_of_each_stream(
    session: Session, clock: FakeClock
) -> None:
    for name, waited in (("quick", 0.002), ("slow", 0.2)):
        session.apply(opened(name, clock.now))
        for n in range(100):
            session.apply(TextChunk(name, clock.now - waited * (5 if n == 50 else 1), "x"))
    session.apply(opened("silent", clock.now))
    streams = session.state().streams
    assert streams["quick"].latency.processing_p50_ms == pytest.approx(2, rel=0.03)
    assert streams["slow"].latency.processing_p50_ms == pytest.approx(200, rel=0.03)
    assert streams["slow"].latency.processing_p99_ms == pytest.approx(200, rel=0.03)
    session.apply(audio("slow", clock.now - 1.0))
    assert session.state().streams["slow"].latency.processing_p99_ms == pytest.approx(1000, rel=0.03)
    assert streams["silent"].latency.processing_p50_ms is None
    clock.advance(30.0)
    assert session.state().streams["slow"].latency.processing_p50_ms is None  # nothing came of late


def test_the_providers_count_replaces_every_guess(session: Session, clock: FakeClock) -> None:
    ask(session, clock, Usage(prompt=12, completion=9))
    state = session.state()
    assert (state.total_tokens, state.tokens_estimated) == (21, False)
    assert state.streams["llm"].tokens == 21


def test_without_usage_tokens_are_marked_as_estimated(session: Session, clock: FakeClock) -> None:
    ask(session, clock, None)
    state = session.state()
    assert state.tokens_estimated
    assert state.total_tokens == 5 + 5  # a piece is one token; twenty letters are five


def test_told_tokens_are_exact(session: Session, clock: FakeClock) -> None:
    session.apply(TextChunk("m", clock.now, "Hello, world!", tokens=5))
    state = session.state()
    assert (state.message_count, state.total_tokens, state.tokens_estimated) == (1, 5, False)


def test_reasoning_and_answer_are_two_messages(session: Session, clock: FakeClock) -> None:
    session.apply(TurnStarted("llm", clock.now, "t"))
    session.apply(TextChunk("llm", clock.now, "hm", "assistant", "t", final=False, reasoning=True))
    session.apply(TextChunk("llm", clock.now, "Yes", "assistant", "t", final=False))
    session.apply(TurnEnded("llm", clock.now, "t"))
    assert [m.text for m in session.state().recent_messages] == ["hm", "Yes"]


def test_media_are_counted(session: Session, clock: FakeClock) -> None:
    session.apply(opened("cam", clock.now, Provenance.FILE, Kind.VIDEO, Kind.AUDIO))
    session.apply(live("cam", clock.now))
    for n in range(150):
        session.apply(frame("cam", clock.now, n / 30))
        session.apply(audio("cam", clock.now))
        clock.advance(1 / 30)
    session.apply(BytesReceived("cam", clock.now, Kind.VIDEO, 77))
    state = session.state()
    stream = state.streams["cam"]
    assert (stream.video_frames, stream.audio_chunks, stream.chunks) == (150, 150, 300)
    assert stream.bytes == 150 * 1640 + 77
    assert stream.fps == pytest.approx(30, rel=0.02)
    assert state.fps == stream.fps
    assert stream.bytes_per_s == pytest.approx(30 * 1640, rel=0.03)
    assert (stream.width, stream.height, stream.sample_rate, stream.channels) == (640, 360, 48000, 2)
    assert stream.provenance == "file"
    assert (state.audio_active, state.video_active) == (True, True)


def test_the_last_hundred_are_kept(session: Session, clock: FakeClock) -> None:
    for n in range(250):
        session.apply(frame("cam", clock.now, float(n)))
        session.apply(audio("cam", clock.now))
    tally = session.streams["cam"]
    assert len(tally.frames) == len(tally.audio) == 100
    assert tally.frames[0].pts == 150.0


def test_messages_are_bounded_and_what_is_cut_is_told(session: Session, clock: FakeClock) -> None:
    for _ in range(KEEP + 50):
        session.apply(TextChunk("m", clock.now, "x"))
    assert len(session.transcript.messages) == KEEP
    assert session.transcript.total == KEEP + 50
    session.apply(TextChunk("m", clock.now, "y" * (MOST_CHARS + 10)))
    last = session.state().recent_messages[-1]
    assert (len(last.text), last.truncated) == (MOST_CHARS, 10)


def test_streams_are_bounded_and_what_is_refused_is_counted(session: Session, clock: FakeClock) -> None:
    for n in range(MOST_STREAMS + 7):
        session.apply(TextChunk(f"s{n}", clock.now, "x"))
    assert len(session.streams) == MOST_STREAMS
    assert session.state().dropped == 7


def test_a_live_stream_that_falls_silent_is_stalled_and_comes_back(
    session: Session, clock: FakeClock
) -> None:
    session.apply(opened("cam", clock.now))
    session.apply(live("cam", clock.now))
    session.apply(frame("cam", clock.now))
    session.apply(frame("cam", clock.advance(0.04)))
    assert session.streams["cam"].state(clock.now) is State.LIVE
    clock.advance(2.5)
    assert session.streams["cam"].state(clock.now) is State.STALLED
    session.apply(frame("cam", clock.now))
    assert session.streams["cam"].state(clock.now) is State.LIVE


def test_bytes_without_data_are_no_stall(session: Session, clock: FakeClock) -> None:
    session.apply(opened("s", clock.now))
    session.apply(live("s", clock.now))
    session.apply(BytesReceived("s", clock.now, Kind.TEXT, 74))
    clock.advance(60.0)
    assert session.state().streams["s"].state == "live"


def test_what_comes_late_of_a_closed_stream_does_not_bring_it_back(
    session: Session, clock: FakeClock
) -> None:
    session.apply(opened("s", clock.now))
    session.forget("s", closed=True)
    session.apply(StateChanged("s", clock.now, State.RECONNECTING, "no answer", 1.0))
    assert not session.streams
    session.apply(opened("s", clock.now))  # opened anew
    session.apply(live("s", clock.now))
    assert session.state().streams["s"].state == "live"


def test_a_usage_of_zeros_is_no_count_of_an_answer(session: Session, clock: FakeClock) -> None:
    ask(session, clock, Usage(prompt=0, completion=0))
    stream = session.state().streams["llm"]
    assert stream.turns_log[-1].tokens == 5
    assert stream.turns_log[-1].tokens_estimated
    assert stream.tokens_estimated
    assert stream.tokens >= 5


def test_a_question_that_nobody_answers_is_no_delivery(session: Session, clock: FakeClock) -> None:
    session.apply(opened("llm", clock.now))
    session.apply(live("llm", clock.now))
    session.apply(TextChunk("llm", clock.now, "Why is the sky blue?", "user"))
    session.apply(TurnStarted("llm", clock.now, "t1"))
    assert complaint(session.state()) == "llm: nothing came: live"
    session.apply(TextChunk("llm", clock.advance(0.3), "Because", "assistant", "t1", final=False))
    assert complaint(session.state()) == ""


def test_what_this_end_asks_is_no_rate_of_what_comes(session: Session, clock: FakeClock) -> None:
    session.apply(opened("llm", clock.now))
    session.apply(TextChunk("llm", clock.now, "Why is the sky blue? " * 50, "user", sent=True))
    for _ in range(25):
        session.apply(TextChunk("llm", clock.advance(0.1), "word ", "assistant", "t1", tokens=1, final=False))
    now = clock.now + 0.05
    assert session.token_rate.rate(now) == pytest.approx(10.0, rel=0.05)
    assert session.streams["llm"].token_rate.rate(now) == pytest.approx(10.0, rel=0.05)
    assert session.tokens > 250


def test_what_is_over_has_no_rate_of_tokens(session: Session, clock: FakeClock) -> None:
    session.apply(opened("a", clock.now))
    for _ in range(20):
        session.apply(TextChunk("a", clock.advance(0.1), "word ", tokens=1))
    assert system_view(session, clock.now).tokens_per_s == pytest.approx(10.0, rel=0.1)
    session.apply(StateChanged("a", clock.now, State.ENDED))
    assert system_view(session, clock.now).tokens_per_s is None


def test_what_is_over_is_not_counted_as_live(session: Session, clock: FakeClock) -> None:
    for stream in "abc":
        session.apply(opened(stream, clock.now))
        session.apply(live(stream, clock.now))
    session.apply(StateChanged("b", clock.now, State.ENDED))
    assert summary(session) == "2 live · 1 over"
    session.apply(opened("d", clock.now))
    session.apply(StateChanged("d", clock.now, State.LISTENING))
    assert summary(session) == "2 live · 1 listening · 1 over"


def test_a_slow_stream_is_not_stalled(session: Session, clock: FakeClock) -> None:
    session.apply(live("slow", clock.now))
    for _ in range(6):
        session.apply(TextChunk("slow", clock.advance(8.0), "tick"))
    clock.advance(15.0)
    assert session.streams["slow"].state(clock.now) is State.LIVE
    clock.advance(15.0)
    assert session.streams["slow"].state(clock.now) is State.STALLED


def test_history_survives_a_reconnect(session: Session, clock: FakeClock) -> None:
    session.apply(opened("s", clock.now))
    session.apply(live("s", clock.now))
    session.apply(TextChunk("s", clock.now, "before"))
    session.apply(StateChanged("s", clock.now, State.RECONNECTING, "connection reset", 2.0))
    state = session.state().streams["s"]
    assert (state.state, state.reason, state.reconnects) == ("reconnecting", "connection reset", 1)
    session.apply(live("s", clock.advance(2.0)))
    session.apply(TextChunk("s", clock.now, "after"))
    state = session.state().streams["s"]
    assert (state.state, state.messages, state.reconnects) == ("live", 2, 1)


def test_a_lost_stream_closes_its_open_message(session: Session, clock: FakeClock) -> None:
    heard = []
    session = Session(clock, on_message=lambda message: heard.append(message.text))
    session.apply(TurnStarted("s", clock.now, "t"))
    session.apply(TextChunk("s", clock.now, "half an ans", turn="t", final=False))
    session.apply(StateChanged("s", clock.now, State.RECONNECTING, "gone", 1.0))
    assert heard == ["half an ans"]
    assert not session.transcript.messages[-1].open


def test_drops_are_counted_where_they_happened(session: Session, clock: FakeClock) -> None:
    session.apply(Dropped("cam", clock.now, Kind.VIDEO, 3, "queue"))
    session.apply(Dropped("cam", clock.now, Kind.VIDEO, 2, "decoder"))
    state = session.state()
    assert (state.dropped, state.streams["cam"].drops) == (5, {"queue": 3, "decoder": 2})


def test_a_sources_own_figures_replace_their_last(session: Session, clock: FakeClock) -> None:
    session.apply(opened("hls", clock.now))
    session.apply(Figures("hls", clock.now, {"live_latency_s": 6.0, "variant": "720p"}))
    session.apply(Figures("hls", clock.now, {"live_latency_s": 7.5}))
    assert session.state().streams["hls"].figures == {"live_latency_s": 7.5, "variant": "720p"}
    session.apply(Figures("hls", clock.now, {f"f{n}": 1.0 for n in range(500)}))
    assert len(session.state().streams["hls"].figures) == 64


def test_areas_name_what_changed(session: Session, clock: FakeClock) -> None:
    assert Area.MESSAGES in session.apply(TextChunk("s", clock.now, "x"))
    assert Area.MESSAGES not in session.apply(frame("s", clock.now))
    assert session.apply(live("s", clock.now)) >= {Area.STATUS, Area.STREAMS}


def test_secrets_in_text_do_not_leave(session: Session, clock: FakeClock) -> None:
    session.apply(TextChunk("s", clock.now, "my key is sk-abcdefghijklmnop1234567890, hush"))
    assert "abcdefghij" not in json.dumps(session.state().to_json())


def test_forgetting_a_stream(session: Session, clock: FakeClock) -> None:
    session.apply(TextChunk("s", clock.now, "x"))
    session.selected = "s"
    session.forget("s")
    assert session.state().streams == {}
    assert session.focus() is None


def test_token_rate_is_sampled_in_even_steps(session: Session, clock: FakeClock) -> None:
    session.apply(live("s", clock.now))
    for _ in range(400):
        session.apply(TextChunk("s", clock.advance(0.01), "x", tokens=2))
        session.tick(clock.now)
    series = session.streams["s"].series["token rate"]
    assert (series.dt, series.unit) == (0.25, "s")
    assert len(series.samples) == pytest.approx(4 / 0.25, abs=3)
    assert series.samples[-1] == pytest.approx(200, rel=0.05)
