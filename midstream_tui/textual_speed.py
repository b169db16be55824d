"""What Textual's strips cost beyond their work, mended here until it is there.

Measured on Textual 8.2.8 with a dashboard at 15 Hz: a strip that is divided or cropped into itself keeps itself alive,
so that all strips wait for Python's collector (15,000 objects a second, 2 % of a core); and each makes seven caches
with a dict each, of which five are hardly ever asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.cache import FIFOCache
from textual.strip import Strip

_ASKED = ("_divide_cache", "_filter_cache")
_UNASKED = ("_crop_cache", "_style_cache", "_line_length_cache", "_crop_extend_cache", "_offsets_cache")
_PLAIN = ("_render_cache", "_link_ids", "_cell_count")


class _Never(FIFOCache[Any, Any]):
    """Keeps nothing, so that all strips can share it."""

    def set(self, key: Any, value: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


_never = _Never(0)


def _init(self: Strip, segments: Iterable[Segment], cell_length: int | None = None) -> None:
    self._segments = list(segments)
    self._cell_length = cell_length
    self._divide_cache = FIFOCache(4)
    self._filter_cache = FIFOCache(4)
    self._crop_cache = self._style_cache = self._line_length_cache = _never
    self._crop_extend_cache = self._offsets_cache = _never
    self._render_cache = self._link_ids = self._cell_count = None


def hasten() -> None:
    """Mend `Strip`; one of another make than that of Textual 8 is left alone."""
    if set(Strip.__slots__) != {"_segments", "_cell_length", *_ASKED, *_UNASKED, *_PLAIN}:
        return
    if getattr(Strip.divide, "mended", False):
        return
    divide, crop_extend = Strip.divide, Strip.crop_extend

    def _divide(self: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
        cuts = list(cuts)
        return [self] if cuts == [self.cell_length] else divide(self, cuts)

    def _crop_extend(self: Strip, start: int, end: int, style: Style | None) -> Strip:
        return self if start == 0 and end == self.cell_length else crop_extend(self, start, end, style)

    _divide.mended = True  # type: ignore[attr-defined]
    Strip.__init__ = _init  # type: ignore[method-assign]
    Strip.divide = _divide  # type: ignore[method-assign]
    Strip.crop_extend = _crop_extend  # type: ignore[method-assign]
