"""The monitor's own health: how late the event loop wakes up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .metrics import RecentHistogram

EVERY = 0.05


class Pulse:
    """Sleeps a twentieth of a second over and over, and counts by how much it overslept."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.lateness = RecentHistogram(20.0)

    async def run(self) -> None:
        while True:
            due = self._clock() + EVERY
            await asyncio.sleep(EVERY)
            now = self._clock()
            self.lateness.add(now, max(0.0, now - due))

    def p99(self) -> float | None:
        """99th percentile of the lateness over about the last 20 s, in seconds."""
        return self.lateness.read(self._clock()).quantile(0.99)
