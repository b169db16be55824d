"""When Python looks for garbage in cycles: seldom, for the screen and the keys wait meanwhile.

By Python's own thresholds all there is was walked every four seconds, for 20 to 40 ms, and oftener while screens were
opened and closed: that is what the slowest keys waited for. Little garbage is in cycles (see `textual_speed`).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

THRESHOLDS = (2_000, 5, 1_000)
"""Objects more than at the last look; such looks until the older ones are walked; such walks until all is walked."""
EVERY = 30.0
"""Seconds between two walks over all that came since the start."""
HOLD = 0.1
"""Seconds, from a key on, in which nothing is walked; keys that come meanwhile make it no longer."""


class Collector:
    """Of the whole process, from `begin` to `end`; garbage that is in no cycle is freed at once as ever."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before: tuple[int, int, int] | None = None
        self._looked = 0.0
        self._held = False

    @property
    def begun(self) -> bool:
        return self._before is not None

    def begin(self) -> None:
        """What is there now stays, and is walked no more: call it once all that is to be loaded is."""
        if self._before is None:
            gc.freeze()  # and what garbage loading left, for to find it takes a tenth of a second
            self._before = gc.get_threshold()
            gc.set_threshold(*THRESHOLDS)
            self._looked = self._clock()

    def look(self) -> bool:
        """Walk all when it is time; return whether it was. To be called once a second or so."""
        if self._before is None or self._clock() - self._looked < EVERY:
            return False
        gc.collect()
        self._looked = self._clock()
        return True

    def hold(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        """Walk nothing while a key is answered; `later(seconds, call)` is the event loop's."""
        if self._before is not None and gc.isenabled():
            self._held = True
            gc.disable()
            later(HOLD, self._release)

    def _release(self) -> None:
        if self._held:
            self._held = False
            gc.enable()

    def end(self) -> None:
        """Give the process its own thresholds back."""
        self._release()
        if self._before is not None:
            gc.set_threshold(*self._before)
            gc.unfreeze()
            self._before = None
