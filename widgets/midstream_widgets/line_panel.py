"""The base of all panels: line API, a diff of rows on every new view, and a repaint of the changed rows only.

Measured beside it on Textual 8.2.8: Static.update 1.6 to 9.5 ms, DataTable.update_cell 12 ms a cell (see
``benchmarks/panels.py``). A subclass says which rows a view makes; everything else is here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.reactive import var
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from midstream_widgets.glyphs import provenance_style
from midstream_widgets.lines import Row, fit, justify, plain

V = TypeVar("V")
_END = 10**9


class LinePanel(Widget, Generic[V], can_focus=True):
    """A titled box whose rows follow from `view` alone.

    Assign `view` as often as you like: an equal view costs a comparison, another one the rows that differ. Rows that
    find no room are told ("… 3 more") and reached by scrolling. Styles of spans are the names of `COMPONENT_CLASSES`
    without the prefix ``panel--``; "" is the panel's own.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "panel--title",
        "panel--label",
        "panel--value",
        "panel--good",
        "panel--warning",
        "panel--error",
        "panel--pattern",
        "panel--muted",
        "panel--selected",
    }

    DEFAULT_CSS = """
    LinePanel {
        height: 1fr;
        width: 1fr;
        min-height: 3;
        background: $background;
        color: $foreground;
        border: round $border-blurred;
        border-title-color: $text-primary;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        padding: 0 1;
        &:focus { border: round $border; }
        &.-untrue { border-subtitle-color: $text-warning; }
        & > .panel--title { color: $text-primary; text-style: bold; }
        & > .panel--label { color: $text-muted; }
        & > .panel--value { color: $foreground; }
        & > .panel--good { color: $text-success; }
        & > .panel--warning { color: $text-warning; }
        & > .panel--error { color: $text-error; text-style: bold; }
        & > .panel--pattern { color: $text-accent; }
        & > .panel--muted { color: $text-muted; }
        & > .panel--selected { background: $panel; text-style: bold; }
        &:focus > .panel--selected { background: $primary-muted; }
        &:ansi > .panel--label, &:ansi > .panel--muted { color: ansi_default; text-style: dim; }
        &:ansi { border-title-color: ansi_cyan; }
        &:ansi > .panel--title { color: ansi_cyan; }
        &:ansi > .panel--pattern { color: ansi_magenta; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="panel.up", tooltip="One row up", show=False),
        Binding("down,j", "move(1)", "Down", id="panel.down", tooltip="One row down", show=False),
        Binding("pageup", "page(-1)", "Page up", id="panel.page_up", tooltip="One page up", show=False),
        Binding(
            "pagedown", "page(1)", "Page down", id="panel.page_down", tooltip="One page down", show=False
        ),
        Binding("ctrl+u", "half(-1)", "Half up", id="panel.half_up", tooltip="Half a page up", show=False),
        Binding(
            "ctrl+d", "half(1)", "Half down", id="panel.half_down", tooltip="Half a page down", show=False
        ),
        Binding("home,g", "edge(-1)", "Start", id="panel.home", tooltip="To the first row", show=False),
        Binding("end,G", "edge(1)", "End", id="panel.end", tooltip="To the last row", show=False),
    ]

    TITLE: ClassVar[str] = ""

    view: var[V]
    """What is shown. Frozen; subclasses give the default: ``view = var(SomeView(), init=False)``."""

    def __init__(
        self,
        view: V | None = None,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002  (Textual's own name)
        classes: str | None = None,
    ) -> None:
        self._painted: list[Strip] = []
        self._painted_crop: Region | None = (
            None  # what `_painted` covers; None when all of it is to be made anew
        )
        self._stale: set[int] = set()  # lines of it, borders counted, that are not true any more
        self._lines: dict[Row, Strip] = {}  # lines of it by their rows, for rows that come to stand elsewhere
        self._edges: tuple[Strip, Strip] | None = None  # left and right of every row
        self._retitled = False
        super().__init__(name=name, id=id, classes=classes)
        self.set_reactive(Widget.auto_links, False)  # a stream's text never holds a link
        self.border_title = Content(self.TITLE)
        self._all: list[Row] = []
        self._shown: list[Row] = []
        self._built: tuple[int, int] | None = None  # the size that `_shown` was made for
        self._top = 0
        self._badge: tuple[str, str] = ("", "")
        self._styles: dict[tuple[str, str], Style] = {}
        if view is not None:
            self.set_reactive(type(self).view, view)

    # What a subclass says

    def rows(self, view: V, width: int, height: int) -> list[Row]:
        """All rows of ``view``, at best laid out for ``width`` x ``height`` cells. Pure: same arguments, same rows."""
        raise NotImplementedError

    def badge(self, view: V) -> tuple[str, str]:
        """The border's subtitle: a text, and the provenance that it ends in ("" for none)."""
        return "", ""

    def window(self, rows: list[Row], width: int, height: int) -> list[Row]:
        """The part of ``rows`` that shows, at most ``height``; the last line tells how much is further down."""
        self._top = top = max(0, min(self._top, len(rows) - height))
        shown = rows[top : top + height]
        below = len(rows) - top - height
        if below > 0 and height > 1:
            both = justify(shown[-1], Row(((f"… {below} more", "muted"),)), width)
            shown[-1] = both if both is not shown[-1] else Row(((f"… {below + 1} more", "muted"),))
        return shown

    # From a view to strips

    def watch_view(self) -> None:
        self.update_rows()

    def on_mount(self) -> None:
        self._update_badge()

    def update_rows(self) -> None:
        """Lay the view out again and repaint the rows that differ from what is on screen."""
        self._update_badge()
        size = self.size
        if self._built != size or not size:
            self._built = None
            if self._painted_crop is not None:  # else all of it is to be painted anyway
                self.refresh()
            return
        self._all = self.rows(self.view, size.width, size.height)
        self._repaint()

    def _repaint(self) -> None:
        width, height = self.size
        before, self._shown = self._shown, self.window(self._all, width, height)
        if regions := list(self._changed(before, self._shown, width)):
            self.refresh(*regions)

    @staticmethod
    def _changed(before: list[Row], after: list[Row], width: int) -> Iterable[Region]:
        """One region for each run of neighbouring rows that differ."""
        start: int | None = None
        end = max(len(before), len(after))
        for y in range(end + 1):
            same = y == end or (y < len(before) and y < len(after) and before[y] == after[y])
            if same and start is not None:
                yield Region(0, start, width, y - start)
                start = None
            elif not same and start is None:
                start = y

    def _update_badge(self) -> None:
        badge = self.badge(self.view)
        if badge == self._badge:
            return
        self._badge = badge
        text = plain(" · ".join(filter(None, badge)))
        self._retitled = True
        self.border_subtitle = Content(text) if text.strip() else None
        self._retitled = False
        untrue = provenance_style(badge[1]) == "warning"
        self.set_class(
            untrue, "-untrue", update=self.is_attached
        )  # else it gets its styles when it is mounted

    def render_line(self, y: int) -> Strip:
        size = self.size
        if self._built != size:
            self._all = self.rows(self.view, size.width, size.height)
            self._shown = self.window(self._all, size.width, size.height)
            self._built = (size.width, size.height)
        row = self._shown[y] if y < len(self._shown) else Row()
        strip = self._strip(row, size.width)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            strip = self._mark(strip, *span)
        # Offsets are what a mouse needs to select text; they are half of a line's cost, so without mouse without them.
        return strip.apply_offsets(0, y) if self.mouse_hover or selection is not None else strip

    def _set_dirty(self, *regions: Region) -> None:
        if self._retitled and self.size:  # Textual would paint all lines for a word in the border
            x, y = self.content_offset
            regions = (Region(-x, self.outer_size.height - 1 - y, self.outer_size.width, 1),)
        super()._set_dirty(*regions)
        top = self.content_offset.y if regions else 0
        self._stale.update(y + top for region in regions for y in region.line_range)
        if not regions:
            self._painted_crop = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual asks every visible widget for all its lines whenever one of them changed: keep what is still true."""
        if crop != self._painted_crop:
            self._paint_frame(crop)
        if self._stale and (left := self._paint_rows(crop)):
            first, last = min(left), max(left) + 1
            fresh = super().render_lines(Region(crop.x, first, crop.width, last - first))
            self._painted[first - crop.y : last - crop.y] = fresh
        self._stale.clear()
        return self._painted

    def _paint_frame(self, crop: Region) -> None:
        """Paint what is around the rows, and one of them, for the borders of all others; these are stale then."""
        self._lines.clear()
        self._edges = None
        self._stale.clear()
        self._painted_crop = crop
        top, height = self.content_offset.y, self.content_size.height
        if height < 2 or crop != self.outer_size.region:
            self._painted = super().render_lines(crop)
            return
        above = super().render_lines(Region(0, 0, crop.width, top + 1))
        below = super().render_lines(Region(0, top + height, crop.width, crop.height - top - height))
        self._painted = [*above, *above[-1:] * (height - 1), *below]
        self._stale.update(range(top + 1, top + height))

    def _paint_rows(self, crop: Region) -> list[int]:
        """Put new rows between the borders that stand there; return those stale lines where that can't be done.

        Textual makes both borders and the padding anew for every line, which is half of what a line costs.
        """
        stale = [y for y in self._stale if crop.y <= y < crop.bottom]
        content, width = self.content_region, self.outer_size.width
        plain = not self.styles.tint.a and self.opacity == self.styles.text_opacity == 1.0
        if not plain or crop.column_span != (0, width):
            return stale
        left, top = self.content_offset
        filters, background = self.get_line_filters(), self.background_colors[1]
        # A line is of its row alone then, and rows of a log seldom change: they move.
        pure = self._built == self.size and not self.mouse_hover and self.text_selection is None
        known = self._lines if pure else {}
        if len(known) > 3 * content.height:
            known = self._lines = {row: known[row] for row in self._shown if row in known}
        unpainted = []
        for y in stale:
            row = self._shown[y - top] if 0 <= y - top < len(self._shown) else None
            before = self._painted[y - crop.y]
            line = known.get(row) if row is not None else None
            if line is None and 0 <= y - top < content.height and before.cell_length == width:
                strip = self.render_line(y - top)
                if strip.cell_length == content.width:
                    for each in filters:
                        strip = strip.apply_filter(each, background)
                    if (edges := self._edges) is None:
                        edges = before.crop(0, left), before.crop(left + content.width, width)
                        self._edges = edges
                    line = Strip([*edges[0], *strip, *edges[1]], width)
            if line is None:
                unpainted.append(y)
                continue
            self._painted[y - crop.y] = line
            if row is not None:
                known[row] = line
        return unpainted

    def _strip(self, row: Row, width: int) -> Strip:
        row = fit(row, width)
        used = 0
        segments: list[Segment] = []
        for text, name in row.spans:
            used += cell_len(text)
            segments.append(Segment(text, self._style(name, row.base)))
        if used < width:
            segments.append(Segment(" " * (width - used), self._style("", row.base)))
        return Strip(segments, width)

    def _style(self, name: str, base: str) -> Style:
        """The style of a component over that of the row, resolved once per theme."""
        style = self._styles.get((name, base))
        if style is None:
            classes = [f"panel--{part}" for part in (base, name) if part]
            style = self._styles[name, base] = self.get_visual_style(*classes).rich_style
        return style

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    # Selecting text with the mouse

    def watch_mouse_hover(self) -> None:
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        text = "\n".join("".join(text for text, _ in fit(row, self.size.width).spans) for row in self._shown)
        return selection.extract(text), "\n"

    def _mark(self, strip: Strip, start: int, end: int) -> Strip:
        stop = strip.cell_length if end < 0 else min(end, strip.cell_length)
        before, chosen, after = strip.divide([start, stop, strip.cell_length])
        style = self.screen.get_component_rich_style("screen--selection")
        return Strip.join([before, chosen.apply_style(style), after])

    # Scrolling

    @property
    def overflow(self) -> int:
        """How many rows do not fit."""
        return max(0, len(self._all) - self.size.height)

    def scroll_rows(self, by: int) -> None:
        """Move the window by so many rows; nothing happens at the ends."""
        top = max(0, min(self._top + by, self.overflow))
        if top != self._top:
            self._top = top
            self._repaint()

    def action_move(self, by: int) -> None:
        if not self.overflow:
            raise SkipAction  # nothing to scroll: the key is free for whoever is above
        self.scroll_rows(by)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 1))

    def action_half(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height // 2))

    def action_edge(self, side: int) -> None:
        self.action_move(side * _END)

    @on(events.MouseScrollUp)
    @on(events.MouseScrollDown)
    def _wheel(self, event: events.MouseScrollUp | events.MouseScrollDown) -> None:
        if self.overflow:
            event.stop()
            self.scroll_rows(3 if isinstance(event, events.MouseScrollDown) else -3)


def at_key(rows: list[Row], key: Hashable) -> int | None:
    """Index of the first row that shows ``key``."""
    return next((index for index, row in enumerate(rows) if row.key == key), None)
