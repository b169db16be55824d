"""Sound of a Realtime session: base64 deltas in, audio chunks out, by the same tap as every other source's sound.

Importing this module loads PyAV.
"""

from __future__ import annotations

import binascii
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from .events import AudioChunk
from .openai_realtime_values import FORMATS
from .taps import AudioTap


class RealtimeAudio:
    """Decodes the deltas of one stream, in order. Media time goes on from one answer to the next."""

    def __init__(self, stream: str) -> None:
        self.pts = 0.0
        """Seconds of sound so far."""
        self._stream = stream
        self._at = 0.0
        self._tap = AudioTap(stream, lambda: self._at, hold=False)
        self._format = ""
        self._codec: AudioCodecContext | None = None
        self._rest = b""  # of a sample that was cut in two

    def chunks(self, delta: object, form: str, at: float) -> list[AudioChunk]:
        """The chunks of one delta in the format `form`; one that is only counted where that is not in `FORMATS`.

        Raises:
            ValueError: `delta` is no base64, or libav can't decode what is in it.
        """
        if not isinstance(delta, str):
            raise ValueError("a delta that is no string")
        data = self._rest + binascii.a2b_base64(delta, strict_mode=True)
        self._at, self._rest = at, b""
        known = FORMATS.get(form)
        if known is None:
            empty = np.empty(0, np.float32)
            return [AudioChunk(self._stream, at, empty, 0, 0, 0, None, 0.0, None, None)]
        if form != self._format:
            self._format, self._codec = form, None
        if odd := len(data) % known.width:
            data, self._rest = data[:-odd], data[-odd:]
        if not data:
            return []
        if self._codec is None:
            self._codec = cast(AudioCodecContext, av.CodecContext.create(known.codec, "r"))
            self._codec.sample_rate, self._codec.layout = known.rate, "mono"
        out: list[AudioChunk] = []
        try:
            for frame in self._codec.decode(av.Packet(data)):
                frame.time_base = Fraction(1, known.rate)
                frame.pts = round(self.pts * known.rate)
                out.extend(self._tap.frame(frame, 0))
                self.pts += frame.samples / known.rate
        except av.FFmpegError as error:
            raise ValueError(f"not {form}: {error}") from None
        return out

    def end(self) -> None:
        """The connection is gone: a sample that was cut in two has lost its other half."""
        self._rest = b""
