"""The 0-1 test for chaos (Gottwald and Melbourne 2004, 2009)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from midstream_analysis.checks import as_series
from midstream_analysis.embedding import _decay, bounded, standardise, whole

MAX_SAMPLES = 20_000
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True, slots=True)
class ZeroOne:
    """`k` is near 1 for chaos and for noise alike, near 0 for regular motion: it tells those apart and no more.

    ``spread`` is half the distance between the quartiles over the ``frequencies``; ``stride`` the thinning applied.
    """

    k: float
    spread: float
    stride: int
    frequencies: int
    n: int


def zero_one_test(x: Any, frequencies: int = 100, stride: int | None = None) -> ZeroOne | None:
    """Median over `frequencies` of the correlation of the regularised mean-square displacement with time.

    A flow sampled finely looks regular to this test, so every `stride`-th sample is used (default: the autocorrelation
    time, or 1). The frequencies are spread over (pi/5, 4 pi/5) by the golden ratio: the result is deterministic.
    None for constant series and for fewer than 100 samples after thinning. Raises ValueError for bad input and for over
    20 000 samples after thinning.
    """
    series = as_series(x)
    many = whole(frequencies, "frequencies", 10)
    z = standardise(series)
    if z is None or z.size < 3:
        return None
    step = max(1, round(_decay(z))) if stride is None else whole(stride, "stride")
    thin = z[::step]
    z = standardise(np.ascontiguousarray(bounded(thin, MAX_SAMPLES)))
    if z is None or z.size < 100:
        return None
    n, reach = z.size, z.size // 10
    lags = np.arange(1, reach + 1)
    size = 1 << (2 * n - 1).bit_length()
    results = np.empty(many)
    for q in range(many):
        c = math.pi * (0.2 + 0.6 * ((q + 1) * GOLDEN % 1.0))
        turn = np.exp(1j * c * np.arange(1, n + 1))
        walk = np.cumsum(z * turn)
        # mean over j < n - reach of |walk[j + lag] - walk[j]|^2, by one correlation
        origin = walk[: n - reach]
        power = np.concatenate(([0.0], np.cumsum(np.abs(walk) ** 2)))
        cross = np.fft.ifft(np.fft.fft(walk, size) * np.conj(np.fft.fft(origin, size)))[lags].real
        squares = power[n - reach] + power[lags + n - reach] - power[lags] - 2.0 * cross
        displacement = squares / (n - reach)
        results[q] = np.corrcoef(lags, displacement)[0, 1] if np.ptp(displacement) > 0.0 else 0.0
    low, middle, high = np.quantile(results, (0.25, 0.5, 0.75))
    return ZeroOne(float(middle), float(high - low) / 2.0, step, many, series.size)
