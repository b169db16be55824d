"""View models: what a panel shows, frozen and compared by value. Panels know these and nothing of sources or sessions.

Numbers that are not known are ``None`` and show as a dash or "insufficient data", never as zero. Text in a view has
passed the sanitiser; panels show it as plain text, never as markup.
"""

from __future__ import annotations

from dataclasses import dataclass

from midstream_analysis.report import Attractor, LearningStatus, PatternHit, Repetition


@dataclass(frozen=True, slots=True)
class SystemView:
    """System Metrics: totals over all streams, and the monitor's own health."""

    messages: int = 0
    tokens: int = 0
    tokens_estimated: bool = False
    tokens_per_s: float | None = None
    fps: float | None = None
    latency_ms: float | None = None
    """Median time from arrival to the fold, over the last window: message processing latency."""
    latency_p99_ms: float | None = None
    ttft_ms: float | None = None
    uptime_s: float = 0.0
    bytes_per_s: float | None = None
    loop_lag_ms: float | None = None
    """99th percentile of the event loop's lateness."""
    queued: int = 0
    dropped: int = 0
    refresh_ms: int = 67
    asked_ms: int | None = None
    """The refresh that was asked for, where the link to the terminal does not keep up with it."""
    simulated: bool = False
    """True when every figure here comes from simulated streams only."""


@dataclass(frozen=True, slots=True)
class TemporalView:
    """Temporal Analysis of one observable of one stream."""

    stream: str = ""
    observable: str = ""
    label: Attractor | None = None
    confidence: float | None = None
    exponent: float | None = None
    exponent_unit: str = "1/sample"
    stable: bool | None = None
    chaotic: bool | None = None
    period: str = ""
    average_reward: float | None = None
    n: int = 0
    reason: str = ""
    warming: float | None = None
    failed: str | None = None
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class PatternView:
    """Pattern Detection: moves of the conversation, recurring sequences, loops, what was learnt."""

    stream: str = ""
    moves: tuple[PatternHit, ...] = ()
    sequences: tuple[PatternHit, ...] = ()
    repetition: Repetition | None = None
    learning: LearningStatus | None = None
    utterances: int = 0
    warming: float | None = None
    failed: str | None = None
    provenance: str = ""
    unread: int = 0
    """Messages and pieces that came too fast to be analysed."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with what is seen or heard: for how many seconds it lasts, or lasted, and who is to blame."""

    what: str
    blame: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StatusLine:
    """State of one stream. ``state`` and ``provenance`` are the words of the events' enums."""

    stream: str
    kinds: tuple[str, ...]
    state: str
    provenance: str
    reason: str = ""
    retry_in: float | None = None
    silent_s: float | None = None
    reconnects: int = 0
    flaws: tuple[Flaw, ...] = ()
    """What is wrong now."""
    last_flaw: Flaw | None = None
    seen: str = ""
    """What is to be seen in its pictures now, or why nobody looks."""
    heard: str = ""
    """What listens to its sound and how far behind it is, or why nobody does."""


@dataclass(frozen=True, slots=True)
class StatusView:
    """Streaming Status. ``audio``/``video`` are None when no stream of the kind is open, else whether one is active.

    ``audio_level`` is dBFS of the loudest active audio stream.
    """

    audio: bool | None = None
    video: bool | None = None
    text: bool | None = None
    audio_level: float | None = None
    active: int = 0
    lines: tuple[StatusLine, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsRow:
    """One kind of one stream in Stream Metrics. ``count`` is frames for video, chunks for audio and text."""

    stream: str
    kind: str
    state: str
    provenance: str
    count: int
    bytes: int
    bytes_per_s: float | None = None
    fps: float | None = None
    tokens: int | None = None
    tokens_estimated: bool = False
    tokens_per_s: float | None = None
    ttft_ms: float | None = None
    interval_ms: float | None = None
    """Median time between chunks (ICL)."""
    detail: str = ""
    """Resolution or sample rate, e.g. ``640x360`` or ``48 kHz mono``."""
    dropped: int = 0
    loudness: float | None = None
    """Short-term, in LUFS."""
    flaws: int = 0
    """How often something was wrong with it."""


@dataclass(frozen=True, slots=True)
class MetricsView:
    """Stream Metrics: one row a stream and kind, and which stream is selected."""

    rows: tuple[MetricsRow, ...] = ()
    selected: str = ""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message. ``serial`` grows by one a message and is never reused; ``open`` while its text still comes."""

    serial: int
    clock: str
    stream: str
    role: str
    text: str
    tokens: int | None = None
    tokens_estimated: bool = False
    move: str = ""
    open: bool = False
    simulated: bool = False

    def __hash__(self) -> int:
        """Of what tells most: rows are looked up by it, hundreds at every paint."""
        return hash((self.serial, self.text))


@dataclass(frozen=True, slots=True)
class MessagesView:
    """Recent Messages, oldest first; ``total`` counts all there ever were, so that what scrolled away is told."""

    messages: tuple[MessageLine, ...] = ()
    total: int = 0


@dataclass(frozen=True, slots=True)
class TurnLine:
    """One request and its answer. ``state`` is waiting, streaming, complete or failed; times are milliseconds.

    ``good``: whether it kept the objectives; ``note`` is the error or the finish reason.
    """

    turn: str
    clock: str
    state: str
    model: str = ""
    prompt: str = ""
    ttft_ms: float | None = None
    ttfat_ms: float | None = None
    thinking_ms: float | None = None
    itl_ms: float | None = None
    icl_p50_ms: float | None = None
    icl_p90_ms: float | None = None
    icl_p99_ms: float | None = None
    e2e_ms: float | None = None
    tokens: int = 0
    tokens_estimated: bool = False
    user_rate: float | None = None
    """Tokens/s, 1 / ITL."""
    request_rate: float | None = None
    """Tokens/s, output tokens / E2E."""
    stalls: int = 0
    good: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class TurnsView:
    """The turns of one stream, newest first, and what all of its turns add up to (milliseconds, medians)."""

    stream: str = ""
    turns: tuple[TurnLine, ...] = ()
    ttft_ms: float | None = None
    ttft_p99_ms: float | None = None
    itl_ms: float | None = None
    icl_p50_ms: float | None = None
    icl_p90_ms: float | None = None
    icl_p99_ms: float | None = None
    user_rate: float | None = None
    request_rate: float | None = None
    total_rate: float | None = None
    """Tokens/s, all turns over the last 3 s."""
    rates_estimated: bool = False
    goodput_per_s: float | None = None
    completed: int = 0
    good: int = 0
    errors: int = 0
    stalls: int = 0
    ttft_objective_ms: float = 200.0
    itl_objective_ms: float = 50.0
    provenance: str = ""
