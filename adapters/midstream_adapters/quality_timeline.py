"""The PTS of one elementary stream: gaps, regressions, and how far key frames are apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .events import Blame, Kind
from .quality_spells import Say

AUDIO_GAP_S = 0.1
"""Missing sound from which it is a gap; what containers round off is some milliseconds."""
BACK_S = 0.05
"""Overlap of sound with the chunk before from which its PTS went back."""
_FEWEST = 5


class Timeline:
    """Says "pts gap" and "pts regression" of one kind.

    A gap in the pictures is that of W3C's freeze (webrtc-stats), in media time: max(3 * average, average + 150 ms).
    """

    def __init__(self, say: Say, kind: Kind, blame: Callable[[float], Blame]) -> None:
        self._say = say
        self._kind = kind
        self._blame = blame
        self._steps: deque[float] = deque(maxlen=30)
        self._sum = 0.0
        self._last: float | None = None
        self._key: float | None = None
        self.end: float | None = None
        """Media time up to which there is something, seconds; None before anything came."""
        self.key_interval: float | None = None
        """Seconds between the last two key frames."""

    def item(self, at: float, duration: float | None, key: bool = False) -> bool:
        """A frame or chunk at PTS `at`, and how long it lasts where that is known; False if time went back."""
        last, self._last = self._last, at
        end, forward = self.end, True
        if last is not None and end is not None:
            gap = self._gap(at, last, end)
            if at <= last - BACK_S or (at < last and duration is None):
                self._say(
                    "pts regression", self._kind, end, end, Blame.SOURCE, {"back_s": round(end - at, 3)}
                )
                self._forget()
                self._key, forward = None, False
            elif gap:
                self._say("pts gap", self._kind, end, at, self._blame(gap), {"gap_s": round(gap, 3)})
            elif duration is None:
                if len(self._steps) == self._steps.maxlen:
                    self._sum -= self._steps[0]
                self._steps.append(at - last)
                self._sum += at - last
        self.end = at + (self._average if duration is None else duration)
        if key:
            if self._key is not None:
                self.key_interval = at - self._key
            self._key = at
        return forward

    def restart(self) -> None:
        """Another input begins: its PTS have nothing to do with those before."""
        self._forget()
        self._last = self.end = self._key = None

    def _forget(self) -> None:
        self._steps.clear()
        self._sum = 0.0

    @property
    def _average(self) -> float:
        return self._sum / len(self._steps) if self._steps else 0.0

    def _gap(self, at: float, last: float, end: float) -> float:
        """Seconds that are missing before `at`, 0 where nothing is."""
        if self._kind is Kind.AUDIO:
            return at - end if at - end >= AUDIO_GAP_S else 0.0
        if len(self._steps) < _FEWEST:
            return 0.0
        average = self._average
        return at - end if at - last >= max(3 * average, average + 0.15) else 0.0
