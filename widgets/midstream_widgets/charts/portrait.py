"""Phase portrait: the delay embedding of an observable (Takens 1981), turned by key, seen from the front."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from textual.binding import Binding, BindingType
from textual.reactive import var

from midstream_widgets.chart_views import PortraitView
from midstream_widgets.charts.axes import BIGGEST, number
from midstream_widgets.charts.base import HEADED, ChartPanel, headed
from midstream_widgets.charts.braille import Braille
from midstream_widgets.charts.windows import zoomed
from midstream_widgets.lines import Row

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST = 3
STEP = 15  # degrees a key press
TILT = 20.0  # degrees that a turned portrait is seen from above
SPARSE = 0.2  # a step of this share of the whole is a jump: a line to it would hide the shape
AGES = (("trail", 0.0), ("line", 0.5), ("value", 0.9))
"""Inks by age, from which share of the points on."""


class PhasePortrait(ChartPanel[PortraitView]):
    """x(t) to the right, x(t + tau) upwards, x(t + 2 tau) towards the eye. Equal scales: a circle is a circle."""

    TITLE = "Phase Portrait"
    view = var(PortraitView(), init=False)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "rotate(1)", "Rotate", id="chart.rotate", tooltip="Turn the portrait to the right"),
        Binding("R", "rotate(-1)", "Rotate back", id="chart.rotate_back", show=False, tooltip="Turn it to the left"),
    ]  # fmt: skip

    _degrees = 0

    def action_rotate(self, by: int) -> None:
        self._degrees = (self._degrees + STEP * by) % 360
        self.update_rows()

    def badge(self, view: PortraitView) -> tuple[str, str]:
        return " · ".join(filter(None, (view.observable, view.stream))), view.provenance

    def zooms(self, view: PortraitView) -> tuple[int, int]:
        n = len(view.points) if view.points else 0
        return 0, max(0, math.floor(math.log2(max(n, 16) / 16)))

    def draw(self, view: PortraitView, width: int, height: int) -> list[Row]:
        assert view.points is not None
        count = len(view.points)
        points = view.points.data[-int(zoomed(count, view.zoom, LEAST, count)) :].astype(np.float64)
        points = np.clip(points[np.isfinite(points).all(axis=1)], -BIGGEST, BIGGEST)
        head = height >= HEADED
        canvas = Braille(width, height - (2 if head else 0))
        low, high = (float(points.min()), float(points.max())) if points.size else (0.0, 0.0)
        self._trace(canvas, projected(points, self._degrees, low, high))
        rows = canvas.rows()
        if not head:
            return rows
        turned = f"  turned {self._degrees}°" if self._degrees else ""
        axes = Row(
            (("→", "line"), (" x(t)  ", "label"), ("↑", "line"), (" x(t+τ)", "label"), (turned, "label"))
        )
        unit = f" {view.unit}" if view.unit else ""
        span = Row(((f"{number(low)} to {number(high)}{unit}", "label"),))
        newest = Row((("●", "warning"), (" newest", "label")))
        figures = Row(
            (("points ", "label"), (f"{len(points)}", "value"), (" of ", "label"), (f"{count}", "label"))
        )
        rows = headed(rows, figures, newest, width)
        return [*rows, *headed([], axes, span, width)]

    @staticmethod
    def _trace(canvas: Braille, flat: npt.NDArray[np.float64]) -> None:
        """Draw the points (n, 2) in [-1, 1], the older ones first, joined where their steps are small."""
        if not len(flat):
            return
        radius = (min(canvas.columns, canvas.lines) - 1) / 2
        x = (canvas.columns - 1) / 2 + radius * flat[:, 0]
        y = (canvas.lines - 1) / 2 - radius * flat[:, 1]
        steps = np.hypot(np.diff(flat[:, 0]), np.diff(flat[:, 1]))
        joined = len(flat) > 1 and float(np.median(steps)) < 2 * SPARSE
        for place, (ink, share) in enumerate(AGES):
            start, end = int(share * len(flat)), len(flat)
            if place + 1 < len(AGES):
                end = int(AGES[place + 1][1] * len(flat)) + joined  # up to where the next ink takes over
            at = x[start:end], y[start:end]
            canvas.dots(*(walk(*at) if joined else at), ink=ink)
        canvas.text(round(x[-1]) // 2, round(y[-1]) // 4, "●", "warning")


def walk(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The dots on the way from each point to the next, one for each step along the longer side: a thin line."""
    x, y = np.rint(x), np.rint(y)
    if len(x) < 2:
        return x, y
    dx, dy = np.diff(x), np.diff(y)
    steps = np.maximum(1, np.maximum(np.abs(dx), np.abs(dy))).astype(np.intp)
    along = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps) + 1
    share = along / np.repeat(steps, steps)

    def on_the_way(each: npt.NDArray[np.float64], step: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.concatenate([each[:1], np.repeat(each[:-1], steps) + share * np.repeat(step, steps)])

    return on_the_way(x, dx), on_the_way(y, dy)


def projected(points: npt.NDArray[Any], degrees: float, low: float, high: float) -> npt.NDArray[np.float64]:
    """Points (n, 3) as (n, 2) in [-1, 1], turned by ``degrees`` about the vertical axis; ``low`` to ``high`` fills it.

    At 0 degrees it is the plane of the first two coordinates; turned, it is seen a little from above.
    """
    if not len(points):
        return np.zeros((0, 2))
    span = high / 2 - low / 2
    scaled = (points - (low / 2 + high / 2)) / span if span > 0 else np.zeros(points.shape)
    if not degrees % 360:
        return np.asarray(scaled[:, :2])
    turn, tilt = math.radians(degrees), math.radians(TILT)
    across = scaled[:, 0] * math.cos(turn) + scaled[:, 2] * math.sin(turn)
    away = scaled[:, 2] * math.cos(turn) - scaled[:, 0] * math.sin(turn)
    up = scaled[:, 1] * math.cos(tilt) - away * math.sin(tilt)
    return np.stack([across, up], axis=1) / math.sqrt(2.0)  # the cube's corners stay inside
