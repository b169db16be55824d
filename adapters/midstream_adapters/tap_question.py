"""What a request to a model asks, read from its body, and where its turn goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .base import Sink
from .payload import parse_object

MAX_PROMPT = 4000
_MODEL = re.compile(rb'"model"\s*:\s*"((?:[^"\\]|\\.){1,200})"')


class Places(NamedTuple):
    """Where turns go: ``stream(model, at, sink)`` opens or finds a model's stream, ``turn(stream)`` names a turn."""

    stream: Callable[[str, float, Sink], str]
    turn: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Question:
    """What a request's body asks: its model, and the last thing said to it."""

    model: str = ""
    prompt: str = ""


def question(body: bytes) -> Question:
    """Read the body of a chat, completions, Responses, messages or embeddings request; blanks where it is none."""
    value = parse_object(body)
    if value is None:
        found = _MODEL.search(body)
        name = parse_object(b'{"m":"' + found[1] + b'"}') if found else None
        return Question(str(name["m"]) if name else "")
    model = value.get("model")
    return Question(model if isinstance(model, str) else "", _prompt(value)[:MAX_PROMPT])


def _prompt(value: dict[str, Any]) -> str:
    for name in ("messages", "input", "prompt"):
        said = value.get(name)
        if isinstance(said, list) and said and isinstance(said[-1], dict):
            said = next(
                (m for m in reversed(said) if isinstance(m, dict) and m.get("role") == "user"), said[-1]
            )
            return text_of(said.get("content", said.get("output")))
        if text := text_of(said):
            return text
    return ""


def text_of(content: object) -> str:
    """The text of a message's content: a string, or a list of strings and parts."""
    if isinstance(content, str):
        return content
    parts = content[:64] if isinstance(content, list) else ()
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str))
