"""libav frames in, events out: what every media source (file, HLS, RTMP, WebRTC) does with a decoded frame.

A tap belongs to one elementary stream and to one thread. Importing this module loads PyAV.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.reformatter import Interpolation, VideoReformatter

from .base import Clock
from .events import AudioChunk, VideoFrame
from .levels import (
    Picture,
    Samples,
    chunk_levels,
    clipped_samples,
    full_scale,
    luma_levels,
    picture_levels,
)
from .loudness import LoudnessMeter
from .pictures import Pictures, Shot
from .small_views import Sampler, SmallView

VIEW = 160
"""Most pixels of a small view, either way."""
RATE = 16_000
"""Hz of the mono samples that go with a chunk: what speech models and level meters take."""
TOGETHER_S = 0.5
"""Most seconds of sound that are worked up together, where nobody waits for them."""
_COUNTED_PLANES = 7
"""Planes that PyAV can count. At 8, libav's own number of them, it reads on behind their end, and what it then takes
for more of them ends the process (PyAV 18.1, plain 7.1 sound)."""
_MIX = {"rematrix_maxval": "1"}  # channels are averaged; libav's own choice for floats can pass full scale


def view_size(width: int, height: int, most: int = VIEW) -> tuple[int, int]:
    """The size of the small view of a `width` by `height` picture: same shape, neither side above `most`."""
    scale = min(1.0, most / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


class VideoTap:
    """Turns decoded pictures into `VideoFrame` events, and shows them to those who watch `pictures`.

    ``may_wait`` is that of `Shot`.
    """

    def __init__(
        self, stream: str, clock: Clock, pictures: Pictures | None = None, may_wait: bool = False
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._pictures, self._may_wait = pictures, may_wait
        # Two for good: each new one leaks a little and has to be set up.
        self._whole, self._small = VideoReformatter(), VideoReformatter()
        self._sampler = Sampler()
        self._size = self._view_size = 0, 0
        self._before: Picture | None = None  # what the next one's motion is measured against
        self._full_range: bool | None = None

    def frame(self, frame: av.VideoFrame, nbytes: int) -> VideoFrame:
        """The event for `frame`, which took `nbytes` of the stream.

        Raises:
            av.FFmpegError, ValueError: libav can't convert this picture.
        """
        turns = round(rotation / 90) % 4 if (rotation := frame.rotation) else 0
        size = width, height = frame.width, frame.height
        if size != self._size:
            self._size, self._view_size = size, view_size(width, height)
        view, luma, motion = self._view(frame, turns)
        event = VideoFrame(
            self._stream,
            self._clock(),
            view,
            width,
            height,
            frame.time,
            luma,
            motion,
            frame.key_frame,
            nbytes,
            frame.is_corrupt,
        )
        if self._pictures:
            upright = (height, width) if turns % 2 else size
            self._pictures.show(event, Shot(*upright, partial(self._render, frame, turns), self._may_wait))
        return event

    def _view(self, frame: av.VideoFrame, turns: int) -> tuple[Picture | SmallView, float, float | None]:
        """The small view, its mean luma, and its mean absolute difference to the one before.

        Of planar YUV, which is nearly all video, the difference is the luma's; of other pictures, that of R, G and B.
        """
        view = self._sampler.take(frame, *self._view_size, turns)
        if view is not None:
            full_range = view.full_range
            before = self._before if full_range == self._full_range else None
            luma, motion = luma_levels(view.luma, before, full_range)
            self._before, self._full_range = view.luma, full_range
            return view, luma, motion
        picture = _scaled(self._small, frame, *self._view_size, Interpolation.POINT, turns)
        picture.flags.writeable = False  # it is shared by everyone who keeps the event
        luma, motion = picture_levels(picture, self._before)
        self._before = picture
        return picture, luma, motion

    def _render(self, frame: av.VideoFrame, turns: int, width: int, height: int) -> Picture:
        if turns % 2:
            width, height = height, width
        return _scaled(self._whole, frame, width, height, Interpolation.BILINEAR, turns)


class AudioTap:
    """Turns decoded sound into `AudioChunk` events, resampled by one resampler for as long as the format stays.

    With ``hold`` some frames are worked up together, which costs a fraction of doing each alone, and the newest chunk
    is kept back until more come, so that `flush` can add the resampler's last samples to it; without, a live source
    gets each chunk at once and loses the last few samples at its end.
    """

    def __init__(self, stream: str, clock: Clock, hold: bool = True) -> None:
        self._stream = stream
        self._clock = clock
        self._hold = hold
        self._waiting: list[tuple[AudioFrame, int]] = []
        self._waiting_samples = 0
        self._held: AudioChunk | None = None
        self._due: list[AudioChunk] = []  # of the format before
        self._resampler: AudioResampler | None = None
        self._format: tuple[str, str, int] | None = None
        self._taken = self._given = 0  # samples of this format, in and out of the resampler
        self._loudness = LoudnessMeter()
        self._told: dict[str, float | str] | None = None
        self._packer: AudioResampler | None = None

    def frame(self, frame: AudioFrame, nbytes: int) -> list[AudioChunk]:
        """The chunks that are complete now that `frame`, which took `nbytes` of the stream, is here.

        Raises:
            av.FFmpegError, ValueError: libav can't convert these samples.
        """
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._format:  # also at the start: a resampler is bound to the format of its first frame
            self._due = self.flush()  # kept for later where this frame is refused
            self._resampler = AudioResampler("flt", "mono", RATE, options=_MIX)
            self._packer = AudioResampler(frame.format.packed.name, frame.layout, frame.sample_rate)
            self._taken = self._given = 0
            self._loudness = LoudnessMeter()
            chunks = self._chunks([(frame, nbytes)])  # alone: if it is refused, so will be all others
            self._format = form
            due, self._due = self._due, []
            return due + self._release(chunks)
        self._waiting.append((frame, nbytes))
        self._waiting_samples += frame.samples
        # As much as there was before, up to the most: what begins is heard at once.
        if (
            self._hold
            and self._waiting_samples < min(self._taken, TOGETHER_S * form[2])
            and not _uncounted(frame)
        ):
            return []
        return self._release(self._work())

    def loudness(self) -> dict[str, float | str] | None:
        """Figures of loudness, by name, when a second has passed since they were last given; else None."""
        told, self._told = self._told, None
        return told

    def flush(self) -> list[AudioChunk]:
        """The chunks kept back, the last with the resampler's last samples; the next frame starts anew."""
        chunks, self._due = self._due + self._release(self._work()), []
        self._told = self._loudness.read() or self._told
        tail = self._resample(None)
        self._resampler = self._format = None
        if self._held is not None:
            samples = np.concatenate([self._held.samples, tail])
            samples.flags.writeable = False
            chunks.append(replace(self._held, samples=samples))
            self._held = None
        return chunks

    def _release(self, chunks: list[AudioChunk]) -> list[AudioChunk]:
        """What may leave now that `chunks` are next: all, or all but the last."""
        if not self._hold or not chunks:
            return chunks
        held, self._held = self._held, chunks[-1]
        return chunks[:-1] if held is None else [held, *chunks[:-1]]

    def _work(self) -> list[AudioChunk]:
        waiting, self._waiting, self._waiting_samples = self._waiting, [], 0
        return self._chunks(waiting) if waiting else []

    def _chunks(self, waiting: list[tuple[AudioFrame, int]]) -> list[AudioChunk]:
        """The chunks of frames of one format; ``waiting`` pairs each with its bytes."""
        first = waiting[0][0]
        rate, channels = first.sample_rate, first.layout.nb_channels
        times = [frame.time for frame, _ in waiting]
        whole, pcm = self._joined([frame for frame, _ in waiting])
        resampled = self._resample(whole)
        sound = full_scale(pcm)
        sound = sound if len(sound) == channels else sound.reshape(-1, channels).T
        lengths = [frame.samples for frame, _ in waiting]
        rms, peaks = chunk_levels(sound, lengths)
        self._told = self._loudness.push(whole, sound) or self._told
        chunks, start, cut, now = [], 0, 0, self._clock()
        last = len(waiting) - 1
        for n, (length, level, peak) in enumerate(zip(lengths, rms, peaks, strict=True)):
            end = start + length
            # Samples are with the chunk they were made of; what the resampler still has goes to the next.
            until = round((self._taken + end) * RATE / rate) - self._given if n != last else None
            samples = resampled[cut:until]
            clipped = clipped_samples(sound[:, start:end], peak)
            chunks.append(
                AudioChunk(
                    self._stream,
                    now,
                    samples,
                    RATE,
                    rate,
                    channels,
                    times[n],
                    length / rate,
                    level,
                    peak,
                    waiting[n][1],
                    clipped,
                )
            )
            start, cut = end, cut + samples.size
        self._taken += start
        self._given += resampled.size
        return chunks

    def _joined(self, frames: list[AudioFrame]) -> tuple[AudioFrame, npt.NDArray[Any]]:
        """Frames of one format as one, and its samples: of shape (channels, n), or (1, n * channels) where packed."""
        if len(frames) == 1:
            return frames[0], self._pcm(frames[0])
        pts, fifo = frames[0].pts, AudioFifo()
        for frame in frames:
            frame.pts = None  # the queue would insist on times without gaps
            fifo.write(frame)
        whole = fifo.read()
        assert whole is not None
        whole.time_base, whole.pts = frames[0].time_base, pts
        return whole, self._pcm(whole)

    def _pcm(self, frame: AudioFrame) -> npt.NDArray[Any]:
        """The samples of `frame` as PyAV has them, those of many planes packed."""
        if not _uncounted(frame):
            return frame.to_ndarray()
        assert self._packer is not None
        packed = [out.to_ndarray() for out in self._packer.resample(frame) if out is not None]
        return np.concatenate(packed, axis=1)

    def _resample(self, frame: AudioFrame | None) -> Samples:
        if self._resampler is None:
            return np.zeros(0, np.float32)
        try:
            resampled = self._resampler.resample(frame)
        except (av.FFmpegError, ValueError):
            if frame is not None:
                raise
            resampled = []  # it never could begin
        # A resampler that has nothing to do answers a flush with [None].
        pieces = [out.to_ndarray()[0] for out in resampled if out is not None]
        if not pieces:
            return np.zeros(0, np.float32)
        samples: Samples = np.clip(np.concatenate(pieces), -1.0, 1.0, dtype=np.float32)
        if not math.isfinite(float(samples.sum())):
            samples = np.nan_to_num(samples)
        samples.flags.writeable = False
        return samples


def _scaled(
    scaler: VideoReformatter, frame: av.VideoFrame, width: int, height: int, how: Interpolation, turns: int
) -> Picture:
    """`frame` in RGB, `width` by `height` before it is turned upright."""
    scaled = scaler.reformat(frame, width, height, "rgb24", interpolation=how, threads=1)
    picture: Picture = scaled.to_ndarray()  # type: ignore[assignment]  # rgb24 is always uint8
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def _uncounted(frame: AudioFrame) -> bool:
    """Whether `frame` has more planes than PyAV can count: it is worked up alone."""
    return frame.format.is_planar and frame.layout.nb_channels > _COUNTED_PLANES
