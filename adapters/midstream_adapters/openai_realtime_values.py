"""What the messages of an OpenAI Realtime session hold, read without trust: names, formats, usage, limits, errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .events import Usage
from .payload import MAX_COUNT
from .redact import redact
from .sanitize import clean_line

Json = dict[str, Any]

PREVIEW_NAMES: Mapping[str, str] = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "conversation.item.created": "conversation.item.added",
}
"""Server events that the preview of 2024 named otherwise -> their present names."""


def present_name(name: str) -> str:
    """The present name of the server event `name`."""
    return PREVIEW_NAMES.get(name, name)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How a session's sound is coded: libav's name of it, samples a second, bytes a sample; always one channel."""

    codec: str
    rate: int
    width: int

    @property
    def bytes_per_ms(self) -> float:
        return self.rate * self.width / 1000.0


FORMATS: Mapping[str, AudioFormat] = {
    "pcm": AudioFormat("pcm_s16le", 24_000, 2),
    "ulaw": AudioFormat("pcm_mulaw", 8_000, 1),
    "alaw": AudioFormat("pcm_alaw", 8_000, 1),
}
_FORMATS = {
    "audio/pcm": "pcm", "pcm16": "pcm", "audio/pcmu": "ulaw", "g711_ulaw": "ulaw", "audio/pcma": "alaw",
    "g711_alaw": "alaw",
}  # fmt: skip
_LIMIT = re.compile(r"[a-z][a-z_]{0,23}")


class RealtimeError(Exception):
    """What the server said went wrong: ``code`` and ``kind`` are its words for it.

    ``event_id`` is that of the client's event which caused it, where the server tells.
    """

    def __init__(
        self,
        message: str,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        event_id: str | None = None,
    ) -> None:
        super().__init__(f"{code or kind}: {message}" if code or kind else message)
        self.message, self.kind, self.code, self.param, self.event_id = message, kind, code, param, event_id

    @classmethod
    def of(cls, value: object, hide: Callable[[str], str] = redact) -> RealtimeError:
        """Read the ``error`` of a server event; what it says passes `hide`, and is made lines of bounded length."""
        told = value if isinstance(value, dict) else {"message": value}

        def line(name: str, limit: int) -> str | None:
            text = string(told.get(name))
            return clean_line(hide(text[:4096]), limit) if text else None

        message = line("message", 240) or "the server told of an error"
        return cls(
            message, line("type", 60), line("code", 60), line("param", 60), string(told.get("event_id"))
        )


def message(text: str, role: str = "user", preview: bool = False) -> Json:
    """The client event that adds a text to the conversation."""
    kind = "input_text" if role != "assistant" else "text" if preview else "output_text"
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    return {"type": "conversation.item.create", "item": item}


def part(value: Json, name: str) -> Json:
    """The object `name` of `value`, empty where there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def cut(value: object, most: int) -> list[Json]:
    """The first `most` objects of a list."""
    return [item for item in value[:most] if isinstance(item, dict)] if isinstance(value, list) else []


def string(value: object) -> str | None:
    """A string that is not empty, or ``None``."""
    return value if isinstance(value, str) and value else None


def number(value: object) -> float | None:
    """A finite number that is not negative, or ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_COUNT:
        return None
    return float(value)


def whole(value: object) -> int | None:
    """A count, or ``None``."""
    return value if type(value) is int and 0 <= value < MAX_COUNT else None


def is_preview(session: Json) -> bool:
    """Whether `session`, as the server told it, has the preview's shape (its sound settings are not under "audio")."""
    return "audio" not in session and ("modalities" in session or "output_audio_format" in session)


def audio_format(session: Json, side: str) -> str:
    """The key in `FORMATS` of the session's ``input`` or ``output``; PCM, the API's default, where none is told.

    A format that is not known here is returned as it is named.
    """
    told = part(part(session, "audio"), side).get("format", session.get(f"{side}_audio_format"))
    if isinstance(told, dict):
        told = told.get("type")
    name = string(told)
    return "pcm" if name is None else _FORMATS.get(name, "pcm" if side == "input" else name[:40])


def silence_ms(session: Json) -> float:
    """Milliseconds of silence after which the session's voice activity detection ends a turn; 0 where unknown."""
    told = part(part(session, "audio"), "input").get("turn_detection", session.get("turn_detection"))
    vad = told if isinstance(told, dict) else {}
    return (number(vad.get("silence_duration_ms")) or 0.0) if vad.get("type") == "server_vad" else 0.0


def usage_of(response: Json) -> Usage | None:
    """The tokens of a response that is done, or ``None`` where it does not tell them."""
    usage = part(response, "usage")
    n_in, n_out = whole(usage.get("input_tokens")), whole(usage.get("output_tokens"))
    if not n_in and not n_out:  # zeros are what servers say that do not count
        return None
    ins, outs = part(usage, "input_token_details"), part(usage, "output_token_details")
    return Usage(
        n_in or 0,
        n_out or 0,
        whole(outs.get("reasoning_tokens")),
        whole(ins.get("cached_tokens")),
        whole(ins.get("audio_tokens")),
        whole(outs.get("audio_tokens")),
    )


def finish_of(response: Json, hide: Callable[[str], str] = redact) -> tuple[str | None, RealtimeError | None]:
    """How a response ended ("completed", "cancelled: turn_detected"...), and its error if it failed."""
    status, details = string(response.get("status")), part(response, "status_details")
    reason = string(details.get("reason"))
    told = f"{status}: {reason}" if status and reason else status
    if status != "failed":
        return told, None
    return told, RealtimeError.of(details.get("error") or "the answer failed", hide)


def limits_of(value: Json) -> dict[str, float | str]:
    """The figures of a ``rate_limits.updated``: for each limit what is allowed, what is left, when it is reset."""
    figures: dict[str, float | str] = {}
    for limit in cut(value.get("rate_limits"), 8):
        name = string(limit.get("name"))
        if not name or not _LIMIT.fullmatch(name):
            continue
        for key, suffix in (("remaining", "left"), ("limit", "limit"), ("reset_seconds", "reset_s")):
            told = number(limit.get(key))
            if told is not None and math.isfinite(told):
                figures[f"{name}_{suffix}"] = told
    return figures
