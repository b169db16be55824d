"""From the threads of a source to listeners in the loop: what `RestreamClient` hands to `supervise` as its sink."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from midstream_adapters.events import (
    MEDIA,
    AudioChunk,
    Detections,
    Dropped,
    Event,
    Figures,
    Kind,
    State,
    StateChanged,
    Transcript,
    VideoFrame,
)

from .session import Session
from .state import StreamState

MOST = 128
"""States, frames, chunks and transcripts that wait for listeners."""
_BATCH = 16
_AGAIN = 0.02

Heard = StateChanged | VideoFrame | AudioChunk | Transcript | Detections


class Inbox:
    """Folds every event at once, whatever the thread, and hands states and media on in the loop, in order.

    ``hear(event, number)`` is called with the count of items of that kind so far; while ``busy()``, nothing is handed
    on: sources wait in `drain`, and for those that can't the oldest frames and chunks are shed and counted
    (``listener``). ``mask`` is applied to every text that a source says.
    """

    def __init__(
        self,
        session: Session,
        hear: Callable[[Heard, int], None],
        busy: Callable[[], bool],
        mask: Callable[[str], str],
    ) -> None:
        self._session, self._hear, self._busy, self._mask = session, hear, busy, mask
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._queue: deque[tuple[Heard, int]] = deque()
        self._room = asyncio.Event()
        self._flushing = self._closed = False
        self.lived = False
        """Whether the stream was ever live."""

    def emit(self, event: Event) -> None:
        with self._lock:
            if self._closed or not self._take(event) or self._flushing:
                return
            self._flushing = True
        with suppress(RuntimeError):  # the loop has ended before its threads
            self._loop.call_soon_threadsafe(self._flush)

    def _take(self, event: Event) -> bool:
        """Fold `event`; queue it and return True if listeners are to hear of it."""
        event = self._masked(event)
        self._session.apply(event)
        self.lived |= isinstance(event, StateChanged) and event.state is State.LIVE
        if not isinstance(event, Heard):
            return False
        number = 0
        if isinstance(event, MEDIA):
            kind = Kind.VIDEO if isinstance(event, VideoFrame) else Kind.AUDIO
            number = self._session.streams[event.stream].tracks[kind].count
        self._queue.append((event, number))
        if len(self._queue) > MOST:
            at = next((n for n, (old, _) in enumerate(self._queue) if isinstance(old, MEDIA)), 0)
            self._shed(self._queue[at][0])
            del self._queue[at]
        return True

    def _masked(self, event: Event) -> Event:
        if isinstance(event, StateChanged) and event.reason:
            return replace(event, reason=self._mask(event.reason))
        if isinstance(event, Transcript):
            return replace(event, text=self._mask(event.text))
        if isinstance(event, Figures):
            values = {k: self._mask(v) if isinstance(v, str) else v for k, v in event.values.items()}
            return replace(event, values=values)
        return event

    def _shed(self, event: Heard) -> None:
        if isinstance(event, MEDIA):
            kind = Kind.VIDEO if isinstance(event, VideoFrame) else Kind.AUDIO
            self._session.apply(Dropped(event.stream, event.at, kind, 1, "listener"))
        elif isinstance(event, Transcript):
            self._session.apply(Dropped(event.stream, event.at, Kind.TEXT, 1, "listener"))
        elif isinstance(event, Detections):
            self._session.apply(Dropped(event.stream, event.at, Kind.VIDEO, 1, "listener"))

    async def drain(self) -> None:
        """Wait while listeners are behind by half of what may wait."""
        await asyncio.sleep(0)
        while len(self._queue) >= MOST // 2 and not self._closed:
            self._room.clear()
            await self._room.wait()

    def _flush(self) -> None:
        for _ in range(_BATCH):
            if self._busy():
                self._loop.call_later(_AGAIN, self._flush)
                return
            with self._lock:
                if not self._queue:
                    self._flushing = False
                    break
                event, number = self._queue.popleft()
            if len(self._queue) < MOST // 2:
                self._room.set()
            self._hear(event, number)
        else:
            self._loop.call_soon(self._flush)  # others have their turn between two batches

    def close(self, last: StateChanged | None = None) -> None:
        """Take no more after `last`. States and words that wait are handed on now; media are shed, and counted."""
        with self._lock:
            if last is not None and not self._closed:
                self._take(last)
            self._closed = True
            left = list(self._queue)
            self._queue.clear()
            for event, _ in left:
                if isinstance(event, MEDIA):
                    self._shed(event)
        self._room.set()
        for event, number in left:
            if not isinstance(event, MEDIA):
                self._hear(event, number)

    def read(self, stream: str) -> StreamState | None:
        """What the fold knows of `stream`, from any thread."""
        with self._lock:
            return self._session.state().streams.get(stream)
