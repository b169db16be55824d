"""Stream text is hostile: here it loses everything a terminal would obey or mishandle, and keeps the rest.

Sequences are those of ECMA-48 and the DEC parser (Williams, vt100.net): ESC or a C1 introducer starts one anywhere, and
breaks off whatever was open. Safety does not rest on parsing them well: every control character goes in any case, so a
sequence that was read wrongly only leaves some of its letters behind as plain text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .events import (
    Event,
    Figures,
    SpeechActivity,
    StateChanged,
    StreamOpened,
    TextChunk,
    Transcript,
    TurnEnded,
    TurnStarted,
)

if TYPE_CHECKING:
    from .base import Sink

MAX_STRING = 4096
"""Characters an OSC, DCS, APC, PM or SOS string may hold; a longer or unended one shows as plain text."""
MAX_TEXT = 1 << 20
"""Characters of one text event; a longer one is split."""
MAX_OPEN = 64
"""Turns that may be within a sequence at the same time."""

# C0 but tab and newline, DEL, C1; bidi controls and deprecated format characters; line separators; BOM; interlinear
# annotation; tags; lone surrogates. ZWJ, ZWNJ and variation selectors stay: emoji and whole scripts need them.
_BAD = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f"
    r"\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
_STRING = rf"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x80-\x9f]{{0,{MAX_STRING}}}+"
_CSI = r"(?:\x1b\[|\x9b)[0-?]{0,256}+[ -/]{0,16}+"
_ESCAPE = r"\x1b[ -/]{0,16}+"

_DIRTY = re.compile(f"[{_BAD}]")
_REMOVE = re.compile(
    rf"(?=[{_BAD}])"  # nothing else is looked at twice
    rf"(?:{_STRING}(?:[\x07\x18\x1a\x9c]|\x1b\\|(?=[\x1b\x80-\x9f]))|{_CSI}[@-~]|{_ESCAPE}[0-~]|[{_BAD}])"
)
_OPEN = re.compile(rf"(?=[\x1b\x80-\x9f])(?:{_STRING}\x1b?|{_CSI}|{_ESCAPE})\Z")
_NEWLINE = re.compile("\r\n?|[\u2028\u2029]")


class Sanitizer:
    """Cleans the pieces of one text, wherever they were cut.

    For any cutting, the pieces' results and `flush` joined equal `clean` of the whole.
    """

    __slots__ = ("_cr", "_held", "removed")

    def __init__(self) -> None:
        self.removed = 0
        """Characters taken out so far."""
        self._held = ""  # the start of a sequence that may go on; at most MAX_STRING and its introducer
        self._cr = False  # the piece before ended in CR, which was given out as a newline

    @property
    def waiting(self) -> bool:
        """Whether the next piece depends on this one."""
        return self._cr or bool(self._held)

    def feed(self, text: str) -> str:
        """Return what of `text` is fit to be shown; the start of an unended sequence is held back."""
        if not text or (not self.waiting and (text.isprintable() or _DIRTY.search(text) is None)):
            return text
        if self._cr and text[0] == "\n":
            text = text[1:]
        self._cr = text.endswith("\r")
        text = self._held + _NEWLINE.sub("\n", text)
        self._held = ""
        if found := _OPEN.search(text, max(0, len(text) - MAX_STRING - 3)):
            self._held = found.group()
            # What is held begins with ESC or C1, which ends an open string before it: the added ESC stands for that.
            self.removed -= 1
            text = text[: found.start()] + "\x1b"
        return self._strip(text)

    def flush(self) -> str:
        """End the text: what was held shows as plain text, without its introducer."""
        text, self._held, self._cr = self._held, "", False
        return self._strip(text)

    def _strip(self, text: str) -> str:
        clean = _REMOVE.sub("", text)
        self.removed += len(text) - len(clean)
        return clean


def clean(text: str) -> str:
    """Return the whole text without anything a terminal would obey; CR, CRLF, U+2028 and U+2029 become newlines."""
    if text.isprintable() or _DIRTY.search(text) is None:
        return text
    return _REMOVE.sub("", _NEWLINE.sub("\n", text))


def clean_line(text: str, limit: int = 200) -> str:
    """Return `text` clean and in one line of at most `limit` characters, with an ellipsis where it was cut."""
    if not text.isprintable():
        text = " ".join(clean(text).split())
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


_Key = tuple[str, str, str | None, bool, str | None]
"""Stream, turn, role, reasoning and tool: pieces of one text."""
# Strings that are names or remarks, with the characters they may have; TextChunk.text is treated apart.
_LINES: dict[type[Event], tuple[tuple[str, int], ...]] = {
    StreamOpened: (("source", 500),),
    StateChanged: (("reason", 300),),
    TurnStarted: (("turn", 200), ("model", 200), ("prompt", 4000)),
    TurnEnded: (("turn", 200), ("finish_reason", 200), ("error", 300)),
    TextChunk: (("role", 60), ("turn", 200), ("tool", 120)),
    Transcript: (("text", 8000), ("role", 60)),
    SpeechActivity: (("role", 60),),
}


class CleanSink:
    """A sink that cleans every string of an event before it hands it on to `sink`. For one source, in one thread."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._open: dict[_Key, tuple[Sanitizer, TextChunk]] = {}
        self.removed = 0
        """Characters taken out of texts so far."""

    def emit(self, event: Event) -> None:
        """Hand on `event`, cleaned; a text that is too long goes on as several."""
        event = _named(event)
        if isinstance(event, TextChunk):
            self._text(event)
            return
        if self._open and isinstance(event, TurnEnded):
            for key in [k for k in self._open if k[:2] == (event.stream, event.turn)]:
                self._release(key)
        self._sink.emit(event)

    async def drain(self) -> None:
        """Wait as the sink behind does."""
        await self._sink.drain()

    def _text(self, event: TextChunk) -> None:
        text = event.text
        if len(text) <= MAX_TEXT and not self._open and (text.isprintable() or _DIRTY.search(text) is None):
            self._sink.emit(event)
            return
        if event.turn is None:
            self._pass(event, self._feed(Sanitizer(), text, final=True))
            return
        key = (event.stream, event.turn, event.role, event.reasoning, event.tool)
        held = self._open.pop(key, None)
        sanitizer = held[0] if held else Sanitizer()
        shown = self._feed(sanitizer, text, event.final)
        if sanitizer.waiting:  # re-inserted at the end, so that the first key is always the oldest
            self._open[key] = sanitizer, event
            if len(self._open) > MAX_OPEN:
                self._release(next(iter(self._open)))
        self._pass(event, shown)

    def _feed(self, sanitizer: Sanitizer, text: str, final: bool) -> str:
        before = sanitizer.removed
        shown = sanitizer.feed(text)
        if final:
            shown += sanitizer.flush()
        self.removed += sanitizer.removed - before
        return shown

    def _pass(self, event: TextChunk, text: str) -> None:
        """Emit `text` in place of the event's own, in pieces of MAX_TEXT; counts stay with the first."""
        if len(text) <= MAX_TEXT:
            self._sink.emit(event if text == event.text else replace(event, text=text))
            return
        rest = replace(event, tokens=None if event.tokens is None else 0, nbytes=0, reward=None)
        for start in range(0, len(text), MAX_TEXT):
            piece = event if start == 0 else rest
            last = start + MAX_TEXT >= len(text)
            final = event.final and (event.turn is None or last)
            self._sink.emit(replace(piece, text=text[start : start + MAX_TEXT], final=final))

    def _release(self, key: _Key) -> None:
        """Show what a turn still held: it has ended, or too many are open."""
        sanitizer, event = self._open.pop(key)
        if text := self._feed(sanitizer, "", final=True):
            self._sink.emit(replace(event, text=text, tokens=0, nbytes=0, reward=None, final=False))


def _named(event: Event) -> Event:
    """Return `event` with its names and remarks as clean single lines; the same object where they were."""
    changed: dict[str, object] = {}
    if isinstance(event, Figures) and any(isinstance(value, str) for value in event.values.values()):
        changed["values"] = {
            clean_line(name, 60): clean_line(value, 120) if isinstance(value, str) else value
            for name, value in event.values.items()
        }
    if not event.stream.isprintable() or len(event.stream) > 200:
        changed["stream"] = clean_line(event.stream)
    for name, limit in _LINES.get(type(event), ()):
        value: str | None = getattr(event, name)
        if (
            value
            and (len(value) > limit or not value.isprintable())
            and (line := clean_line(value, limit)) != value
        ):
            changed[name] = line
    return replace(event, **changed) if changed else event  # type: ignore[arg-type]
