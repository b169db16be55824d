"""One series job: everything the engine says of one observable. Kernels are imported where they are used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from midstream_analysis.jobs import Series
from midstream_analysis.report import Attractor, Classification, SeriesReport

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PERMUTATION_ORDER = 3  # 6 patterns, and at least ten samples for each
LEAST_FOR_ENTROPY = 64
PORTRAIT_DIMENSION = 3
PORTRAIT_POINTS = 500
CHANGE_POINTS = 32  # the newest ones
LEAST_FOR_CHANGES, MOST_FOR_CHANGES = 128, 512  # samples; the newest count


def unknown(series: Series, reason: str) -> SeriesReport:
    """Return the report that says nothing but why."""
    n = len(series.values)
    verdict = Classification(Attractor.UNKNOWN, 0.0, None, False, None, None, n, series.dt, reason)
    return SeriesReport(series.stream, series.observable, verdict, None, (), None, 0.0)


def observe(series: Series) -> SeriesReport:
    """Classify `series` and describe it; a part that the samples do not support is None or empty.

    Raises:
        ValueError: the values are not a finite 1-D series, or ``dt`` is not positive.
    """
    from midstream_analysis.checks import as_series, positive
    from midstream_analysis.classifier import classify

    started = time.perf_counter()
    x, dt = as_series(series.values, name=series.observable), positive(series.dt, "dt")
    return SeriesReport(
        stream=series.stream,
        observable=series.observable,
        classification=classify(x, dt),
        permutation_entropy=_disorder(x),
        change_points=_changes(x),
        portrait=_portrait(x),
        elapsed_s=time.perf_counter() - started,
        total=series.total,
    )


def _disorder(x: npt.NDArray[np.float64]) -> float | None:
    from midstream_analysis.entropy import permutation_entropy

    if x.size < LEAST_FOR_ENTROPY:
        return None
    return permutation_entropy(x, PERMUTATION_ORDER, normalize=True)


def _changes(x: npt.NDArray[np.float64]) -> tuple[int, ...]:
    """Indices of `x` at which its level or spread changed. A smooth series is thinned until its values are about
    independent, as the detector asks; where too few are left, nothing is said."""
    import numpy as np

    from midstream_analysis.change import ChangePoint
    from midstream_analysis.embedding import autocorrelation_time

    if x.size < LEAST_FOR_CHANGES:
        return ()
    # Of quarters, because a change of level looks like a long memory.
    memory = np.median([autocorrelation_time(quarter) or 0.0 for quarter in np.array_split(x, 4)])
    stride = max(1, int(np.ceil(2.0 * memory))) if memory >= 1.0 else 1
    thin = x[(x.size - 1) % stride :: stride][-MOST_FOR_CHANGES:]
    if thin.size < LEAST_FOR_CHANGES // 4:
        return ()
    first = x.size - 1 - (thin.size - 1) * stride
    detector = ChangePoint()
    scale = float(np.abs(thin).max()) or 1.0
    found = [change.index for value in thin / scale if (change := detector.update(value)) is not None]
    return tuple(first + index * stride for index in found[-CHANGE_POINTS:])


def _portrait(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float32] | None:
    """The newest points of the delay embedding in three dimensions; None with too few samples, or beyond float32."""
    import numpy as np

    from midstream_analysis.embedding import embed

    if not x.size or np.abs(x).max() > np.finfo(np.float32).max:
        return None
    try:
        return embed(x, PORTRAIT_DIMENSION)[-PORTRAIT_POINTS:].astype(np.float32)
    except ValueError:  # too few samples
        return None
