"""Leave-one-out simplex projection over the events of a series, of which there are too few for a tree or for lanes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]


@njit(nogil=True, cache=True)
def simplex_errors_kernel(points: FloatArray, targets: FloatArray, k: int) -> FloatArray:
    """Errors (M,) of forecasting each of M targets from those of the `k` nearest other points (M, m).

    Weights are exp(-d / d_min), as Sugihara and May (1990) have them. Of equally near points the earliest comes first.
    """
    count, m = points.shape
    k = min(k, count - 1)
    best, index = np.empty(k), np.empty(k, np.int64)
    errors = np.empty(count)
    for i in range(count):
        best[:] = np.inf
        for j in range(count):
            if j == i:
                continue
            d = 0.0
            for c in range(m):
                gap = points[j, c] - points[i, c]
                d += gap * gap
            if d < best[k - 1]:
                p = k - 1
                while p > 0 and best[p - 1] > d:
                    best[p] = best[p - 1]
                    index[p] = index[p - 1]
                    p -= 1
                best[p] = d
                index[p] = j
        total, mean = 0.0, 0.0
        for q in range(k):
            weight = np.exp(-np.sqrt(best[q] / (best[0] + 1e-12))) + 1e-9
            total += weight
            mean += weight * targets[index[q]]
        errors[i] = mean / total - targets[i]
    return errors
