"""Virtual time: real adapters run under the injected clock and sleep, as fast as they can, the same way every time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

START = 1000.0
_POLL = 0.0005
_PATIENCE = 60.0


class VirtualTime:
    """Monotonic seconds that pass only in `advance`; its `sleep` is for `Options.sleep`, itself for `Options.clock`."""

    def __init__(self, now: float = START) -> None:
        self.now = now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + max(0.0, seconds), next(self._order), woken))
        await woken

    async def settle(self, running: Callable[[], int]) -> None:
        """Wait, in real time, until all of the `running()` tasks sleep: what they do in threads is then done.

        Raises:
            TimeoutError: one of them does something else for a minute.
        """
        async with asyncio.timeout(_PATIENCE):
            while len(self._sleepers) < running():
                await asyncio.sleep(0)
                if len(self._sleepers) < running():
                    await asyncio.sleep(_POLL)

    async def advance(self, until: float, running: Callable[[], int]) -> None:
        """Let the time become `until`, waking every sleeper that is due on the way, one at a time, in order."""
        await self.settle(running)
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, woken = heapq.heappop(self._sleepers)
            if woken.done():  # cancelled
                continue
            self.now = max(self.now, at)
            woken.set_result(None)
            await asyncio.sleep(0)
            await self.settle(running)
        self.now = max(self.now, until)
