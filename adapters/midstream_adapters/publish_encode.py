"""Simulated pictures and sound into one libav container, as H.264 and AAC. Importing this module loads PyAV."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol

import av
import av.error
import av.logging
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from .base import SourceError
from .events import Kind
from .publish import Counts, Plan
from .simulated_audio import SAMPLE_RATE, SimulatedChunk
from .simulated_video import SimulatedFrame

av.logging.set_level(None)  # see decode.py

KEY_SECONDS = 2
"""From key frame to key frame, which is where segments begin and viewers come in."""
_BITS_PER_PIXEL = 0.17
_AUDIO_BITS = 96_000
_X264 = {"preset": "veryfast", "tune": "zerolatency", "sc_threshold": "0", "threads": "1"}


class Writable(Protocol):
    """What libav writes to."""

    def write(self, data: bytes, /) -> int: ...


class Pictures:
    """Simulated pictures as libav has them; ``rate`` is frames a second."""

    def __init__(self, frame_rate: float) -> None:
        self.rate = Fraction(frame_rate).limit_denominator(1001)
        self._scaler = VideoReformatter()

    def frame(self, frame: SimulatedFrame) -> av.VideoFrame:
        """The same picture in YUV 4:2:0; its PTS tells which frames were missed."""
        pixels = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3)
        picture = self._scaler.reformat(av.VideoFrame.from_ndarray(pixels, "rgb24"), format="yuv420p")
        picture.pts, picture.time_base = frame.frame_number, 1 / self.rate
        return picture


def sound_frame(chunk: SimulatedChunk) -> av.AudioFrame:
    """Simulated sound as libav has it."""
    pcm = np.frombuffer(chunk.data, "<i2")[None]
    sound = av.AudioFrame.from_ndarray(pcm, "s16", "mono")
    sound.sample_rate, sound.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
    sound.pts = chunk.chunk_number * pcm.size
    return sound


class Encoder:
    """One container. Its calls may come from several threads, but never two at a time.

    Raises, as every call does:
        SourceError: the libav at hand lacks an encoder.
        OSError: it can't be written.
    """

    def __init__(
        self, target: str | Writable, form: str, plan: Plan, counts: Counts, options: Mapping[str, str]
    ) -> None:
        self._counts = counts
        self._closed = False
        self._pictures = Pictures(plan.frame_rate)
        self._container = av.open(target, "w", format=form, options=dict(options))
        self._container.metadata["title"] = "simulated by MidStream"
        try:
            self._video = self._add_video(plan) if Kind.VIDEO in plan.kinds else None
            self._audio = self._add_audio() if Kind.AUDIO in plan.kinds else None
        except (ValueError, av.FFmpegError) as error:
            self._container.close()
            raise SourceError(f"this PyAV can't encode H.264 and AAC: {error}") from None

    def picture(self, frame: SimulatedFrame) -> None:
        """Encode and write one picture."""
        assert self._video is not None
        self._counts.frames += 1
        self._write(self._video.encode(self._pictures.frame(frame)))

    def sound(self, chunk: SimulatedChunk) -> None:
        """Encode and write 20 ms of sound; the encoder makes frames of its own length of it."""
        assert self._audio is not None
        self._counts.chunks += 1
        self._write(self._audio.encode(sound_frame(chunk)))

    def close(self) -> None:
        """Write what the encoders still hold, and the end of the container; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            for stream in (self._video, self._audio):
                if stream is not None and self._counts.nbytes:  # an encoder that had nothing has nothing
                    self._write(stream.encode(None))
        finally:
            self._container.close()

    def _write(self, packets: list[Packet]) -> None:  # type: ignore[type-arg]
        for packet in packets:
            self._counts.nbytes += packet.size
            self._container.mux(packet)

    def _add_video(self, plan: Plan) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=self._pictures.rate, options=_X264)
        stream.width, stream.height = plan.size
        stream.pix_fmt = "yuv420p"
        stream.gop_size = max(1, round(KEY_SECONDS * plan.frame_rate))
        stream.bit_rate = round(_BITS_PER_PIXEL * plan.size[0] * plan.size[1] * plan.frame_rate)
        return stream

    def _add_audio(self) -> AudioStream:
        stream = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        stream.bit_rate = _AUDIO_BITS
        return stream
