"""Where panels go: layouts as data, and the arithmetic from rows of names to rectangles. Pure, free of the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BREAKPOINTS = ((160, "wide"), (100, "normal"), (0, "narrow"))
"""Columns from which a size is called so, the widest first."""
LEAST_ROWS = 3
"""A border above, one line, a border below."""


def size_class(columns: int) -> str:
    """``narrow``, ``normal`` (100 columns and more) or ``wide`` (160 and more)."""
    return next(name for least, name in BREAKPOINTS if columns >= least)


class Box(NamedTuple):
    """A rectangle in cells."""

    x: int
    y: int
    width: int
    height: int


class Line(NamedTuple):
    """Panels side by side, each with its share of the width; ``rows`` high, or (0) sharing what is left.

    One that shares has ``least`` rows as long as lines of a fixed height can give way.
    """

    rows: int
    cells: tuple[tuple[str, int], ...]
    least: int = LEAST_ROWS

    @classmethod
    def parse(cls, text: str) -> Line:
        """From ``"12 system temporal:2"``: rows, then panels with their shares (1 unless told).

        Rows are ``*`` for what is left, ``*6`` for six of it at least.
        """
        rows, *names = text.split()
        cells = [name.partition(":") for name in names]
        panels = tuple((name, int(share or 1)) for name, _, share in cells)
        if rows.startswith("*"):
            return cls(0, panels, int(rows[1:] or LEAST_ROWS))
        return cls(int(rows), panels)


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to arrange panels, a list of lines for each size class."""

    name: str
    about: str
    lines: Mapping[str, tuple[Line, ...]]

    @classmethod
    def of(cls, name: str, about: str, **sizes: Sequence[str]) -> Layout:
        """From lines of text for ``narrow``, ``normal`` and ``wide``; one that is not told is as the one before it."""
        lines: dict[str, tuple[Line, ...]] = {}
        before: Sequence[str] = ()
        for size in ("narrow", "normal", "wide"):
            before = sizes.get(size, before)
            lines[size] = tuple(map(Line.parse, before))
        return cls(name, about, lines)

    def panels(self, size: str) -> list[str]:
        """The panels that it shows at a size class, in reading order."""
        return [name for line in self.lines[size] for name, _ in line.cells]


def arrange(lines: Iterable[Line], shown: Iterable[str], width: int, height: int) -> dict[str, Box]:
    """Boxes that tile ``width`` x ``height`` for the panels ``shown``.

    A line without any of them is left out, and its room goes to the others; panels that no line names share a line
    of their own at the end. Lines of a fixed height give way when there is too little of it for all.
    """
    wanted = list(dict.fromkeys(shown))
    kept = [line._replace(cells=tuple(c for c in line.cells if c[0] in wanted)) for line in lines]
    kept = [line for line in kept if line.cells]
    placed = {name for line in kept for name, _ in line.cells}
    if extra := [name for name in wanted if name not in placed]:
        kept.append(Line(0, tuple((name, 1) for name in extra)))
    boxes: dict[str, Box] = {}
    y = 0
    for line, rows in zip(kept, _heights(kept, height), strict=True):
        x = 0
        for (name, _), columns in zip(
            line.cells, _split(width, [share for _, share in line.cells]), strict=True
        ):
            boxes[name] = Box(x, y, columns, rows)
            x += columns
        y += rows
    return boxes


def _heights(lines: Sequence[Line], height: int) -> list[int]:
    """Rows of each line: the fixed ones as they ask, the rest (0) in equal parts; all of ``height`` is used."""
    if not lines:
        return []
    rows = [line.rows for line in lines]
    if all(rows):
        rows = [*rows[:-1], 0]
    least = [line.least for line, asked in zip(lines, rows, strict=True) if not asked]
    if LEAST_ROWS * (len(rows) - len(least)) + sum(least) > height:
        least = [LEAST_ROWS] * len(least)
    fixed = sum(rows)
    room = height - sum(least)
    if fixed > room:  # each gives way in proportion to what it has above the least
        spare = fixed - LEAST_ROWS * (len(rows) - len(least))
        keep = max(0, spare - (fixed - room))
        shares = _split(keep, [max(0, asked - LEAST_ROWS) for asked in rows if asked])
        given = iter(shares)
        rows = [LEAST_ROWS + next(given) if asked else 0 for asked in rows]
        fixed = sum(rows)
    extra = _split(max(0, height - fixed - sum(least)), [1] * len(least))
    parts = iter([few + more for few, more in zip(least, extra, strict=True)])
    return [asked or next(parts) for asked in rows]


def _split(total: int, shares: Sequence[int]) -> list[int]:
    """``total`` cells by ``shares``, whole numbers that sum up to it."""
    sum_of, passed, at = sum(shares), 0, 0
    parts = []
    for share in shares:
        passed += share
        end = total * passed // sum_of if sum_of else 0
        parts.append(end - at)
        at = end
    return parts


DASHBOARD = (
    Layout.of(
        "all six",
        "every panel of the dashboard",
        narrow=("6 system temporal", "5 patterns status", "6 streams", "* messages"),
        normal=("12 system temporal patterns", "10 status streams:2", "* messages"),
        wide=("16 system temporal patterns status", "* streams:7 messages:5"),
    ),
    Layout.of(
        "streams",
        "status and figures of the streams, large",
        narrow=("10 status", "* streams"),
        normal=("12 system status:2", "* streams"),
        wide=("16 system status:3", "* streams"),
    ),
    Layout.of(
        "analysis",
        "dynamics and patterns, large",
        narrow=("9 temporal patterns", "* streams", "* messages"),
        normal=("16 temporal patterns", "* status streams:2"),
        wide=("* temporal patterns messages", "14 status streams:2"),
    ),
    Layout.of(
        "messages",
        "what is said, large",
        narrow=("6 system status", "* messages"),
        normal=("10 system status patterns", "* messages"),
        wide=("* messages:3 patterns", "12 system status:2 streams:3"),
    ),
)

_TEXT = (
    Layout.of(
        "at a glance",
        "state, latency and dynamics",
        narrow=("8 facts", "7 series latency", "* messages"),
        normal=("13 facts:2 temporal", "11 series:3 latency:2", "*6 turns"),
        wide=("15 facts:3 temporal:2 patterns:2", "* series:4 latency:3 portrait:2", "17 turns:4 messages:3"),
    ),
    Layout.of(
        "turns",
        "every request: waterfall, latencies, what was said",
        narrow=("8 timeline", "* turns"),
        normal=("10 timeline:3 latency:2", "* turns", "9 messages"),
        wide=("18 timeline:3 latency:2", "* turns", "14 messages"),
    ),
    Layout.of(
        "dynamics",
        "the observable, its phase portrait and recurrence plot",
        narrow=("8 series", "* portrait temporal"),
        normal=("11 series:3 temporal:2", "* portrait recurrence"),
        wide=("18 series:4 temporal:1 patterns:1", "* portrait recurrence"),
    ),
    Layout.of(
        "words",
        "what was said, and its patterns",
        narrow=("6 patterns", "* messages"),
        normal=("* messages:2 patterns",),
        wide=("* messages:3 patterns",),
    ),
)
_SOUND = (
    Layout.of(
        "at a glance",
        "state, levels, waveform and dynamics",
        narrow=("9 facts", "6 waveform levels", "* series"),
        normal=("12 facts:2 temporal", "10 waveform:2 levels", "* spectrogram:2 series"),
        wide=("15 facts:3 temporal:2 levels:2", "* waveform spectrogram", "16 series:2 latency portrait"),
    ),
    Layout.of(
        "sound",
        "waveform, spectrogram and levels, large",
        narrow=("7 waveform", "* spectrogram", "5 levels"),
        normal=("11 waveform:3 levels", "* spectrogram"),
        wide=("18 waveform:4 levels", "* spectrogram"),
    ),
    _TEXT[2],
)
_PICTURE = (
    Layout.of(
        "at a glance",
        "the picture, state and dynamics",
        narrow=("14 video:3 facts:4", "* series latency"),
        normal=("18 video:4 facts:5", "9 waveform:2 levels", "*5 series:2 latency temporal"),
        wide=("30 video:4 facts:3", "12 waveform:3 levels:2 latency:2", "* series:3 temporal:2 portrait:2"),
    ),
    Layout.of(
        "picture",
        "the picture, large",
        narrow=("* video",),
        normal=("* video", "6 waveform:2 levels"),
        wide=("* video:3 facts", "8 waveform:3 levels"),
    ),
    _SOUND[1],
    _TEXT[2],
)


def of_detail(kinds: Iterable[str]) -> tuple[Layout, ...]:
    """The layouts of the detail screen for a stream that carries ``kinds``; those of text as long as nobody knows."""
    kinds = set(kinds)
    layouts: tuple[Layout, ...] = _PICTURE if "video" in kinds else _SOUND if "audio" in kinds else _TEXT
    if "video" in kinds and "audio" not in kinds:
        layouts = tuple(layout for layout in layouts if layout is not _SOUND[1])
    if "text" in kinds and layouts is not _TEXT:
        layouts = (*layouts, *(layout for layout in _TEXT[1:] if layout not in layouts))
    return layouts
