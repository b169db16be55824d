"""A sink that keeps everything, and a clock that only moves when somebody sleeps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from midstream_adapters.events import (
    AudioChunk,
    BytesReceived,
    Dropped,
    Event,
    Kind,
    State,
    StateChanged,
    VideoFrame,
)

E = TypeVar("E", bound=Event)


async def until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Let others run until `condition` holds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0)


class Recorder:
    """Keeps every event; counts how often it was asked to drain. `room` may be cleared to hold the source up."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.drains = 0
        self.room = asyncio.Event()
        self.room.set()

    def emit(self, event: Event) -> None:
        self.events.append(event)

    async def drain(self) -> None:
        self.drains += 1
        await self.room.wait()

    def of(self, kind: type[E], stream: str | None = None) -> list[E]:
        return [e for e in self.events if isinstance(e, kind) and stream in (None, e.stream)]

    @property
    def frames(self) -> list[VideoFrame]:
        return self.of(VideoFrame)

    @property
    def chunks(self) -> list[AudioChunk]:
        return self.of(AudioChunk)

    @property
    def states(self) -> list[State]:
        return [e.state for e in self.of(StateChanged)]

    @property
    def dropped(self) -> Counter[tuple[Kind, str]]:
        counts: Counter[tuple[Kind, str]] = Counter()
        for event in self.of(Dropped):
            counts[event.kind, event.where] += event.count
        return counts

    def nbytes(self, kind: Kind) -> int:
        """Bytes of a kind, as the fold would sum them."""
        of_kind = {Kind.VIDEO: VideoFrame, Kind.AUDIO: AudioChunk}[kind]
        left_over = sum(e.nbytes for e in self.of(BytesReceived) if e.kind is kind)
        return left_over + sum(e.nbytes for e in self.of(of_kind))


class FakeTime:
    """`clock` and `sleep` of a world in which nothing takes time but sleeping."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.sleeps: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += max(0.0, seconds)
        await asyncio.sleep(0)
