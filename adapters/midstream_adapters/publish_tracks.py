"""The simulator as tracks of aiortc's: its thread puts frames in, aiortc takes and encodes them. Loads aiortc."""

from __future__ import annotations

import asyncio
from collections import deque

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from .events import Kind
from .publish import Counts, Plan
from .publish_encode import Pictures, sound_frame
from .simulated_audio import SimulatedChunk
from .simulated_video import SimulatedFrame

WAITING = {Kind.VIDEO: 2, Kind.AUDIO: 25}
"""Frames (audio: of 20 ms) that may wait to be encoded; the oldest go, and are counted."""


class Track(MediaStreamTrack):
    """One track; `picture` and `sound` are for the simulator's thread, `recv` for aiortc, in the loop that made it."""

    def __init__(self, kind: Kind, plan: Plan, counts: Counts) -> None:
        super().__init__()
        self.kind = kind.value
        self._counts = counts
        self._pictures = Pictures(plan.frame_rate)
        self._queued: deque[av.VideoFrame | av.AudioFrame] = deque()
        self._most = WAITING[kind]
        self._news = asyncio.Event()
        self._home = asyncio.get_running_loop()

    def picture(self, frame: SimulatedFrame) -> None:
        """Queue one picture."""
        self._home.call_soon_threadsafe(self._queue, self._pictures.frame(frame))

    def sound(self, chunk: SimulatedChunk) -> None:
        """Queue 20 ms of sound."""
        self._home.call_soon_threadsafe(self._queue, sound_frame(chunk))

    async def recv(self) -> av.VideoFrame | av.AudioFrame:
        """The next frame, for aiortc."""
        while not self._queued:
            if self.readyState != "live":
                raise MediaStreamError
            self._news.clear()
            await self._news.wait()
        frame = self._queued.popleft()
        if isinstance(frame, av.VideoFrame):
            self._counts.frames += 1
        else:
            self._counts.chunks += 1
        return frame

    def stop(self) -> None:
        """End the track; a `recv` that waits ends too."""
        super().stop()
        self._news.set()

    def _queue(self, frame: av.VideoFrame | av.AudioFrame) -> None:
        if len(self._queued) >= self._most:
            self._queued.popleft()
            self._counts.dropped += 1
        self._queued.append(frame)
        self._news.set()
