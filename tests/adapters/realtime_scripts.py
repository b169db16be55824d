"""Event sequences of Realtime sessions as the API reference shows them: of the present API (2025) and of the preview.

The sound in them is a tone, so that its level is known.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Step = Any
Json = dict[str, Any]


@dataclass(frozen=True)
class Expect:
    """Wait for a client event of this type."""

    type: str


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Raw:
    """Bytes written to the socket as they are, below the WebSocket."""

    data: bytes


@dataclass(frozen=True)
class Close:
    code: int = 1000
    reason: str = ""


@dataclass(frozen=True)
class Drop:
    """Cut the TCP connection without a word."""


RATE = 24_000
AMPLITUDE = 0.5
RMS = AMPLITUDE / math.sqrt(2.0)


def tone(seconds: float, start: float = 0.0, hz: float = 440.0) -> bytes:
    """PCM16, mono, 24 kHz."""
    t = start + np.arange(round(seconds * RATE)) / RATE
    pcm: bytes = (AMPLITUDE * 32767.0 * np.sin(2.0 * np.pi * hz * t)).astype("<i2").tobytes()
    return pcm


def base(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode("ascii")


CREATED: Json = {
    "type": "session.created", "event_id": "event_1",
    "session": {
        "type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime",
        "output_modalities": ["audio"], "instructions": "You are helpful.", "tools": [],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000}, "transcription": None,
                "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 200},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
        },
    },
}  # fmt: skip
CREATED_PREVIEW: Json = {
    "type": "session.created", "event_id": "event_1",
    "session": {
        "id": "sess_1", "object": "realtime.session", "model": "gpt-4o-realtime-preview-2024-10-01",
        "modalities": ["text", "audio"], "instructions": "", "voice": "alloy", "input_audio_format": "pcm16",
        "output_audio_format": "pcm16", "input_audio_transcription": None, "tools": [],
        "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 200},
    },
}  # fmt: skip
LIMITS: Json = {
    "type": "rate_limits.updated", "event_id": "event_3",
    "rate_limits": [
        {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 60},
        {"name": "tokens", "limit": 50000, "remaining": 49950, "reset_seconds": 0.5},
    ],
}  # fmt: skip
USAGE: Json = {
    "total_tokens": 275, "input_tokens": 127, "output_tokens": 148,
    "input_token_details": {
        "cached_tokens": 64, "text_tokens": 119, "audio_tokens": 8,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 36, "audio_tokens": 112},
}  # fmt: skip


def created(response: str = "resp_1") -> Json:
    inner: Json = {
        "id": response,
        "object": "realtime.response",
        "status": "in_progress",
        "output": [],
        "usage": None,
    }
    return {"type": "response.created", "event_id": "event_2", "response": inner}


def done(response: str = "resp_1", status: str = "completed", **details: Any) -> Json:
    inner = {
        "id": response, "object": "realtime.response", "status": status, "usage": USAGE,
        "status_details": {"type": status, **details} if details else None,
    }  # fmt: skip
    return {"type": "response.done", "event_id": "event_9", "response": inner}


def delta(kind: str, text: str, response: str = "resp_1", item: str = "item_1") -> Json:
    return {
        "type": kind, "event_id": "event_4", "response_id": response, "item_id": item, "output_index": 0,
        "content_index": 0, "delta": text,
    }  # fmt: skip


def error(message: str, code: str | None, event_id: str | None = None, kind: str = "server_error") -> Json:
    inner = {"type": kind, "code": code, "message": message, "param": None, "event_id": event_id}
    return {"type": "error", "event_id": "event_5", "error": inner}


def spoken(prefix: str) -> list[Step]:
    """An answer in sound, with its transcript: six deltas of 40 ms. `prefix` is "output_" or, of the preview, ""."""
    part = "output_audio" if prefix else "audio"
    item = {"id": "item_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    said = [
        {"type": "response.output_item.added", "response_id": "resp_1", "output_index": 0, "item": item},
        {"type": f"conversation.item.{'added' if prefix else 'created'}", "item": item},
        {"type": "response.content_part.added", "response_id": "resp_1", "item_id": "item_1", "output_index": 0,
         "content_index": 0, "part": {"type": part, "transcript": ""}},
    ]  # fmt: skip
    words = ["Good ", "morning", ", ", "how ", "are ", "you?"]
    for n, word in enumerate(words):
        said.append(delta(f"response.{prefix}audio_transcript.delta", word))
        said.append(delta(f"response.{prefix}audio.delta", base(tone(0.04, 0.04 * n))))
    end = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
    said.append({"type": f"response.{prefix}audio.done", **end})
    said.append({"type": f"response.{prefix}audio_transcript.done", **end, "transcript": "".join(words)})
    return said


def written(prefix: str) -> list[Step]:
    """An answer in text, then the arguments of two calls of one tool."""
    said = [delta(f"response.{prefix}text.delta", text, "resp_2", "item_2") for text in ("Let me ", "look.")]
    for call in ("item_3", "item_4"):
        item = {
            "id": call,
            "type": "function_call",
            "name": "get_weather",
            "call_id": "call_1",
            "arguments": "",
        }
        said.append({"type": "response.output_item.added", "response_id": "resp_2", "item": item})
        kind = "response.function_call_arguments.delta"
        said += [delta(kind, text, "resp_2", call) for text in ('{"city":', ' "Oslo"}')]
        said.append({"type": "response.function_call_arguments.done", "response_id": "resp_2", "item_id": call,
                     "arguments": '{"city": "Oslo"}'})  # fmt: skip
    return said


def conversation(preview: bool) -> list[Step]:
    """Somebody asks and is answered in sound; then writes, and is answered in text and with two tool calls."""
    prefix = "" if preview else "output_"
    return [
        CREATED_PREVIEW if preview else CREATED,
        Expect("response.create"), created(), LIMITS, *spoken(prefix), done(),
        Expect("response.create"), created("resp_2"), *written(prefix), done("resp_2"),
    ]  # fmt: skip


PRESENT = conversation(preview=False)
PREVIEW = conversation(preview=True)
ANSWER = [CREATED, Expect("response.create"), created(), LIMITS, *spoken("output_"), done()]
TALK: list[Step] = [
    CREATED,
    Expect("input_audio_buffer.append"),
    {"type": "input_audio_buffer.speech_started", "event_id": "event_a", "audio_start_ms": 40, "item_id": "item_u"},
    Expect("input_audio_buffer.append"), Expect("input_audio_buffer.append"),
    {"type": "input_audio_buffer.speech_stopped", "event_id": "event_b", "audio_end_ms": 600, "item_id": "item_u"},
    {"type": "input_audio_buffer.committed", "event_id": "event_c", "previous_item_id": None, "item_id": "item_u"},
    {"type": "conversation.item.input_audio_transcription.delta", "item_id": "item_u", "content_index": 0,
     "delta": "Good "},
    created(),
    {"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_u", "content_index": 0,
     "transcript": "Good day!", "usage": {"type": "duration", "seconds": 1}},
    *spoken("output_"), done(),
]  # fmt: skip
