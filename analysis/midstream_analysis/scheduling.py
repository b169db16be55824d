"""Which series is analysed next: at most one pending job a key, the latest data, the oldest obligation.

A newer submission replaces the data of a pending one but neither its place in the queue nor, when that is earlier,
its deadline. So a key that is submitted faster than it is served is not pushed back for ever, and under overload no
key starves: every other key's later obligations fall behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from midstream_analysis.jobs import Policy, Series

AGEING_S = (
    1.0  # policy "priority": every second of waiting is worth one level, so that the low ones get their turn
)


@dataclass(slots=True)
class Pending:
    """A job that waits: the latest series, since when its key is owed an answer, and by when."""

    series: Series
    order: int
    since: float
    deadline: float


_RANKS: dict[Policy, Callable[[Pending], tuple[float, int]]] = {
    "EDF": lambda job: (job.deadline, job.order),  # Liu and Layland 1973
    "FIFO": lambda job: (0.0, job.order),
    # Ageing at a constant rate orders as `since - AGEING_S * priority` does, whatever the time is now.
    "priority": lambda job: (job.since - AGEING_S * job.series.priority, job.order),
}


class Scheduler:
    """Pending series, ordered by `policy`: "EDF" (earliest deadline first), "FIFO" or "priority" (with ageing).

    Not thread-safe. Raises ValueError for another policy.
    """

    def __init__(self, policy: Policy = "EDF") -> None:
        if policy not in get_args(Policy):
            raise ValueError(f"policy must be one of {', '.join(get_args(Policy))}, not {policy!r}")
        self.policy: Policy = policy
        self.superseded = 0
        self._rank = _RANKS[policy]
        self._pending: dict[tuple[str, str], Pending] = {}
        self._order = 0

    def __len__(self) -> int:
        return len(self._pending)

    def put(self, series: Series, now: float) -> None:
        """Add `series`, or let it take the place of the pending one with the same key."""
        if (job := self._pending.get(series.key)) is not None:
            self.superseded += 1
            job.series = series
            job.deadline = min(job.deadline, series.deadline)
            return
        self._order += 1
        self._pending[series.key] = Pending(series, self._order, now, series.deadline)

    def pop(self) -> Pending | None:
        """Take the job that is due first, or None. A scan: the keys are few, and replacing is as common as taking."""
        if not self._pending:
            return None
        job = min(self._pending.values(), key=self._rank)
        return self._pending.pop(job.series.key)

    def discard(self, stream: str) -> None:
        """Forget what is pending for `stream`."""
        for key in [key for key in self._pending if key[0] == stream]:
            del self._pending[key]
