"""What the simulator's three streams do, once they run. Importing this loads numpy.

Every stream runs on absolute time and until it is cancelled. What could not be shown in time is skipped and counted.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from .base import Options, Sink
from .events import AudioChunk, Dropped, Kind, State, StateChanged, VideoFrame
from .levels import Picture, full_scale, nearest, picture_levels, sample_levels
from .pacing import Pacer, Ticks
from .pictures import Shot
from .simulated_audio import CHUNK, SAMPLE_RATE, SimulatedAudio
from .simulated_text import SimulatedConversation
from .simulated_video import SimulatedVideo

_VIEW = 160
_BUFFERED = 1.0  # seconds that are delivered late instead of dropped, as a socket would hold them for us
_RATE = 16_000


class SimulatedStream:
    """What the three have in common."""

    kind: Kind

    def __init__(self, stream: str, options: Options, rng: random.Random) -> None:
        self._stream, self._options, self._rng = stream, options, rng

    def _live(self, sink: Sink) -> None:
        sink.emit(StateChanged(self._stream, self._options.clock(), State.LIVE))

    async def _ticks(self, rate: float, sink: Sink) -> AsyncIterator[int]:
        """Numbers of what is due, `rate` a second; what was missed is reported as dropped."""
        clock, sleep = self._options.clock, self._options.sleep
        ticks = Ticks(rate, clock(), _BUFFERED)
        while True:
            await sleep(ticks.wait(clock()))  # also when it is 0: others want to run
            number, missed = ticks.take(clock())
            if missed:
                sink.emit(Dropped(self._stream, clock(), self.kind, missed, "simulator"))
            yield number


class SimulatedTextStream(SimulatedStream):
    """A conversation between a user and an assistant."""

    kind = Kind.TEXT

    async def run(self, sink: Sink) -> None:
        clock = self._options.clock
        pacer = Pacer(clock, self._options.sleep)
        self._live(sink)
        for event in SimulatedConversation(self._stream, self._rng):
            await pacer.wait(event.at)
            sink.emit(replace(event, at=clock()))
            await sink.drain()


class SimulatedAudioStream(SimulatedStream):
    """48 kHz 16-bit mono in chunks of 20 ms."""

    kind = Kind.AUDIO

    async def run(self, sink: Sink) -> None:
        audio = await asyncio.to_thread(SimulatedAudio, self._rng)
        self._live(sink)
        async for n in self._ticks(SAMPLE_RATE / CHUNK, sink):
            sound = full_scale(audio.pcm(n))
            rms, peak = sample_levels(sound)
            # Every third sample: the sound ends far below 8 kHz, so nothing folds back.
            samples = sound[:: SAMPLE_RATE // _RATE].copy()
            samples.flags.writeable = False
            at, pts, duration = self._options.clock(), n * CHUNK / SAMPLE_RATE, CHUNK / SAMPLE_RATE
            sink.emit(
                AudioChunk(
                    self._stream, at, samples, _RATE, SAMPLE_RATE, 1, pts, duration, rms, peak, 2 * CHUNK
                )
            )


class SimulatedVideoStream(SimulatedStream):
    """640 x 360 RGB at the frame rate asked for."""

    kind = Kind.VIDEO

    async def run(self, sink: Sink) -> None:
        rate = self._options.frame_rate
        video = await asyncio.to_thread(
            SimulatedVideo, rate, rng=self._rng
        )  # drawing the hills takes a while
        step = math.ceil(max(video.width, video.height) / _VIEW)
        before: Picture | None = None
        self._live(sink)
        async for n in self._ticks(rate, sink):
            view = video.pixels(n, step)
            view.flags.writeable = False
            luma, motion = picture_levels(view, before)
            before = view
            at = self._options.clock()
            frame = VideoFrame(
                self._stream,
                at,
                view,
                video.width,
                video.height,
                n / rate,
                luma,
                motion,
                keyframe=True,  # raw pictures: each stands alone
                nbytes=3 * video.width * video.height,
            )
            if pictures := self._options.pictures:
                pictures.show(frame, Shot(video.width, video.height, partial(_drawn, video, n)))
            sink.emit(frame)


def _drawn(video: SimulatedVideo, n: int, width: int, height: int) -> Picture:
    return nearest(video.pixels(n), width, height)


STREAMS: dict[Kind, type[SimulatedTextStream | SimulatedAudioStream | SimulatedVideoStream]] = {
    stream.kind: stream for stream in (SimulatedTextStream, SimulatedAudioStream, SimulatedVideoStream)
}
