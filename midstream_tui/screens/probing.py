"""The probes of an open stream picker: at most four at once, cancelled with it, their results kept as long as it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from textual.content import Content

from midstream_adapters.base import Clock, explain
from midstream_tui.reach import Reach
from midstream_widgets import glyphs
from midstream_widgets.lines import plain

AT_ONCE = 4
MOST_KEPT = 100
SIGNS = {"good": "✓", "warning": glyphs.ALERT, "error": "✗", "muted": "○"}
COLOURS = {
    "good": "$text-success",
    "warning": "$text-warning",
    "error": "$text-error",
    "muted": "$text-muted",
}
Reacher = Callable[[str], Awaitable[Reach]]
"""Finds out whether the source of that address can be reached; see `midstream_tui.reach.reach`."""


@dataclass(slots=True)
class _Probe:
    """One address: what is under way, and what was found last."""

    task: asyncio.Task[None] | None = None
    began: float | None = None
    found: Reach | None = None
    at: float = 0.0


class Probes:
    """Probes addresses in tasks of the running loop; ``changed`` is called when there is something new to show."""

    def __init__(self, reach: Reacher, changed: Callable[[], None], clock: Clock = time.monotonic) -> None:
        self._reach, self._changed, self._clock = reach, changed, clock
        self._probes: dict[str, _Probe] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # those that were cancelled too, until they have let go
        self._room = asyncio.Semaphore(AT_ONCE)
        self._asked = 0

    def ask(self, *sources: str) -> None:
        """Probe `sources`, but those that are being probed already."""
        for source in sources:
            if self.is_running(source):
                continue
            self._asked = self._asked + 1 if self.running else 1
            probe = self._probes.pop(source, None) or _Probe()
            self._probes[source] = probe  # the newest last
            probe.task = asyncio.get_running_loop().create_task(self._run(source, probe), name="probe")
            self._tasks.add(probe.task)
            probe.task.add_done_callback(self._tasks.discard)
        for source in [source for source, probe in self._probes.items() if probe.task is None]:
            if len(self._probes) > MOST_KEPT:
                del self._probes[source]
        self._changed()

    async def _run(self, source: str, probe: _Probe) -> None:
        async with self._room:
            probe.began = self._clock()
            self._changed()
            try:
                found = await self._reach(source)
            except Exception as error:  # an adapter's own fault: it is told like any other failure
                found = Reach("error", "failed", f"{type(error).__name__}: {explain(error)}")
            if probe.task is asyncio.current_task():
                probe.found, probe.at = found, self._clock()
                probe.task = probe.began = None
                self._changed()

    # -- what to show

    @property
    def running(self) -> int:
        """How many are under way or wait for their turn."""
        return sum(probe.task is not None for probe in self._probes.values())

    def is_running(self, source: str) -> bool:
        return (probe := self._probes.get(source)) is not None and probe.task is not None

    def progress(self) -> str:
        """How far those are that were asked for together; "" when none is under way."""
        return f"probed {self._asked - left} of {self._asked}" if (left := self.running) else ""

    def shown(self, source: str) -> Content | None:
        """What is known of `source`: sign, word, and the age of a result. None when it was never probed."""
        probe = self._probes.get(source)
        if probe is None:
            return None
        if probe.task is not None:
            said = "waits for its turn"
            if probe.began is not None:
                said = f"probing… {self._clock() - probe.began:.0f} s"
            return Content.styled(f"{glyphs.STATES['connecting'].sign} {said}", COLOURS["warning"])
        if probe.found is None:  # it was cancelled
            return None
        found, ink = probe.found, COLOURS[probe.found.level]
        return Content.assemble(
            (f"{SIGNS[found.level]} {plain(found.word)}", ink),
            (_age(self._clock() - probe.at), COLOURS["muted"]),
            (f": {plain(found.said)}", ink),
        )

    # -- the end

    def cancel(self, *sources: str) -> None:
        """End the probes of `sources`, or all; what was found before stays."""
        for source in sources or list(self._probes):
            if (probe := self._probes.get(source)) is not None and probe.task is not None:
                probe.task.cancel()
                probe.task = probe.began = None
        self._changed()

    async def close(self) -> None:
        """End all probes, and wait until they have let go of what they hold."""
        self._changed = lambda: None
        self.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _age(seconds: float) -> str:
    """How long ago, in steps: the list is not to flicker. Nothing for what was found just now."""
    if seconds < 10:
        return ""
    return f", {seconds // 10 * 10:.0f} s ago" if seconds < 60 else f", {seconds // 60:.0f} min ago"
