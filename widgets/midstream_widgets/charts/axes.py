"""Axes: round ticks, their labels, and the frame of a plot. Pure, without numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from midstream_widgets.lines import Row, Span, cut

BIGGEST = 1e300
"""Values beyond are drawn at the edge: differences of greater ones are no floats any more."""
_CLOCK = (30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 36000.0)
"""Round steps of time above half a minute, in seconds."""
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


class Range(NamedTuple):
    """Of an axis: from, to, and the distance of its ticks."""

    low: float
    high: float
    step: float

    @property
    def ticks(self) -> list[float]:
        """Values of the ticks, lowest first."""
        first = math.ceil(self.low / self.step - 1e-9)
        last = math.floor(self.high / self.step + 1e-9)
        return [k * self.step for k in range(first, min(last, first + 64) + 1)]


def nice(step: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below ``step`` (> 0)."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(
        (factor * power for factor in (1.0, 2.0, 5.0) if factor * power >= step * (1 - 1e-9)), 10.0 * power
    )


def around(low: float, high: float, ticks: int) -> Range:
    """A range with round ends that holds ``low`` to ``high``, with at most about ``ticks`` ticks.

    A value that never changes lies in the middle. What is not finite counts as zero.
    """
    low, high = sorted(
        min(max(value, -BIGGEST), BIGGEST) if math.isfinite(value) else 0.0 for value in (low, high)
    )
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-290):
        pad = max(0.1 * abs(low), 1e-6) if low else 1.0
        low, high = low - pad, high + pad
    step = nice((high - low) / max(ticks - 1, 1))
    return Range(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)


def number(value: float, step: float = 0.0) -> str:
    """``value`` short, with the digits that a distance of ``step`` asks for: "1.5k", "0.05", "2e+30"."""
    if not math.isfinite(value):
        return "—"
    size = abs(value)
    if step and size < step * 1e-6:
        return "0"
    if size >= 1e12 or (0 < size < 1e-4):
        return f"{value:.0e}"
    for scale, prefix in _PREFIXES:
        if size >= scale * 0.9999999:
            return f"{_digits(value / scale, step / scale)}{prefix}"
    return _digits(value, step)


def _digits(value: float, step: float) -> str:
    if not step:
        return f"{value:.3g}"
    places = min(max(0, -math.floor(math.log10(step) + 1e-9)), 6)
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds(value: float) -> str:
    """A duration at an axis or in a caption: "800us", "2ms", "1.5s", "2m", "1h 5m"."""
    if not math.isfinite(value):
        return "—"
    if value < 0.9995e-3:
        return f"{value * 1e6:.3g}us"
    if value < 0.9995:
        return f"{value * 1e3:.3g}ms"
    if value < 59.95:
        return f"{value:.3g}s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}m {rest}s" if rest else f"{minutes}m"
    return f"{minutes // 60}h {minutes % 60}m" if minutes % 60 else f"{minutes // 60}h"


def rule(labels: Mapping[int, str], width: int, line: str = "─") -> tuple[Span, ...]:
    """A horizontal axis of ``width`` cells with ``labels`` centred at their cells.

    At the ends they are moved inwards; one that would touch the one before is left out, but the last always shows.
    """
    placed: list[tuple[int, str]] = []
    for cell, text in sorted(labels.items()):
        size = cell_len(text)
        if size > width or not 0 <= cell < width:
            continue
        start = min(max(0, cell - size // 2), width - size)
        while placed and start <= placed[-1][0] + cell_len(placed[-1][1]) + 1:
            if cell != max(labels):
                break
            placed.pop()
        else:
            placed.append((start, text))
    spans: list[Span] = []
    at = 0
    for start, text in placed:
        left = 1 if start > at else 0
        spans += [(line * (start - at - left) + " " * left, "axis"), (text, "label")]
        at = start + cell_len(text)
        if at < width:
            spans.append((" ", "axis"))
            at += 1
    spans.append((line * (width - at), "axis"))
    return tuple(span for span in spans if span[0])


def time_axis(width: int, span: float, step: str = "s") -> tuple[Span, ...]:
    """The axis under ``width`` cells that end now and began ``span`` units of ``step`` (``s``, ``frame``...) ago."""
    if width < 12 or not 1e-12 < span < 1e12:  # neither a time nor a number of samples
        return rule({width - 1: "now"} if width >= 3 else {}, width)
    apart = nice(span * 13 / width)  # cells that a label wants for itself
    if step == "s" and apart > 20:
        apart = next((round_ for round_ in _CLOCK if round_ >= span * 13 / width), apart)
    labels = {width - 1: "now"}
    for k in range(1, int(span / apart * (1 + 1e-9)) + 1):
        cell = width - 1 - round(k * apart / span * (width - 1))
        labels[cell] = f"-{seconds(k * apart)}" if step == "s" else f"-{number(k * apart, apart)}"
    first = min(labels)
    if step != "s" and first < width - 1:
        labels[first] = f"{labels[first]} {step}s"
    return rule(labels, width)


def framed(
    rows: Sequence[Row], labels: Mapping[int, str], gutter: int, axis: tuple[Span, ...] | None
) -> list[Row]:
    """``rows`` with a vertical axis of ``gutter`` cells on their left (labels by row), and ``axis`` under them."""
    framed: list[Row] = []
    for y, row in enumerate(rows):
        if gutter:
            text = cut(labels.get(y, ""), gutter - 1).rjust(gutter - 1)
            mark = "┤" if y in labels else "│"
            row = row._replace(spans=((text, "label"), (mark, "axis"), *row.spans))
        framed.append(row)
    if axis is not None:
        corner: tuple[Span, ...] = ((" " * (gutter - 1), ""), ("└", "axis")) if gutter else ()
        framed.append(Row((*corner, *axis)))
    return framed


def rows_of(ticks: Sequence[float], scale: Range, lines: int, unit: str = "") -> dict[int, str]:
    """Labels of a linear vertical axis over ``lines`` cells by row: the highest first, the unit at the top one."""
    labels: dict[int, str] = {}
    span = scale.high - scale.low
    for value in reversed(ticks):
        y = round((scale.high - value) / span * (4 * lines - 1)) // 4 if span else 0
        if 0 <= y < lines and y not in labels:
            labels[y] = number(value, scale.step)
    if labels and unit:
        top = min(labels)
        labels[top] = f"{labels[top]}{unit}" if len(unit) <= 2 else f"{labels[top]} {unit}"
    return labels
