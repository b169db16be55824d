"""A canvas of braille dots, two by four a cell, with an ink for each cell and text over them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from midstream_widgets.lines import Row, Span, cut

if TYPE_CHECKING:
    import numpy.typing as npt

_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint16)
_BLANK = 0x2800
_SPACE = 0x20


class Braille:
    """``width`` x ``height`` cells, so ``columns`` = 2 width by ``lines`` = 4 height dots; (0, 0) is top left.

    Dots of terminals' usual fonts are about square, so equal scales on both axes show true shapes. A cell has one
    ink: that of whoever drew into it last.
    """

    __slots__ = ("_dots", "_glyphs", "_ink", "_names", "columns", "height", "lines", "width")

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = max(width, 0), max(height, 0)
        self.columns, self.lines = 2 * self.width, 4 * self.height
        self._dots = np.zeros((self.lines, self.columns), np.bool_)
        self._ink = np.zeros((self.height, self.width), np.uint8)
        self._glyphs = np.zeros((self.height, self.width), np.uint32)
        self._names = [""]

    def _index(self, ink: str) -> int:
        if ink not in self._names:
            self._names.append(ink)
        return self._names.index(ink)

    def dots(self, x: npt.NDArray[Any], y: npt.NDArray[Any], ink: str) -> None:
        """Set the dots at ``x``, ``y`` (same shape, in dots, rounded); others are left out."""
        x, y = np.ravel(x), np.ravel(y)
        with np.errstate(invalid="ignore"):
            inside = (x > -0.5) & (x < self.columns - 0.5) & (y > -0.5) & (y < self.lines - 0.5)
        xs, ys = np.rint(x[inside]).astype(np.intp), np.rint(y[inside]).astype(np.intp)
        self._dots[ys, xs] = True
        self._ink[ys >> 2, xs >> 1] = self._index(ink)

    def mask(self, where: npt.NDArray[np.bool_], ink: str, x: int = 0, y: int = 0) -> None:
        """Set the dots where ``where`` (h, w) is true, its top left corner at dot (``x``, ``y``)."""
        h, w = min(where.shape[0], self.lines - y), min(where.shape[1], self.columns - x)
        if h <= 0 or w <= 0:
            return
        self._dots[y : y + h, x : x + w] |= where[:h, :w]
        ys, xs = np.nonzero(where[:h, :w])
        self._ink[(ys + y) >> 2, (xs + x) >> 1] = self._index(ink)

    def columns_between(self, low: npt.NDArray[Any], high: npt.NDArray[Any], ink: str | list[str]) -> None:
        """In each column of dots the run from line ``low`` to line ``high`` (both counted from the top; NaN: none).

        ``ink`` is one for all, or one for each cell across.
        """
        n = min(len(low), self.columns)
        with np.errstate(invalid="ignore"):
            top = np.rint(np.minimum(low[:n], high[:n]))
            bottom = np.rint(np.maximum(low[:n], high[:n]))
            line = np.arange(self.lines)[:, None]
            where = (line >= top) & (line <= bottom)
        if isinstance(ink, str):
            self.mask(where, ink)
            return
        self._dots[:, :n] |= where
        drawn = where[:, : 2 * (n // 2)].reshape(self.height, 4, n // 2, 2).any(axis=(1, 3))
        index = np.array([self._index(name) for name in ink[: n // 2]], np.uint8)
        self._ink[:, : n // 2][drawn] = np.broadcast_to(index, drawn.shape)[drawn]

    def text(self, x: int, y: int, text: str, ink: str) -> None:
        """Write ``text`` from cell (``x``, ``y``) on, over whatever is there; one codepoint a cell, cut at the edge."""
        if not 0 <= y < self.height or x >= self.width:
            return
        shown = cut(text, self.width - max(x, 0))
        for at, character in enumerate(shown, max(x, 0)):
            if at < self.width:
                self._glyphs[y, at] = ord(character)
                self._ink[y, at] = self._index(ink)

    def free(self, y: int) -> npt.NDArray[np.bool_]:
        """Cells (width,) of row ``y`` in which nothing is drawn."""
        drawn = self._dots[4 * y : 4 * y + 4].any(axis=0).reshape(self.width, 2)
        return np.asarray(~drawn.any(axis=1))

    def rows(self) -> list[Row]:
        """The canvas as rows of spans, neighbours of one ink in one span."""
        if not self.width or not self.height:
            return [Row() for _ in range(self.height)]
        cells = self._dots.reshape(self.height, 4, self.width, 2)
        code = np.einsum("hrwc,rc->hw", cells, _BITS, dtype=np.uint16, casting="unsafe").astype(np.uint32)
        glyphs = np.where(self._glyphs > 0, self._glyphs, np.where(code > 0, code + _BLANK, _SPACE))
        # A blank takes the ink to its left: nobody sees it, and a line is a few spans instead of dozens.
        drawn = np.where(glyphs == _SPACE, 0, np.arange(self.width))
        ink = np.take_along_axis(self._ink, np.maximum.accumulate(drawn, axis=1), axis=1)
        return [
            Row(_spans(line.astype("<u4").tobytes().decode("utf-32-le"), inks, self._names))
            for line, inks in zip(glyphs, ink, strict=True)
        ]


def _spans(text: str, ink: npt.NDArray[np.uint8], names: list[str]) -> tuple[Span, ...]:
    starts = [0, *(np.flatnonzero(np.diff(ink)) + 1).tolist(), len(text)]
    return tuple((text[start:end], names[ink[start]]) for start, end in pairwise(starts))
