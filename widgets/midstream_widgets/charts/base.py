"""The base of all charts: a line panel whose time axis zooms, with cells in true colour where names are not enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from midstream_widgets.chart_views import ChartView
from midstream_widgets.charts.pixels import Cells, segments, shades
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, fit, justify, width_of, wrap

C = TypeVar("C", bound=ChartView)

ZOOM = (-8, 12)
"""Least and greatest step: each chart stops earlier, where it has nothing more to show."""
HEADED = 6
"""Lines from which on a chart has a line of figures over it."""
GUTTER = 28
"""Cells from which on a chart has labels at its left."""


class ChartPanel(LinePanel[C]):
    """A panel of which `draw` fills exactly the room there is; a view with a ``reason`` shows that instead."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "panel--axis",
        "panel--line",
        "panel--trail",
        "panel--ramp-low",
        "panel--ramp-mid",
        "panel--ramp-high",
    }

    DEFAULT_CSS = """
    ChartPanel {
        & > .panel--axis { color: $border-blurred; }
        & > .panel--line { color: $text-primary; }
        & > .panel--trail { color: $secondary; }
        & > .panel--ramp-low { color: $surface; }
        & > .panel--ramp-mid { color: $primary; }
        & > .panel--ramp-high { color: $foreground; }
        &:ansi > .panel--axis { color: ansi_default; text-style: dim; }
        &:ansi > .panel--line { color: ansi_cyan; }
        &:ansi > .panel--trail { color: ansi_blue; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", id="chart.zoom_in", tooltip="Show half as much time"),
        Binding("minus", "zoom(-1)", "Zoom out", id="chart.zoom_out", tooltip="Show twice as much time"),
    ]  # fmt: skip

    class Zoomed(Message):
        """The user changed the zoom; ``chart.zoom`` is to be given to the view builder from now on."""

        def __init__(self, chart: ChartPanel[Any]) -> None:
            super().__init__()
            self.chart = chart

        @property
        def control(self) -> ChartPanel[Any]:
            return self.chart

    # What a chart says

    def draw(self, view: C, width: int, height: int) -> list[Row]:
        """The chart in ``width`` x ``height`` cells (both at least 1). Pure but for what keys chose."""
        raise NotImplementedError

    def zooms(self, view: C) -> tuple[int, int]:
        """Least and greatest step that shows anything else."""
        return ZOOM

    # From a view to rows

    @property
    def zoom(self) -> int:
        """The step of the time axis that is shown."""
        return self.view.zoom

    def rows(self, view: C, width: int, height: int) -> list[Row]:
        if width < 1 or height < 1:
            return []
        return said(view.reason, width, height) if view.reason else self.draw(view, width, height)[:height]

    def badge(self, view: C) -> tuple[str, str]:
        return view.stream, view.provenance

    def action_zoom(self, by: int) -> None:
        least, most = self.zooms(self.view)
        zoom = max(least, min(self.view.zoom + by, most))
        if zoom != self.view.zoom:
            self.view = replace(self.view, zoom=zoom)
            self.post_message(self.Zoomed(self))

    # Colours

    def colour(self, name: str, fallback: str = "#808080") -> tuple[int, int, int]:
        """The foreground of a component as RGB; `fallback` where the theme leaves it to the terminal."""
        colour = self.get_component_styles(f"panel--{name}").color
        if colour.ansi is not None:
            colour = Color.parse(fallback)
        return colour.rgb

    @property
    def paper(self) -> tuple[int, int, int]:
        """What pictures lie on: the panel's own background as RGB."""
        colour = self.background_colors[1]
        return (0, 0, 0) if colour.ansi is not None else colour.rgb

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._built = None  # rows with colours of their own are of the theme before

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join(map(plain_text, self._shown))), "\n"

    def _strip(self, row: Row, width: int) -> Strip:
        if not isinstance(row.key, Cells):
            return super()._strip(row, width)
        edge = fit(row, width - len(row.key.text))
        before = [Segment(text, self._style(name, row.base)) for text, name in edge.spans]
        used = sum(cell_len(text) for text, _ in edge.spans) + len(row.key.text)
        after = [Segment(" " * (width - used), self._style("", row.base))] if used < width else []
        return Strip([*before, *segments(row.key), *after], width)


def plain_text(row: Row) -> str:
    """A row of a chart as text: pictures in shades of their brightness."""
    text = "".join(text for text, _ in row.spans)
    return text + shades(row.key) if isinstance(row.key, Cells) else text


def said(reason: str, width: int, height: int) -> list[Row]:
    """A sentence in the middle of the room."""
    lines = wrap(reason, width, height)
    above = (height - len(lines)) // 2
    return [Row()] * above + [
        Row(((" " * ((width - cell_len(line)) // 2), ""), (line, "muted"))) for line in lines
    ]


def headed(rows: list[Row], left: Row, right: Row, width: int) -> list[Row]:
    """``rows`` under a line of figures: what finds no room beside the left one is left out."""
    if width_of(left) > width:
        left = fit(left, width)
    return [justify(left, right, width), *rows]
