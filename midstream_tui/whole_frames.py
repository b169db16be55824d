"""Whole frames, less what the terminal has from the one a moment ago.

Textual 8.2 paints a screen three to five times while it opens (after its layout, after that of its scroll bars, after
its mount is awaited): 40 to 80 KB each at 200x60, of which the first has told all. Over a slow link that is seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import cast

from rich.console import Console, RenderableType
from rich.control import Control
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

AGAIN = 1.0
"""Seconds after which a line is written again with the next whole frame, for others may write to the terminal too."""


class Lines(CompositorUpdate):
    """Some lines of a whole frame."""

    def __init__(self, lines: list[tuple[int, list[Strip]]], x: int) -> None:
        self.lines, self.x = lines, x

    def render_segments(self, console: Console) -> str:
        move_to = Control.move_to
        parts: list[str] = []
        for y, strips in self.lines:
            parts.append(move_to(self.x, y).segment.text)
            parts += [strip.render(console) for strip in strips]
        return "".join(parts)


class WholeFrames:
    """Sees every update on its way to the terminal, in order."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._region: Region | None = None
        self._lines: dict[int, list[Segment]] = {}
        self._at = 0.0

    def forget(self) -> None:
        """The terminal may show anything."""
        self._lines.clear()

    def less(self, update: RenderableType | None) -> RenderableType | None:
        """What is to be written for `update`; None when the terminal shows it all."""
        if isinstance(update, LayoutUpdate):
            return self._less(update)
        if isinstance(update, ChopsUpdate):
            for y, _, _ in update.spans:
                self._lines.pop(y, None)
        elif update is not None:
            self.forget()
        return update

    def _less(self, update: LayoutUpdate) -> RenderableType | None:
        now = self._clock()
        if update.region != self._region or now - self._at > AGAIN:
            self._region, self._at = update.region, now
            self._lines.clear()
        changed: list[tuple[int, list[Strip]]] = []
        for y, line in enumerate(update.strips, update.region.y):
            strips = list(line)
            segments = _segments(strips)
            if self._lines.get(y) != segments:
                self._lines[y] = segments
                changed.append((y, strips))
        return cast("RenderableType", Lines(changed, update.region.x)) if changed else None


def _segments(strips: Iterable[Strip]) -> list[Segment]:
    return [segment for strip in strips for segment in strip]
