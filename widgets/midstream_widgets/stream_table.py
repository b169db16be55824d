"""The overview: one row a stream, sortable, the worst first unless asked otherwise, so that trouble is on top."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.reactive import var

from midstream_widgets import columns as c
from midstream_widgets import formats as f
from midstream_widgets import glyphs
from midstream_widgets.cursor_panel import CursorPanel
from midstream_widgets.glyphs import Glyph
from midstream_widgets.lines import Row, Span
from midstream_widgets.overview_views import OverviewRow, OverviewView
from midstream_widgets.telling import Telling, Tells

LEVELS = (
    Glyph("✓", "ok", "good"),
    Glyph("■", "over", "muted"),
    Glyph("•", "note", "pattern"),
    Glyph("▲", "warning", "warning"),
    Glyph("✗", "error", "error"),
)
"""How bad an alert is, by its level; sign, word and style."""
_STATES = list(glyphs.STATES)[::-1]


def alert_text(row: OverviewRow) -> str:
    """As "✗ lost: 503 Service Unavailable (+1)"; "✓ ok" when there is nothing."""
    level = LEVELS[row.level]
    more = f" (+{row.more})" if row.more else ""
    return f"{level.sign} {row.alert or level.word}{more}"


def _blank(text: str) -> str:
    return "" if text == f.DASH else text


def _attractor(row: OverviewRow) -> str:
    return glyphs.ATTRACTORS[row.attractor].text if row.attractor is not None else ""


COLUMNS: tuple[c.Column[OverviewRow], ...] = (
    c.Column(
        "state",
        "State",
        lambda row: glyphs.state(row.state).text,
        lambda row: _STATES.index(row.state) if row.state in _STATES else -1,
        whole=True,
        style=lambda row: glyphs.state(row.state).style,
    ),
    c.Column(
        "stream",
        "Stream",
        lambda row: row.stream,
        lambda row: row.stream.lower(),
        least=12,
        style=lambda row: LEVELS[row.level].style if row.level >= 3 else "value",
    ),
    c.Column("kind", "Kind", lambda row: row.kinds, lambda row: row.kinds, rank=5, style=lambda row: "muted"),
    c.Column(
        "from",
        "From",
        lambda row: row.provenance,
        lambda row: row.provenance,
        rank=10,
        style=lambda row: glyphs.provenance_style(row.provenance),
    ),
    c.Column(
        "rate",
        "Rate",
        lambda row: _blank(f.bandwidth(row.bytes_per_s)),
        lambda row: row.bytes_per_s,
        least=8,
        right=True,
        rank=3,
        falling=True,
    ),
    c.Column(
        "fps",
        "FPS",
        lambda row: _blank(f.frames(row.fps)),
        lambda row: row.fps,
        right=True,
        rank=7,
        falling=True,
    ),
    c.Column(
        "tokens",
        "Tok/s",
        lambda row: _blank(f.rate(row.tokens_per_s, "", row.tokens_estimated)),
        lambda row: row.tokens_per_s,
        right=True,
        rank=8,
        falling=True,
    ),
    c.Column(
        "ttft",
        "TTFT",
        lambda row: _blank(f.milliseconds(row.ttft_ms)),
        lambda row: row.ttft_ms,
        least=6,
        right=True,
        rank=2,
        falling=True,
    ),
    c.Column(
        "interval",
        "Interval",
        lambda row: _blank(f.milliseconds(row.interval_ms)),
        lambda row: row.interval_ms,
        least=6,
        right=True,
        rank=9,
        falling=True,
    ),
    c.Column(
        "drops",
        "Drops",
        lambda row: f.count(row.dropped) if row.dropped else "",
        lambda row: row.dropped,
        right=True,
        rank=4,
        falling=True,
        style=lambda row: "warning",
    ),
    c.Column(
        "attractor",
        "Attractor",
        _attractor,
        lambda row: str(row.attractor) if row.attractor else None,
        least=6,
        rank=6,
        style=lambda row: glyphs.ATTRACTORS[row.attractor].style if row.attractor is not None else "muted",
    ),
    c.Column(
        "alert",
        "Alert",
        alert_text,
        lambda row: row.level,
        least=24,
        most=200,
        asks=28,
        falling=True,
        style=lambda row: LEVELS[row.level].style,
    ),
)
_BY_NAME = {column.name: column for column in COLUMNS}


class StreamTable(Tells, CursorPanel[OverviewView]):
    """All streams in columns. `sort` names the column that orders them; clicking a title does so, too."""

    TITLE = "All Streams"
    view = var(OverviewView(), init=False)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "full_stop,greater_than_sign",
            "sort(1)",
            "Sort",
            id="table.sort_next",
            tooltip="Sort by the next column",
        ),
        Binding(
            "comma,less_than_sign",
            "sort(-1)",
            "Sort back",
            id="table.sort_previous",
            show=False,
            tooltip="Sort by the column before",
        ),
        Binding("r", "reverse", "Reverse", id="table.reverse", tooltip="Turn the order round"),
    ]

    class Selected(Telling):
        """The cursor is on another stream, or (``chosen``) the user wants to see this one."""

    sort = "alert"
    reversed = False
    _adopted = ""
    _layout: list[tuple[c.Column[OverviewRow], int]]

    def rows(self, view: OverviewView, width: int, height: int) -> list[Row]:
        if view.selected != self._adopted and self.unheard is None:
            self._adopted = view.selected
            self.cursor = view.selected
        cursor = self.place()
        streams = self.ordered(view)
        if not streams:
            self._layout = []
            return [Row((("no streams yet: s adds one", "muted"),))]
        self._layout = c.fitted(COLUMNS, streams, width - 2, rest="alert")
        titles = [self._title(column) for column, _ in self._layout]
        rows = [Row((("  ", ""), *c.line(self._layout, titles, ["title"] * len(titles))))]
        for row in streams:
            here = row.stream == cursor
            spans: tuple[Span, ...] = c.line(
                self._layout,
                (column.text(row) for column, _ in self._layout),
                (column.style(row) for column, _ in self._layout),
            )
            marker = glyphs.CURSOR if here else " "
            rows.append(Row(((f"{marker} ", "title"), *spans), "selected" if here else "", row.stream))
        return rows

    def _title(self, column: c.Column[OverviewRow]) -> str:
        if column.name != self.sort:
            return column.title
        return f"{column.title}{'▲' if column.falling == self.reversed else '▼'}"

    def ordered(self, view: OverviewView) -> list[OverviewRow]:
        """The rows as they are shown."""
        return c.ordered(view.rows, _BY_NAME[self.sort], self.reversed)

    def badge(self, view: OverviewView) -> tuple[str, str]:
        order = (
            f"by {_BY_NAME[self.sort].title.lower()}{', reversed' if self.reversed else ''}"
            if view.rows
            else ""
        )
        return order, glyphs.common_provenance(row.provenance for row in view.rows)

    def keys(self) -> list[Hashable]:
        return [row.stream for row in self.ordered(self.view)]

    def moved(self, key: Hashable) -> None:
        self.tell(self.Selected(str(key), chosen=False))

    def chosen(self, key: Hashable) -> None:
        self.tell(self.Selected(str(key), chosen=True))

    def clicked(self, x: int, y: int) -> None:
        column = c.at(self._layout, x - 2)
        if column is not None:
            self.sort_by(column.name)

    def sort_by(self, name: str) -> None:
        """Sort by that column; by the same once more: the other way round."""
        self.reversed = not self.reversed if name == self.sort else False
        self.sort = name
        self.update_rows()

    def action_sort(self, step: int) -> None:
        names = [column.name for column, _ in self._layout] or list(_BY_NAME)
        here = names.index(self.sort) if self.sort in names else 0
        self.sort, self.reversed = names[(here + step) % len(names)], False
        self.update_rows()

    def action_reverse(self) -> None:
        self.reversed = not self.reversed
        self.update_rows()
