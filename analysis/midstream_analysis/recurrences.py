"""Recurrence quantification analysis (Zbilut and Webber 1992, Marwan et al. 2007)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from midstream_analysis.checks import FloatArray, as_series
from midstream_analysis.embedding import bounded, standardise, whole
from midstream_analysis.report import RecurrenceQuantification

SAMPLED_PAIRS = 4_000_000


def recurrence(
    x: Any,
    dimension: int = 3,
    delay: int = 1,
    radius: float | None = None,
    rate: float | None = None,
    theiler: int = 0,
    min_line: int = 2,
) -> RecurrenceQuantification:
    """Lines of the recurrence plot of a delay embedding: maximum norm, distance <= radius.

    Give `radius` in the units of `x`, or `rate`, the share of recurrent pairs wanted (default 0.05; met to about 1 %,
    from up to four million pairs). Points with |i - j| <= `theiler` (samples; 0: the main diagonal) are no part of
    the plot: no line crosses them. Entropy is in nats. Means over no line at all are NaN, as are determinism and
    laminarity of an empty plot. Time is O(n^2 / 64 + lines), memory O(n).
    Raises ValueError for bad input, for fewer than theiler + 2 vectors and above 50 000 samples.
    """
    series = bounded(as_series(x))
    m, tau = whole(dimension, "dimension"), whole(delay, "delay")
    window, least = whole(theiler, "theiler", 0), whole(min_line, "min_line")
    count = series.size - (m - 1) * tau
    if count < window + 2:
        raise ValueError(f"x has {series.size} samples: at least {(m - 1) * tau + window + 2} are needed")
    if radius is not None and rate is not None:
        raise ValueError("give radius or rate, not both")
    if radius is None:
        epsilon = _radius(series, m, tau, window, 0.05 if rate is None else float(rate))
    else:
        epsilon = float(radius)
        if not (math.isfinite(epsilon) and epsilon >= 0.0):
            raise ValueError(f"radius must be a finite number of at least zero, not {radius!r}")
    from midstream_analysis.kernels.recurrence import lines_kernel

    diagonal, vertical = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    order = np.argsort(series, kind="stable")
    points = int(lines_kernel(series, order, m, tau, epsilon, window, diagonal, vertical))
    apart = count - window - 1
    determinism, mean_diagonal, entropy = _measures(diagonal, least)
    laminarity, trapping, _ = _measures(vertical, least)
    return RecurrenceQuantification(
        recurrence_rate=points / (apart * (apart + 1)), determinism=determinism, laminarity=laminarity,
        mean_diagonal=mean_diagonal, max_diagonal=int(np.flatnonzero(diagonal)[-1]) if diagonal.any() else 0,
        entropy=entropy, trapping_time=trapping, radius=epsilon, dimension=m, delay=tau, theiler=window,
        min_line=least, n=series.size,
    )  # fmt: skip


def _measures(histogram: np.ndarray[Any, np.dtype[np.int64]], least: int) -> tuple[float, float, float]:
    """Share of points in lines of at least `least`, mean length and entropy of the lengths of such lines."""
    length = np.arange(histogram.size)
    points = int(histogram @ length)
    lines = histogram[least:]
    if not points:
        return math.nan, math.nan, math.nan
    inside = int(lines @ length[least:])
    if not inside:
        return 0.0, math.nan, math.nan
    share = lines[lines > 0] / lines.sum()
    return inside / points, inside / int(lines.sum()), max(0.0, -float((share * np.log(share)).sum()))


def _radius(series: FloatArray, dimension: int, delay: int, theiler: int, rate: float) -> float:
    if not 0.0 < rate < 1.0:
        raise ValueError(f"rate must lie between 0 and 1, not {rate!r}")
    z = standardise(series)
    if z is None:
        return 0.0
    from midstream_analysis.kernels.correlation import pairs_kernel

    count = series.size - (dimension - 1) * delay
    stride = max(1, math.ceil(count * count / 2 / SAMPLED_PAIRS)) | 1
    radii = 2.0 ** (np.arange(-24 * 32, 3 * 32) / 32.0)
    within, pairs = pairs_kernel(z, radii, dimension, delay, theiler, stride, False)
    unit = float((series.max() / 4 - series.min() / 4) / (z.max() / 4 - z.min() / 4))
    return min(float(np.interp(rate * pairs, within, radii)) * unit, float(np.finfo(np.float64).max))
