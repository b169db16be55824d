"""Delay embedding (Takens 1981) and the choice of its delay and dimension."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from midstream_analysis.checks import FloatArray, as_series, positive

MAX_SAMPLES = 50_000
"""Longest series that a neighbour search accepts: pairs of noise in many dimensions are all looked at."""


def standardise(x: FloatArray) -> FloatArray | None:
    """`x` with mean 0 and standard deviation 1, safe for huge and tiny values; None when it is constant to rounding."""
    if x.size < 2:
        return None
    middle = 0.5 * x.min() + 0.5 * x.max()
    scale = np.abs(x - middle).max() if np.isfinite(middle) else np.inf
    if not np.isfinite(scale):  # the range itself overflows
        x, middle = x / 4.0, 0.5 * (x.min() / 4.0 + x.max() / 4.0)
        scale = np.abs(x - middle).max()
    if scale <= 1e-14 * abs(middle) or scale == 0.0:
        return None
    z = (x - middle) / scale
    z -= z.mean()
    return np.ascontiguousarray(z / z.std())


def bounded(x: FloatArray, limit: int = MAX_SAMPLES) -> FloatArray:
    """`x`, or ValueError when it is longer than `limit`: the caller chooses what to drop, not this library."""
    if x.size > limit:
        raise ValueError(
            f"x has {x.size} samples; at most {limit} are accepted: pass a window of it or decimate"
        )
    return x


def whole(value: Any, name: str, least: int = 1) -> int:
    """`value` as an int, or ValueError when it is no whole number or below `least`."""
    if isinstance(value, bool) or int(value) != value or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def autocorrelation_time(x: Any) -> float | None:
    """Lag in samples at which the autocorrelation falls to 1/e, interpolated; None when the series is constant.

    `x`: n real numbers. Raises ValueError for anything else, for NaN and infinite values and for n < 3.
    """
    z = standardise(as_series(x, minimum=3))
    return None if z is None else _decay(z)


def _autocorrelation(z: FloatArray) -> FloatArray:
    size = 1 << (2 * z.size - 1).bit_length()
    spectrum = np.fft.rfft(z, size)
    return np.asarray(np.fft.irfft(spectrum * spectrum.conj(), size)[: z.size] / z.size)


def _decay(z: FloatArray) -> float:
    r = _autocorrelation(z)
    k = int(np.argmax(r < 1.0 / math.e))  # the lags of a centred series sum to zero: there is always one
    return float(k - 1 + (r[k - 1] - 1.0 / math.e) / (r[k - 1] - r[k]))


def mutual_information_delay(x: Any, max_delay: int | None = None) -> int | None:
    """First minimum of the average mutual information, in samples (Fraser and Swinney 1986), equiprobable bins.

    A strictly periodic series gives an early ripple: its information is unbounded at every lag.
    None when the series is constant or has no minimum up to `max_delay` (default: n / 10, at most 500).
    Raises ValueError for bad input, for n < 32 and for a `max_delay` that leaves fewer than 16 pairs.
    """
    z = standardise(as_series(x, minimum=32))
    if max_delay is not None and whole(max_delay, "max_delay") > np.size(x) - 16:
        raise ValueError(f"max_delay {max_delay} leaves fewer than 16 pairs of {np.size(x)} samples")
    return None if z is None else _information_minimum(z, max_delay)


def _information_minimum(z: FloatArray, max_delay: int | None) -> int | None:
    from midstream_analysis.kernels.information import mutual_information_kernel

    n = z.size
    bins = min(32, max(4, math.isqrt(n // 10)))
    # Equal values share a bin: a label depends on the value alone.
    edges = np.quantile(z, np.arange(1, bins) / bins)
    label = np.searchsorted(edges, z, side="right").astype(np.int64)
    lags = max_delay or max(1, min(n // 10, 500))
    information = mutual_information_kernel(label, bins, min(lags + 1, n - 15))
    # A dip must clear the bias of the estimate, (bins - 1)^2 / 2n: below that, minima are noise.
    floor = (bins - 1) ** 2 / (2.0 * n)
    for k in range(information.size - 1):
        rises = information[k + 1] > information[k]
        if (rises and (k == 0 or information[k] <= information[k - 1])) or information[k] < 1.5 * floor:
            return k + 1
    return None


def embed(x: Any, dimension: int = 3, delay: int | None = None) -> FloatArray:
    """Delay vectors, shape (n - (dimension - 1) * delay, dimension): row i is x[i], x[i + delay], ...

    `delay` in samples; by default 1 when the autocorrelation time is below one sample, else the first minimum of the
    mutual information, or else that time, shortened where it would use up the series. Raises ValueError for bad input
    or when no vector fits.
    """
    series = as_series(x)
    m = whole(dimension, "dimension")
    tau = _delay(series, m) if delay is None else whole(delay, "delay")
    rows = series.size - (m - 1) * tau
    if rows < 1:
        raise ValueError(
            f"x has {series.size} samples; dimension {m} and delay {tau} need {(m - 1) * tau + 1}"
        )
    return np.stack([series[d * tau : d * tau + rows] for d in range(m)], axis=1)


def _delay(series: FloatArray, dimension: int) -> int:
    if dimension == 1 or series.size < 32:
        return 1
    z = standardise(series)
    if z is None or (decay := _decay(z)) < 1.0:  # a map: one step already decorrelates
        return 1
    tau = _information_minimum(z, None) or 0
    if tau < 0.4 * decay:  # none, or a ripple: the estimate of a strictly periodic signal has many
        tau = max(1, round(decay))
    return min(tau, max(1, series.size // (2 * dimension)))


def false_nearest_neighbours(
    x: Any,
    max_dimension: int = 6,
    delay: int | None = None,
    theiler: int | None = None,
    rtol: float = 15.0,
    atol: float = 2.0,
) -> FloatArray:
    """Share of false nearest neighbours in dimensions 1..max_dimension, shape (max_dimension,) (Kennel et al. 1992).

    A neighbour is false when one more coordinate parts it by over `rtol` times the distance, or by over `atol`
    standard deviations in all. `delay` as in `embed`; `theiler` in samples, by default one autocorrelation time.
    NaN where no pair is left to test. Raises ValueError for bad or constant input, or when n is too small.
    """
    series = bounded(as_series(x, minimum=32))
    limit = whole(max_dimension, "max_dimension")
    rtol, atol = positive(rtol, "rtol"), positive(atol, "atol")
    z = standardise(series)
    if z is None:
        raise ValueError("x is constant: it has no neighbours to compare")
    tau = _delay(series, limit) if delay is None else whole(delay, "delay")
    window = max(1, math.ceil(_decay(z))) if theiler is None else whole(theiler, "theiler", 0)
    if z.size - limit * tau < window + 2:
        raise ValueError(f"x has {z.size} samples: too few for dimension {limit} + 1 and delay {tau}")
    from midstream_analysis.kernels.neighbours import neighbours_kernel

    order = np.argsort(z, kind="stable")
    out = np.empty(limit)
    for m in range(1, limit + 1):
        count = z.size - m * tau
        index, square = neighbours_kernel(z, order, m, tau, window, count, 1)
        i = np.flatnonzero(index[:, 0] >= 0)
        distance = np.sqrt(square[i, 0])
        gap = np.abs(z[i + m * tau] - z[index[i, 0] + m * tau])
        # Distances at the level of rounding say nothing; a gap that small is no parting either.
        false = (gap > rtol * distance) & (gap > 1e-9) | (np.hypot(distance, gap) > atol)
        out[m - 1] = false.mean() if i.size else np.nan
    return out
