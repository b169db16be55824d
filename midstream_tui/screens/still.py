"""Widgets that seldom change keep their lines: Textual asks all of them for all lines whenever one widget changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.widget import Widget as Base
else:
    Base = object  # styles are inherited from the first base that is a widget


class Still(Base):
    """Goes before the class of what is often asked and seldom changes."""

    _still: tuple[Region, list[Strip]] | None = None

    def _set_dirty(self, *regions: Region) -> None:
        super()._set_dirty(*regions)
        self._still = None

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._still is None or self._still[0] != crop:
            self._still = crop, self._made(crop)
        return self._still[1]

    def _made(self, crop: Region) -> list[Strip]:
        return super().render_lines(crop)


class StillBlank(Still):
    """Of what shows nothing of its own but its background: all its lines are the same."""

    def _made(self, crop: Region) -> list[Strip]:
        return super()._made(Region(crop.x, crop.y, crop.width, min(1, crop.height))) * crop.height
