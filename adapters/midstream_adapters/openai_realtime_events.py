"""What an OpenAI Realtime session says, as the dashboard's events: a fold over its messages, without a socket.

The present names of server events and those of the preview of 2024 (``response.text.delta``) are read alike. A turn's
t0 is when its ``response.create`` was written; where the server's voice activity detection asked for the answer
instead, when its ``speech_stopped`` came; else when ``response.created`` did.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from .events import (
    AudioChunk,
    BytesReceived,
    Dropped,
    Event,
    Figures,
    Kind,
    SpeechActivity,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
)
from .openai_realtime_speech import UserSpeech
from .openai_realtime_values import (
    Json,
    RealtimeError,
    audio_format,
    cut,
    finish_of,
    limits_of,
    part,
    present_name,
    string,
    usage_of,
)
from .redact import redact

if TYPE_CHECKING:
    from .openai_realtime_audio import RealtimeAudio

MAX_TURNS = 64
"""Answers, and requests for them, that may be open at the same time."""
_TEXT = ("response.output_text.delta", "response.output_audio_transcript.delta", "response.refusal.delta")
_CALLS = ("response.function_call_arguments.delta", "response.mcp_call_arguments.delta")


@dataclass(slots=True)
class _Turn:
    """An answer asked for or under way. ``spoken``: when the user's speech before it ended, as far as that is known."""

    name: str
    started: float
    request: str | None = None
    spoken: float | None = None
    heard: bool = False
    """Whether its first sound has come."""
    speaking: bool = False
    calls: dict[str, str] = field(default_factory=dict)
    """Item -> the tool's name as shown."""


class RealtimeReader:
    """Turns what was sent and received into events, for all connections of one stream, one after the other.

    ``hide`` takes secrets out of the server's remarks. Not to be called from two threads at once.
    """

    def __init__(
        self, stream: str, clock: Callable[[], float], model: str, hide: Callable[[str], str] = redact
    ) -> None:
        self.ready = False
        """Whether the server has opened the session."""
        self.session: Json = {}
        """The session as the server told it last."""
        self.error: RealtimeError | None = None
        """The error that the server's last message was."""
        self.failure: RealtimeError | None = None
        """Why the answer failed that the server's last message ended."""
        self.errors = 0
        self._stream, self._clock, self._model, self._hide = stream, clock, model, hide
        self._serial, self._speech = count(1), UserSpeech(stream)
        self._audio: RealtimeAudio | None = None
        self._reset()
        events: dict[str, Callable[[Json, float, list[Event]], None]] = {
            "session.created": self._session,
            "session.updated": self._session,
            "error": self._failed,
            "rate_limits.updated": self._limits,
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            "input_audio_buffer.committed": self._committed,
            "conversation.item.input_audio_transcription.delta": self._transcribed,
            "conversation.item.input_audio_transcription.completed": self._transcribed,
            "conversation.item.input_audio_transcription.failed": self._untranscribed,
            "response.created": self._created,
            "response.output_item.added": self._item_added,
            "response.output_audio.delta": self._sound,
            "response.output_audio.done": self._silent,
            "response.done": self._done,
        }
        events |= dict.fromkeys(_TEXT, self._text) | dict.fromkeys(_CALLS, self._call)
        self._events = events

    def _reset(self) -> None:
        self.ready, self.session, self.error, self.failure = False, {}, None, None
        self._asked: deque[_Turn] = deque()
        self._open: dict[str, _Turn] = {}
        self._over: deque[str] = deque(maxlen=4 * MAX_TURNS)
        self._current, self._complained = "", False
        self._prompt: str | None = None
        self._speech.reset()
        if self._audio is not None:
            self._audio.end()

    # -- what is sent

    def sent(self, event: Json, at: float) -> list[Event]:
        """The events of a client event that is being written at `at`."""
        match event.get("type"):
            case "response.create":
                turn = self._begin(at, string(event.get("event_id")))
                self._asked.append(turn)
                prompt, self._prompt = self._prompt, None
                out: list[Event] = [TurnStarted(self._stream, at, turn.name, self._model, prompt)]
                if len(self._asked) > MAX_TURNS:
                    old = self._asked.popleft()
                    out.append(TurnEnded(self._stream, at, old.name, error="never answered"))
                return out
            case "conversation.item.create":
                item = part(event, "item")
                texts = [string(piece.get("text")) for piece in cut(item.get("content"), 64)]
                if text := "\n".join(filter(None, texts)):
                    self._prompt = text
                    return [TextChunk(self._stream, at, text, string(item.get("role")))]
            case "input_audio_buffer.append":
                self._speech.appended(string(event.get("audio")) or "", self.session, at)
            case "input_audio_buffer.commit":
                self._speech.commit(at)
            case "input_audio_buffer.clear":
                self._speech.ended = None
        return []

    # -- what is received

    def read(self, value: Json | None, nbytes: int) -> list[Event]:
        """The events of one message that was `nbytes` long; ``None`` is one that is no JSON object."""
        at = self._clock()
        out: list[Event] = []
        name = string((value or {}).get("type"))
        self.error = self.failure = None
        if value is None or name is None:
            out.append(Dropped(self._stream, at, Kind.TEXT, 1, "malformed"))
        elif handler := self._events.get(present_name(name)):
            handler(value, at, out)
        elif "reasoning" in name and name.endswith(".delta"):
            self._text(value, at, out, reasoning=True)
        for i, event in enumerate(out):
            if isinstance(event, TextChunk | AudioChunk):
                out[i] = replace(event, nbytes=nbytes)
                return out
        return [BytesReceived(self._stream, at, Kind.TEXT, nbytes), *out]

    def lost(self, reason: str) -> list[Event]:
        """The connection is gone: end what was open with `reason`, and forget what the session knew."""
        at = self._clock()
        out: list[Event] = []
        for turn in (*self._open.values(), *self._asked):
            self._hush(turn, at, out)
            out.append(TurnEnded(self._stream, at, turn.name, error=self._hide(reason)))
        self._reset()
        return out

    @property
    def answering(self) -> bool:
        """Whether an answer is asked for or under way."""
        return bool(self._open or self._asked)

    def _session(self, value: Json, at: float, out: list[Event]) -> None:
        self.ready = True
        self.session = part(value, "session")

    def _failed(self, value: Json, at: float, out: list[Event]) -> None:
        error = self.error = RealtimeError.of(value.get("error"), self._hide)
        self.errors += 1
        out.append(Figures(self._stream, at, {"errors": self.errors}))
        # Servers that do not name the event at fault mean the request that still waits, most likely.
        if turn := next((t for t in self._asked if error.event_id in (None, t.request)), None):
            self._asked.remove(turn)
            out.append(TurnEnded(self._stream, at, turn.name, error=str(error)))
            return
        if self.ready:
            self._complained = True
            out.append(StateChanged(self._stream, at, State.LIVE, str(error)))

    def _limits(self, value: Json, at: float, out: list[Event]) -> None:
        if values := limits_of(value):
            out.append(Figures(self._stream, at, values))

    # -- the user's speech

    def _speech_started(self, value: Json, at: float, out: list[Event]) -> None:
        out.append(SpeechActivity(self._stream, at, "user", True, self._speech.started(value)))

    def _speech_stopped(self, value: Json, at: float, out: list[Event]) -> None:
        ended, place = self._speech.stopped(value, self.session, at)
        if ended.over is not None:
            out.append(Figures(self._stream, at, {"end_of_turn_delay_ms": 1000.0 * (at - ended.over)}))
        out.append(SpeechActivity(self._stream, at, "user", False, place))

    def _committed(self, value: Json, at: float, out: list[Event]) -> None:
        self._speech.committed(value)

    def _transcribed(self, value: Json, at: float, out: list[Event]) -> None:
        if (heard := self._speech.transcribed(value, at)) is not None:
            out.append(heard)

    def _untranscribed(self, value: Json, at: float, out: list[Event]) -> None:
        self._speech.forget(value)
        error = RealtimeError.of(value.get("error"), self._hide)
        self.errors += 1
        out.append(Figures(self._stream, at, {"errors": self.errors}))
        self._complained = True
        out.append(StateChanged(self._stream, at, State.LIVE, f"transcription failed: {error}"))

    # -- answers

    def _begin(self, at: float, request: str | None = None) -> _Turn:
        ended, self._speech.ended = self._speech.ended, None
        started = ended.told if request is None and ended is not None else at
        name = f"{self._stream}:{next(self._serial)}"
        return _Turn(name, started, request, ended.over if ended is not None else None)

    def _created(self, value: Json, at: float, out: list[Event]) -> None:
        key = self._current = string(part(value, "response").get("id")) or f"answer {next(self._serial)}"
        if key in self._open or key in self._over:
            return
        if self._asked:  # the server answers in the order it was asked
            turn = self._asked.popleft()
        else:
            turn = self._begin(at)
            out.append(TurnStarted(self._stream, turn.started, turn.name, self._model))
        self._hold(key, turn, at, out)

    def _hold(self, key: str, turn: _Turn, at: float, out: list[Event]) -> None:
        self._open[key] = turn
        if len(self._open) > MAX_TURNS:
            old = self._open.pop(next(iter(self._open)))
            self._hush(old, at, out)
            out.append(TurnEnded(self._stream, at, old.name, error="too many open answers"))

    def _turn(self, value: Json, at: float, out: list[Event]) -> _Turn | None:
        """The turn that `value` belongs to; ``None`` where that is over."""
        key = string(value.get("response_id")) or self._current
        if key in self._over:
            return None
        turn = self._open.get(key)
        if turn is None:  # its beginning was not seen: there is no t0
            turn = _Turn(f"{self._stream}:{next(self._serial)}", at)
            self._hold(key, turn, at, out)
        return turn

    def _text(self, value: Json, at: float, out: list[Event], reasoning: bool = False) -> None:
        delta = string(value.get("delta"))
        if delta and (turn := self._turn(value, at, out)) is not None:
            chunk = TextChunk(self._stream, at, delta, "assistant", turn.name, final=False)
            out.append(replace(chunk, reasoning=True) if reasoning else chunk)

    def _item_added(self, value: Json, at: float, out: list[Event]) -> None:
        item = part(value, "item")
        name, key = string(item.get("name")), string(item.get("id"))
        if name and key and (turn := self._turn(value, at, out)) is not None and len(turn.calls) < MAX_TURNS:
            again = sum(called.partition(" #")[0] == name for called in turn.calls.values())
            turn.calls[key] = f"{name} #{again + 1}" if again else name  # two calls are two messages

    def _call(self, value: Json, at: float, out: list[Event]) -> None:
        delta = string(value.get("delta"))
        if delta and (turn := self._turn(value, at, out)) is not None:
            tool = turn.calls.get(string(value.get("item_id")) or "", "tool")
            out.append(TextChunk(self._stream, at, delta, "assistant", turn.name, final=False, tool=tool))

    def _sound(self, value: Json, at: float, out: list[Event]) -> None:
        turn = self._turn(value, at, out)
        if turn is None:
            return
        if self._audio is None:
            from .openai_realtime_audio import RealtimeAudio  # loads PyAV; the adapter has, in a thread

            self._audio = RealtimeAudio(self._stream)
        try:
            chunks = self._audio.chunks(value.get("delta"), audio_format(self.session, "output"), at)
        except ValueError:
            out.append(Dropped(self._stream, at, Kind.AUDIO, 1, "malformed"))
            return
        if not turn.heard:
            turn.heard = True
            figures: dict[str, float | str] = {"first_audio_ms": 1000.0 * (at - turn.started)}
            if turn.spoken is not None:
                figures["turn_latency_ms"] = 1000.0 * (at - turn.spoken)
            out.append(Figures(self._stream, at, figures))
        if not turn.speaking:
            turn.speaking = True
            pts = chunks[0].pts if chunks else None
            out.append(SpeechActivity(self._stream, at, "assistant", True, pts))
        out.extend(chunks)

    def _silent(self, value: Json, at: float, out: list[Event]) -> None:
        key = string(value.get("response_id")) or self._current
        if (turn := self._open.get(key)) is not None:
            self._hush(turn, at, out)

    def _hush(self, turn: _Turn, at: float, out: list[Event]) -> None:
        if turn.speaking:
            turn.speaking = False
            pts = self._audio.pts if self._audio is not None else None
            out.append(SpeechActivity(self._stream, at, "assistant", False, pts))

    def _done(self, value: Json, at: float, out: list[Event]) -> None:
        response = part(value, "response")
        key = string(response.get("id")) or self._current
        if key in self._over:  # usage is counted once
            return
        turn = self._open.pop(key, None) or _Turn(f"{self._stream}:{next(self._serial)}", at)
        self._over.append(key)
        self._hush(turn, at, out)
        reason, error = finish_of(response, self._hide)
        usage = usage_of(response)
        self.failure = error
        out.append(TurnEnded(self._stream, at, turn.name, usage, reason, str(error) if error else None))
        if self._complained and error is None:  # all is well again
            self._complained = False
            out.append(StateChanged(self._stream, at, State.LIVE))
