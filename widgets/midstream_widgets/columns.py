"""Tables on the line API: columns that give way by rank when there is no room, and one that takes what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len

from midstream_widgets.lines import Span, pad

R = TypeVar("R")
GAP = 2


def _value(row: object) -> str:
    return "value"


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """A column: its name for sorting, its title, what it shows of a row and how.

    ``least`` and ``most`` bound its width in cells, a ``whole`` one never gives way below what it says; ``rank`` says
    how early it goes when room is short (0 never). ``asks`` is what the one that takes the rest has before names do.
    ``key`` is what it sorts by, None last; ``falling`` columns show the greatest first.
    """

    name: str
    title: str
    text: Callable[[R], str]
    key: Callable[[R], object]
    least: int = 4
    most: int = 32
    right: bool = False
    rank: int = 0
    falling: bool = False
    whole: bool = False
    asks: int = 0
    style: Callable[[R], str] = _value


def fitted(
    columns: Sequence[Column[R]], rows: Sequence[R], width: int, *, rest: str
) -> list[tuple[Column[R], int]]:
    """The columns that find room in ``width`` cells, with their widths; the column named ``rest`` takes what is left.

    A column no row has anything to say in is left out. When room is short the columns of rank 0 shrink to their least
    (names may be cut, figures may not), then the others go by rank, the greatest first. The rest is worth 28 % of
    the table where there is that much.
    """
    wanted: list[tuple[Column[R], int]] = []
    for column in columns:
        widest = max((cell_len(column.text(row)) for row in rows), default=0)
        if widest or column.name == rest:
            ask = max(widest, cell_len(column.title) + 1)
            if column.name == rest:
                ask = max(column.asks, min(ask, width * 28 // 100))
            wanted.append((column, min(max(ask, column.least), column.most)))

    def excess() -> int:
        return sum(cells + GAP for _, cells in wanted) - GAP - width

    def spare(column: Column[R], cells: int) -> int:
        if column.name == rest:
            return max(0, min(cells, column.asks) - column.least)
        return 0 if column.whole or column.rank else cells - column.least

    while excess() > sum(spare(column, cells) for column, cells in wanted):
        last = max(wanted, key=lambda each: each[0].rank, default=None)
        if last is None or not last[0].rank:
            break
        wanted.remove(last)
    for at, (column, cells) in enumerate(wanted):
        if (over := excess()) > 0:
            wanted[at] = (column, cells - min(over, spare(column, cells)))
    if (over := excess()) > 0:  # even so: then the rest gives way, too
        wanted = [(c, max(c.least, cells - over) if c.name == rest else cells) for c, cells in wanted]
    left = max(0, -excess())
    return [(column, cells + left if column.name == rest else cells) for column, cells in wanted]


def line(
    layout: Iterable[tuple[Column[R], int]], texts: Iterable[str], styles: Iterable[str]
) -> tuple[Span, ...]:
    """One line of the table: each text in its column's width, an ellipsis where it does not fit."""
    spans: list[Span] = []
    for (column, cells), text, style in zip(layout, texts, styles, strict=True):
        spans += [(pad(text, cells, column.right), style), (" " * GAP, "")]
    return tuple(spans[:-1])


def ordered(rows: Iterable[R], column: Column[R], reverse: bool = False) -> list[R]:
    """``rows`` by the column's key: None last in either direction, equal ones as they came."""
    rows = list(rows)
    known = [row for row in rows if column.key(row) is not None]
    unknown = [row for row in rows if column.key(row) is None]
    known.sort(key=column.key, reverse=column.falling != reverse)  # type: ignore[arg-type]
    return known + unknown


def at(layout: Iterable[tuple[Column[R], int]], x: int) -> Column[R] | None:
    """The column over cell ``x`` of the line, the gap behind it counted in."""
    end = 0
    for column, cells in layout:
        end += cells + GAP
        if x < end:
            return column
    return None
