"""Real-time dynamics of streams: exponents, attractors, sequences, patterns, learning.

Names load on first use (PEP 562): importing the package loads neither numpy nor numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent import MidStreamAgent as MidStreamAgent
    from .change import Change as Change
    from .change import ChangePoint as ChangePoint
    from .change import PageHinkley as PageHinkley
    from .classifier import classify as classify
    from .dimension import CorrelationDimension as CorrelationDimension
    from .dimension import correlation_dimension as correlation_dimension
    from .dimension import correlation_sum as correlation_sum
    from .embedding import autocorrelation_time as autocorrelation_time
    from .embedding import embed as embed
    from .embedding import false_nearest_neighbours as false_nearest_neighbours
    from .embedding import mutual_information_delay as mutual_information_delay
    from .engine import Engine as Engine
    from .entropy import SlidingPermutationEntropy as SlidingPermutationEntropy
    from .entropy import permutation_entropy as permutation_entropy
    from .entropy import sample_entropy as sample_entropy
    from .exponents import LyapunovSpectrum as LyapunovSpectrum
    from .exponents import LyapunovVerdict as LyapunovVerdict
    from .exponents import divergence_curve as divergence_curve
    from .exponents import lyapunov as lyapunov
    from .exponents import lyapunov_spectrum as lyapunov_spectrum
    from .exponents import lyapunov_verdict as lyapunov_verdict
    from .learning import MetaLearner as MetaLearner
    from .moves import MoveClassifier as MoveClassifier
    from .profile import Motif as Motif
    from .profile import StreamingMatrixProfile as StreamingMatrixProfile
    from .profile import matrix_profile as matrix_profile
    from .profile import motifs as motifs
    from .recurrences import recurrence as recurrence
    from .repetition import RepetitionDetector as RepetitionDetector
    from .report import AnalysisReport as AnalysisReport
    from .report import Attractor as Attractor
    from .report import BehaviorAnalysis as BehaviorAnalysis
    from .report import Classification as Classification
    from .report import ConversationReport as ConversationReport
    from .report import LearningStatus as LearningStatus
    from .report import LyapunovFit as LyapunovFit
    from .report import PatternHit as PatternHit
    from .report import RecurrenceQuantification as RecurrenceQuantification
    from .report import Repetition as Repetition
    from .report import SeriesReport as SeriesReport
    from .sequences import dtw as dtw
    from .sequences import euclidean as euclidean
    from .sequences import lcs as lcs
    from .sequences import levenshtein as levenshtein
    from .spring import Match as Match
    from .spring import Spring as Spring
    from .spring import find_subsequence as find_subsequence
    from .symbols import RecurringPattern as RecurringPattern
    from .symbols import recurring_patterns as recurring_patterns
    from .zero_one import ZeroOne as ZeroOne
    from .zero_one import zero_one_test as zero_one_test

_MODULES: dict[str, tuple[str, ...]] = {
    "report": (
        "AnalysisReport", "Attractor", "BehaviorAnalysis", "Classification", "ConversationReport", "LearningStatus",
        "LyapunovFit", "PatternHit", "RecurrenceQuantification", "Repetition", "SeriesReport",
    ),
    "embedding": ("autocorrelation_time", "embed", "false_nearest_neighbours", "mutual_information_delay"),
    "exponents": (
        "LyapunovSpectrum", "LyapunovVerdict", "divergence_curve", "lyapunov", "lyapunov_spectrum", "lyapunov_verdict",
    ),
    "entropy": ("SlidingPermutationEntropy", "permutation_entropy", "sample_entropy"),
    "recurrences": ("recurrence",),
    "dimension": ("CorrelationDimension", "correlation_dimension", "correlation_sum"),
    "zero_one": ("ZeroOne", "zero_one_test"),
    "classifier": ("classify",),
    "sequences": ("dtw", "euclidean", "lcs", "levenshtein"),
    "profile": ("Motif", "StreamingMatrixProfile", "matrix_profile", "motifs"),
    "spring": ("Match", "Spring", "find_subsequence"),
    "symbols": ("RecurringPattern", "recurring_patterns"),
    "change": ("Change", "ChangePoint", "PageHinkley"),
    "repetition": ("RepetitionDetector",),
    "moves": ("MoveClassifier",),
    "learning": ("MetaLearner",),
    "agent": ("MidStreamAgent",),
    "engine": ("Engine",),
}  # fmt: skip
# No module has the name of a function in it: importing the module would put it in the function's place.
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
