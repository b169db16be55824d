"""Neighbours on a circle: the forecast of a phase (turns, in [0, 1)) whose jumps are only the wrap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from midstream_analysis.kernels.prediction import _nearest, _solve

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@njit(nogil=True, cache=True)
def circular_errors_kernel(
    phase: FloatArray, m: int, discount: float, queries: IntArray, theiler: int, ridge: float
) -> FloatArray:
    """Mean cosine of the one-step leave-one-out error, 1 for exact and 0 for a useless forecast: (nearest, line).

    Points are m successive phases; a difference on the circle counts `discount` times less for every step back. The
    line is the local-linear map of 3 (m + 1) neighbours about the nearest one, in differences wrapped to half a turn.
    """
    first = m - 1
    candidates = phase.size - 1 - first
    k = min(3 * (m + 1), candidates)
    distance, best, index = np.empty(candidates), np.empty(k), np.empty(k, np.int64)
    U, v = np.empty((m, k)), np.empty(k)
    A, B = np.empty((m, m)), np.empty((m, 1))
    out = np.zeros(2)
    for a in range(queries.size):
        i = queries[a]
        distance[:] = 0.0
        weight = 1.0
        for c in range(m):
            here = phase[i - c]
            for j in range(candidates):
                gap = phase[first + j - c] - here
                gap -= np.rint(gap)
                distance[j] += weight * gap * gap
            weight *= discount * discount
        for j in range(max(0, i - first - theiler), min(candidates, i - first + theiler + 1)):
            distance[j] = np.inf
        found = _nearest(distance, k, best, index)
        while best[found - 1] == np.inf:
            found -= 1
        truth, anchor = phase[i + 1], phase[first + index[0] + 1]
        out[0] += np.cos(2 * np.pi * (anchor - truth))
        mean = 0.0
        for q in range(found):
            gap = phase[first + index[q] + 1] - anchor
            v[q] = gap - np.rint(gap)
            mean += v[q] / found
            for c in range(m):
                gap = phase[first + index[q] - c] - phase[i - c]
                U[c, q] = gap - np.rint(gap)
        trace, guess = 0.0, mean
        for c in range(m):
            for e in range(c + 1):
                A[c, e] = ((U[c, :found] - U[c, :found].mean()) * (U[e, :found] - U[e, :found].mean())).sum()
            trace += A[c, c]
            B[c, 0] = ((U[c, :found] - U[c, :found].mean()) * (v[:found] - mean)).sum()
        for c in range(m):
            A[c, c] += ridge * trace / m + 1e-18
        _solve(A, B, m, 1)
        for c in range(m):
            guess -= U[c, :found].mean() * B[c, 0]
        out[1] += np.cos(2 * np.pi * (anchor + guess - truth))
    return out / queries.size
