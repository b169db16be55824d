"""What went wrong with a stream's pictures and sound: the open ones, the last ones, and how much of each."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field

from midstream_adapters.events import Impairment, Kind

KEEP = 64
STALLED = "stalled_s"
"""The figure of what has no length in media time, for no media came: how long that was."""
MOST_OPEN = 64


@dataclass(slots=True)
class Count:
    """How often one thing went wrong, and for how long altogether (seconds)."""

    times: int = 0
    seconds: float = 0.0


def length(event: Impairment) -> float:
    """Seconds that an impairment lasted that is over: of media time, or in which none came."""
    if isinstance(stalled := event.figures.get(STALLED), int | float):
        return float(stalled)
    return max(0.0, (event.began if event.ended is None else event.ended) - event.began)


@dataclass(slots=True)
class Impairments:
    """Of one stream. An event of the same identity updates the one before."""

    open: OrderedDict[tuple[str, Kind, float], Impairment] = field(default_factory=OrderedDict)
    past: deque[Impairment] = field(default_factory=lambda: deque(maxlen=KEEP))
    counts: dict[str, Count] = field(default_factory=dict)
    times: Counter[Kind] = field(default_factory=Counter)
    """How often anything went wrong, by kind."""

    def take(self, event: Impairment) -> None:
        """Fold one event in."""
        key = (event.what, event.kind, event.began)
        known = self.open.pop(key, None)
        count = self.counts.setdefault(event.what, Count())
        if known is None:
            count.times += 1
            self.times[event.kind] += 1
        if event.ended is not None:
            count.seconds += length(event)
            self.past.append(event)
            return
        self.open[key] = event
        if len(self.open) > MOST_OPEN:
            self.past.append(self.open.popitem(last=False)[1])
