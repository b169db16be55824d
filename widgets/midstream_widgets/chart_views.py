"""View models of the charts: what one chart shows, frozen and compared by value. Without a terminal and without numpy.

Every view says in ``reason`` why there is nothing to see, when there is nothing; then its other fields do not matter.
``zoom`` is the step of the time axis: 0 is the usual window, each step up shows half as much, each step down twice.
A view holds all that may be shown at any step, so that a frozen view can still be zoomed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """A numpy array that compares by what is in it, so that a view with one compares as every view does."""

    data: npt.NDArray[Any]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Array):
            return NotImplemented
        mine, its = self.data, other.data
        if mine is its:
            return True
        return mine.shape == its.shape and mine.dtype == its.dtype and mine.tobytes() == its.tobytes()

    def __hash__(self) -> int:
        return hash((self.data.shape, self.data.dtype.str))

    def __len__(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """What every chart's view has."""

    stream: str = ""
    provenance: str = ""
    reason: str = "nothing yet"
    zoom: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PortraitView(ChartView):
    """Phase portrait and recurrence plot: ``points`` of the delay embedding, (m, 3) float32, oldest first."""

    observable: str = ""
    unit: str = ""
    """Unit of the observable ("" where it has none)."""
    points: Array | None = None
    verdict: str = ""


class Mark(NamedTuple):
    """Something that happened at a sample: ``place`` counts all samples of the series from 0."""

    place: int
    what: str
    """``change`` or ``alert``."""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView(ChartView):
    """The newest samples of one observable: ``values`` (n,) float64, oldest first; ``total`` counts all there were.

    One sample is ``dt`` ``step`` after the other (``s``, ``frame``, ``chunk``...).
    """

    observable: str = ""
    unit: str = ""
    total: int = 0  # before the values: views that differ are told apart by a number
    values: Array | None = None
    dt: float = 1.0
    step: str = "sample"
    marks: tuple[Mark, ...] = ()


class Quantiles(NamedTuple):
    """Of all durations there ever were, seconds: the same figures wherever they are shown."""

    n: int
    p50: float
    p90: float
    p99: float


class Distribution(NamedTuple):
    """Durations of one kind: ``seconds`` (n,) float64, and how long ago each was, ``ages`` (n,) in seconds.

    ``ever`` is told where more was counted than is held; without, the quantiles are those of what is held.
    """

    name: str
    formula: str
    ages: Array
    seconds: Array
    ever: Quantiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyView(ChartView):
    """Distributions to be shown one at a time."""

    distributions: tuple[Distribution, ...] = ()


class TurnBar(NamedTuple):
    """One turn of the timeline; times are monotonic seconds, None where it has not come to that (yet)."""

    turn: str
    model: str
    started: float
    first: float | None = None
    """First chunk of any kind: the end of TTFT."""
    first_answer: float | None = None
    """First chunk that is not thinking."""
    last: float | None = None
    ended: float | None = None
    tokens: int | None = None
    estimated: bool = False
    error: str = ""
    chunks: tuple[float, ...] = ()
    """Times of the chunks, where they are known; a bounded list may be shorter than the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineView(ChartView):
    """The newest turns, oldest first, as of ``now``."""

    now: float = 0.0
    turns: tuple[TurnBar, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundView(ChartView):
    """The newest sound: ``samples`` (n,) float32 mono in [-1, 1] at ``rate`` Hz; ``total`` counts all there were."""

    total: int = 0
    samples: Array | None = None
    rate: int = 0
    source: str = ""
    """The source's own format, as ``48 kHz stereo``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelsView(ChartView):
    """Loudness (LUFS, EBU R128), true peak (dBTP), RMS and sample peak (dBFS); None where nobody measures it.

    ``history`` (n,) float64 holds RMS in dBFS, one every ``dt`` seconds, oldest first; ``total`` counts all.
    """

    momentary: float | None = None
    short_term: float | None = None
    integrated: float | None = None
    true_peak: float | None = None
    rms: float | None = None
    peak: float | None = None
    total: int = 0
    history: Array | None = None
    dt: float = 0.02


class ObjectBox(NamedTuple):
    """A detected object; edges are fractions (0 to 1) of the picture, from its top left corner."""

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float
    track: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoView(ChartView):
    """The newest picture, ``image`` RGB uint8 (h, w, 3), and the objects seen in it."""

    image: Array | None = None
    width: int = 0
    height: int = 0
    """Size of the source's own picture in pixels."""
    fps: float | None = None
    boxes: tuple[ObjectBox, ...] = ()
    looked: float | None = None
    """Seconds since the detector's picture, None where there is no detector."""
