"""Drift of a noisy level, such as a log-loss: Page-Hinkley (Page 1954; Hinkley 1971) in units of the noise.

O(1) a value, and no kernel (learning goes on where numba cannot be loaded; with it, `change` does more). It says since
when, so that what was learnt before can be dropped and what came after kept, and a single outlier is no drift.
"""

from __future__ import annotations

from math import sqrt
from typing import Literal

LIMIT = 6.0  # standard deviations that one value may weigh: a single outlier is no drift


class DriftDetector:
    """Watches for a lasting shift of the mean.

    Args:
        threshold: the evidence asked for, in standard deviations summed up (higher: later, fewer false alarms).
        slack: the shift that is tolerated, in standard deviations.
        settle: values to learn the mean and the spread from before watching.
        side: shifts that count: "up", "down" or "both".
        floor: the least standard deviation assumed, so that a constant level does not alarm at its first ripple.

    Raises:
        ValueError: threshold or floor not above zero, slack below 0, or settle below 2.
    """

    def __init__(
        self,
        *,
        threshold: float = 20.0,
        slack: float = 0.5,
        settle: int = 30,
        side: Literal["up", "down", "both"] = "both",
        floor: float = 1e-9,
    ) -> None:
        if threshold <= 0 or slack < 0 or settle < 2 or floor <= 0:
            raise ValueError("threshold and floor must be above zero, slack at least 0 and settle at least 2")
        self._threshold, self._slack, self._settle, self._floor = threshold, slack, settle, floor
        self._signs = {"up": (1.0,), "down": (-1.0,), "both": (1.0, -1.0)}[side]
        self.reset()

    def reset(self) -> None:
        """Start anew with the next value."""
        self._n, self._mean, self._squares = 0, 0.0, 0.0
        self._sums = [0.0] * len(self._signs)  # evidence for a shift, never below zero
        self._runs = [0] * len(self._signs)  # values since it last was zero

    def update(self, value: float) -> int | None:
        """Take the next value; on drift return how many values ago the new level began (at least 1), and reset."""
        if self._n >= self._settle:
            noise = max(sqrt(self._squares / (self._n - 1)), self._floor)
            deviation = min(max((value - self._mean) / noise, -LIMIT), LIMIT)
            value = self._mean + deviation * noise
            for i, sign in enumerate(self._signs):
                self._sums[i] = max(0.0, self._sums[i] + sign * deviation - self._slack)
                self._runs[i] = self._runs[i] + 1 if self._sums[i] > 0.0 else 0
            top = max(range(len(self._sums)), key=self._sums.__getitem__)
            if self._sums[top] > self._threshold:
                since = self._runs[top]
                self.reset()
                return since
        self._n += 1
        delta = value - self._mean
        self._mean += delta / self._n
        self._squares += delta * (value - self._mean)
        return None
