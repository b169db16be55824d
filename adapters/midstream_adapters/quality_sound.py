"""Silence, as libav's silencedetect defines it, and clipping."""

from __future__ import annotations

import math

from .events import Blame, Kind
from .quality_spells import Burst, Say, Spell

SILENCE = 0.001
"""No sample above -60 dB of full scale (silencedetect's default)."""
SILENCE_S = 2.0
CLIPPED_SHARE = 0.001
"""Share of a second's samples that are clipped from which it is an impairment: a single overshoot is none."""


def dbfs(level: float) -> float:
    """A linear level in dB of full scale; nothing at all is -120."""
    return max(-120.0, 20.0 * math.log10(level)) if level > 0 else -120.0


class SoundWatch:
    """Says "silence" and "clipping" of one stream's sound."""

    def __init__(self, say: Say) -> None:
        self._silence = Spell(say, "silence", Kind.AUDIO, Blame.SOURCE, SILENCE_S)
        self._clipping = Burst(say, "clipping", Kind.AUDIO, Blame.SOURCE, "clipped_samples")
        self._loudest = 0.0
        self._samples = self._clipped = 0  # of the second that is running
        self.clipped = 0
        """Clipped samples so far."""

    def chunk(self, at: float, duration: float, peak: float, samples: int, clipped: int) -> None:
        """A chunk from `at` on: `samples` of all channels together, of which `clipped` were."""
        if peak < SILENCE:
            self._loudest = max(self._loudest, peak)
            self._silence.holds(at, at + duration, {"peak_dbfs": round(dbfs(self._loudest), 1)})
        else:
            self._silence.over(at, {"peak_dbfs": round(dbfs(self._loudest), 1)})
            self._loudest = 0.0
        self.clipped += clipped
        self._samples += samples
        self._clipped += clipped
        second = samples / duration if duration > 0 else 0.0
        if self._clipped and self._clipped >= CLIPPED_SHARE * second:
            self._clipping.add(self._clipped, at)
            self._samples = self._clipped = 0
        elif self._samples >= second:
            self._samples = self._clipped = 0
        self._clipping.pass_by(at)

    def close(self, at: float) -> None:
        """The sound ends at `at`, or another input begins."""
        self._silence.over(at, {"peak_dbfs": round(dbfs(self._loudest), 1)})
        self._clipping.close()
        self._loudest = 0.0
        self._samples = self._clipped = 0
