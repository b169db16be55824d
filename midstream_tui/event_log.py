"""The last events as they came, for export: bounded, and without pixels and samples, which would fill the memory."""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from midstream_adapters.events import AudioChunk, Event, TextChunk, VideoFrame
from midstream_adapters.redact import redact

KEEP = 20_000
MOST_CHARS = 4_000_000
_LEFT_OUT = frozenset({"samples", "view"})


class EventLog:
    """Remembers the last `keep` events, or fewer when their texts are long; `lost` counts those that made room."""

    def __init__(self, keep: int = KEEP, most_chars: int = MOST_CHARS) -> None:
        self._events: deque[Event | dict[str, Any]] = deque()
        self._keep, self._most = keep, most_chars
        self._chars = 0
        self.lost = 0

    def __len__(self) -> int:
        return len(self._events)

    def add(self, events: Iterable[Event]) -> None:
        """Take a batch, oldest first."""
        kept = self._events
        for event in events:
            if isinstance(event, AudioChunk | VideoFrame):
                kept.append(_fields(event))
            else:
                if isinstance(event, TextChunk):
                    self._chars += len(event.text)
                kept.append(event)
            while len(kept) > self._keep or self._chars > self._most:
                gone = kept.popleft()
                self.lost += 1
                if isinstance(gone, TextChunk):
                    self._chars -= len(gone.text)

    def snapshot(self, since: float | None = None) -> list[Event | dict[str, Any]]:
        """What came at or after `since` (monotonic seconds; None: all that is kept), oldest first."""
        return [event for event in self._events if since is None or _at(event) >= since]


def ndjson(events: Iterable[Event | dict[str, Any]], wall: Callable[[float], datetime]) -> Iterator[str]:
    """A JSON object a line: ``event``, ``time`` (ISO 8601), and the event's own fields. Secrets are redacted."""
    for event in events:
        fields = event if isinstance(event, dict) else _fields(event)
        at = fields["at"]
        line = {"event": fields["event"], "time": wall(at).isoformat(timespec="microseconds")}
        line |= {name: value for name, value in fields.items() if name not in ("event", "at")}
        yield json.dumps(_plain(line), ensure_ascii=False, allow_nan=False)


def _fields(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = {"event": type(event).__name__}
    for field in dataclasses.fields(event):
        if field.name not in _LEFT_OUT:
            fields[field.name] = getattr(event, field.name)
    return fields


def _at(event: Event | dict[str, Any]) -> float:
    return float(event["at"]) if isinstance(event, dict) else event.at


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, float):
        return value if value - value == 0.0 else None  # neither NaN nor infinite
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(str(_plain(item)) for item in value)
    if hasattr(value, "item") and not isinstance(value, int):
        return _plain(value.item())
    return value
