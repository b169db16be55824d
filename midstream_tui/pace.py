"""How often to repaint over a link that does not keep up: less while it lags, as the user wishes when it does not."""

from __future__ import annotations

from collections.abc import Callable

LONGEST = 3.0
"""Seconds between two repaints, at most: with a frame on its way the clock on the screen is never six behind."""
STEP = 1.5
WINDOW = 1.0
"""Seconds, at least, over which the link is judged; two busy windows in a row are needed to call it slow."""
BUSY, IDLE = 0.5, 0.1
"""Shares of a window in which output waits: from `BUSY` on repaints get rarer, below `IDLE` more frequent. Between them
all stays, and half of the link stays free for what keys bring about."""
PATIENCE, MOST_PATIENCE = 3.0, 60.0
"""Seconds of an idle link before it is tried with more; doubled each time that was too early."""


class Pace:
    """Looks at every tick of the painter whether output lags behind, and says whether to paint.

    Like congestion control: the interval grows by half a window while the link is busy, shrinks as carefully as the
    last tries teach, and is never shorter than the user's wish. `clock` gives seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slow = 0.0  # the interval that the link allows; 0 when it keeps up
        self._painted = self._from = self._seen = self._idle_since = clock()
        self._waited = 0.0
        self._busy = 0  # windows in a row
        self._behind = False
        self._patience = PATIENCE
        self._tried: float | None = None

    def interval(self, wish: float) -> float:
        """Seconds between two repaints now, where the user wants `wish`."""
        return max(wish, self._slow)

    def slowed(self, wish: float) -> bool:
        """Whether repaints are rarer than wished because of the link."""
        return self._slow > wish

    def look(self, behind: bool, wish: float) -> bool:
        """Note whether output lags `behind` now; return whether it is time to paint."""
        now = self._clock()
        if (
            behind or self._behind
        ):  # it lagged at one end of the time since the last look: half of it is assumed
            self._waited += (now - self._seen) * (1.0 if behind and self._behind else 0.5)
        self._behind, self._seen = behind, now
        took = now - self._from
        if took >= max(WINDOW, 4 * self.interval(wish)):
            self._judge(self._waited / took, now, wish)
            self._from, self._waited = now, 0.0
        if behind or now - self._painted < self.interval(wish) - wish / 2:
            return False
        self._painted = now
        return True

    def _judge(self, busy: float, now: float, wish: float) -> None:
        if busy >= IDLE:
            self._idle_since = now
        self._busy = self._busy + 1 if busy >= BUSY else 0
        if self._busy >= 2:
            if self._tried is not None and now - self._tried < 2 * self._patience:
                self._patience = min(MOST_PATIENCE, 2 * self._patience)
            self._tried = None
            self._slow = min(LONGEST, STEP * self.interval(wish))
        elif self._slow and now - self._idle_since >= self._patience:
            self._idle_since = self._tried = now
            self._slow /= STEP
            if self._slow <= wish:
                self._slow = 0.0
        elif not self._slow and now - self._idle_since >= MOST_PATIENCE:
            self._patience = PATIENCE
