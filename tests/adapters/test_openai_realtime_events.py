"""The fold of a Realtime session's messages, with a clock that only moves when told."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.events import (
    AudioChunk,
    Event,
    Figures,
    SpeechActivity,
    State,
    StateChanged,
    TextChunk,
    Transcript,
    TurnEnded,
    TurnStarted,
)
from midstream_adapters.openai_realtime_events import MAX_TURNS, RealtimeReader
from midstream_adapters.openai_realtime_values import PREVIEW_NAMES, present_name, usage_of
from tests.adapters import realtime_scripts as rs


@dataclass
class Session:
    """A reader, its clock, and all events so far."""

    now: float = 100.0
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = RealtimeReader("rt", lambda: self.now, "m")

    def at(self, now: float) -> Session:
        self.now = 100.0 + now
        return self

    def sent(self, kind: str, **fields: Any) -> None:
        self.events += self.reader.sent({"type": kind, **fields}, self.now)

    def got(self, *values: Any) -> None:
        for value in values:
            self.events += self.reader.read(value, 10)

    def of(self, kind: type[Event]) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind)]

    @property
    def figures(self) -> dict[str, float | str]:
        return {name: value for e in self.of(Figures) for name, value in e.values.items()}


def begun() -> Session:
    session = Session()
    session.got(rs.CREATED)
    return session


TEXT = rs.delta("response.output_text.delta", "Hi")
SOUND = rs.delta("response.output_audio.delta", rs.base(rs.tone(0.04)))


def test_a_turn_that_was_asked_for_starts_when_the_request_was_written() -> None:
    s = begun()
    s.at(1.0).sent("response.create", event_id="e1")
    s.at(1.1).got(rs.created())
    s.at(1.25).got(TEXT)
    (started,) = s.of(TurnStarted)
    (chunk,) = s.of(TextChunk)
    assert chunk.at - started.at == pytest.approx(0.25)
    assert chunk.turn == started.turn


def push(s: Session, milliseconds: int, start: float) -> None:
    """Send sound in real time, 20 ms at a time, from `start` on."""
    for n in range(milliseconds // 20):
        s.at(start + 0.02 * (n + 1)).sent("input_audio_buffer.append", audio=rs.base(rs.tone(0.02)))


def test_a_turn_of_voice_activity_starts_at_speech_stopped_and_its_latency_at_the_end_of_speech() -> None:
    s = begun()
    push(s, 1000, 0.0)  # speech for 800 ms, then silence; the server waits for 200 ms of that
    s.at(0.3).got({"type": "input_audio_buffer.speech_started", "audio_start_ms": 40, "item_id": "u"})
    s.at(1.15).got({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1000, "item_id": "u"})
    s.at(1.16).got({"type": "input_audio_buffer.committed", "item_id": "u"})
    s.at(1.2).got(rs.created())
    s.at(1.4).got(SOUND)
    (started,) = s.of(TurnStarted)
    assert started.at == pytest.approx(101.15)
    assert s.figures["end_of_turn_delay_ms"] == pytest.approx(
        350.0
    )  # since 0.8 s, when the last of the speech was sent
    assert s.figures["turn_latency_ms"] == pytest.approx(600.0)
    assert s.figures["first_audio_ms"] == pytest.approx(250.0)
    assert [(e.role, e.speaking, e.pts) for e in s.of(SpeechActivity)] == [
        ("user", True, 0.04), ("user", False, 1.0), ("assistant", True, 0.0),
    ]  # fmt: skip
    s.at(1.5).got(
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": "u", "delta": "Good "}
    )
    s.at(1.6).got(
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "u",
            "transcript": "Good day",
        }
    )
    first, last = s.of(Transcript)
    assert (first.text, first.final, last.text, last.final) == ("Good ", False, "Good day", True)
    assert (last.role, last.began, last.ended, last.segment) == ("user", 0.04, 1.0, first.segment)
    assert last.lag == pytest.approx(0.8)


def test_without_sound_of_ours_the_end_of_speech_is_not_made_up() -> None:
    s = begun()
    s.at(1.0).got({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": "u"})
    s.at(1.1).got(rs.created())
    s.at(1.3).got(SOUND)
    assert "turn_latency_ms" not in s.figures
    assert s.figures["first_audio_ms"] == pytest.approx(300.0)


def test_who_commits_has_ended_speaking() -> None:
    s = begun()
    push(s, 200, 0.0)
    s.at(0.5).sent("input_audio_buffer.commit")
    s.at(0.6).sent("response.create", event_id="e1")
    s.at(0.7).got(rs.created())
    s.at(0.9).got(SOUND)
    (started,) = s.of(TurnStarted)
    assert started.at == pytest.approx(100.6)
    assert s.figures["turn_latency_ms"] == pytest.approx(400.0)


def test_usage_is_counted_once_and_zeros_are_no_count() -> None:
    s = begun()
    s.got(rs.created(), TEXT, rs.done(), rs.done(), rs.delta("response.output_text.delta", "late"))
    (ended,) = s.of(TurnEnded)
    assert ended.usage is not None
    assert (ended.usage.prompt, ended.usage.cached, ended.usage.completion_audio) == (127, 64, 112)
    assert [e.text for e in s.of(TextChunk)] == ["Hi"]
    assert usage_of({"usage": {"input_tokens": 0, "output_tokens": 0}}) is None
    told = {"usage": {"input_tokens": 3, "output_tokens": 2, "output_token_details": {"reasoning_tokens": 1}}}
    assert usage_of(told).reasoning == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "details", "finish", "error"),
    [
        ("completed", {}, "completed", None),
        ("cancelled", {"reason": "turn_detected"}, "cancelled: turn_detected", None),
        ("incomplete", {"reason": "max_output_tokens"}, "incomplete: max_output_tokens", None),
        ("failed", {"error": {"type": "server_error", "code": "rate_limit_exceeded", "message": "Too fast"}},
         "failed", "rate_limit_exceeded: Too fast"),
        ("failed", {}, "failed", "the answer failed"),
    ],
)  # fmt: skip
def test_how_answers_end(status: str, details: dict[str, Any], finish: str, error: str | None) -> None:
    s = begun()
    s.got(rs.created(), rs.done("resp_1", status, **details))
    (ended,) = s.of(TurnEnded)
    assert (ended.finish_reason, ended.error) == (finish, error)


def test_errors_go_to_the_request_that_they_are_about() -> None:
    s = begun()
    s.sent("response.create", event_id="e1")
    s.sent("response.create", event_id="e2")
    s.got(rs.error("busy", "conversation_already_has_active_response", "e2"), rs.created(), TEXT, rs.done())
    first, second = s.of(TurnStarted)
    assert [(e.turn, e.error) for e in s.of(TurnEnded)] == [
        (second.turn, "conversation_already_has_active_response: busy"), (first.turn, None),
    ]  # fmt: skip
    s.got(rs.error("odd", None, "e9"))
    assert [(e.state, e.reason) for e in s.of(StateChanged)] == [(State.LIVE, "server_error: odd")]
    assert s.figures["errors"] == 2


def test_a_lost_connection_ends_all_turns_and_forgets_the_session() -> None:
    s = begun()
    s.got(rs.created(), TEXT, SOUND)
    s.sent("response.create", event_id="e1")
    s.events += s.reader.lost("gone; key sk-abcdefghijkl")
    assert [e.error for e in s.of(TurnEnded)] == ["gone; key sk-***"] * 2
    assert s.of(SpeechActivity)[-1].speaking is False
    assert not s.reader.ready
    assert not s.reader.answering
    s.got(rs.CREATED, rs.created(), SOUND)  # the same response id, of another session
    names = [e.turn for e in s.of(TurnStarted)]
    assert len(set(names)) == len(names) == 3
    assert [e.pts for e in s.of(AudioChunk)] == pytest.approx([0.0, 0.04])  # media time goes on


def test_open_turns_are_bounded() -> None:
    s = begun()
    for n in range(MAX_TURNS + 5):
        s.sent("response.create", event_id=f"e{n}")
    assert len(s.of(TurnEnded)) == 5
    for n in range(2 * MAX_TURNS):
        s.got(rs.created(f"r{n}"))
    assert len(s.of(TurnStarted)) - len(s.of(TurnEnded)) == MAX_TURNS


@pytest.mark.parametrize("name", ["audio/pcmu", "g711_ulaw", "audio/pcma", "g711_alaw"])
def test_telephone_sound_is_decoded(name: str) -> None:
    session = (
        {"output_audio_format": name} if "g711" in name else {"audio": {"output": {"format": {"type": name}}}}
    )
    s = Session()
    s.got({"type": "session.created", "session": session}, rs.created())
    silence = b"\xff" if "u" in name.rpartition("/")[2].replace("audio", "") else b"\xd5"
    loud = b"\x00\x80" if silence == b"\xff" else b"\x2a\xaa"  # both ends of full scale (G.711)
    for data in (silence * 160, loud * 80):
        s.got(rs.delta("response.audio.delta", base64.b64encode(data).decode()))
    quiet, full = s.of(AudioChunk)
    assert (quiet.sample_rate, quiet.duration) == (8000, 0.02)
    assert quiet.peak < 0.001
    assert 0.97 < full.peak <= 1.0
    assert full.rms == pytest.approx(full.peak, rel=1e-3)


def test_sound_of_an_unknown_format_is_only_counted() -> None:
    s = Session()
    s.got({"type": "session.created", "session": {"output_audio_format": "opus"}}, rs.created(), SOUND)
    (chunk,) = s.of(AudioChunk)
    assert (chunk.rms, chunk.rate, len(chunk.samples), chunk.nbytes) == (None, 0, 0, 10)


@given(st.binary(min_size=2, max_size=4000), st.lists(st.integers(0, 4000), max_size=8))
def test_sound_is_the_same_however_it_was_cut(data: bytes, cuts: list[int]) -> None:
    """Samples cut in two by the deltas are joined; levels are of what is there."""
    data = data[: len(data) // 2 * 2]
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges) if b > a]
    whole, parts = begun(), begun()
    for s, deltas in ((whole, [data]), (parts, pieces)):
        s.got(rs.created(), *(rs.delta("response.audio.delta", rs.base(piece)) for piece in deltas))
    (one,), many = whole.of(AudioChunk), parts.of(AudioChunk)
    assert sum(c.duration for c in many) == pytest.approx(one.duration)
    assert max(c.peak for c in many) == pytest.approx(one.peak)
    energy = sum(c.rms**2 * c.duration for c in many)
    assert energy == pytest.approx(one.rms**2 * one.duration, abs=1e-9)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = sorted({*PREVIEW_NAMES, *PREVIEW_NAMES.values(), *RealtimeReader("x", lambda: 0.0, "m")._events})
FIELDS = (
    "response response_id item item_id delta transcript error session audio_start_ms audio_end_ms rate_limits"
).split()
EVENT = st.builds(
    lambda name, fields: {"type": name, **fields},
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
)


@given(st.lists(EVENT | JSON.filter(lambda v: isinstance(v, dict)), max_size=12))
def test_no_message_breaks_the_reader(values: list[Any]) -> None:
    s = begun()
    s.got(*values)
    s.got(rs.created("fresh"), rs.delta("response.output_text.delta", "Hi", "fresh"), rs.done("fresh"))
    assert s.of(TextChunk)[-1].text == "Hi"
    assert s.of(TurnEnded)[-1].error is None


def test_names_of_the_preview() -> None:
    assert present_name("response.text.delta") == "response.output_text.delta"
    assert present_name("response.audio.delta") == "response.output_audio.delta"
    assert present_name("response.audio_transcript.delta") == "response.output_audio_transcript.delta"
    assert present_name("response.function_call_arguments.delta") == "response.function_call_arguments.delta"
