"""When media arrives, against its PTS: stalls, and sound that runs ahead of or behind the pictures.

Only for transports that bring media as it is made (RTMP, RTP, MPEG-TS over UDP): what comes in segments, or is paced by
us, arrives when a server or we see fit.
"""

from __future__ import annotations

from .events import Blame, Kind
from .quality_spells import Say, Spell
from .rtc_stats import FreezeMeter

STALL_S = 1.0
"""Least gap in arrival that is said; shorter ones that W3C calls freezes are counted."""
ACCEPTABLE_MS = -185.0, 90.0
"""A/V offsets that are acceptable (ITU-R BT.1359); positive is sound before picture."""
DETECTABLE_MS = -125.0, 45.0
"""A/V offsets that are not noticed: an impairment lasts until the offset is back here."""
OFFSET_S = 2.0


class Arrival:
    """Says "stall" of one kind: nothing of it came for a while, though the stream is not over."""

    def __init__(self, say: Say, kind: Kind) -> None:
        self._say = say
        self._kind = kind
        self._gaps = FreezeMeter()
        self._last: float | None = None
        self._open: tuple[float, Blame] | None = None

    @property
    def freezes(self) -> tuple[int, float]:
        """Gaps that W3C's definition calls freezes, and their seconds."""
        return self._gaps.count, self._gaps.seconds

    def item(self, now: float, at: float, end: float | None, blame: Blame) -> None:
        """A frame or chunk of media time `at` came at `now`; the one before lasted to `end`."""
        if self._last is not None:
            if self._open is None and end is not None:
                self.idle(now, end, blame)
            self._close(max(at, self._open[0]) if self._open else at, now - self._last)
        self._last = now
        self._gaps.frame(now)

    def idle(self, now: float, end: float, blame: Blame) -> None:
        """Nothing came up to `now`."""
        if self._last is None or self._open is not None:
            return
        gap = now - self._last
        if gap >= STALL_S and self._gaps.frozen(now):
            self._open = end, blame
            self._say("stall", self._kind, end, None, blame, {"stalled_s": round(gap, 3)})

    def close(self, now: float) -> None:
        """The stream is over, or its connection was lost."""
        if self._open is not None and self._last is not None:
            self._close(self._open[0], now - self._last)
        self._last = None

    def _close(self, at: float, seconds: float) -> None:
        if self._open is not None:
            (began, blame), self._open = self._open, None
            self._say("stall", self._kind, began, at, blame, {"stalled_s": round(seconds, 3)})


class Offset:
    """Says "a/v offset": how much earlier the sound arrives than the picture of the same PTS.

    (PTS_a - PTS_v) - (arrival_a - arrival_v), each kind represented by what was delayed least within a second.
    """

    def __init__(self, say: Say) -> None:
        self._spell = Spell(say, "a/v offset", Kind.AUDIO, Blame.SOURCE, OFFSET_S)
        self._bad = False
        self._lead: dict[Kind, float] = {}
        self.ms: float | None = None
        """Milliseconds, positive when the sound comes first; None where it is not known."""

    def item(self, kind: Kind, now: float, at: float) -> None:
        """A frame or chunk of media time `at` came at `now`."""
        lead = at - now
        self._lead[kind] = max(lead, self._lead.get(kind, lead))

    def beat(self, at: float) -> None:
        """A second is over; media time is `at`."""
        audio, video = self._lead.get(Kind.AUDIO), self._lead.get(Kind.VIDEO)
        self._lead.clear()
        if audio is None or video is None:
            return
        self.ms = 1000.0 * (audio - video)
        low, high = DETECTABLE_MS if self._bad else ACCEPTABLE_MS
        self._bad = not low <= self.ms <= high
        if self._bad:
            self._spell.holds(at, at, {"av_offset_ms": round(self.ms)})
        else:
            self._spell.over(at, {"av_offset_ms": round(self.ms)})

    def close(self, at: float) -> None:
        """The stream is over, or another input begins."""
        self._spell.over(at)
        self._lead.clear()
        self._bad, self.ms = False, None
