"""Loudness of a programme (EBU R 128, ITU-R BS.1770-4), by libav's ebur128 filter. Importing this loads PyAV.

The true peak is ours: the filter's own takes more than twice the time of all the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext
from av.frame import Frame

from .levels import Samples
from .true_peak import TruePeak

EVERY_S = 1.0
"""Seconds of sound between two readings."""
GATE = -70.0
"""LUFS of the absolute gate: what is softer counts for nothing."""
_KEYS = {
    "loudness_momentary_lufs": "lavfi.r128.M",
    "loudness_short_term_lufs": "lavfi.r128.S",
    "loudness_integrated_lufs": "lavfi.r128.I",
}


class LoudnessMeter:
    """Loudness of sound of one format from its first frame on: momentary (400 ms), short-term (3 s), integrated.

    The filter runs once a second over what came meanwhile; so does the true peak's.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._source: FilterContext | None = None
        self._out: FilterContext | None = None
        self._rate = 0
        self._waiting = 0
        self._heard = 0
        self._sound: list[Samples] = []  # since the last reading
        self._true: TruePeak | None = None

    def push(self, frame: AudioFrame, sound: Samples) -> dict[str, float | str] | None:
        """Take `frame`, whose finite samples are `sound`, shape (channels, n); return the figures once a second.

        Frames are of one format; sound that libav's filter refuses has no figures.
        """
        if self._rate < 0:
            return None
        try:
            if self._graph is None:
                self._open(frame)
            assert self._source is not None
            self._source.push(frame)
        except (av.FFmpegError, ValueError):
            self._refuse()
            return None
        self._waiting += frame.samples
        self._heard += frame.samples
        self._sound.append(sound)
        return self.read() if self._waiting >= EVERY_S * self._rate else None

    def read(self) -> dict[str, float | str] | None:
        """The figures up to now, with full steps of 100 ms; None where nothing came since the last reading."""
        if self._out is None or not self._waiting:
            return None
        self._waiting = 0
        sound, self._sound = np.concatenate(self._sound, axis=1), []
        if self._true is None:
            self._true = TruePeak(self._rate)
        self._true.push(sound)
        last: Frame | None = None  # the filter gives one for each 100 ms
        try:
            while True:
                last = self._out.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            pass
        except (av.FFmpegError, ValueError):
            self._refuse()
            return None
        read = last.metadata if last is not None else None
        return self._figures(read, self._true.peak) if read else None

    def _open(self, frame: AudioFrame) -> None:
        graph = Graph()
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        meter = graph.add("ebur128", "metadata=1:framelog=quiet")
        out = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(out)
        graph.configure()
        self._graph, self._source, self._out, self._rate = graph, source, out, frame.sample_rate

    def _refuse(self) -> None:
        self._graph = self._source = self._out = None
        self._sound.clear()
        self._rate = -1

    def _figures(self, read: Mapping[str, str], peak: float) -> dict[str, float | str]:
        """A window that is not full yet has no loudness; one without anything to hear has none above the gate."""
        values: dict[str, float | str] = {}
        seconds = self._heard / self._rate
        windows = (0.4, 3.0, 0.4)
        for (name, key), window in zip(_KEYS.items(), windows, strict=True):
            if seconds >= window and key in read:
                lufs = float(read[key])
                values[name] = round(lufs, 1) if math.isfinite(lufs) and lufs > GATE else f"below {GATE:g}"
        values["true_peak_dbtp"] = round(20.0 * math.log10(peak), 1) if peak > 0 else "silent"
        return values
