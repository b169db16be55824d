"""The sink of the app: a bounded queue that a tick drains into one message a kind, within a time budget.

One `post_message` an event would cost a core at 20 000 events a second; a batch a tick costs the same at any rate.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable

from midstream_adapters.events import (
    AudioChunk,
    BytesReceived,
    Detections,
    Dropped,
    Event,
    Figures,
    Impairment,
    Kind,
    SpeechActivity,
    StateChanged,
    StreamOpened,
    TextChunk,
    Transcript,
    TurnEnded,
    TurnStarted,
    VideoFrame,
)

from .messages import (
    AudioReceived,
    EventBatch,
    FramesReceived,
    StreamsChanged,
    StreamsOpened,
    TextReceived,
)

_LANES: dict[type[Event], type[EventBatch]] = {
    StreamOpened: StreamsOpened,
    TextChunk: TextReceived,
    TurnStarted: TextReceived,
    TurnEnded: TextReceived,
    Transcript: TextReceived,
    SpeechActivity: TextReceived,
    AudioChunk: AudioReceived,
    VideoFrame: FramesReceived,
    StateChanged: StreamsChanged,
    BytesReceived: StreamsChanged,
    Dropped: StreamsChanged,
    Impairment: StreamsChanged,
    Detections: StreamsChanged,
    Figures: StreamsChanged,
}
_ORDER = (StreamsOpened, TextReceived, AudioReceived, FramesReceived, StreamsChanged)


class Bus:
    """Bounded queue between the sources and the app. `emit` is thread-safe; everything else is the loop's.

    Media beyond its bound sheds its oldest. Text waits: its sources in `drain`, threads in `put`. Only text that is
    emitted by someone who can't wait is ever shed, and that too is counted.
    """

    TICK = 1 / 15

    def __init__(
        self,
        post: Callable[[EventBatch], object],
        *,
        clock: Callable[[], float] = time.monotonic,
        text_bound: int = 50_000,
        media_bound: int = 256,
        budget: float = 0.008,
    ) -> None:
        self._post = post
        self._clock = clock
        self._text: deque[Event] = deque()
        self._media: deque[AudioChunk | VideoFrame] = deque()
        self._text_bound = text_bound
        self._high = text_bound // 2
        self._media_bound = media_bound
        self._budget = budget
        self._cost = 10e-6  # seconds to fold one event, as measured
        self._posted: deque[EventBatch] = deque()  # batches that the app has yet to fold
        self._drops: dict[tuple[str, Kind], int] = {}
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._low = asyncio.Event()
        self._low.set()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._text) + len(self._media)

    @property
    def idle(self) -> bool:
        """Whether all that came is folded."""
        return not (self._text or self._media or self._posted)

    # -- the sink

    def emit(self, event: Event) -> None:
        with self._lock:
            self._take(event)

    def put(self, event: Event, timeout: float | None = None) -> None:
        """`emit` for a thread that can wait: blocks while text is at its bound (at most `timeout` seconds)."""
        with self._room:
            if not isinstance(event, AudioChunk | VideoFrame):
                self._room.wait_for(lambda: len(self._text) < self._high, timeout)
            self._take(event)

    async def drain(self) -> None:
        if len(self._text) >= self._high or len(self._media) >= self._media_bound // 2:
            self._low.clear()
            await self._low.wait()

    def _take(self, event: Event) -> None:
        if isinstance(event, AudioChunk | VideoFrame):
            if len(self._media) >= self._media_bound:
                self._shed(self._media.popleft())
            self._media.append(event)
            return
        if len(self._text) >= self._text_bound:
            self._shed(self._text.popleft())
        self._text.append(event)

    def _shed(self, event: Event) -> None:
        kind = (
            Kind.VIDEO
            if isinstance(event, VideoFrame)
            else Kind.AUDIO
            if isinstance(event, AudioChunk)
            else Kind.TEXT
        )
        key = (event.stream, kind)
        self._drops[key] = self._drops.get(key, 0) + 1
        self.dropped += 1

    # -- the tick

    async def run(self) -> None:
        """Tick until cancelled: every fifteenth of a second, sooner while a backlog is worked off."""
        while True:
            began = self._clock()
            self.tick()
            backlog = len(self._text) > 0 or len(self._posted) > 0
            # A backlog is worked off in slices, with as much time for the screen and the keys between them.
            await asyncio.sleep(self._budget if backlog else max(0.0, self.TICK - (self._clock() - began)))

    def tick(self) -> int:
        """Post what came, at most what can be folded within the budget; return how many events that was."""
        if self._posted:
            return 0  # the app is still at the last batch: posting more would only move the queue
        most = max(32, int(self._budget / self._cost))
        lanes: dict[type[EventBatch], list[Event]] = {}
        with self._room:
            now = self._clock()
            taken = min(most, len(self._text))
            for _ in range(taken):
                event = self._text.popleft()
                lanes.setdefault(_LANES[type(event)], []).append(event)
            media = min(most, len(self._media))
            for _ in range(media):
                frame = self._media.popleft()
                lanes.setdefault(_LANES[type(frame)], []).append(frame)
            for (stream, kind), count in self._drops.items():
                lanes.setdefault(StreamsChanged, []).append(Dropped(stream, now, kind, count, "queue"))
            self._drops.clear()
            if len(self._text) < self._high:
                self._room.notify_all()
        if len(self._text) < self._high // 2 and len(self._media) < self._media_bound // 2:
            self._low.set()
        self._posted.extend(lane(lanes[lane]) for lane in _ORDER if lane in lanes)
        for batch in list(self._posted):
            self._post(batch)
        return taken + media

    def rest(self) -> list[Event]:
        """Take out all that is left, for one who folds it without a screen."""
        with self._room:
            left = [event for batch in self._posted for event in batch.events]
            left += [*self._text, *self._media]
            self._posted.clear()
            left += [Dropped(s, self._clock(), kind, n, "queue") for (s, kind), n in self._drops.items()]
            self._text.clear()
            self._media.clear()
            self._drops.clear()
            self._room.notify_all()
        return left

    def folded(self, events: int, seconds: float) -> None:
        """The app has folded a batch: learn what an event costs, and let the next tick post."""
        if self._posted:
            self._posted.popleft()
        if events >= 16:
            self._cost += 0.2 * (seconds / events - self._cost)
