"""Widgets that seldom change keep their lines: Textual asks all of them for all lines whenever one widget changed."""

from __future__ import annotations

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Still(Widget):
    """A base, put first, of what is often asked and seldom changes."""

    _still: tuple[Region, list[Strip]] | None = None

    def _set_dirty(self, *regions: Region) -> None:
        super()._set_dirty(*regions)
        self._still = None

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._still is None or self._still[0] != crop:
            self._still = crop, super().render_lines(crop)
        return self._still[1]


class StillBlank(Still):
    """One that shows nothing of its own but its background: all its lines are the same."""

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._still is None or self._still[0] != crop:
            line = Widget.render_lines(self, Region(crop.x, crop.y, crop.width, min(1, crop.height)))
            self._still = crop, line * crop.height
        return self._still[1]
