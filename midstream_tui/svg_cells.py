"""Textual's screenshot for a renderer with any font: blocks, braille and box lines become shapes of exactly a cell, and
every word begins at its own column.

librsvg heeds neither ``textLength`` nor ``xml:space`` of the picture's texts: without this, braille of a fallback font
runs over the border of its panel, and pictures of half blocks are striped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from typing import NamedTuple

from rich.cells import cell_len

WIDTH, HEIGHT, ASCENT = 12.2, 24.4, 18.5
"""A cell of the SVG that Rich writes, and its top above the text's baseline; in its units."""
_LINE, _DOT = 1.5, 3.2
_TEXT = re.compile(
    r'<text class="([^"]+)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+" clip-path="([^"]+)">([^<]*)</text>'
)
_ARMS = {"─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu", "├": "udr", "┤": "udl"}
_ARMS |= {"┬": "lrd", "┴": "lru", "┼": "lrud", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu"}
_ROUND = "╭╮╰╯"
_QUADRANTS = {
    "▖": "c", "▗": "d", "▘": "a", "▙": "acd", "▚": "ad", "▛": "abc", "▜": "abd", "▝": "b", "▞": "bc", "▟": "bcd"
}  # fmt: skip
_SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
_BRAILLE = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of the dot of each bit (Unicode, block U+2800)."""


class _Box(NamedTuple):
    """A rectangle in shares of a cell."""

    left: float
    top: float
    right: float
    bottom: float


def on_grid(svg: str) -> str:
    """`svg`, as Rich or Textual exported it, with its texts on the grid of cells; other SVG stays as it is."""
    return _TEXT.sub(_redraw, svg)


def _redraw(found: re.Match[str]) -> str:
    style, clip, text = found[1], found[4], unescape(found[5])
    x, top = float(found[2]), float(found[3]) - ASCENT
    solid, fine, rest = [], [], []
    for at, piece in _pieces(text):
        left = x + at * WIDTH
        if piece in _SHADES:
            area = _path([_Box(0, 0, 1, 1)], left, top)
            rest.append(f'<path class="{style}" fill-opacity="{_SHADES[piece]}" d="{area}"/>')
        elif boxes := _blocks(piece):
            solid.append(_path(boxes, left, top))
        elif len(piece) == 1 and "\u2800" <= piece <= "\u28ff":
            fine.append(_dots(ord(piece) - 0x2800, left, top))
        elif piece in _ARMS:
            fine.append(_arms(piece, left, top))
        else:
            rest.append(
                f'<text class="{style}" x="{left:.6g}" y="{found[3]}" clip-path="{clip}">{escape(piece)}</text>'
            )
    if solid:
        rest.append(f'<path class="{style}" shape-rendering="crispEdges" d="{"".join(solid)}"/>')
    if fine:
        rest.append(f'<path class="{style}" d="{"".join(fine)}"/>')
    return "".join(rest)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """(column, words of ASCII or single characters of other kinds); no spaces."""
    for found in re.finditer(r"[!-~]+|[^\s!-~]", text):
        yield cell_len(text[: found.start()]), found[0]


def _blocks(char: str) -> list[_Box]:
    """Block elements (U+2580 to U+259F) as rectangles; none for anything else."""
    if len(char) != 1 or not "\u2580" <= char <= "\u259f":
        return []
    code = ord(char) - 0x2580
    if 1 <= code <= 8:
        return [_Box(0, 1 - code / 8, 1, 1)]
    if 9 <= code <= 15:
        return [_Box(0, 0, (16 - code) / 8, 1)]
    single = {"▀": _Box(0, 0, 1, 0.5), "▐": _Box(0.5, 0, 1, 1), "▔": _Box(0, 0, 1, 1 / 8)}
    single["▕"] = _Box(7 / 8, 0, 1, 1)
    if char in single:
        return [single[char]]
    corners = {"a": (0.0, 0.0), "b": (0.5, 0.0), "c": (0.0, 0.5), "d": (0.5, 0.5)}
    return [_Box(x, y, x + 0.5, y + 0.5) for x, y in (corners[name] for name in _QUADRANTS.get(char, ""))]


def _path(boxes: list[_Box], left: float, top: float) -> str:
    return "".join(
        f"M{left + box.left * WIDTH:.6g} {top + box.top * HEIGHT:.6g}h{(box.right - box.left) * WIDTH:.6g}"
        f"v{(box.bottom - box.top) * HEIGHT:.6g}h{(box.left - box.right) * WIDTH:.6g}z"
        for box in boxes
    )


def _dots(bits: int, left: float, top: float) -> str:
    return "".join(
        f"M{left + (column + 0.5) * WIDTH / 2 - _DOT / 2:.6g} {top + (row + 0.5) * HEIGHT / 4 - _DOT / 2:.6g}"
        f"h{_DOT}v{_DOT}h-{_DOT}z"
        for bit, (column, row) in enumerate(_BRAILLE)
        if bits >> bit & 1
    )


def _arms(char: str, left: float, top: float) -> str:
    """Lines from the middle of the cell to its edges; a rounded corner is one bend."""
    x, y, half = left + WIDTH / 2, top + HEIGHT / 2, _LINE / 2
    arms = _ARMS[char]
    if char in _ROUND:
        right, down = (1 if "r" in arms else -1), (1 if "d" in arms else -1)
        outer, inner = WIDTH / 2 + half, WIDTH / 2 - half
        sweep = int(right * down < 0)
        edge_x, end_y = x + right * WIDTH / 2, y + down * HEIGHT / 2
        bend_y = y + down * WIDTH / 2
        return (
            f"M{edge_x:.6g} {y - down * half:.6g}"
            f"A{outer:.6g} {outer:.6g} 0 0 {sweep} {x - right * half:.6g} {bend_y:.6g}V{end_y:.6g}h{right * _LINE}"
            f"V{bend_y:.6g}A{inner:.6g} {inner:.6g} 0 0 {1 - sweep} {edge_x:.6g} {y + down * half:.6g}z"
        )
    found = []
    for arm in arms:
        wide = WIDTH / 2 + half if arm in "lr" else _LINE
        high = HEIGHT / 2 + half if arm in "ud" else _LINE
        from_x = left if arm == "l" else x - half
        from_y = top if arm == "u" else y - half
        found.append(f"M{from_x:.6g} {from_y:.6g}h{wide:.6g}v{high:.6g}h-{wide:.6g}z")
    return "".join(found)
