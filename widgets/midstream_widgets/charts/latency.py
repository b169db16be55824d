"""Latency histogram: durations on a logarithmic axis, with the quantiles that matter marked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.binding import Binding, BindingType
from textual.reactive import var

from midstream_widgets.chart_views import Distribution, LatencyView
from midstream_widgets.charts.axes import framed, rule, seconds
from midstream_widgets.charts.base import GUTTER, HEADED, ChartPanel
from midstream_widgets.charts.windows import zoomed
from midstream_widgets.lines import Row, Span

if TYPE_CHECKING:
    import numpy.typing as npt

QUANTILES = ((0.5, "p50", "good"), (0.9, "p90", "warning"), (0.99, "p99", "error"))
EIGHTHS = " ▁▂▃▄▅▆▇█"
ALL = 600.0
"""Seconds that show at zoom 0: in practice all that is held."""
LEAST_SPAN = 5.0
LEAST_BARS = 12
FLOOR = 1e-6
"""Shorter durations count as this one, a microsecond: a logarithmic axis has no zero."""


class LatencyHistogram(ChartPanel[LatencyView]):
    """One distribution at a time; a key goes to the next. ``zoom`` narrows it to what came lately."""

    TITLE = "Latency"
    view = var(LatencyView(), init=False)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "measure(1)", "Measure", id="chart.measure", tooltip="The next distribution"),
    ]

    _shown_measure = 0

    def action_measure(self, by: int) -> None:
        if self.view.distributions:
            self._shown_measure = (self._shown_measure + by) % len(self.view.distributions)
            self.update_rows()

    def zooms(self, view: LatencyView) -> tuple[int, int]:
        return 0, math.floor(math.log2(ALL / LEAST_SPAN))

    def draw(self, view: LatencyView, width: int, height: int) -> list[Row]:
        place = self._shown_measure % len(view.distributions)
        which = view.distributions[place]
        span = zoomed(ALL, view.zoom, LEAST_SPAN, ALL) if view.zoom > 0 else math.inf
        lately = which.seconds.data[which.ages.data <= span]
        lately = np.clip(lately[np.isfinite(lately)], FLOOR, 1e9)
        heading = self._heading(view, which, place, span)
        if not lately.size:
            return [heading, Row((("none lately", "muted"),))]
        ever = which.ever if view.zoom <= 0 else None
        values = quantiles(lately) if ever is None else ever[1:]
        marks = [(name, value, ink) for (_, name, ink), value in zip(QUANTILES, values, strict=True)]
        # On few lines the quantiles go before the shape: they are what is looked for first.
        count = _count(lately.size if ever is None else ever.n, lately.size)
        told = [heading, *_flowed([*(_told(*mark) for mark in marks), count], width)]
        if height < HEADED:
            return (told[1:] if height < 3 else told)[:height]
        body = height - len(told) - 2
        if body < 1:
            return told[:height]
        return told + self._bars(lately, marks, width, body)

    @staticmethod
    def _heading(view: LatencyView, which: Distribution, place: int, span: float) -> Row:
        spans: list[Span] = [(which.name, "title")]
        if len(view.distributions) > 1:
            spans.append((f" {place + 1}/{len(view.distributions)}", "muted"))
        if view.zoom > 0:
            spans.append((f"  last {seconds(span)}", "label"))
        return Row((*spans, (f"  {which.formula}", "muted")))

    @staticmethod
    def _bars(
        lately: npt.NDArray[np.float64], marks: list[tuple[str, float, str]], width: int, height: int
    ) -> list[Row]:
        gutter = 7 if width >= GUTTER else 0
        wide = bin_width(lately.size, width - gutter)
        across = (width - gutter) // wide * wide
        ends = [max(value, FLOOR) for _, value, _ in marks]
        low, high = limits(min(float(lately.min()), *ends), max(float(lately.max()), *ends))
        counts = np.repeat(histogram(lately, low, high, across // wide), wide)
        most = int(counts.max())
        eighths = np.ceil(counts * (8 * height / most)).astype(int) if most else counts
        places = {name: cell_of(value, low, high, across) for name, value, _ in marks}
        inks = {places[name]: ink for name, _, ink in marks}
        rows: list[Row] = []
        for y in range(height):
            level = np.clip(eighths - 8 * (height - 1 - y), 0, 8)
            text = "".join(EIGHTHS[k] for k in level.tolist())
            rows.append(Row(_coloured(text, inks)))
        labels = {0: f"{most}", height - 1: "0"} if height > 1 else {0: f"{most}"}
        names: dict[int, str] = {}
        for name, _, _ in marks:  # quantiles in one cell share their sign
            cell = places[name]
            names[cell] = f"{names[cell]},{name[1:]}" if cell in names else f"▲{name}"
        below = _signs(names, inks, across)
        axis = rule({cell_of(t, low, high, across): seconds(t) for t in decades(low, high, across)}, across)
        return [*framed(rows, labels, gutter, axis), Row(((" " * gutter, ""), *below))]


def _told(name: str, value: float, ink: str) -> tuple[Span, ...]:
    return ((f"{name} ", "label"), (seconds(value), ink))


def _count(count: int, drawn: int) -> tuple[Span, ...]:
    told = (("n ", "label"), (f"{count:,}", "value"))
    return (*told, (f", {drawn:,} drawn", "muted")) if drawn < count else told


def _flowed(parts: list[tuple[Span, ...]], width: int) -> list[Row]:
    """The parts on one line, or on as many as they need."""
    lines: list[list[Span]] = [[]]
    for part in parts:
        used = sum(len(text) for text, _ in lines[-1])
        need = sum(len(text) for text, _ in part)
        if lines[-1] and used + 2 + need > width:
            lines.append([])
        lines[-1] += [*((("  ", ""),) if lines[-1] else ()), *part]
    return [Row(tuple(line)) for line in lines]


def quantiles(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Those of `QUANTILES` by nearest rank: the p99 of a few is the greatest of them, as in every other figure here."""
    return tuple(
        float(value) for value in np.quantile(values, [q for q, _, _ in QUANTILES], method="inverted_cdf")
    )


def limits(least: float, greatest: float) -> tuple[float, float]:
    """Ends of a logarithmic axis: the values with a little room, at least a factor of four apart."""
    low, high = least / 1.15, greatest * 1.15
    if high < 4 * low:
        middle = math.sqrt(low * high)
        low, high = middle / 2, middle * 2
    return low, high


def cell_of(value: float, low: float, high: float, width: int) -> int:
    """The cell of `width` in which `value` lies on a logarithmic axis from `low` to `high`."""
    return min(width - 1, max(0, int(math.log(value / low) / math.log(high / low) * width)))


def bin_width(n: int, width: int) -> int:
    """Cells that a bar is wide: few durations in many bars would show their chance, not their shape."""
    return max(1, width // max(LEAST_BARS, math.ceil(1.5 * math.sqrt(n))))


def histogram(values: npt.NDArray[np.float64], low: float, high: float, width: int) -> npt.NDArray[np.int64]:
    """How many of ``values`` (> 0) lie in each of ``width`` cells of a logarithmic axis."""
    cells = (np.log(values / low) / math.log(high / low) * width).astype(np.int64)
    return np.bincount(np.clip(cells, 0, width - 1), minlength=width)


def decades(low: float, high: float, width: int) -> list[float]:
    """Round ticks of a logarithmic axis: 1, 2 and 5 of each decade where there is room, else 1."""
    span = math.log10(high / low)
    factors = (1.0, 2.0, 5.0) if span * 24 <= width else (1.0,) if span * 8 <= width else ()
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**power for power in powers for factor in factors]
    return [tick for tick in ticks if low <= tick <= high] or [math.sqrt(low * high)]


def _coloured(text: str, inks: dict[int, str]) -> tuple[Span, ...]:
    """The bars, those that hold a quantile in its ink."""
    spans: list[Span] = []
    at = 0
    for cell, ink in sorted(inks.items()):
        spans += [(text[at:cell], "line"), (text[cell], ink)]
        at = cell + 1
    spans.append((text[at:], "line"))
    return tuple(span for span in spans if span[0])


def _signs(names: dict[int, str], inks: dict[int, str], width: int) -> tuple[Span, ...]:
    """Under the axis, a sign at each quantile: its name where there is room, else the sign alone."""
    spans: list[Span] = []
    at = 0
    cells = sorted(names)
    for place, cell in enumerate(cells):
        end = cells[place + 1] if place + 1 < len(cells) else width
        text, start = names[cell], cell
        if cell + len(text) > end:
            # Its name is on the other side where that is free.
            text, start = f"{text[1:]}▲", cell - len(text) + 1
            if start < at + (at > 0):
                text, start = "▲", cell
        spans += [(" " * (start - at), ""), (text, inks[cell])]
        at = start + len(text)
    return tuple(spans)
