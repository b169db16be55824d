"""What a message on a text stream says: plain text, ``{"text": ...}``, or a piece of a model's answer.

Read as answers are chat completions (``choices[].delta``), the Responses and Realtime APIs (``response.*``) and
Anthropic's messages (``content_block_delta``), so that a recorded or proxied answer shows as turns whatever carried it.
JSON of no known form is text like any other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .events import BytesReceived, Event, Kind, TextChunk, TurnEnded, Usage
from .redact import redact

MAX_TURNS = 64
"""Answers that may be open in one stream at the same time."""
MAX_TOOLS = 64
"""Tool calls of one answer whose names are kept."""
MAX_COUNT = 1 << 40
_REASONING = ("reasoning_content", "reasoning", "thinking")
_CALLED = ("call_arguments.delta", "tool_call_input.delta", "call_code.delta")

Json = dict[str, Any]


@dataclass(slots=True)
class _Turn:
    usage: Usage | None = None
    finish: str | None = None
    tools: dict[object, str] = field(default_factory=dict)
    """Names of the tools that are being called, by the index or id that pieces of their arguments bear."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that stands for itself."""

    text: str
    role: str | None = None
    tokens: int | None = None
    reward: float | None = None


def parse_object(data: str | bytes) -> Json | None:
    """Return the JSON object that `data` is, or ``None`` where it is none (or is nested beyond reason)."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def parse_message(value: Json) -> Message | None:
    """Return what an object with a ``text`` (or, as in chat logs, ``content``) says, or ``None`` where it has none."""
    text = value.get("text")
    if not isinstance(text, str):
        text = value.get("content")
        if not isinstance(text, str):
            return None
    reward = value.get("reward")
    if isinstance(reward, bool) or not isinstance(reward, int | float) or not math.isfinite(reward):
        reward = None
    return Message(text, _string(value.get("role")), _count(value.get("tokens")), reward)


class PayloadReader:
    """Turns the messages of one stream into events, and keeps which answers are open.

    `turn` names the answer where the caller asked for it itself; else the ids in the payload do. No ``TurnStarted`` is
    made here: when a request was written cannot be seen from its answer.
    """

    def __init__(self, stream: str, clock: Callable[[], float], turn: str | None = None) -> None:
        self.done = False
        """Whether ``[DONE]`` has come."""
        self.complete = False
        """Whether the last thing said was the end of an answer: the stream may close, and nothing is lost."""
        self.error: str | None = None
        """The last error that the payload itself told, redacted."""
        self.stream = stream
        self.clock = clock
        self._turn = turn
        self._current = turn or "answer"  # for payloads whose pieces do not repeat their id
        self._open: dict[str, _Turn] = {}

    def read(self, data: str, nbytes: int) -> list[Event]:
        """Return the events of one message whose payload was `nbytes` long on the wire."""
        at = self.clock()
        out: list[Event] = []
        start = data.lstrip()[:6]
        if start == "[DONE]" and len(data) < 32:
            for turn in list(self._open):
                self._finish(at, out, turn)
            self.complete = True
        elif (
            not start.startswith("{")
            or (value := parse_object(data)) is None
            or not self._object(value, at, out)
        ):
            self.complete = False
            if data.strip():
                out.append(TextChunk(self.stream, at, data))
        for i, event in enumerate(out):
            if isinstance(event, TextChunk):
                out[i] = _weigh(event, nbytes)
                return out
        out.insert(0, BytesReceived(self.stream, at, Kind.TEXT, nbytes))
        return out

    def lost(self, reason: str) -> list[Event]:
        """Return the events of a connection that broke off: finished answers end well, others with `reason`."""
        at = self.clock()
        out: list[Event] = []
        self._finish(at, out)
        for turn, state in self._open.items():
            out.append(TurnEnded(self.stream, at, turn, state.usage, None, redact(reason)))
        self._open.clear()
        return out

    def _finish(self, at: float, out: list[Event], turn: str | None = None) -> None:
        """End `turn`, or all turns that have told why they finished."""
        names = [turn] if turn else [name for name, state in self._open.items() if state.finish]
        for name in names:
            state = self._open.pop(name, _Turn())
            out.append(TurnEnded(self.stream, at, name, state.usage, state.finish))

    def _state(self, turn: str, at: float, out: list[Event]) -> _Turn:
        state = self._open.get(turn)
        if state is None:
            self._finish(at, out)  # a new answer begins: those that waited for their usage have none to come
            if len(self._open) >= MAX_TURNS:
                self._finish(at, out, next(iter(self._open)))
            state = self._open[turn] = _Turn()
        return state

    def _text(
        self, turn: str, at: float, out: list[Event], text: object, role: str, reasoning: bool = False
    ) -> None:
        for part in text[:64] if isinstance(text, list) else ():  # parts, as Mistral and Anthropic have them
            if isinstance(part, dict):
                thought = part.get("thinking")
                said = thought or part.get("text")
                if isinstance(said, list):
                    said = "".join(
                        t for p in said[:64] if isinstance(p, dict) and isinstance(t := p.get("text"), str)
                    )
                if isinstance(said, str):
                    self._text(turn, at, out, said, role, reasoning or thought is not None)
        if isinstance(text, str) and text:
            self._state(turn, at, out)
            self.complete = False
            out.append(TextChunk(self.stream, at, text, role, turn, final=False, reasoning=reasoning))

    def _call(
        self, turn: str, at: float, out: list[Event], key: object, name: object, arguments: object
    ) -> None:
        """A piece of a tool call: its name once, then the arguments as they come."""
        tools = self._state(turn, at, out).tools
        named = isinstance(name, str) and bool(name) and (key in tools or len(tools) < MAX_TOOLS)
        if named:
            tools[key] = str(name)
        text = arguments if isinstance(arguments, str) else ""
        if text or named:  # a name alone has no text yet, but the call shows
            self.complete = False
            tool = tools.get(key, "tool")
            out.append(TextChunk(self.stream, at, text, "assistant", turn, final=False, tool=tool))

    def _object(self, value: Json, at: float, out: list[Event]) -> bool:
        """Read an object of a known form; false for any other."""
        kind = value.get("type")
        if isinstance(value.get("choices"), list):
            return self._completion(value, at, out)
        if value.get("object") == "response" or (
            kind == "message" and isinstance(value.get("content"), list)
        ):
            return self._whole(value, at, out)
        if value.get("error") and (kind in (None, "error") or "choices" not in value):
            return self._error(value["error"], at, out)
        if isinstance(kind, str):
            if kind.startswith("response."):
                return self._response(kind, value, at, out)
            if kind.startswith(("message_", "content_block_")) or (kind == "ping" and len(value) == 1):
                return self._anthropic(kind, value, at, out)
        if (message := parse_message(value)) is None:
            return False
        self.complete = False
        out.append(
            TextChunk(
                self.stream, at, message.text, message.role, tokens=message.tokens, reward=message.reward
            )
        )
        return True

    def _error(self, error: object, at: float, out: list[Event]) -> bool:
        text = error.get("message") if isinstance(error, dict) else error
        self.error = redact(text) if isinstance(text, str) else "the server told of an error"
        if not self._open and self._turn is None:
            return False  # nobody's answer: it shows as the text it is
        for turn in list(self._open) or [self._current]:
            state = self._open.pop(turn, _Turn())
            out.append(TurnEnded(self.stream, at, turn, state.usage, None, self.error))
        return True

    def _completion(self, value: Json, at: float, out: list[Event]) -> bool:
        """A chat completion or a chunk of one; legacy completions have ``text`` where those have ``delta``."""
        base = self._turn or _string(value.get("id")) or self._current
        usage = _usage(value.get("usage"), "prompt_tokens", "completion_tokens")
        for choice in value["choices"][:16]:
            if not isinstance(choice, dict):
                continue
            index = _count(choice.get("index"))
            turn = f"{base}#{index}" if index else base
            delta = choice.get("delta") or choice.get("message")
            if isinstance(delta, dict):
                role = _string(delta.get("role")) or "assistant"
                reasoning = next((delta[k] for k in _REASONING if delta.get(k)), None)
                self._text(turn, at, out, reasoning, role, reasoning=True)
                self._text(turn, at, out, delta.get("content") or delta.get("refusal"), role)
                self._calls(turn, at, out, delta.get("tool_calls"))
                if isinstance(call := delta.get("function_call"), dict):  # before there were tools
                    self._call(turn, at, out, "", call.get("name"), call.get("arguments"))
            else:
                self._text(turn, at, out, choice.get("text"), "assistant")
            if finish := _string(choice.get("finish_reason")):
                self._state(turn, at, out).finish = finish
        if usage:
            if base in self._open or not value["choices"]:
                self._state(base, at, out).usage = usage
            if not value["choices"]:
                self._finish(at, out)
                self.complete = not self._open
        if value.get("object") == "chat.completion":  # a whole answer, not a chunk
            self._finish(at, out)
            self.complete = True
        return True

    def _calls(self, turn: str, at: float, out: list[Event], calls: object) -> None:
        for call in calls[:64] if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                key = _count(call.get("index")) or 0
                self._call(turn, at, out, key, function.get("name"), function.get("arguments"))

    def _response(self, kind: str, value: Json, at: float, out: list[Event]) -> bool:
        """Events of the Responses API and of Realtime, present and preview names."""
        response = value.get("response")
        inner: Json = response if isinstance(response, dict) else {}
        name = _string(value.get("response_id")) or _string(inner.get("id"))
        turn = self._current = self._turn or name or self._current
        what = kind.removeprefix("response.")
        delta = value.get("delta")
        if what in ("output_text.delta", "text.delta", "refusal.delta", "output_audio_transcript.delta") or (
            what == "audio_transcript.delta"
        ):
            self._text(turn, at, out, delta, "assistant")
        elif what.startswith("reasoning") and what.endswith(".delta"):
            self._text(turn, at, out, delta, "assistant", reasoning=True)
        elif what == "output_item.added":
            if isinstance(item := value.get("item"), dict) and (called := _string(item.get("name"))):
                self._call(turn, at, out, _string(item.get("id")), called, item.get("arguments"))
        elif what.endswith(_CALLED):
            self._call(turn, at, out, _string(value.get("item_id")), None, delta)
        elif what in ("completed", "done", "incomplete", "failed", "cancelled"):
            state = self._state(turn, at, out)
            state.usage = _usage(inner.get("usage"), "input_tokens", "output_tokens") or state.usage
            status, details = _string(inner.get("status")) or what, _dict(inner.get("status_details"))
            reason = _dict(inner.get("incomplete_details")).get("reason") or details.get("reason")
            state.finish = _string(reason) or status
            if "failed" in (what, status):
                return self._error(inner.get("error") or details.get("error") or "the answer failed", at, out)
            self._finish(at, out, turn)
            self.complete = not self._open
        return True

    def _whole(self, value: Json, at: float, out: list[Event]) -> bool:
        """An answer that was not streamed, of the Responses API or Anthropic's."""
        turn = self._current = self._turn or _string(value.get("id")) or self._current
        items = value.get("output", value.get("content"))
        for item in items[:64] if isinstance(items, list) else ():
            if not isinstance(item, dict):
                continue
            kind = _string(item.get("type")) or ""
            if "call" in kind or kind == "tool_use":
                given = item.get("arguments", item.get("input"))
                text = given if isinstance(given, str) else json.dumps(given)
                self._call(turn, at, out, _string(item.get("id")), item.get("name") or kind, text)
            elif kind == "reasoning":
                self._text(
                    turn, at, out, item.get("summary") or item.get("content"), "assistant", reasoning=True
                )
            else:
                self._text(turn, at, out, item.get("content") or [item], "assistant")
        return self._response("response.completed", {"response": value, "response_id": turn}, at, out)

    def _anthropic(self, kind: str, value: Json, at: float, out: list[Event]) -> bool:
        message, delta, block = (_dict(value.get(k)) for k in ("message", "delta", "content_block"))
        if kind == "message_start":
            self._current = self._turn or _string(message.get("id")) or self._current
            state = self._state(self._current, at, out)
            state.usage = _usage(message.get("usage"), "input_tokens", "output_tokens")
        turn = self._current
        if kind == "content_block_start":
            self._text(turn, at, out, block.get("text"), "assistant")
            if "tool" in (_string(block.get("type")) or ""):
                self._call(turn, at, out, _count(value.get("index")), block.get("name"), None)
        elif kind == "content_block_delta":
            self._text(turn, at, out, delta.get("thinking"), "assistant", reasoning=True)
            self._text(turn, at, out, delta.get("text"), "assistant")
            self._call(turn, at, out, _count(value.get("index")), None, delta.get("partial_json"))
        elif kind == "message_delta":
            state = self._state(turn, at, out)
            state.finish = _string(delta.get("stop_reason")) or state.finish
            told = _dict(value.get("usage"))
            if (completion := _count(told.get("output_tokens"))) is not None:
                before = state.usage or Usage(_count(told.get("input_tokens")) or 0, 0)
                state.usage = Usage(before.prompt, completion, None, before.cached)
        elif kind == "message_stop":
            self._finish(at, out, turn)
            self.complete = not self._open
        return True


def _weigh(event: TextChunk, nbytes: int) -> TextChunk:
    return TextChunk(
        event.stream, event.at, event.text, event.role, event.turn, event.tokens, nbytes, event.final, event.reward,
        event.reasoning, event.tool,
    )  # fmt: skip


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    """A count a source told, or ``None`` where it is no count."""
    return value if type(value) is int and 0 <= value < MAX_COUNT else None


def _usage(value: object, prompt: str, completion: str) -> Usage | None:
    """Read a usage object whose counts have these names; cached and reasoning counts are where providers put them."""
    told = _dict(value)
    n_in, n_out = _count(told.get(prompt)), _count(told.get(completion))
    if n_in is None and n_out is None:
        return None
    details_in, details_out = (
        _dict(told.get(f"{name}_details") or told.get(f"{name.replace('tokens', 'token')}_details"))
        for name in (
            prompt,
            completion,
        )  # "input_tokens_details" in Responses, "input_token_details" in Realtime
    )
    cached = _count(details_in.get("cached_tokens"))
    if cached is None:
        cached = _count(told.get("cache_read_input_tokens"))
    sound = _count(details_in.get("audio_tokens")), _count(details_out.get("audio_tokens"))
    return Usage(n_in or 0, n_out or 0, _count(details_out.get("reasoning_tokens")), cached, *sound)
