"""One series job: everything the engine says of one observable. Kernels are imported where they are used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from midstream_analysis.jobs import Series
from midstream_analysis.report import Attractor, Classification, SeriesReport

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PERMUTATION_ORDER = 3  # 6 patterns: meaningful from the 64 samples on that a classification needs
PORTRAIT_DIMENSION = 3
PORTRAIT_POINTS = 500
CHANGE_POINTS = 32  # the newest ones


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
    )


def _disorder(x: npt.NDArray[np.float64]) -> float | None:
    return None


def _changes(x: npt.NDArray[np.float64]) -> tuple[int, ...]:
    return ()


def _portrait(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float32] | None:
    """The newest points of the delay embedding in three dimensions."""
    import numpy as np

    from midstream_analysis.embedding import embed

    try:
        return embed(x, PORTRAIT_DIMENSION)[-PORTRAIT_POINTS:].astype(np.float32)
    except ValueError:  # too few samples
        return None
