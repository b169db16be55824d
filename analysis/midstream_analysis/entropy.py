"""Sample entropy and permutation entropy, of a series and of a sliding window."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from midstream_analysis.checks import FloatArray, as_series
from midstream_analysis.embedding import bounded, whole

MAX_SAMPLES = 200_000
MAX_ORDER = 7


def sample_entropy(x: Any, order: int = 2, tolerance: float | None = None) -> float | None:
    """-ln(A / B): of the pairs of `order` successive samples within `tolerance`, those that also agree on the next.

    Richman and Moorman 2000: maximum norm, distance <= tolerance, the n - order first templates, no self-matches.
    `tolerance` is in the units of `x` (default: 0.2 standard deviations). None when no pair matches (A or B is 0).
    Raises ValueError for bad input, for n < order + 2 and for over 200 000 samples.
    """
    m = whole(order, "order")
    series = bounded(as_series(x, minimum=m + 2), MAX_SAMPLES)
    # A power of two keeps every comparison as it was, and squares of huge or tiny values finite.
    largest = float(np.abs(series).max())
    shift = -math.frexp(largest)[1] if largest > 1e150 or 0.0 < largest < 1e-150 else 0
    series = np.ldexp(series, shift) if shift else series
    if tolerance is None:
        radius = 0.2 * float(np.std(series))
    else:
        radius = math.ldexp(float(tolerance), shift) if math.isfinite(tolerance) else math.nan
        if not radius >= 0.0:
            raise ValueError(f"tolerance must be a finite number of at least zero, not {tolerance!r}")
    from midstream_analysis.kernels.entropies import matches_kernel

    shorter, longer = matches_kernel(series, np.argsort(series, kind="stable"), m, radius)
    return math.log(shorter / longer) if longer else None


def permutation_entropy(x: Any, order: int = 3, delay: int = 1, normalize: bool = False) -> float:
    """Shannon entropy in bits of the ordinal patterns of `order` samples, `delay` apart (Bandt and Pompe 2002).

    Equal values rank in order of time (a stable sort). `normalize` divides by log2(order!), for a result in 0..1.
    Raises ValueError for bad input, for an order outside 2..7 and when no pattern fits into `x`.
    """
    m, tau = _ordinal(order, delay)
    series = as_series(x, minimum=(m - 1) * tau + 1)
    from midstream_analysis.kernels.entropies import pattern_kernel

    counts = pattern_kernel(series, m, tau, math.factorial(m))
    share = counts[counts > 0] / (series.size - (m - 1) * tau)
    bits = max(0.0, -float((share * np.log2(share)).sum()))
    return min(1.0, bits / math.log2(math.factorial(m))) if normalize else bits


def _ordinal(order: int, delay: int) -> tuple[int, int]:
    m = whole(order, "order", 2)
    if m > MAX_ORDER:
        raise ValueError(f"order must be at most {MAX_ORDER}, not {m}: there are order! patterns")
    return m, whole(delay, "delay")


@lru_cache(maxsize=MAX_ORDER)
def _successors(order: int) -> npt.NDArray[np.int32]:
    """Code that follows each Lehmer code when a value of each rank enters and the oldest leaves: (order!, order)."""
    out = np.empty((math.factorial(order), order), np.int32)
    for code in range(out.shape[0]):
        digits, rest = [0] * order, code  # digits[d]: how many of the d values before value d exceed it
        for d in range(order - 1, 0, -1):
            rest, digits[d] = divmod(rest, d + 1)
        ranked: list[int] = []
        for d in range(order):
            ranked.insert(d - digits[d], d)
        oldest = ranked.index(0)
        kept = 0
        for d in range(2, order):
            kept = kept * d + digits[d] - (ranked.index(d) < oldest)
        for rank in range(order):
            out[code, rank] = kept * order + rank
    return out


class SlidingPermutationEntropy:
    """`permutation_entropy` of the last `window` samples, updated in time independent of `window`.

    Equal to the function on the same samples up to rounding (1e-12), ties included: equal values rank in order of time.
    Raises ValueError for an order outside 2..7 and a window without a pattern.
    """

    def __init__(self, window: int, order: int = 3, delay: int = 1, normalize: bool = False) -> None:
        self.order, self.delay = _ordinal(order, delay)
        span = (self.order - 1) * self.delay
        self.window = whole(window, "window", span + 1)
        self.normalize = normalize
        count = np.arange(1.0, self.window - span + 2.0)
        self._table = np.concatenate(([0.0], count * np.log(count)))
        patterns = math.factorial(self.order)
        self._unit = math.log(patterns) if normalize else math.log(2.0)
        self._ring = np.zeros(span)
        self._code = np.zeros(self.delay, np.int64)
        self._counts = np.zeros(patterns, np.int64)
        self._recent = np.zeros(self.window - span, np.int64)
        self._at = np.zeros(1, np.int64)
        self._total = np.zeros(1)
        self._in, self._out = np.empty(1), np.empty(1)
        self._successors = _successors(self.order)

    def update(self, value: float) -> float | None:
        """Entropy of the window that ends with `value`; None until it is full. ValueError for NaN and infinity."""
        if not math.isfinite(value):
            raise ValueError(f"value must be finite, not {value!r}")
        self._in[0] = value
        self._feed(self._in, self._out)
        nats = float(self._out[0])
        return None if math.isnan(nats) else max(0.0, nats) / self._unit

    def extend(self, values: Any) -> FloatArray:
        """Feed many values; the entropy after each, shape (len(values),), NaN until the window is full."""
        series = as_series(values, name="values")
        out = np.empty(series.size)
        self._feed(series, out)
        return np.maximum(out, 0.0) / self._unit

    def _feed(self, values: FloatArray, out: FloatArray) -> None:
        from midstream_analysis.kernels.entropies import slide_kernel

        slide_kernel(
            values, out, self.order, self.delay, self._successors, self._table, self._ring, self._code,
            self._counts, self._recent, self._at, self._total,
        )  # fmt: skip
