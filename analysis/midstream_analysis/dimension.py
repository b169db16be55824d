"""Correlation sum and correlation dimension (Grassberger and Procaccia 1983)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from midstream_analysis.checks import FloatArray, as_series
from midstream_analysis.embedding import _decay, bounded, standardise, whole

PAIRS = 4_000_000
"""Pairs that one estimate of the dimension looks at, of each embedding."""
PER_OCTAVE = 8


@dataclass(frozen=True, slots=True)
class CorrelationDimension:
    """Slope of ln C(r) against ln r over `scale` (radii in the units of x), in `dimension` and the next dimensions.

    ``stderr`` joins the spread over the embeddings and that of the local slopes; ``pairs`` is how many were looked at.
    """

    value: float
    stderr: float
    scale: tuple[float, float]
    dimension: int
    delay: int
    theiler: int
    pairs: int
    n: int


def correlation_sum(
    x: Any,
    radii: Any,
    dimension: int = 3,
    delay: int = 1,
    theiler: int = 0,
    norm: Literal["maximum", "euclidean"] = "maximum",
) -> FloatArray:
    """Share of the pairs of delay vectors, more than `theiler` samples apart, within each radius: shape (len(radii),).

    `radii` are positive, in the units of `x` and in any order; distance <= radius. Raises ValueError for bad input,
    for fewer than theiler + 2 vectors and above 50 000 samples.
    """
    series = bounded(as_series(x))
    wanted = as_series(radii, name="radii", minimum=1)
    m, tau, window = whole(dimension, "dimension"), whole(delay, "delay"), whole(theiler, "theiler", 0)
    if norm not in ("maximum", "euclidean"):
        raise ValueError(f"norm must be 'maximum' or 'euclidean', not {norm!r}")
    if wanted.min() <= 0.0:
        raise ValueError("radii must be above zero")
    if series.size - (m - 1) * tau < window + 2:
        raise ValueError(f"x has {series.size} samples: at least {(m - 1) * tau + window + 2} are needed")
    euclidean = norm == "euclidean"
    # A power of two: squares neither overflow nor vanish, and comparisons stay as they were.
    largest = max(float(np.abs(series).max()), float(wanted.max()))
    shift = -math.frexp(largest)[1]
    series, wanted = np.ldexp(series, shift), np.ldexp(wanted, shift)
    order = np.argsort(wanted, kind="stable")
    limits = np.ascontiguousarray(wanted[order])
    from midstream_analysis.kernels.correlation import pairs_kernel

    within, pairs = pairs_kernel(series, limits**2 if euclidean else limits, m, tau, window, 1, euclidean)
    out = np.empty(limits.size)
    out[order] = within / pairs
    return out


def correlation_dimension(
    x: Any, dimension: int | None = None, delay: int | None = None, theiler: int | None = None
) -> CorrelationDimension | None:
    """Correlation dimension, or None for "insufficient data": no scaling range, or no saturation as `dimension` grows.

    Maximum norm; `dimension` and the next two are compared (default 3 for a map, 4 for a flow, told apart by the
    autocorrelation time); `delay` (default 1, or half that time) and `theiler` (default 5, or a mean period) are in
    samples. The scaling range ends where 3 % of the pairs lie within the radius. Noise has no dimension and gets None.
    Raises ValueError for bad input and above 50 000 samples.
    """
    series = bounded(as_series(x))
    z = standardise(series)
    decay = _decay(z) if z is not None and z.size >= 3 else 0.0
    flow = decay >= 2.0
    m = (4 if flow else 3) if dimension is None else whole(dimension, "dimension")
    tau = (max(1, round(decay / 2.0)) if flow else 1) if delay is None else whole(delay, "delay")
    window = max(5, round(5.2 * decay) if flow else 5) if theiler is None else whole(theiler, "theiler", 0)
    count = series.size - (m + 1) * tau
    if z is None or count < window + 200:
        return None
    from midstream_analysis.kernels.correlation import pairs_kernel

    stride = max(1, math.ceil(count * count / 2 / PAIRS)) | 1
    radii = 2.0 ** (np.arange(-40 * PER_OCTAVE, 2 * PER_OCTAVE) / PER_OCTAVE)
    slopes, errors, scale, looked = [], [], (0.0, 0.0), 0
    for k in range(3):
        within, pairs = pairs_kernel(z, radii, m + k, tau, window, stride, False)
        inside = (within >= 200) & (within <= 0.03 * pairs)
        if inside.sum() < 2 * PER_OCTAVE:  # two octaves
            return None
        lr, lc = np.log(radii[inside]), np.log(within[inside])
        (slope, _), residuals = np.polyfit(lr, lc, 1), np.diff(lc) / np.diff(lr)
        slopes.append(float(slope))
        errors.append(float(residuals.std()) / math.sqrt(residuals.size / PER_OCTAVE))
        scale, looked = (float(radii[inside][0]), float(radii[inside][-1])), int(pairs)
    value, spread = float(np.mean(slopes)), float(np.std(slopes))
    if slopes[2] - slopes[0] > 0.15 * value or value > 0.85 * m or value < 0.05:
        return None
    stderr = math.hypot(spread, max(errors))
    if stderr > 0.25 * value:
        return None
    unit = float(np.ptp(series / 4.0) / np.ptp(z / 4.0))
    return CorrelationDimension(
        value, stderr, (scale[0] * unit, scale[1] * unit), m, tau, window, looked, series.size
    )
