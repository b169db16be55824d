"""What the user says in a Realtime session: where it lies in the sound that was sent, when it ended, its transcript.

Places in the input are milliseconds of sound since the session began, as the server counts them.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import count

from .events import Transcript
from .openai_realtime_values import FORMATS, Json, audio_format, number, silence_ms, string

MAX_ITEMS = 64
"""Spoken items whose transcript may be under way at the same time."""
MAX_MARKS = 4096
"""Pieces of sent sound whose times are remembered: 80 s of 20 ms each."""
MAX_HEARD = 8000
"""Characters of one item's transcript."""


@dataclass(slots=True)
class _Item:
    """Something that was said: where it lies (seconds), when it was over, what was understood of it so far."""

    segment: int
    began: float
    ended: float
    over: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class EndOfSpeech:
    """``over``: when the last of the speech was sent, ``None`` where that is not known; ``told``: when we knew."""

    over: float | None
    told: float


class UserSpeech:
    """The user's side of one stream, over all its connections."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._segments = count(1)
        self.reset()

    def reset(self) -> None:
        """A new session: the input is empty."""
        self.ended: EndOfSpeech | None = None
        """The end of speech that no answer has followed yet."""
        self._items: dict[str, _Item] = {}
        self._marks: list[tuple[float, float]] = []  # (milliseconds sent by then, when)
        self._sent = self._taken = 0.0
        self._last: tuple[float, float, float | None] = (0.0, 0.0, None)  # what was committed last

    # -- what is sent

    def appended(self, audio: str, session: Json, at: float) -> None:
        """Sound is being written, base64."""
        self._sent += len(audio) * 0.75 / FORMATS[audio_format(session, "input")].bytes_per_ms
        self._marks.append((self._sent, at))
        if len(self._marks) > MAX_MARKS:
            del self._marks[: MAX_MARKS // 2]

    def commit(self, at: float) -> None:
        """Who commits says that the user has ended."""
        if self._sent > self._taken:
            self.ended = EndOfSpeech(at, at)

    # -- what is received

    def started(self, value: Json) -> float:
        """The server hears speech; return where it began, in seconds."""
        began = (number(value.get("audio_start_ms")) or 0.0) / 1000.0
        self.ended = None
        self._item(value, began, began)
        return began

    def stopped(self, value: Json, session: Json, at: float) -> tuple[EndOfSpeech, float | None]:
        """The server hears no more; return when it ended, and where, in seconds."""
        end = number(value.get("audio_end_ms"))
        if end is None:
            self.ended = EndOfSpeech(None, at)
            return self.ended, None
        # `audio_end_ms` counts the silence that the server waited for, too.
        over = self._written(end - silence_ms(session))
        item = self._item(value, self._taken / 1000.0, end / 1000.0)
        item.ended, item.over = end / 1000.0, over
        self.ended = EndOfSpeech(over, at)
        return self.ended, item.ended

    def committed(self, value: Json) -> None:
        """The input so far has become an item."""
        item = self._item(value, self._taken / 1000.0, self._sent / 1000.0)
        if item.over is None and self.ended is not None:
            item.over = self.ended.over
        self._taken, self._last = self._sent, (item.began, item.ended, item.over)

    def transcribed(self, value: Json, at: float) -> Transcript | None:
        """What is understood of an item by now: all of it, or a piece more."""
        delta, whole = value.get("delta"), value.get("transcript")
        final = isinstance(whole, str)
        if not final and not (isinstance(delta, str) and delta):
            return None
        item = self._item(value, *self._last)  # (the last committed, where the item was not named before)
        item.text = (whole if isinstance(whole, str) else f"{item.text}{delta}")[:MAX_HEARD]
        lag = None if item.over is None else at - item.over
        if final:
            self.forget(value)
        return Transcript(
            self._stream, at, item.segment, item.text, item.began, item.ended, final, lag, role="user"
        )

    def forget(self, value: Json) -> None:
        """The item's transcript is complete, or never comes."""
        self._items.pop(string(value.get("item_id")) or "", None)

    def _item(self, value: Json, began: float, ended: float, over: float | None = None) -> _Item:
        name = string(value.get("item_id")) or ""
        item = self._items.get(name)
        if item is None:
            if len(self._items) >= MAX_ITEMS:
                self._items.pop(next(iter(self._items)))
            item = self._items[name] = _Item(next(self._segments), began, ended, over)
        return item

    def _written(self, place: float) -> float | None:
        """When the sound at `place` was written; ``None`` where that is not remembered."""
        index = bisect_left(self._marks, (place, 0.0))
        return self._marks[index][1] if index < len(self._marks) else None
