"""Level meter: loudness after EBU R128, true peak and RMS as bars, and the level over time under them."""

from __future__ import annotations

import math

import numpy as np
from textual.reactive import var

from midstream_widgets.chart_views import LevelsView
from midstream_widgets.charts.axes import Range, framed, rows_of, time_axis
from midstream_widgets.charts.base import GUTTER, HEADED, ChartPanel
from midstream_widgets.charts.braille import Braille
from midstream_widgets.charts.windows import outline, shown, window, zoomed
from midstream_widgets.lines import Row, Span, pad

LOW, HIGH = -60.0, 3.0
"""Ends of the scale: LUFS, dBTP and dBFS share it."""
TARGET = -23.0
"""LUFS that EBU R128 asks of a programme."""
TOO_LOUD = {"true peak": -1.0, "peak": -0.01}
"""dBTP and dBFS from which on a bar is an error (EBU R128: at most -1 dBTP)."""
HOT = -9.0
USUAL = 10.0
LEAST_SPAN = 0.5
WIDE = 34
"""Cells from which on measures have their whole names."""
SHORT = {
    "momentary": "M",
    "short-term": "S",
    "integrated": "I",
    "true peak": "TP",
    "rms": "RMS",
    "peak": "PK",
}
"""EBU Tech 3341's letters, and the usual ones of meters."""
EIGHTHS = " ▏▎▍▌▋▊▉"


class LevelMeter(ChartPanel[LevelsView]):
    """A bar a measure, ``┃`` at the target of -23 LUFS, then the level over time; what nobody measures is told."""

    TITLE = "Levels"
    view = var(LevelsView(), init=False)

    def zooms(self, view: LevelsView) -> tuple[int, int]:
        held = len(view.history) * view.dt if view.history else USUAL
        return -max(0, math.ceil(math.log2(max(held, 1e-9) / USUAL))), math.floor(
            math.log2(USUAL / LEAST_SPAN)
        )

    def draw(self, view: LevelsView, width: int, height: int) -> list[Row]:
        loudness = (("momentary", view.momentary, "LUFS"), ("short-term", view.short_term, "LUFS"),
                    ("integrated", view.integrated, "LUFS"), ("true peak", view.true_peak, "dBTP"))  # fmt: skip
        levels = (("rms", view.rms, "dBFS"), ("peak", view.peak, "dBFS"))
        rows = [meter(*each, width) for each in (*loudness, *levels) if each[1] is not None]
        if height > len(rows) and (lacking := [name for name, value, _ in loudness if value is None]):
            what = "loudness" if len(lacking) == len(loudness) else ", ".join(lacking)
            rows.append(Row(((f"{what}: not measured here", "muted"),)))
        room = height - len(rows) - 1
        if room < 3 or view.history is None or not len(view.history):
            return rows[:height]
        return [*rows, Row(), *self._history(view, width, room)]

    @staticmethod
    def _history(view: LevelsView, width: int, height: int) -> list[Row]:
        assert view.history is not None
        gutter = 8 if width >= GUTTER else 0
        canvas = Braille(width - gutter, height - 1)
        span = zoomed(USUAL, view.zoom, LEAST_SPAN, max(len(view.history) * view.dt, LEAST_SPAN))
        time = window(span / view.dt, canvas.columns)
        part = np.maximum(shown(view.history.data, view.total, time), LOW)
        _, high = outline(part, view.total, time)
        scale = Range(LOW, 0.0, 20.0)
        top = (scale.high - high) / (scale.high - scale.low) * (canvas.lines - 1)
        canvas.columns_between(top, np.where(np.isnan(top), np.nan, canvas.lines - 1.0), "line")
        ends = {0: "0 dBFS", canvas.height - 1: "-60"}
        labels = rows_of(scale.ticks, scale, canvas.height, "dBFS") if height > HEADED else ends
        return framed(canvas.rows(), labels, gutter, time_axis(canvas.width, time.samples * view.dt))


def meter(name: str, value: float | None, unit: str, width: int) -> Row:
    """A line "momentary -21.3 LUFS ████▌░░┃░░": name, figure, and as much of a bar as there is room for."""
    known = value is not None and not math.isnan(value)
    if value is None or not known:
        figure = "—"
    elif value <= (-70 if unit == "LUFS" else -100):
        figure = "below -70" if unit == "LUFS" else "silence"  # what is softer passes no gate of the standard
    else:
        figure = f"{value:.1f} {unit}"
    label = f"{name:<10} " if width >= WIDE else f"{SHORT[name]:<3} "
    ink = ink_of(name, value)
    spans: list[Span] = [(label, "label"), (pad(figure, 10, True), ink if known else "muted")]
    cells = width - len(label) - 11
    if cells < 4:
        return Row(tuple(spans))
    if value is None or not known:
        return Row(tuple(spans))
    return Row((*spans, (" ", ""), *bar(value, cells, ink, TARGET if unit == "LUFS" else None)))


def ink_of(name: str, value: float | None) -> str:
    """Green, yellow from `HOT` on, red where the limit of the measure is passed."""
    if value is None or value < HOT:
        return "good"
    return "error" if value > TOO_LOUD.get(name, HIGH) else "warning"


def bar(value: float, cells: int, ink: str, target: float | None) -> tuple[Span, ...]:
    """A bar from `LOW` to ``value`` in eighths of a cell, over dots, with ``┃`` at the target."""
    share = min(1.0, max(0.0, (value - LOW) / (HIGH - LOW)))
    full, part = divmod(round(share * cells * 8), 8)
    text = "█" * full + (EIGHTHS[part] if part else "")
    spans: list[Span] = [(text, ink), ("·" * (cells - len(text)), "axis")]
    if target is None:
        return tuple(spans)
    place = min(cells - 1, int((target - LOW) / (HIGH - LOW) * cells))
    if place < len(text):
        return ((text[:place], ink), ("┃", "value"), (text[place + 1 :], ink), spans[1])
    rest = spans[1][0]
    return (
        spans[0],
        (rest[: place - len(text)], "axis"),
        ("┃", "value"),
        (rest[place - len(text) + 1 :], "axis"),
    )
