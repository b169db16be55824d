"""Matrix profile: the distance of every subsequence to its nearest neighbour (Yeh et al. 2016), z-normalised."""

# mypy: allow-untyped-calls

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from midstream_analysis.checks import FloatArray, as_series
from midstream_analysis.kernels.matrix_profile import BEST, _moments, _profile, _push, _refine

_HUGE = 1e100  # above it squares come near the end of the double range


@dataclass(frozen=True, slots=True)
class Motif:
    """A shape that comes back: starts of its occurrences, ascending, and the distance of the closest two."""

    distance: float
    positions: tuple[int, ...]


def matrix_profile(x: Any, m: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """The z-normalised Euclidean distance to, and the start of, each subsequence's nearest neighbour.

    Returns (profile, indices), each of shape (n - m + 1,), over the subsequences of length `m`; a neighbour starts more
    than ceil(m / 4) places away (stumpy's exclusion zone).
    Where there is none the profile is inf and the index -1. Two constant subsequences are 0 apart, a constant one and
    another sqrt(m), as in stumpy. Time O(n^2), memory O(n).

    Raises:
        ValueError: NaN or infinite values, m below 3, or fewer than m + 1 samples.
    """
    m = _length(m)
    series = _scaled(as_series(x, minimum=m + 1))
    mean, inverse = _moments(series, m)
    correlation, index = _profile(series, m, mean, inverse, _exclusion(m))
    distance = _distances(correlation, m)
    _refine(distance, index, series, m, mean, inverse)
    return distance, index


def motifs(x: Any, m: int, count: int = 3, radius: float = 2.0) -> list[Motif]:
    """The `count` closest recurring shapes of length `m`, closest first.

    The closest pair that is left makes a motif; what lies within `radius` times its distance of either of the two
    belongs to it. No two positions, of one motif or of several, are within m // 2 of each other.

    Raises:
        ValueError: as `matrix_profile`, or count below 1, or radius below 1.
    """
    if operator.index(count) < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    if not radius >= 1.0 or math.isinf(radius):
        raise ValueError(f"radius must be at least 1 and finite, not {radius!r}")
    profile, index = matrix_profile(x, m)
    series = _scaled(as_series(x))
    windows, (mean, inverse) = np.lib.stride_tricks.sliding_window_view(series, m), _moments(series, m)

    def distances_to(place: int) -> FloatArray:
        correlation = (windows @ (windows[place] - mean[place])) * (inverse * inverse[place])
        alone = (inverse == 0.0) | (inverse[place] == 0.0)
        correlation[alone] = np.where(inverse[alone] == inverse[place], 1.0, 0.5)
        return _distances(correlation, m)

    zone, free = m // 2, np.ones(profile.size, bool)
    found: list[Motif] = []
    for first in np.argsort(profile, kind="stable"):
        second = index[first]
        if len(found) == count or not math.isfinite(profile[first]):
            break
        if not (free[first] and free[second]) or abs(int(first) - int(second)) <= zone:
            continue
        near = np.minimum(distances_to(first), distances_to(second))
        near[[first, second]] = -1.0  # the pair itself comes first
        chosen: list[int] = []
        limit = radius * profile[first] + 1e-6 * math.sqrt(m)
        for place in np.argsort(near, kind="stable"):
            if near[place] > limit:
                break
            if free[place]:
                chosen.append(int(place))
                free[max(0, place - zone) : place + zone + 1] = False
        found.append(Motif(float(profile[first]), tuple(sorted(chosen))))
    return found


class StreamingMatrixProfile:
    """The matrix profile of the last `window` values, kept up to date in O(window) a value and O(window) memory.

    As with stumpy's `stumpi(egress=True)`, a subsequence keeps its nearest neighbour when that has left the window.
    Places are counted from the first value ever given.
    """

    def __init__(self, m: int, window: int = 1000) -> None:
        self.m, self.window = _length(m), operator.index(window)
        if self.window < 2 * self.m:
            raise ValueError(f"window must be at least 2 m = {2 * self.m}, not {window}")
        self._exclusion = _exclusion(self.m)
        capacity = 2 * self.window + self.m
        self._state = np.zeros((7, capacity))
        self._index = np.full(capacity, -1)
        self._counters, self._peak = np.array([capacity, 0, 0, 0]), np.zeros(1)
        self._one, self._nearest = np.empty(1), np.empty(1)

    def update(self, value: float) -> float | None:
        """Take in one value; return the distance of the newest subsequence to its nearest one before it in the window.

        None while there is no such one. A large distance is novelty: a shape that the window has not seen.

        Raises:
            ValueError: NaN, infinite, or beyond +-1e100.
        """
        if not -_HUGE < value < _HUGE:
            raise ValueError(f"values must be finite and within +-{_HUGE:g}, not {value!r}")
        self._one[0] = value
        self._take(self._one, self._nearest)
        distance = float(self._nearest[0])
        return None if distance == math.inf else distance

    def extend(self, values: Any) -> FloatArray:
        """Take in many values at once; returns what `update` would, inf for None."""
        series = as_series(values, name="values")
        if np.abs(series).max(initial=0.0) >= _HUGE:
            raise ValueError(f"values must be within +-{_HUGE:g}")
        nearest = np.empty(series.size)
        self._take(series, nearest)
        return nearest

    @property
    def start(self) -> int:
        """Place of the first subsequence of `profile`."""
        return int(self._counters[2] - self._counters[1])

    @property
    def profile(self) -> FloatArray:
        """Distances, oldest subsequence first; inf where there is no neighbour yet."""
        return _distances(self._state[BEST, self._subsequences()][::-1], self.m)

    @property
    def indices(self) -> npt.NDArray[np.int64]:
        """Place of the nearest neighbour of each (start of the subsequence), -1 for none."""
        return self._index[self._subsequences()][::-1].copy()

    def _subsequences(self) -> slice:
        head, held = int(self._counters[0]), int(self._counters[1])
        return slice(head, head + max(0, held - self.m + 1))

    def _take(self, values: FloatArray, nearest: FloatArray) -> None:
        arrays = self._state, self._index, self._counters, self._peak
        _push(*arrays, self.m, self.window, self._exclusion, values, nearest)


def _length(m: int) -> int:
    m = operator.index(m)
    if m < 3:
        raise ValueError(f"m must be at least 3 samples, not {m}")
    return m


def _exclusion(m: int) -> int:
    return -(-m // 4)


def _scaled(x: FloatArray) -> FloatArray:
    """Within +-1 and near zero: z-normalised distances do not change, and nothing overflows or cancels."""
    peak = float(np.abs(x).max())
    x = np.ldexp(x, -math.frexp(peak)[1])
    return x - np.median(x)


def _distances(correlation: FloatArray, m: int) -> FloatArray:
    distance = np.sqrt(np.maximum(0.0, 2.0 * m * (1.0 - correlation)))
    return np.where(correlation < -1.5, np.inf, distance)
