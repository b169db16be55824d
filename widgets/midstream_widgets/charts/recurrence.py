"""Recurrence plot (Eckmann, Kamphorst and Ruelle 1987): which moments of a series were like which others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from textual.reactive import var

from midstream_widgets.chart_views import PortraitView
from midstream_widgets.charts.axes import number
from midstream_widgets.charts.base import HEADED, ChartPanel, headed
from midstream_widgets.charts.braille import Braille
from midstream_widgets.charts.windows import zoomed
from midstream_widgets.lines import Row

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST = 16
RATE = 0.1
"""Share of dots that are set."""


class RecurrencePlot(ChartPanel[PortraitView]):
    """Time to the right and upwards. Diagonals: it repeats; blocks: it rests; lone dots: chance; fading: it drifts."""

    TITLE = "Recurrence Plot"
    view = var(PortraitView(), init=False)

    def badge(self, view: PortraitView) -> tuple[str, str]:
        return " · ".join(filter(None, (view.observable, view.stream))), view.provenance

    def zooms(self, view: PortraitView) -> tuple[int, int]:
        n = len(view.points) if view.points else 0
        return 0, max(0, math.floor(math.log2(max(n, LEAST) / LEAST)))

    def draw(self, view: PortraitView, width: int, height: int) -> list[Row]:
        assert view.points is not None
        count = len(view.points)
        points = view.points.data[-int(zoomed(count, view.zoom, LEAST, count)) :]
        points = points[np.isfinite(points).all(axis=1)]
        head = height >= HEADED
        side = min(2 * width, 4 * (height - (2 if head else 0)))
        dots, radius = recurrences(points, side)
        canvas = Braille(-(-dots.shape[0] // 2), height - (2 if head else 0))
        canvas.mask(dots[::-1], "line", y=canvas.lines - dots.shape[0])
        left = max(0, (width - canvas.width) // 2)
        rows = [row._replace(spans=((" " * left, ""), *row.spans)) for row in canvas.rows()]
        if not head:
            return rows
        pooled = -(-len(points) // side) if side else 1
        unit = f" {view.unit}" if view.unit else ""
        figures = Row((("points ", "label"), (f"{len(points)}", "value"),
                       (f", {pooled} a dot" if pooled > 1 else "", "label")))  # fmt: skip
        near = Row((("closer than ", "label"), (f"{number(radius)}{unit}", "value")))
        axes = Row((("→", "line"), (" time  ", "label"), ("↑", "line"), (" time", "label")))
        share = Row(((f"closest {RATE:.0%} of pairs", "label"),))
        return [*headed(rows, figures, near, width), *headed([], axes, share, width)]


def recurrences(points: npt.NDArray[Any], side: int) -> tuple[npt.NDArray[np.bool_], float]:
    """Which of ``points`` (n, d) recur, as dots (m, m) with m <= ``side``, and the distance (maximum norm) below which.

    More points than dots are pooled, each dot for the closest pair of its block. The distance is such that `RATE` of
    the dots off the main diagonal are set; ties all count, so a constant series fills the square.
    """
    n = len(points)
    if n < 2 or side < 2:
        return np.zeros((max(0, min(n, side)),) * 2, np.bool_), 0.0
    scale = float(np.abs(points).max()) or 1.0
    scaled = (points / scale).astype(np.float32)
    near = np.zeros((n, n), np.float32)
    for axis in scaled.T:
        np.maximum(near, np.abs(axis[:, None] - axis), out=near)
    pool = -(-n // side)
    if pool > 1:
        starts = np.arange(n % pool, n, pool)  # whole blocks, the newest samples among them
        near = np.minimum.reduceat(np.minimum.reduceat(near, starts, axis=0), starts, axis=1)
    apart = near[~np.eye(len(near), dtype=np.bool_)]
    if not apart.size:  # all in one block
        return near <= 0.0, 0.0
    rank = min(len(apart) - 1, max(0, round(RATE * len(apart)) - 1))
    radius = float(np.partition(apart, rank)[rank])
    return near <= radius, radius * scale
