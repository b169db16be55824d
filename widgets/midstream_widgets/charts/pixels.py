"""Pictures of half blocks: two pixels a cell, one over the other, each in its own colour, and text over them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.cells import cell_len
from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

from midstream_widgets.lines import Row, Span

if TYPE_CHECKING:
    import numpy.typing as npt

RGB = tuple[int, int, int]
UPPER = ord("▀")
SHADES = " ░▒▓█"
"""From dark to bright, where colours can't go: copied text, and plain text exports."""


class Cells(NamedTuple):
    """A line of cells, each with a colour of its own: ``ink`` and ``paper`` hold ``0xRRGGBB`` as native uint32."""

    text: str
    ink: bytes
    paper: bytes


class Canvas:
    """``width`` x ``height`` cells over a picture of ``width`` x 2 ``height`` pixels."""

    def __init__(self, pixels: npt.NDArray[np.uint8]) -> None:
        """``pixels``: RGB uint8, shape (2 height, width, 3)."""
        packed = pack(pixels)
        self.paper, self.ink = packed[1::2].copy(), packed[0::2].copy()
        self.height, self.width = self.ink.shape
        self.glyphs = np.full(self.ink.shape, UPPER, np.uint32)

    def mean(self, y: int, x: slice) -> npt.NDArray[np.uint32]:
        """The colour of cells, both of their pixels mixed."""
        both = (self.ink[y, x] & 0xFEFEFE) // 2 + (self.paper[y, x] & 0xFEFEFE) // 2
        return np.asarray(both, np.uint32)

    def text(self, x: int, y: int, text: str, ink: int, paper: int | None = None) -> None:
        """Write ``text`` from cell (``x``, ``y``) on, one codepoint a cell; what lies outside is left out.

        Without ``paper`` the picture shines through behind it.
        """
        if not 0 <= y < self.height:
            return
        start = max(0, x)
        visible = text[start - x : self.width - x]
        characters = [ord(each if cell_len(each) == 1 else "?") for each in visible]  # a pixel has one cell
        if not characters:
            return
        cells = slice(start, start + len(characters))
        if paper is None:
            through = self.glyphs[y, cells] == UPPER
            self.paper[y, cells] = np.where(through, self.mean(y, cells), self.paper[y, cells])
        else:
            self.paper[y, cells] = paper
        self.glyphs[y, cells] = characters
        self.ink[y, cells] = ink

    def rows(self, edges: list[tuple[Span, ...]] | None = None) -> list[Row]:
        """The canvas as rows, with ``edges`` in front of each."""
        text = self.glyphs.astype("<u4")
        return [
            Row(
                edges[y] if edges else (),
                key=Cells(
                    text[y].tobytes().decode("utf-32-le"), self.ink[y].tobytes(), self.paper[y].tobytes()
                ),
            )
            for y in range(self.height)
        ]


def shades(cells: Cells) -> str:
    """``cells`` without colours: each half block as a shade of its brightness, other characters as they are."""
    light = np.zeros(len(cells.text))
    for part in (cells.ink, cells.paper):
        packed = np.frombuffer(part, np.uint32)
        for shift, weight in ((16, 0.299), (8, 0.587), (0, 0.114)):  # BT.601
            light += weight * (packed >> shift & 0xFF)
    steps = np.minimum(light * (len(SHADES) / 510.5), len(SHADES) - 1).astype(int).tolist()
    return "".join(
        SHADES[step] if ord(each) == UPPER else each for each, step in zip(cells.text, steps, strict=True)
    )


def pack(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """RGB uint8 (..., 3) as ``0xRRGGBB`` (...)."""
    wide = pixels.astype(np.uint32)
    return np.asarray(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2], np.uint32)


def packed(colour: RGB) -> int:
    """One colour as ``0xRRGGBB``."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def segments(cells: Cells) -> list[Segment]:
    """``cells`` as segments, neighbours of one colour in one."""
    ink, paper = np.frombuffer(cells.ink, np.uint32), np.frombuffer(cells.paper, np.uint32)
    both = ink.astype(np.uint64) << np.uint64(24) | paper
    starts = np.flatnonzero(np.diff(both, prepend=both[:1] + np.uint64(1)))
    text = cells.text
    ends = [*starts[1:].tolist(), len(text)]
    return [
        Segment(text[start:end], _style(key))
        for start, end, key in zip(starts.tolist(), ends, both[starts].tolist(), strict=True)
    ]


@lru_cache(16384)
def _style(key: int) -> Style:
    return Style.from_color(_colour(key >> 24), _colour(key & 0xFFFFFF))


@lru_cache(16384)
def _colour(rgb: int) -> Color:
    # Not Color.from_rgb: it makes a float triplet and formats a name at every call.
    return Color("", ColorType.TRUECOLOR, triplet=ColorTriplet(rgb >> 16, rgb >> 8 & 0xFF, rgb & 0xFF))


def quantised(pixels: npt.NDArray[Any], bits: int = 6) -> npt.NDArray[np.uint8]:
    """Colours with ``bits`` bits a channel, each to the middle of its step: neighbours become equal, and cost one run.

    The error is at most half a step (2 of 255 at 6 bits); black stays black and white white.
    """
    levels = (1 << bits) - 1
    coarse = (pixels.astype(np.uint32) * levels + 127) // 255
    return ((coarse * 255 + levels // 2) // levels).astype(np.uint8)


def ramp(low: RGB, mid: RGB, high: RGB, levels: int = 32) -> npt.NDArray[np.uint8]:
    """``levels`` colours from ``low`` over ``mid`` to ``high``, (levels, 3) uint8, brightness running one way."""
    at = np.linspace(0.0, 1.0, levels)
    stops = np.array([low, mid, high], np.float64)
    return np.stack([np.interp(at, (0.0, 0.65, 1.0), stops[:, c]) for c in range(3)], axis=1).astype(np.uint8)


def resized(image: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """``image`` (h, w, 3) as (height, width, 3): pixels are means, or lie between neighbours."""
    # Not as matrix products: BLAS would start threads that spin on after each picture (measured: 40 ms a picture).
    return _along(_along(image, height, 0), width, 1)


def _along(image: npt.NDArray[np.uint8], size: int, axis: int) -> npt.NDArray[np.uint8]:
    before = image.shape[axis]
    if size == before:
        return image
    across = (slice(None),) * axis + (slice(None), *(None,) * (image.ndim - axis - 1))
    if size < before:
        starts = np.arange(size) * before // size
        counts = np.diff(starts, append=before).astype(np.uint32)[across[axis:]]
        total = np.add.reduceat(image, starts, axis=axis, dtype=np.uint32)
        return np.asarray((total + counts // 2) // counts, np.uint8)
    centre = np.clip((np.arange(size) + 0.5) * before / size - 0.5, 0, before - 1)
    left = centre.astype(np.intp)
    share = (centre - left).astype(np.float32)[across[axis:]]
    near, far = image.take(left, axis), image.take(np.minimum(left + 1, before - 1), axis)
    return np.asarray(np.rint(near * (1 - share) + far * share), np.uint8)
