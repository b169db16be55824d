"""Change points in a stream, as they happen: Bayesian (Adams and MacKay 2007) and Page-Hinkley (Page 1954)."""

# mypy: allow-untyped-calls

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import numpy as np

from midstream_analysis.checks import positive
from midstream_analysis.kernels.change import MU, START, _forget, _moved, _observe, _spawn


@dataclass(frozen=True, slots=True)
class Change:
    """The stream changed at value number `index` (from 0), as seen when value number `seen` came.

    `before` and `after` are the means on either side (None: no longer known); `probability` is the posterior one, None
    where the method has none.
    """

    index: int
    seen: int
    before: float | None
    after: float
    probability: float | None


class ChangePoint:
    """Bayesian online change-point detection: a change of mean or variance between Gaussian stretches.

    Scale-free: it learns level and spread from the first `warmup` values and needs no threshold in units of the data.
    A single outlier is no change. Time a value and memory are O(hypotheses). Values are taken as independent: a smooth
    series wanders, and its wanderings are reported; thin or difference it first.

    Args:
        hazard: prior probability of a change at any one value.
        threshold: report once this much of the posterior says that the segment is a new one.
        least: values that a new segment must have before it is reported.
        hypotheses: segment starts kept in mind; the least likely goes first.
        outlier: prior probability that a value is an outlier.
        warmup: values to learn the first level and spread from.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        hazard: float = 1 / 500,
        *,
        threshold: float = 0.95,
        least: int = 4,
        hypotheses: int = 128,
        outlier: float = 1e-3,
        warmup: int = 8,
    ) -> None:
        for name, value in (("hazard", hazard), ("threshold", threshold), ("outlier", outlier)):
            if not 0.0 < value < 1.0:
                raise ValueError(f"{name} must be between 0 and 1, not {value!r}")
        for name, number, minimum in (
            ("least", least, 2),
            ("hypotheses", hypotheses, 8),
            ("warmup", warmup, 2),
        ):
            if operator.index(number) < minimum:
                raise ValueError(f"{name} must be at least {minimum}, not {number}")
        self.hazard, self.threshold, self.least, self.outlier = hazard, threshold, least, outlier
        self.count = 0
        """Values seen."""
        self.segment = 0
        """Where the present segment began."""
        self._state = np.zeros((7, hypotheses))
        self._held = 0
        self._first: list[float] = []
        self._warmup = warmup

    def update(self, value: float) -> Change | None:
        """Take in one value; return the change point that it reveals, if any.

        Raises:
            ValueError: NaN, infinite, or beyond +-1e100.
        """
        value = _checked(value)
        if self._held:
            return self._observe(value)
        self._first.append(value)
        if len(self._first) < self._warmup:
            return None
        # The first values set the scale, then are observed like all others: a change among them is found too.
        centre = float(np.median(self._first))
        spread = 1.4826 * float(np.median(np.abs(np.subtract(self._first, centre))))
        _spawn(self._state, 0, 0, 0.0, centre, spread * spread)
        self._held = 1
        found = None
        for one in self._first:
            found = self._observe(one) or found
        self._first.clear()
        return found

    def _observe(self, value: float) -> Change | None:
        place, state = self.count, self._state
        self.count += 1
        self._held = _observe(state, self._held, value, place, self.hazard, self.outlier)
        probability, column = _moved(state, self._held, self.segment, place, self.least)
        if probability < self.threshold:
            return None
        start, after = int(state[START, column]), float(state[MU, column])
        old = np.flatnonzero(state[START, : self._held] == self.segment)
        before = float(state[MU, old[0]]) if old.size else None
        self._held = _forget(state, self._held, start)
        self.segment = start
        return Change(start, place, before, after, min(1.0, float(probability)))


class PageHinkley:
    """Page-Hinkley test for a change of mean, both ways, on values standardised by the present stretch: O(1), tiny.

    Cheaper and blunter than `ChangePoint`: no probability, no change of spread, and an outlier of more than `threshold`
    standard deviations is taken for a change.

    Args:
        drift: change, in standard deviations, that is tolerated.
        threshold: accumulated excess, in standard deviations, that is a change.
        least: values that a stretch needs before it is tested.
    """

    def __init__(self, drift: float = 0.25, threshold: float = 20.0, least: int = 30) -> None:
        self.drift, self.threshold = positive(drift, "drift"), positive(threshold, "threshold")
        self.least = operator.index(least)
        if self.least < 2:
            raise ValueError(f"least must be at least 2, not {least}")
        self.count = 0
        """Values seen."""
        self._restart()

    def _restart(self) -> None:
        self._n, self._mean, self._square = 0, 0.0, 0.0
        self._sums, self._since, self._recent = [0.0, 0.0], [self.count, self.count], [(0, 0.0), (0, 0.0)]

    def update(self, value: float) -> Change | None:
        """Take in one value; return the change point that it reveals, if any.

        Raises:
            ValueError: NaN, infinite, or beyond +-1e100.
        """
        value = _checked(value)
        place = self.count
        self.count += 1
        if self._n >= self.least:
            deviation = max(math.sqrt(self._square / (self._n - 1)), 1e-9 * abs(self._mean), 1e-100)
            score = (value - self._mean) / deviation
            for side, sign in enumerate((1.0, -1.0)):
                if (
                    self._sums[side] <= 0.0
                ):  # the lowest point of the cumulated sum: a change would begin here
                    self._since[side], self._recent[side] = place, (0, 0.0)
                self._sums[side] = max(0.0, self._sums[side] + sign * score - self.drift)
                n, total = self._recent[side]
                self._recent[side] = n + 1, total + value
                if self._sums[side] > self.threshold:
                    found = Change(self._since[side], place, self._mean, (total + value) / (n + 1), None)
                    self._restart()
                    return found
        self._n += 1
        gap = value - self._mean
        self._mean += gap / self._n
        self._square += gap * (value - self._mean)
        return None


def _checked(value: float) -> float:
    number = float(value)
    if not -1e100 < number < 1e100:
        raise ValueError(f"values must be finite and within +-1e100, not {value!r}")
    return number
