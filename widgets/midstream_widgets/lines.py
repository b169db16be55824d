"""Rows of styled text: cut, padded, wrapped and aligned by terminal cells (CJK 2, combining 0), never by characters.

Text from streams is hostile twice over: the sanitiser took escape sequences out at ingest, and `plain` replaces here
whatever would still break a line (newlines, lone surrogates, bidi controls), for that is this layer's own promise.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size, split_graphemes

Span = tuple[str, str]
"""Text and the short name of its style ("" for the panel's own)."""

ELLIPSIS = "…"
_KEPT_FORMATS = frozenset("\u200c\u200d")  # joiners: emoji families and Indic scripts are made of them
_CELL_CODEPOINTS = (
    12  # of one cell, at most: an emoji family has 7; a cell with more is an attack on the renderer
)


class Row(NamedTuple):
    """One line: its spans, the style under all of them, and the thing it shows (for cursor and anchor)."""

    spans: tuple[Span, ...] = ()
    base: str = ""
    key: Hashable = None


def _visible(character: str) -> str:
    if character.isprintable() or character in _KEPT_FORMATS:
        return character
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\t\n\r\v\f":
        return " "
    return "" if category in ("Cc", "Cf") else "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """``text`` on one line, with nothing in it that moves the cursor or cannot be encoded."""
    return text if text.isprintable() else "".join(map(_visible, text))


def width_of(row: Row) -> int:
    """Cells that the spans take."""
    return sum(cell_len(text) for text, _ in row.spans)


def cut(text: str, width: int) -> str:
    """``text`` in at most ``width`` cells, the end replaced by an ellipsis when it does not fit."""
    if width <= 0:
        return ""
    text = plain(text[: _CELL_CODEPOINTS * (width + 1)])
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip(" ") + ELLIPSIS


def cut_front(text: str, width: int) -> str:
    """The last ``width`` cells of ``text``, an ellipsis in front when something is missing: for text still growing."""
    if width <= 0:
        return ""
    tail = plain(text[-_CELL_CODEPOINTS * (width + 1) :])
    if cell_len(tail) <= width and len(text) <= _CELL_CODEPOINTS * (width + 1):
        return tail
    start, room = len(tail), width - 1
    for first, _, cells in reversed(split_graphemes(tail)[0]):
        if (room := room - cells) < 0:
            break
        start = first
    return ELLIPSIS + tail[start:].lstrip(" ")


def told_apart(texts: Sequence[str], width: int) -> list[str]:
    """Each of ``texts`` in at most ``width`` cells; those that would be cut to the same are cut in the middle instead.

    They keep as much of their starts as lets their ends tell them apart; where ends don't, what all start with goes.
    """
    short = [cut(text, width) for text in texts]
    alike: dict[str, list[int]] = {}
    for index, text in enumerate(short):
        alike.setdefault(text, []).append(index)
    for group in alike.values():
        names = [texts[index] for index in group]
        if len(set(names)) == 1:
            continue
        shared = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False)))
        ways = ([_cut_middle(name, start, width) for name in names] for start in range(width // 2, -1, -1))
        differ = (way for way in ways if len(set(way)) == len(set(names)))
        found = next(differ, None) or [cut(ELLIPSIS + name[shared:], width) for name in names]
        for index, text in zip(group, found, strict=True):
            short[index] = text
    return short


def _cut_middle(text: str, start: int, width: int) -> str:
    """``text`` in ``width`` cells: ``start`` cells from its start, then, when more would not fit, its end."""
    if cell_len(whole := plain(text)) <= width:
        return whole
    return set_cell_size(plain(text[: _CELL_CODEPOINTS * width]), start) + cut_front(text, width - start)


def pad(text: str, width: int, right: bool = False) -> str:
    """``text`` cut to and filled up to exactly ``width`` cells, to the right when ``right``."""
    text = cut(text, width)
    blank = " " * (width - cell_len(text))
    return blank + text if right else text + blank


def fit(row: Row, width: int) -> Row:
    """``row`` in at most ``width`` cells, an ellipsis where it is cut."""
    spans = tuple((plain(text), style) for text, style in row.spans)
    if sum(cell_len(text) for text, _ in spans) <= width:
        return row._replace(spans=spans)
    kept: list[Span] = []
    left = width - 1
    for text, style in spans:
        cells = cell_len(text)
        if cells > left:
            if width > 0:
                kept.append((set_cell_size(text, left) + ELLIPSIS, style))
            break
        kept.append((text, style))
        left -= cells
    return row._replace(spans=tuple(kept))


def wrap(text: str, width: int, limit: int) -> list[str]:
    """``text`` over at most ``limit`` lines of at most ``width`` cells, broken at spaces where there are some.

    Its own line breaks are kept. The last line ends in an ellipsis when there was more.
    """
    if width <= 0 or limit <= 0:
        return []
    lines: list[str] = []
    bounded = text[: _CELL_CODEPOINTS * width * limit]
    for paragraph in bounded.splitlines() or [""]:
        line = ""
        for word in plain(paragraph).split(" "):
            joined = f"{line} {word}" if line else word
            if cell_len(joined) <= width:
                line = joined
                continue
            if line:
                lines.append(line)
            *chopped, line = chop_cells(word, width) or [""]
            lines.extend(chopped)
            if len(lines) > limit:
                break
        lines.append(line)
        if len(lines) > limit:
            break
    lines, more = lines[:limit], len(lines) > limit or len(bounded) < len(text)
    if more:
        lines[-1] = set_cell_size(lines[-1], min(cell_len(lines[-1]), width - 1)) + ELLIPSIS
    return [cut(line, width) for line in lines]


def justify(left: Row, right: Row, width: int, gap: int = 2) -> Row:
    """``left`` at the left edge and ``right`` at the right one; ``left`` alone when they do not fit on a line."""
    space = width - width_of(left) - width_of(right)
    if not right.spans or space < gap:
        return left
    return left._replace(spans=(*left.spans, (" " * space, ""), *right.spans))


def grid(cells: Sequence[Row], width: int, height: int, gap: int = 2) -> list[Row]:
    """``cells`` down columns of equal width: one column when ``height`` suffices, else as many as fit."""
    if not cells:
        return []
    widest = max(map(width_of, cells))
    columns = min(max(1, (width + gap) // (widest + gap)), -(-len(cells) // max(height, 1)))
    lines = -(-len(cells) // columns)
    pitch = min(widest + gap, max(1, width // columns))
    return [join(cells[line::lines], pitch) for line in range(lines)]


def flow(cells: Iterable[Row], width: int, gap: int = 2) -> list[Row]:
    """``cells`` one after the other, a new line where the next finds no room."""
    lines: list[Row] = []
    for cell in cells:
        if lines and width_of(lines[-1]) + gap + width_of(cell) <= width:
            lines[-1] = Row((*lines[-1].spans, (" " * gap, ""), *cell.spans))
        else:
            lines.append(cell)
    return lines


def join(cells: Iterable[Row], pitch: int) -> Row:
    """``cells`` side by side, each ``pitch`` cells wide."""
    spans: list[Span] = []
    for cell in cells:
        cell = fit(cell, pitch)
        spans += [*cell.spans, (" " * (pitch - width_of(cell)), "")]
    return Row(tuple(spans[:-1]))
