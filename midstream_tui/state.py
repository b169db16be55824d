"""`DashboardState`: what `probe`, the export and `dashboard.state` all give. Frozen, JSON-ready, versioned.

Unknown is ``None``. Later versions add fields and rename none; ``schema`` grows with every addition.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .quality_state import ImpairmentState, QualityCount
from .turn_state import TurnState, Wire
from .vision_state import DetectionsState

SCHEMA = 2
ANALYSED = ("patterns", "attractor_type", "lyapunov_exponent", "is_stable", "is_chaotic", "analysed")
"""Fields of `DashboardState` that come from the engine."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A detected move or recurring sequence of moves."""

    label: str
    confidence: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class RecentMessage:
    """One of the last messages: ISO 8601 wall time, and text that has passed the sanitiser."""

    time: str
    stream: str
    role: str | None
    text: str
    tokens: int
    tokens_estimated: bool
    truncated: int = 0
    """Characters that the bounded message buffer did not keep."""
    move: str | None = None
    """What it does in the conversation, once the engine has said so."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds; every figure has its definition in the name.

    ``processing``: arrival to fold, of what came in the last 20 s. ``ttft``: request written to first non-empty
    chunk, median and last. ``icl``: time between chunks (not tokens). ``itl``: (last - first chunk) / (output tokens
    - 1), median over turns. ``e2e``: request written to the end of the answer, median over turns.
    """

    processing_p50_ms: float | None = None
    processing_p99_ms: float | None = None
    ttft_ms: float | None = None
    ttft_last_ms: float | None = None
    icl_p50_ms: float | None = None
    icl_p90_ms: float | None = None
    icl_p99_ms: float | None = None
    itl_ms: float | None = None
    e2e_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Observable:
    """The verdict on one observable of a stream."""

    label: str
    confidence: float
    n: int
    lyapunov_exponent: float | None
    unit: str
    is_stable: bool | None
    is_chaotic: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Words:
    """What was heard in a stream's sound: ``began`` and ``ended`` in seconds of media time, ``lag`` in seconds.

    ``lag`` is the time from the arrival of the segment's last sound to the transcript; ``final`` ones change no more.
    """

    text: str
    began: float
    ended: float
    final: bool
    lag: float | None
    role: str


@dataclass(frozen=True, slots=True)
class StreamState:
    """One stream. ``started`` and ``last_data`` are ISO 8601 wall times; ``media_s`` is seconds of media received."""

    source: str
    kinds: tuple[str, ...]
    state: str
    provenance: str
    reason: str
    chunks: int
    bytes: int
    audio_chunks: int
    video_frames: int
    bytes_per_s: float | None
    fps: float | None
    tokens: int
    tokens_estimated: bool
    tokens_per_s: float | None
    messages: int
    turns: int
    latency: Latency
    drops: dict[str, int]
    reconnects: int
    started: str
    last_data: str | None
    media_s: dict[str, float] = field(default_factory=dict)
    width: int | None = None
    height: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    average_reward: float | None = None
    figures: dict[str, float | str] = field(default_factory=dict)
    """What the source tells of itself (latency to the live edge, variant, loss, jitter...), by name with its unit."""
    observables: dict[str, Observable] = field(default_factory=dict)
    wire: Wire = field(default_factory=Wire)
    turns_log: tuple[TurnState, ...] = ()
    """The last turns, those in flight at the end."""
    transcripts: tuple[Words, ...] = ()
    """What was heard, the last hundred segments."""
    impairments: tuple[ImpairmentState, ...] = ()
    """What was wrong with its pictures and sound: the last that are over, then those that last."""
    quality: dict[str, QualityCount] = field(default_factory=dict)
    """How often, and for how long, by what was wrong."""
    detections: DetectionsState | None = None
    """What was in the last picture that a detector looked at."""


@dataclass(frozen=True, slots=True)
class AlertState:
    """A rule that fired on a stream; `value` is the figure when it began, `ended` None while it lasts (ISO 8601)."""

    rule: str
    stream: str
    figure: str
    value: float
    threshold: float
    level: str
    began: str
    ended: str | None


@dataclass(frozen=True, slots=True)
class DashboardState:
    """The whole dashboard at one moment."""

    schema: int
    version: str
    time: str
    message_count: int
    total_tokens: int
    tokens_estimated: bool
    fps: float | None
    latency_ms: float | None
    uptime_s: float
    patterns: tuple[Pattern, ...]
    attractor_type: str | None
    lyapunov_exponent: float | None
    is_stable: bool | None
    is_chaotic: bool | None
    average_reward: float | None
    audio_active: bool
    video_active: bool
    recent_messages: tuple[RecentMessage, ...]
    streams: dict[str, StreamState]
    analysed: str | None = None
    """The stream and observable that ``attractor_type`` and its companions speak of."""
    dropped: int = 0
    alerts: tuple[AlertState, ...] = ()
    """Those that last, the worst first, then those that are over, the newest first."""

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types."""
        plain = asdict(self)
        plain["patterns"] = list(plain["patterns"])
        plain["recent_messages"] = list(plain["recent_messages"])
        plain["alerts"] = list(plain["alerts"])
        for stream in plain["streams"].values():
            stream["kinds"] = list(stream["kinds"])
            stream["impairments"] = list(stream["impairments"])
            stream["turns_log"] = list(stream["turns_log"])
            if stream["detections"] is not None:
                stream["detections"]["boxes"] = list(stream["detections"]["boxes"])
        return plain
