"""The vocabulary: what an adapter can say. Frozen and slotted; every other layer only folds these.

``at`` is monotonic seconds on the injected clock (wall time is for display and is added by whoever shows it).
``nbytes`` counts bytes of payload as received, before decoding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Kind(StrEnum):
    """What a stream carries."""

    TEXT = "text"
    AUDIO = "audio"
    VIDEO = "video"


class Provenance(StrEnum):
    """Where figures come from; shown wherever they are."""

    LIVE = "live"
    FILE = "file"
    REPLAYED = "replayed"
    SIMULATED = "simulated"


class State(StrEnum):
    """Life of a stream. ``STALLED`` is derived from silence; the others are said by its supervisor."""

    CONNECTING = "connecting"
    LISTENING = "listening"
    LIVE = "live"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    FAILED = "failed"


class Blame(StrEnum):
    """Where an impairment comes from, as far as this end can tell."""

    SOURCE = "source"
    NETWORK = "network"
    DECODE = "decode"
    US = "us"


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events: the stream's id and the time of arrival."""

    stream: str
    at: float


@dataclass(frozen=True, slots=True)
class StreamOpened(Event):
    """A stream was added. ``source`` is redacted; ``kinds`` may be empty until the source tells."""

    source: str
    kinds: frozenset[Kind]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class StateChanged(Event):
    """The supervisor's word on a stream: ``reason`` is one redacted line, ``retry_in`` seconds to the next attempt."""

    state: State
    reason: str = ""
    retry_in: float | None = None


@dataclass(frozen=True, slots=True)
class TurnStarted(Event):
    """A request was written: t0 of TTFT and of the end-to-end time of `turn`."""

    turn: str
    model: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class TextChunk(Event):
    """Text as it came. ``turn=None``: a message of its own; else a piece of that turn's message until ``final``.

    ``tokens`` is a count from the source, ``None`` where it told none. ``reasoning`` marks a model's thinking;
    ``tool`` names the tool of whose call ``text`` is a piece of the arguments. ``sent`` marks what this end said (a
    prompt): a message, but nothing that was received.
    """

    text: str
    role: str | None = None
    turn: str | None = None
    tokens: int | None = None
    nbytes: int = 0
    final: bool = True
    reward: float | None = None
    reasoning: bool = False
    tool: str | None = None
    sent: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them, once per turn. The optional parts are contained in the two totals."""

    prompt: int
    completion: int
    reasoning: int | None = None
    cached: int | None = None
    prompt_audio: int | None = None
    completion_audio: int | None = None


@dataclass(frozen=True, slots=True)
class TurnEnded(Event):
    """The answer to `turn` is complete, or broke off with ``error`` (one redacted line)."""

    turn: str
    usage: Usage | None = None
    finish_reason: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class AudioChunk(Event):
    """One decoded audio frame. ``samples``: float32 mono in [-1, 1] at ``rate`` Hz, shape (n,).

    A chunk whose encoding nobody told is counted only: no samples, ``rms`` and ``peak`` None, rates zero.

    ``sample_rate`` and ``channels`` are the source's own; ``pts`` and ``duration`` are seconds of media time; ``rms``
    and ``peak`` are linear, full scale 1.0; ``clipped`` counts the samples, of all channels, in runs at full scale.
    """

    samples: npt.NDArray[np.float32]
    rate: int
    sample_rate: int
    channels: int
    pts: float | None
    duration: float
    rms: float | None
    peak: float | None
    nbytes: int = 0
    clipped: int = 0


@dataclass(frozen=True, slots=True)
class VideoFrame(Event):
    """One decoded video frame. ``image``: a small RGB view, uint8, shape (h, w, 3), at most 160 pixels wide.

    ``view`` is that image, or paints it when it is called: most frames are never looked at. Painting takes some tens of
    microseconds, once; every later look, and every copy of the event, has the same array.

    A frame whose format nobody told is counted only: an empty image, ``luma`` None, width and height zero.

    ``width`` and ``height`` are the source's own; ``luma`` is the mean (0..255) and ``motion`` the mean absolute
    difference to the frame before (0..255, ``None`` on the first), both of the small view: the difference is that of
    luma where the frame's own colours have it, else of red, green and blue. ``corrupt``: the decoder found damage in
    it, and hid what it could.
    """

    view: npt.NDArray[np.uint8] | Callable[[], npt.NDArray[np.uint8]]
    width: int
    height: int
    pts: float | None
    luma: float | None
    motion: float | None
    keyframe: bool = False
    nbytes: int = 0
    corrupt: bool = False

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """The small RGB view; empty where nobody told the format."""
        view = self.view
        return view() if callable(view) else view


@dataclass(frozen=True, slots=True)
class BytesReceived(Event):
    """Bytes that made no frame, chunk or text of their own (a demuxer's last packets, comments, pings)."""

    kind: Kind
    nbytes: int


@dataclass(frozen=True, slots=True)
class Dropped(Event):
    """Items that were shed before the fold saw them, and where (``queue``, ``decoder``, ``limit``...)."""

    kind: Kind
    count: int
    where: str


@dataclass(frozen=True, slots=True)
class Figures(Event):
    """What a source tells of itself, by name (``"live_latency_s"``, ``"variant"``): each value replaces its last.

    Names end in their unit. A figure that is not known is left out; an empty text takes one back.
    """

    values: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Impairment(Event):
    """What is wrong with what is seen or heard: said once it is sure, and again when it is over or has grown.

    ``what`` names it (``"freeze"``, ``"black"``, ``"silence"``, ``"pts gap"``...); with ``kind`` and ``began`` it is
    the impairment's identity. ``began`` and ``ended`` are seconds of media time, ``ended`` None while it lasts; what
    has no length ends where it began. Names in ``figures`` end in their unit.
    """

    what: str
    kind: Kind
    began: float
    ended: float | None
    blame: Blame
    figures: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class SpeechActivity(Event):
    """Somebody began or ceased to speak: ``role`` is ``user``, ``assistant``, or ``speech`` where nobody tells."""

    role: str
    speaking: bool
    pts: float | None = None


@dataclass(frozen=True, slots=True)
class Transcript(Event):
    """Words heard in a stream's sound. Each text replaces the one before of the same ``segment``, until ``final``.

    ``began`` and ``ended`` are seconds of media time; ``lag`` is seconds from the arrival of the segment's last sound
    to this event.
    """

    segment: int
    text: str
    began: float
    ended: float
    final: bool
    lag: float | None = None
    role: str = "speech"


@dataclass(frozen=True, slots=True)
class Box:
    """One object in a picture; edges are fractions of its width and height, 0 to 1, from the top left corner."""

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float
    track: int | None = None


@dataclass(frozen=True, slots=True)
class Detections(Event):
    """The objects in the picture at ``pts``; ``took`` is seconds that the model needed."""

    pts: float | None
    boxes: tuple[Box, ...]
    took: float


OPENING = "container"
"""The figure that a reader gives, beside its codecs, when it opens an input: a new timeline begins with it."""

MEDIA = (AudioChunk, VideoFrame)
"""Events of which the oldest may be dropped under load; everything else is kept or waited for."""
