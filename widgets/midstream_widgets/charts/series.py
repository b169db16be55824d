"""The observable over time: a line, with the change points and the alerts of the stream where they happened."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from textual.reactive import var

from midstream_widgets import glyphs
from midstream_widgets.chart_views import SeriesView
from midstream_widgets.charts.axes import Range, around, framed, number, rows_of, seconds, time_axis
from midstream_widgets.charts.base import GUTTER, HEADED, ChartPanel, headed
from midstream_widgets.charts.braille import Braille
from midstream_widgets.charts.windows import Window, column_of, outline, shown, window, zoomed
from midstream_widgets.lines import Row, Span

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST = 8
"""Samples that show at the closest zoom."""
USUAL = 250
MARKS = {"change": ("◆", "pattern"), "alert": (glyphs.ALERT, "error")}


class ObservableChart(ChartPanel[SeriesView]):
    """The newest sample is at the right edge; the scale is that of what shows."""

    TITLE = "Observable"
    view = var(SeriesView(), init=False)

    def badge(self, view: SeriesView) -> tuple[str, str]:
        return " · ".join(filter(None, (view.observable, view.stream))), view.provenance

    def zooms(self, view: SeriesView) -> tuple[int, int]:
        n = len(view.values) if view.values else 0
        return -max(0, math.ceil(math.log2(max(n, 1) / USUAL))), math.floor(math.log2(USUAL / LEAST))

    def draw(self, view: SeriesView, width: int, height: int) -> list[Row]:
        assert view.values is not None
        head, axis = height >= HEADED, height >= 3
        lines = height - head - axis
        wanted = zoomed(USUAL, view.zoom, LEAST, len(view.values))
        gutter = 0
        if width >= GUTTER:
            # The gutter's width follows from the labels, and these from what shows beside it: two rounds settle it.
            scale = self._scale(view, window(wanted, 2 * (width - 8)), lines)
            gutter = 1 + max(map(len, rows_of(scale.ticks, scale, lines, view.unit).values()), default=0)
        time = window(wanted, 2 * (width - gutter))
        scale = self._scale(view, time, lines)
        labels = rows_of(scale.ticks, scale, lines, view.unit) if gutter else {}
        canvas = Braille(width - gutter, lines)
        part = shown(view.values.data, view.total, time)
        self._marks(canvas, view, time)
        low, high = outline(part, view.total, time)
        at = [(scale.high - edge) / (scale.high - scale.low) * (canvas.lines - 1) for edge in (low, high)]
        canvas.columns_between(at[0], at[1], "line")
        heads = self._heads(canvas, view, time)
        below = time_axis(width - gutter, time.samples * view.dt, view.step) if axis else None
        rows = framed(canvas.rows(), labels, gutter, below)
        if not head:
            return rows
        room = width - sum(len(text) for text, _ in heads) - 2 * bool(heads)
        return headed(rows, self._figures(part, view.unit, room), Row(heads), width)

    @staticmethod
    def _scale(view: SeriesView, time: Window, lines: int) -> Range:
        assert view.values is not None
        part = shown(view.values.data, view.total, time)
        part = part[~np.isnan(part)]
        low, high = (float(part.min()), float(part.max())) if part.size else (0.0, 0.0)
        return around(low, high, max(2, min(lines // 2, 4 + lines // 8)))

    @staticmethod
    def _figures(part: npt.NDArray[np.float64], unit: str, width: int) -> Row:
        """The newest value, and of least, greatest and mean what finds room."""
        part = part[~np.isnan(part)]
        if not part.size:
            return Row()
        spread = float(part.max()) / 100 - float(part.min()) / 100
        spans: list[Span] = []
        used = 0
        for name, value in (
            ("now", part[-1]),
            ("min", part.min()),
            ("max", part.max()),
            ("mean", part.mean()),
        ):
            text = seconds(float(value)) if unit == "s" and value >= 0 else number(float(value), spread)
            label = f"{'  ' if spans else ''}{name} "
            used += len(label) + len(text)
            if spans and used > width:
                break
            spans += [(label, "label"), (text, "value")]
        return Row(tuple(spans))

    @staticmethod
    def _marks(canvas: Braille, view: SeriesView, time: Window) -> None:
        """A dotted line down from each mark: drawn first, so that the curve is over it."""
        for mark in view.marks:
            column = column_of(mark.place, view.total, time)
            if 0 <= column < canvas.columns:
                y = np.arange(0, canvas.lines, 2)
                canvas.dots(np.full(y.shape, column), y, MARKS.get(mark.what, MARKS["alert"])[1])

    @staticmethod
    def _heads(canvas: Braille, view: SeriesView, time: Window) -> tuple[Span, ...]:
        """A sign on top of each line, and what the signs mean."""
        seen: dict[str, int] = {}
        for mark in view.marks:
            column = column_of(mark.place, view.total, time)
            if 0 <= column < canvas.columns:
                sign, ink = MARKS.get(mark.what, MARKS["alert"])
                canvas.text(column // 2, 0, sign, ink)
                seen[mark.what] = seen.get(mark.what, 0) + 1
        spans: list[Span] = []
        for what, count in seen.items():
            sign, ink = MARKS.get(what, MARKS["alert"])
            spans += [
                (f"{'  ' if spans else ''}{sign} ", ink),
                (f"{what}{'s' if count > 1 else ''} {count}", "label"),
            ]
        return tuple(spans)
