"""Result types of the analysis: frozen, and free of numba, so that a panel can import them at no cost.

Unknown is ``None`` or the label ``UNKNOWN`` with a reason; a number is never made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Attractor(StrEnum):
    """What the series does in the long run, as told by forecasting (never by the sign of an exponent)."""

    FIXED_POINT = "fixed_point"
    PERIODIC = "periodic"
    QUASI_PERIODIC = "quasi_periodic"
    CHAOTIC = "chaotic"
    STOCHASTIC = "stochastic"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LyapunovFit:
    """Largest Lyapunov exponent: growth of a tangent vector under local linear maps (Sano and Sawada 1985).

    ``exponent`` and ``stderr`` are per unit of time (``dt`` per sample). ``window`` (units of time) and ``r_squared``
    are of the straight part of the neighbours' divergence (Rosenstein et al. 1993) that confirms it; ``delay`` and
    ``theiler`` are in samples.
    """

    exponent: float
    r_squared: float
    window: tuple[float, float]
    dimension: int
    delay: int
    theiler: int
    stderr: float
    n: int
    dt: float


@dataclass(frozen=True, slots=True)
class Classification:
    """Verdict on one series of ``n`` samples, ``dt`` units of time apart.

    ``confidence`` is calibrated: of the results said at 0.9 about nine in ten are right. ``stable`` is ``None``
    when the series is too short to tell. ``period`` is in units of time. ``reason`` is one line for a person.
    """

    label: Attractor
    confidence: float
    stable: bool | None
    chaotic: bool
    period: float | None
    lyapunov: LyapunovFit | None
    n: int
    dt: float
    reason: str


@dataclass(frozen=True, slots=True)
class RecurrenceQuantification:
    """Recurrence quantification (Marwan et al. 2007) at threshold ``radius``, minimal line length ``min_line``."""

    recurrence_rate: float
    determinism: float
    laminarity: float
    mean_diagonal: float
    max_diagonal: int
    entropy: float
    trapping_time: float
    radius: float
    dimension: int
    delay: int
    theiler: int
    min_line: int
    n: int


@dataclass(frozen=True, slots=True)
class BehaviorAnalysis:
    """What a series of rewards does: the spec's ``analyzeBehavior``, with the whole verdict beside it."""

    attractor_type: Attractor
    lyapunov_exponent: float | None
    is_stable: bool | None
    is_chaotic: bool
    confidence: float
    average_reward: float | None
    n: int
    reason: str


@dataclass(frozen=True, slots=True)
class PatternHit:
    """One detected conversational move, or a recurring sequence of moves (``label`` joined by arrows).

    ``confidence`` is the calibrated probability of the latest (or mean of the) occurrence; ``count`` how often it was
    seen in the window looked at; ``last`` the message index of the latest occurrence.
    """

    label: str
    confidence: float
    count: int = 1
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Repetition:
    """A degenerate generation loop: the last ``count`` periods of ``period`` tokens are the same."""

    period: int
    start: int
    count: int
    confidence: float


@dataclass(frozen=True, slots=True)
class LearningStatus:
    """Meta-learning figures: ``None`` where nothing was learnt yet.

    ``level`` is the longest context (in moves) that predicts significantly better than every shorter one;
    ``knowledge`` counts the contents learnt, ``transitions`` the distinct pairs of successive moves; ``regret`` is
    the reward missed by not always using the pattern that now looks best; ``weights`` are by falling weight.
    ``log_loss`` and ``baseline_log_loss`` are in nats per move, of the adaptive predictor and of the order-0 model
    on the same moves.
    """

    level: int
    knowledge: int
    transitions: int
    average_reward: float | None
    predicted_next: str | None
    predicted_probability: float | None
    log_loss: float | None
    baseline_log_loss: float | None
    regret: float | None
    drifts: int
    weights: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """Everything said of one observable of one stream. ``portrait`` is the delay embedding, shape (m, 3) or None.

    ``change_points`` are indices of the samples that were looked at, of which there were ``classification.n``.
    """

    stream: str
    observable: str
    classification: Classification
    permutation_entropy: float | None
    change_points: tuple[int, ...]
    portrait: npt.NDArray[np.float32] | None
    elapsed_s: float
    total: int | None = None
    """Samples that there were when it was looked at, where the caller counts: the newest is number ``total`` - 1."""


@dataclass(frozen=True, slots=True)
class ConversationReport:
    """What the text of one stream does: moves, recurring move sequences, loops and what was learnt."""

    stream: str
    moves: tuple[PatternHit, ...]
    sequences: tuple[PatternHit, ...]
    repetition: Repetition | None
    learning: LearningStatus | None
    utterances: int
    said: tuple[tuple[int, PatternHit], ...] = ()
    """The moves of the last messages that have a serial number, by it, oldest first."""


@dataclass(frozen=True, slots=True)
class AnalysisReport:
    """One frozen snapshot from the engine thread.

    ``warming`` is the share of warm-up that is done (0..1), ``None`` once the kernels are ready; ``failed`` says why
    the engine cannot work, in one line. ``series`` maps (stream, observable) to its report, ``conversations`` a stream
    to its own. ``dropped`` counts utterances that were shed under load; superseded series are not drops, their count
    is ``superseded``.
    """

    series: dict[tuple[str, str], SeriesReport]
    conversations: dict[str, ConversationReport]
    warming: float | None
    failed: str | None = None
    dropped: int = 0
    superseded: int = 0
    serial: int = 0
