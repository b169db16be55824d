"""Real-time dynamics of streams: exponents, attractors, sequences, patterns, learning.

Names load on first use (PEP 562): importing the package loads neither numpy nor numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

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
    "profile": ("StreamingMatrixProfile", "matrix_profile", "motifs"),
    "spring": ("Spring", "find_subsequence"),
    "symbols": ("recurring_patterns",),
    "change": ("ChangePoint",),
    "repetition": ("RepetitionDetector",),
    "moves": ("MoveClassifier",),
    "learning": ("MetaLearner",),
    "agent": ("MidStreamAgent",),
    "engine": ("Engine",),
}  # fmt: skip
# No module has the name of a function in it: importing the module would put it in the function's place.
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
