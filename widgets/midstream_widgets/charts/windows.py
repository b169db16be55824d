"""The part of a series that a zoomed time axis shows, and its outline a column of dots.

Columns are bound to the count of all samples, not to the newest one: as samples come the picture moves by whole
columns, and what was drawn once keeps its shape.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from midstream_widgets.charts.axes import BIGGEST

if TYPE_CHECKING:
    import numpy.typing as npt


class Window(NamedTuple):
    """How samples lie on ``columns``: ``per`` samples a column, or ``wide`` columns a sample (one of the two is 1)."""

    columns: int
    per: int
    wide: int

    @property
    def samples(self) -> float:
        """Samples between the left and the right edge."""
        return self.columns * self.per / self.wide


def zoomed(usual: float, zoom: int, least: float, most: float) -> float:
    """The amount that shows at ``zoom``: ``usual`` at 0, half of it a step, between ``least`` and ``most``."""
    return min(max(usual * 2.0 ** -max(-40, min(zoom, 40)), least), max(most, least))


def window(samples: float, columns: int) -> Window:
    """About ``samples`` samples on ``columns`` columns, in whole numbers."""
    columns = max(columns, 1)
    if samples > columns:
        return Window(columns, math.ceil(samples / columns), 1)
    return Window(columns, 1, max(1, columns // max(1, round(samples))))


def column_of(index: int, total: int, view: Window) -> int:
    """The column in which sample number ``index`` (of all) is drawn; negative when it is further back."""
    if view.wide > 1:
        return view.columns - 1 - (total - 1 - index) * view.wide
    return view.columns - 1 - ((total - 1) // view.per - index // view.per)


def shown(values: npt.NDArray[Any], total: int, view: Window) -> npt.NDArray[np.float64]:
    """The samples that `view` shows, clipped to what can be drawn; what is not finite is NaN."""
    if view.wide > 1:
        n = -(-view.columns // view.wide) + 1
    else:
        n = (view.columns - 1) * view.per + (total - 1) % view.per + 1
    part = np.asarray(values[-n:] if n < len(values) else values, np.float64)
    return np.where(np.isfinite(part), np.clip(part, -BIGGEST, BIGGEST), np.nan)


def outline(
    part: npt.NDArray[np.float64], total: int, view: Window
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Least and greatest value of every column, (columns,) each, NaN where there is none. Neighbours touch.

    ``part`` is what `shown` gave. Where samples are further apart than columns, a line is drawn from one to the next.
    """
    low = np.full(view.columns, np.nan)
    if not part.size:
        return low, low.copy()
    if view.wide > 1:
        at = view.columns - 1 - view.wide * np.arange(part.size - 1, -1, -1)
        across = np.arange(max(0, at[0]), view.columns)
        low[across] = np.interp(across, at, part)
        high = low.copy()
    else:
        index = np.arange(total - part.size, total) // view.per
        starts = np.flatnonzero(np.diff(index, prepend=index[0] - 1))
        columns = view.columns - 1 - (index[-1] - index[starts])
        inside = columns >= 0
        high = low.copy()
        low[columns[inside]] = np.fmin.reduceat(part, starts)[inside]
        high[columns[inside]] = np.fmax.reduceat(part, starts)[inside]
    before_low, before_high = low[:-1].copy(), high[:-1].copy()
    joined = ~np.isnan(before_low) & ~np.isnan(low[1:])
    low[1:][joined] = np.minimum(low[1:], before_high)[joined]
    high[1:][joined] = np.maximum(high[1:], before_low)[joined]
    return low, high
