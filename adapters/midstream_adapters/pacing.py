"""Media time to real time: one timeline for the audio and the video of an input."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator

from .base import Clock, Sleep
from .events import AudioChunk, Event, Kind, VideoFrame

Timed = tuple[float | None, Event]
_LATE = 0.05
"""Seconds behind that count as late; a sleep alone may last some longer than asked."""


class Pacer:
    """Waits until the time of each PTS has come, counted from the first.

    Every wait aims at an absolute time, so nothing adds up. The timeline is anchored anew where PTS jump (more than
    `most_ahead` seconds forward; backward) and where the reader has fallen more than `most_behind` seconds behind (a
    suspended machine), so that neither a long silence nor a burst follows.

    ``starved`` tells whether the input has kept the reader waiting since it was last asked: what is late for want of
    input is forgiven at once, however little it is, so that the next of it comes evenly again.
    """

    def __init__(
        self,
        clock: Clock,
        sleep: Sleep,
        most_ahead: float = 10.0,
        most_behind: float = 1.0,
        starved: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._most_ahead = most_ahead
        self._most_behind = most_behind
        self._starved = starved
        self._origin: float | None = None
        self.hurry = False
        """Wait no more: what is left is let out as it comes."""

    async def wait(self, pts: float) -> None:
        """Return when `pts` (seconds of media time) is due."""
        if self.hurry:
            return
        now = self._clock()
        if self._origin is None:
            self._origin = now - pts
        ahead = self._origin + pts - now
        jumped = ahead > self._most_ahead or ahead < -self._most_behind
        if jumped or (ahead < -_LATE and self._starved()):
            self._origin = now - pts
        elif ahead > 0:
            await self._sleep(ahead)


class Interleaver:
    """Merges the events of several elementary streams into the order of their PTS.

    Files keep runs of audio and of video up to a second apart. An event leaves when every other stream has come as far,
    or when `span` seconds or `most` events are waiting (a stream has ended early, or has long gaps).
    """

    def __init__(
        self, kinds: Iterable[Kind], frame_interval: float = 0.04, span: float = 2.0, most: int = 256
    ) -> None:
        self._reached: dict[Kind, float] = dict.fromkeys(kinds, -float("inf"))
        self._frame_interval = frame_interval
        self._span = span
        self._most = most
        self._heap: list[tuple[float, int, Event]] = []
        self._count = 0
        self._latest = -float("inf")

    def push(self, event: Event) -> Iterator[Timed]:
        """Take `event`; yield what is due now as (seconds of media time, event)."""
        if isinstance(event, VideoFrame):
            kind, interval = Kind.VIDEO, self._frame_interval
        elif isinstance(event, AudioChunk):
            kind, interval = Kind.AUDIO, event.duration
        else:  # it has no time of its own: it stays where it came, between its neighbours
            self._hold(max(self._reached.values(), default=0.0), event)
            return
        before = self._reached.get(kind, -float("inf"))
        if event.pts is not None:
            start = event.pts
        else:
            start = before if before > -float("inf") else max(0.0, self._latest)
        if start < before - 1.0 or start > before + 10.0 > -float("inf"):  # PTS have jumped: a new timeline
            yield from self.flush()
        self._hold(start, event)
        self._reached[kind] = start if event.pts is not None else start + interval
        self._latest = max(start, self._latest)
        common = min(self._reached.values())
        while self._heap and (
            self._heap[0][0] <= common
            or len(self._heap) > self._most
            or self._latest - self._heap[0][0] > self._span
        ):
            yield self._pop()

    def flush(self) -> Iterator[Timed]:
        """Everything that is still held, in order."""
        while self._heap:
            yield self._pop()
        self._reached = dict.fromkeys(self._reached, -float("inf"))
        self._latest = -float("inf")

    def _hold(self, start: float, event: Event) -> None:
        heapq.heappush(self._heap, (start, self._count, event))
        self._count += 1

    def _pop(self) -> Timed:
        start, _, event = heapq.heappop(self._heap)
        return (start if start > -float("inf") else None), event


class Ticks:
    """Tick numbers of a steady rate, by absolute time: a late caller gets the newest tick and learns what it missed.

    Nothing adds up, and lateness is never made good by a burst, but for `slack` seconds: as much is given out late
    instead of missed, as a player's jitter buffer would.
    """

    def __init__(self, rate: float, start: float, slack: float = 0.0) -> None:
        self._rate = rate
        self._start = start
        self._slack = slack
        self._next = 0

    def wait(self, now: float) -> float:
        """Seconds until the next tick, 0 when it is due or late."""
        return max(0.0, self._start + self._next / self._rate - now)

    def take(self, now: float) -> tuple[int, int]:
        """The number of the tick that is due, and how many before it were missed."""
        late = now - self._start - self._next / self._rate
        missed = max(0, int(late * self._rate)) if late > self._slack else 0
        number = self._next + missed
        self._next = number + 1
        return number, missed
