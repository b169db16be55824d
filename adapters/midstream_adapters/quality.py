"""Quality of what is seen and heard, beside every source: detectors watch its media on the way to the sink.

Impairments are said live, and again when they are over; figures once a second. What is known by what name:

========================  =====  ==================================================================================
freeze, black             video  freezedetect's and blackdetect's definitions; a picture that is black isn't frozen
silence, clipping         audio  silencedetect's definition; 0.1 % of a second's samples in runs at full scale
pts gap, pts regression   both   W3C's freeze in media time for pictures, 0.1 s of missing sound; PTS that went back
stall                     both   nothing arrives for a second, over a transport that brings media as it is made
a/v offset                audio  beyond ITU-R BT.1359's acceptable -185/+90 ms for two seconds (positive: sound first)
decode errors             both   frames or packets that are damaged
lost segments             both   segments that could not be fetched
dropped frames            both   our own queue was full
... change                both   resolution, sample rate, channel or codec
========================  =====  ==================================================================================
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from .events import (
    AudioChunk,
    Dropped,
    Event,
    Figures,
    Kind,
    Provenance,
    State,
    StateChanged,
    StreamOpened,
    VideoFrame,
)

if TYPE_CHECKING:
    from .base import Clock, Sink, StreamInfo
    from .quality_stream import StreamQuality

MOST_STREAMS = 256
"""Streams of one source that are watched; of more only the first."""
IDLE_EVERY = 0.25
LATE = 0.5
"""Seconds by which a look that comes later than meant tells of this machine: what came meanwhile is not seen yet."""
_WATCHED = (VideoFrame, AudioChunk, Dropped, Figures, StateChanged)
_MEDIA = (VideoFrame, AudioChunk)
_LIVE = ("rtmp", "rtsp", "udp", "whip", "whep", "webrtc")
"""Beginnings of schemes that bring media as it is made, so that the time of arrival tells something."""
_RTP = ("whip", "whep", "webrtc")
"""Of those, the ones whose sound and pictures have timelines of their own."""


class QualitySink:
    """Hands every event on to `sink`, and after it what the detectors make of it. From any thread."""

    def __init__(self, sink: Sink, info: StreamInfo, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._live = info.provenance is Provenance.LIVE and info.source.startswith(_LIVE)
        self._common = not info.source.startswith(_RTP)
        self._streams: dict[str, StreamQuality] = {}
        self._replayed: set[str] = set()
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        if isinstance(event, StreamOpened) and event.provenance is Provenance.REPLAYED:
            self._replayed.add(event.stream)  # what was found then is in the recording
        if not isinstance(event, _WATCHED) or event.stream in self._replayed:
            self._sink.emit(event)
            return
        with self._lock:
            quality = self._of(event)
            said = quality.take(event) if quality is not None else []
        if isinstance(event, StateChanged):  # it ends with what it ends
            for each in said:
                self._sink.emit(each)
            said = []
            if event.state in (State.ENDED, State.FAILED):
                with self._lock:
                    self._streams.pop(event.stream, None)
        self._sink.emit(event)
        for each in said:
            self._sink.emit(each)

    async def drain(self) -> None:
        await self._sink.drain()

    async def watch(self) -> None:
        """Look every `IDLE_EVERY` seconds for what has ceased to arrive; returns at once where nobody can tell."""
        loop = asyncio.get_running_loop()
        while self._live:
            meant = loop.time() + IDLE_EVERY
            await asyncio.sleep(IDLE_EVERY)  # not the injected sleep: nothing here is paced by it
            if loop.time() - meant > LATE:
                continue
            with self._lock:
                said = [each for quality in self._streams.values() for each in quality.idle(self._clock())]
            for each in said:
                self._sink.emit(each)

    def _of(self, event: Event) -> StreamQuality | None:
        quality = self._streams.get(event.stream)
        if quality is None and not isinstance(event, StateChanged) and len(self._streams) < MOST_STREAMS:
            if not isinstance(event, _MEDIA) and not _about_media(event):
                return None
            from .quality_stream import StreamQuality  # loads numpy, as the first media event has

            quality = StreamQuality(event.stream, live=self._live, common=self._common)
            self._streams[event.stream] = quality
        return quality


def _about_media(event: Event) -> bool:
    """Whether a drop or a figure tells of media: text streams have both too."""
    if isinstance(event, Dropped):
        return event.kind is not Kind.TEXT
    return isinstance(event, Figures) and any(name.endswith("_codec") for name in event.values)
