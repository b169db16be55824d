"""O(1) metrics: windowed rates, and histograms of durations that merge.

Times are monotonic seconds from the caller; nothing here reads a clock.
"""

from __future__ import annotations

import math


class WindowedRate:
    """Amount a second over the last `window` seconds: a ring of `buckets`, O(1) to add to and to read.

    The rate divides by the time really observed, so that it is right from the first half second on; before that it is
    ``None``. A source that fell silent goes to zero within a window.
    """

    __slots__ = ("_head", "_ring", "_start", "_step", "_sum", "_window")

    def __init__(self, window: float = 3.0, buckets: int = 30) -> None:
        self._window = window
        self._step = window / buckets
        self._ring = [0.0] * buckets
        self._sum = 0.0
        self._head: int | None = None
        self._start = 0.0

    def add(self, at: float, amount: float = 1.0) -> None:
        """Count `amount` at time `at`; what is older than the window is not counted any more."""
        slot = int(at / self._step)
        head = self._head
        if head is None:
            self._head = slot
            self._start = at
        elif slot != head:
            if slot < head:  # late by less than a window: it belongs to its own bucket
                if head - slot < len(self._ring):
                    self._ring[slot % len(self._ring)] += amount
                    self._sum += amount
                return
            self._advance(slot)
        self._ring[slot % len(self._ring)] += amount
        self._sum += amount

    def rate(self, now: float) -> float | None:
        """Amount a second at `now`, or ``None`` when nothing came or less than half a second was observed."""
        if self._head is None:
            return None
        slot = int(now / self._step)
        if slot > self._head:
            self._advance(slot)
        # The ring covers its whole buckets and the part of the newest that has passed.
        span = min(now - self._start, (len(self._ring) - 1) * self._step + now - slot * self._step)
        return self._sum / span if span >= 0.5 else None

    def _advance(self, slot: int) -> None:
        assert self._head is not None
        size = len(self._ring)
        for passed in range(self._head + 1, min(slot, self._head + size) + 1):
            self._sum -= self._ring[passed % size]
            self._ring[passed % size] = 0.0
        if slot - self._head >= size:
            self._sum = 0.0  # also sheds rounding
        self._head = slot


_STEPS = 16  # buckets an octave: a quantile is within 2.2 % of the true value
_LOW = -20  # 2**-20 s is about a microsecond
_HIGH = 14  # 2**14 s is about four and a half hours
_SIZE = (_HIGH - _LOW) * _STEPS


class Histogram:
    """Durations in seconds on a log scale (16 buckets an octave from 1 us to 4.5 h): O(1) to add to, mergeable."""

    __slots__ = ("buckets", "count", "greatest", "least", "total")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.total = 0.0
        self.least = math.inf
        self.greatest = -math.inf

    def add(self, seconds: float) -> None:
        """Count one duration; below zero (clock trouble) counts as zero."""
        seconds = max(seconds, 0.0)
        index = 0 if seconds <= 2.0**_LOW else min(int((math.log2(seconds) - _LOW) * _STEPS) + 1, _SIZE)
        self.buckets[index] = self.buckets.get(index, 0) + 1
        self.count += 1
        self.total += seconds
        if seconds < self.least:
            self.least = seconds
        if seconds > self.greatest:
            self.greatest = seconds

    def merge(self, other: Histogram) -> None:
        """Add all that `other` counted."""
        for index, count in other.buckets.items():
            self.buckets[index] = self.buckets.get(index, 0) + count
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.greatest = max(self.greatest, other.greatest)

    def quantile(self, q: float) -> float | None:
        """The `q`-quantile (0..1) in seconds by nearest rank, ``None`` when nothing was counted.

        The least value that at least `q` of all do not exceed: the p99 of a few is the greatest of them.
        """
        if not self.count:
            return None
        rank = max(1, math.ceil(q * self.count - 1e-9))
        seen = 0
        for index in sorted(self.buckets):
            seen += self.buckets[index]
            if seen >= rank:
                middle = 2.0 ** (_LOW + (index - 0.5) / _STEPS) if index else 0.0
                return min(max(middle, self.least), self.greatest)
        return self.greatest

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


class RecentHistogram:
    """A histogram of about the last `window` seconds: two halves, the older is dropped when the newer is full."""

    __slots__ = ("_half", "_new", "_old", "_since")

    def __init__(self, window: float = 20.0) -> None:
        self._half = window / 2
        self._new, self._old = Histogram(), Histogram()
        self._since: float | None = None

    def add(self, at: float, seconds: float) -> None:
        self._turn(at)
        self._new.add(seconds)

    def _turn(self, now: float) -> None:
        if self._since is None:
            self._since = now
        elif now - self._since >= self._half:
            stale = now - self._since >= 2 * self._half
            self._old = Histogram() if stale else self._new
            self._new = Histogram()
            self._since = now

    def read(self, now: float) -> Histogram:
        """Both halves merged, as of `now`."""
        self._turn(now)
        both = Histogram()
        both.merge(self._old)
        both.merge(self._new)
        return both
