"""Stream Metrics: a row for every kind of every stream, and a cursor that selects the stream others show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events, on
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.reactive import var

from midstream_widgets import formats as f
from midstream_widgets import glyphs
from midstream_widgets.line_panel import LinePanel, at_key
from midstream_widgets.lines import Row, Span, cut, justify, pad, width_of
from midstream_widgets.telling import Telling, Tells
from midstream_widgets.views import MetricsRow, MetricsView

SENTENCES = (48, 72)
"""Widths between which a row reads as in the specification; wider it is in columns, narrower on two lines or, where
those do not fit, in the few columns that do."""

UNITS = {"video": "frames"}
SHORT_KINDS = {"text": "txt", "audio": "aud", "video": "vid"}


class Column(NamedTuple):
    """A column: title, what it shows, least width, alignment, and how early it goes when room is short (0 never)."""

    title: str
    text: Callable[[MetricsRow], str]
    least: int
    right: bool
    rank: int
    style: Callable[[MetricsRow], str] = lambda row: "value"


def _or_blank(text: str) -> str:
    return "" if text == f.DASH else text


def _tag(row: MetricsRow) -> str:
    """The provenance, unless it is the plain live one."""
    return "" if row.provenance == "live" else row.provenance


COLUMNS = (
    Column("Stream", lambda row: row.stream, 8, False, 0),
    Column("Kind", lambda row: row.kind, 5, False, 0, lambda row: "muted"),
    Column(
        "State",
        lambda row: glyphs.state(row.state).text,
        6,
        False,
        4,
        lambda row: glyphs.state(row.state).style,
    ),
    Column("Count", lambda row: f.count(row.count), 6, True, 0),
    Column("Bytes", lambda row: f.size(row.bytes), 7, True, 3),
    Column("Rate", lambda row: f.bandwidth(row.bytes_per_s), 9, True, 0),
    Column("FPS", lambda row: _or_blank(f.frames(row.fps)), 4, True, 5),
    Column("Tokens", lambda row: _or_blank(f.count(row.tokens, row.tokens_estimated)), 6, True, 6),
    Column("Tok/s", lambda row: _or_blank(f.rate(row.tokens_per_s, "")), 5, True, 7),
    Column("TTFT", lambda row: _or_blank(f.milliseconds(row.ttft_ms)), 5, True, 8),
    Column("ICL", lambda row: _or_blank(f.milliseconds(row.interval_ms)), 5, True, 9),
    Column(
        "Drops",
        lambda row: f.count(row.dropped),
        5,
        True,
        2,
        lambda row: "warning" if row.dropped else "muted",
    ),
    Column("Flaws", lambda row: str(row.flaws or ""), 5, True, 6, lambda row: "warning"),
    Column("LUFS", lambda row: _or_blank(f.decimal(row.loudness, 1)), 5, True, 9),
    Column("From", _tag, 4, False, 1, lambda row: glyphs.provenance_style(row.provenance)),
    Column("Detail", lambda row: row.detail, 6, False, 10, lambda row: "muted"),
)
NARROW = (
    Column("Stream", lambda row: row.stream, 6, False, 0),
    Column("", lambda row: SHORT_KINDS.get(row.kind, row.kind[:3]), 3, False, 2, lambda row: "muted"),
    Column("Count", lambda row: f.count(row.count), 3, True, 3),
    Column("Rate", lambda row: f.bandwidth(row.bytes_per_s), 4, True, 0),
    Column(
        "From", lambda row: _tag(row)[:3], 3, False, 1, lambda row: glyphs.provenance_style(row.provenance)
    ),
)


def _named(row: MetricsRow, mixed: bool, width: int) -> tuple[Span, ...]:
    """As "audio-stream-1 (audio)", with the provenance where it is not the same for all: the name gives way first."""
    tag = f", {_tag(row)}" if mixed and _tag(row) else ""
    name = cut(row.stream, max(8, width - cell_len(f" ({row.kind}{tag})")))
    return (
        (name, "value" if row.state == "live" else glyphs.state(row.state).style),
        (f" ({row.kind}", "muted"),
        (tag, glyphs.provenance_style(row.provenance)),
        (")", "muted"),
    )


def _figures(row: MetricsRow, room: int) -> tuple[Span, ...]:
    """As "150 chunks, 1.5 MB, 45.2 KB/s"; drops are never cut, the total of bytes goes before them."""
    parts = [f"{row.count} {UNITS.get(row.kind, 'chunks')}", f.size(row.bytes), f.bandwidth(row.bytes_per_s)]
    drops = f", {row.dropped:,} dropped" if row.dropped else ""
    if drops and len(", ".join(parts) + drops) > room:
        del parts[1]
    return (", ".join(parts), "value"), (drops, "warning")


def sentence(row: MetricsRow, mixed: bool, width: int) -> tuple[Span, ...]:
    """As the specification words it: "audio-stream-1 (audio): 150 chunks, 1.5 MB, 45.2 KB/s"."""
    figures = _figures(row, width - 2 - sum(cell_len(text) for text, _ in _named(row, mixed, width)))
    room = width - 2 - sum(cell_len(text) for text, _ in figures)
    return (*_named(row, mixed, room), (": ", "muted"), *figures)


def card(row: MetricsRow, mixed: bool, width: int) -> list[tuple[Span, ...]]:
    """The sentence on two lines, the state at the end of the first."""
    glyph = glyphs.state(row.state)
    state = Row(((glyph.text, glyph.style),))
    head = Row(_named(row, mixed, width - 2 - width_of(state)))
    return [justify(head, state, width).spans, (("  ", ""), *_figures(row, width - 2))]


def _layout(rows: tuple[MetricsRow, ...], width: int, tagged: bool) -> list[tuple[Column, int]]:
    """The columns that fit ``width``, with their widths; ones that say nothing are left out first."""
    wanted: list[tuple[Column, int]] = []
    for column in NARROW if width < SENTENCES[0] else COLUMNS:
        texts = [column.text(row) for row in rows]
        if any(texts) and (tagged or column.title != "From"):
            widest = max(map(cell_len, [*texts, column.title]))
            wanted.append((column, min(max(widest, column.least), 32)))
    # In a narrow panel the name gives way before a column goes, in a wide one after.
    slack = wanted[0][1] - wanted[0][0].least if width < SENTENCES[0] else 0

    def excess() -> int:
        return sum(cells + 1 for _, cells in wanted) - 1 - width

    while excess() > slack:
        last = max(wanted, key=lambda each: each[0].rank)
        if not last[0].rank:
            break
        wanted.remove(last)
    if (over := excess()) > 0:
        wanted[0] = (wanted[0][0], max(wanted[0][0].least, wanted[0][1] - over))
    return wanted


def _columns(rows: tuple[MetricsRow, ...], width: int, tagged: bool) -> tuple[Row, list[tuple[Span, ...]]]:
    """The header, and the spans of each row, in columns; ``tagged`` rows tell their provenance."""
    layout = _layout(rows, width, tagged)
    gap = " " * (2 if sum(cells + 2 for _, cells in layout) - 2 <= width else 1)

    def line(texts: Iterable[str], styles: Iterable[str]) -> tuple[Span, ...]:
        spans: list[Span] = []
        for (column, cells), text, style in zip(layout, texts, styles, strict=True):
            spans += [(pad(text, cells, column.right), style), (gap, "")]
        return tuple(spans[:-1])

    header = line((column.title for column, _ in layout), ["title"] * len(layout))
    return Row((("  ", ""), *header)), [
        line((column.text(row) for column, _ in layout), (column.style(row) for column, _ in layout))
        for row in rows
    ]


def metrics_rows(
    view: MetricsView, width: int, height: int, cursor: tuple[str, str] | None = None
) -> list[Row]:
    """A row a stream and kind; ``cursor`` (stream, kind) carries the marker."""
    if not view.rows:
        return [Row((("no streams yet", "muted"),))]
    inner = width - 2  # the marker
    mixed = len({row.provenance for row in view.rows}) > 1
    header: Row | None = None
    if width < SENTENCES[0] and height >= 2 * len(view.rows):
        blocks = [card(row, mixed, inner) for row in view.rows]
    elif SENTENCES[0] <= width < SENTENCES[1]:
        blocks = [[sentence(row, mixed, inner)] for row in view.rows]
    else:
        # A provenance that all share is in the border too: it gives way when rows would not fit otherwise.
        header, lines = _columns(view.rows, inner, mixed or height > len(view.rows))
        blocks = [[line] for line in lines]
    rows = [header] if header is not None and height > len(blocks) else []
    for row, block in zip(view.rows, blocks, strict=True):
        key = (row.stream, row.kind)
        here = key == cursor
        for index, spans in enumerate(block):
            marker = glyphs.CURSOR if here and not index else " "
            rows.append(Row(((f"{marker} ", "title"), *spans), "selected" if here else "", key))
    return rows


class StreamMetrics(Tells, LinePanel[MetricsView]):
    """Counts, bytes and rates a stream, with a cursor.

    The cursor stays with its stream when rows come, go or change order. The app's own choice (``view.selected``)
    moves it only when that choice changes and the app has heard of the cursor's last move, so a view made before a key
    press does not undo the key.
    """

    TITLE = "Stream Metrics"
    view = var(MetricsView(), init=False)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Choose", id="metrics.choose", tooltip="Open the selected stream"),
    ]

    class StreamSelected(Telling):
        """The cursor is on another stream, or (``chosen``) enter was pressed on this one."""

        def __init__(self, panel: StreamMetrics, stream: str, chosen: bool) -> None:
            super().__init__(stream, chosen)
            self.panel = panel

        @property
        def control(self) -> StreamMetrics:
            return self.panel

    _cursor: tuple[str, str] | None = None
    _adopted = ""

    @property
    def selected(self) -> str:
        """The stream under the cursor, "" when there is none."""
        return self._cursor[0] if self._cursor else ""

    def rows(self, view: MetricsView, width: int, height: int) -> list[Row]:
        return metrics_rows(view, width, height, self._place_cursor(view))

    def badge(self, view: MetricsView) -> tuple[str, str]:
        return "", glyphs.common_provenance(row.provenance for row in view.rows)

    def _place_cursor(self, view: MetricsView) -> tuple[str, str] | None:
        keys = [(row.stream, row.kind) for row in view.rows]
        if view.selected != self._adopted and self.unheard is None:
            self._adopted = view.selected
            if view.selected != self.selected:
                self._cursor = next((key for key in keys if key[0] == view.selected), self._cursor)
        if self._cursor not in keys:
            same = [key for key in keys if self._cursor and key[0] == self._cursor[0]]
            self._cursor = next(iter(same or keys), None)
        return self._cursor

    def window(self, rows: list[Row], width: int, height: int) -> list[Row]:
        index = at_key(rows, self._cursor) if self._cursor else None
        if index is not None and len(rows) > height:
            last = height - 2 if height > 1 else 0  # the line below tells what is further down
            if index >= len(rows) - 1:
                self._top = len(rows) - height
            self._top = min(max(self._top, index - last), index)
        return super().window(rows, width, height)

    def _select(self, key: tuple[str, str]) -> None:
        before, self._cursor = self.selected, key
        self.update_rows()
        if key[0] != before:
            self.tell(self.StreamSelected(self, key[0], chosen=False))

    def action_move(self, by: int) -> None:
        keys = [(row.stream, row.kind) for row in self.view.rows]
        if not keys:
            raise SkipAction
        here = keys.index(self._cursor) if self._cursor in keys else 0
        self._select(keys[max(0, min(here + by, len(keys) - 1))])

    def action_choose(self) -> None:
        if self._cursor:
            self.tell(self.StreamSelected(self, self._cursor[0], chosen=True))

    @on(events.Click)
    def _pick(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self._shown):
            key = self._shown[offset.y].key
            if isinstance(key, tuple):
                self._select(key)
