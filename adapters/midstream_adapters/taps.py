"""libav frames in, events out: what every media source (file, HLS, RTMP, WebRTC) does with a decoded frame.

A tap belongs to one elementary stream and to one thread. Importing this module loads PyAV.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.reformatter import Interpolation, VideoReformatter

from .base import Clock
from .events import AudioChunk, VideoFrame
from .levels import Picture, Samples, clipped_samples, full_scale, picture_levels, sample_levels
from .loudness import LoudnessMeter
from .pictures import Pictures, Shot

VIEW = 160
"""Most pixels of a small view, either way."""
RATE = 16_000
"""Hz of the mono samples that go with a chunk: what speech models and level meters take."""
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
        self._whole: VideoReformatter | None = None
        self._scaler = VideoReformatter()  # one for good: each new one leaks a little and has to be set up
        self._before: Picture | None = None

    def frame(self, frame: av.VideoFrame, nbytes: int) -> VideoFrame:
        """The event for `frame`, which took `nbytes` of the stream.

        Raises:
            av.FFmpegError, ValueError: libav can't convert this picture.
        """
        width, height = view_size(frame.width, frame.height)
        small = self._scaler.reformat(
            frame, width, height, "rgb24", interpolation=Interpolation.FAST_BILINEAR, threads=1
        )
        view: Picture = small.to_ndarray()  # type: ignore[assignment]  # rgb24 is always uint8
        if turns := round(frame.rotation / 90) % 4:
            view = np.ascontiguousarray(np.rot90(view, turns))
        view.flags.writeable = False  # it is shared by everyone who keeps the event
        luma, motion = picture_levels(view, self._before)
        self._before = view
        event = VideoFrame(
            self._stream,
            self._clock(),
            view,
            frame.width,
            frame.height,
            frame.time,
            luma,
            motion,
            frame.key_frame,
            nbytes,
            frame.is_corrupt,
        )
        if self._pictures:
            upright = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
            self._pictures.show(event, Shot(*upright, partial(self._render, frame, turns), self._may_wait))
        return event

    def _render(self, frame: av.VideoFrame, turns: int, width: int, height: int) -> Picture:
        if self._whole is None:
            self._whole = VideoReformatter()
        if turns % 2:
            width, height = height, width
        scaled = self._whole.reformat(
            frame, width, height, "rgb24", interpolation=Interpolation.BILINEAR, threads=1
        )
        picture: Picture = scaled.to_ndarray()  # type: ignore[assignment]  # rgb24 is always uint8
        return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


class AudioTap:
    """Turns decoded sound into `AudioChunk` events, resampled by one resampler for as long as the format stays.

    With ``hold`` the newest chunk is kept back until the next comes, so that `flush` can add the resampler's last
    samples to it; without, a live source gets each chunk at once and loses the last few samples at its end.
    """

    def __init__(self, stream: str, clock: Clock, hold: bool = True) -> None:
        self._stream = stream
        self._clock = clock
        self._hold = hold
        self._held: AudioChunk | None = None
        self._resampler: AudioResampler | None = None
        self._format: tuple[str, str, int] | None = None
        self._loudness = LoudnessMeter()
        self._told: dict[str, float | str] | None = None
        self._packer: AudioResampler | None = None

    def frame(self, frame: AudioFrame, nbytes: int) -> Iterator[AudioChunk]:
        """The chunks that are complete now that `frame`, which took `nbytes` of the stream, is here.

        Raises:
            av.FFmpegError, ValueError: libav can't convert these samples.
        """
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        form = (frame.format.name, frame.layout.name, rate)
        if form != self._format:  # also at the start: a resampler is bound to the format of its first frame
            yield from self.flush()
            self._resampler, self._format = AudioResampler("flt", "mono", RATE, options=_MIX), form
            self._packer = AudioResampler(frame.format.packed.name, frame.layout, rate)
            self._loudness = LoudnessMeter()
        pcm = full_scale(self._pcm(frame))
        rms, peak = sample_levels(pcm)
        self._told = self._loudness.push(frame, peak) or self._told
        chunk = AudioChunk(
            self._stream,
            self._clock(),
            self._resample(frame),
            RATE,
            rate,
            channels,
            frame.time,
            frame.samples / rate,
            rms,
            peak,
            nbytes,
            clipped_samples(pcm if frame.format.is_planar else pcm.reshape(-1, channels).T, peak),
        )
        if not self._hold:
            yield chunk
            return
        if self._held is not None:
            yield self._held
        self._held = chunk

    def loudness(self) -> dict[str, float | str] | None:
        """Figures of loudness, by name, when a second has passed since they were last given; else None."""
        told, self._told = self._told, None
        return told

    def flush(self) -> Iterator[AudioChunk]:
        """The chunk kept back, if any, with the resampler's last samples; the next frame starts anew."""
        self._told = self._loudness.read() or self._told
        tail = self._resample(None)
        self._resampler = self._format = None
        if self._held is not None:
            samples = np.concatenate([self._held.samples, tail])
            samples.flags.writeable = False
            yield replace(self._held, samples=samples)
            self._held = None

    def _pcm(self, frame: AudioFrame) -> npt.NDArray[Any]:
        """The samples of `frame` as PyAV has them, planar ones always of shape (channels, n)."""
        channels = frame.layout.nb_channels
        if channels <= _COUNTED_PLANES or not frame.format.is_planar:
            return frame.to_ndarray()
        assert self._packer is not None
        packed = [out.to_ndarray()[0] for out in self._packer.resample(frame) if out is not None]
        return np.concatenate(packed).reshape(-1, channels).T

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
