"""Find a shape in a stream, stretched or squeezed in time: SPRING (Sakurai, Faloutsos, Yamamuro 2007)."""

# mypy: allow-untyped-calls

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from midstream_analysis.checks import FloatArray, as_series
from midstream_analysis.kernels.spring import _closest, _spring


@dataclass(frozen=True, slots=True)
class Match:
    """Values `start` to `end` (inclusive) are `distance` from the query: a root of summed squares, as `dtw`."""

    start: int
    end: int
    distance: float


class Spring:
    """Report, as a stream goes by, the subsequences whose DTW distance to `query` is at most `threshold`.

    Of matches that overlap only the best is reported, as soon as nothing to come can beat it. Time a value and memory
    are O(len(query)). The values are taken as they are: normalise query and stream alike if only shape counts.

    Raises:
        ValueError: an empty query, NaN or infinite values in it, or a threshold that is negative or not finite.
    """

    def __init__(self, query: Any, threshold: float) -> None:
        self.query = as_series(query, name="query", minimum=1).copy()
        self.threshold = _threshold(threshold)
        self.count = 0
        """Values seen."""
        self._cost = np.full(self.query.size, np.inf)
        self._start = np.zeros(self.query.size, np.int64)
        self._pending = np.array([0.0, 0.0, np.inf])
        self._one, self._found = np.empty(1), np.empty((1, 3))

    def update(self, value: float) -> Match | None:
        """Take in one value; return the match that it settles, if any.

        Raises:
            ValueError: NaN or infinite.
        """
        if not math.isfinite(value):
            raise ValueError(f"values must be finite, not {value!r}")
        self._one[0] = value
        return self._match(self._found[0]) if self._take(self._one, self._found) else None

    def extend(self, values: Any) -> list[Match]:
        """Take in many values at once; return the matches that they settle, in order."""
        series = as_series(values, name="values")
        found = np.empty((series.size, 3))
        return [self._match(row) for row in found[: self._take(series, found)]]

    def flush(self) -> Match | None:
        """Return the match that the end of the stream settles, if any; the state is then as new but for the count."""
        match = self._match(self._pending) if self._pending[2] < np.inf else None
        self._pending[2] = np.inf
        self._cost[:] = np.inf
        return match

    def _take(self, values: FloatArray, found: FloatArray) -> int:
        limit = self.threshold * self.threshold
        n = int(_spring(self.query, self._cost, self._start, self._pending, self.count, limit, values, found))
        self.count += values.size
        return n

    @staticmethod
    def _match(row: FloatArray) -> Match:
        return Match(int(row[0]), int(row[1]), math.sqrt(row[2]))


def find_subsequence(x: Any, query: Any, threshold: float | None = None) -> list[Match]:
    """Where `query` occurs in `x` under dynamic time warping, in order of time.

    With a `threshold` every match within it, the best of each overlapping group; without one the single best match.

    Raises:
        ValueError: as `Spring`, or an empty or non-finite `x`.
    """
    series = as_series(x, minimum=1)
    if threshold is None:
        start, end, square = _closest(as_series(query, name="query", minimum=1), series)
        return [Match(int(start), int(end), math.sqrt(square))]
    spring = Spring(query, threshold)
    matches, last = spring.extend(series), spring.flush()
    return [*matches, last] if last else matches


def _threshold(value: float) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0.0:
        raise ValueError(f"threshold must be a finite number, at least zero, not {value!r}")
    return number
