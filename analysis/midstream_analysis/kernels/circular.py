"""Neighbours on a circle: the forecast of a phase (turns, in [0, 1)) whose jumps are only the wrap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@njit(nogil=True, cache=True)
def _nearest(distance: FloatArray, k: int, best: FloatArray, index: IntArray) -> int:
    """Put the `k` smallest of `distance` and their places, sorted, into `best` and `index`; return how many."""
    found = 0
    worst = np.inf
    for j in range(distance.size):
        d = distance[j]
        if d < worst:
            p = found if found < k else k - 1
            while p > 0 and best[p - 1] > d:
                best[p] = best[p - 1]
                index[p] = index[p - 1]
                p -= 1
            best[p] = d
            index[p] = j
            if found < k:
                found += 1
            if found == k:
                worst = best[k - 1]
    return found


@njit(nogil=True, cache=True)
def _solve(A: FloatArray, b: FloatArray, m: int) -> None:
    """Solve A x = b in place for a symmetric positive definite m x m A (Cholesky)."""
    for i in range(m):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= A[i, k] * A[j, k]
            if i == j:
                A[i, i] = np.sqrt(max(s, 1e-300))
            else:
                A[i, j] = s / A[j, j]
    for i in range(m):
        s = b[i]
        for k in range(i):
            s -= A[i, k] * b[k]
        b[i] = s / A[i, i]
    for i in range(m - 1, -1, -1):
        s = b[i]
        for k in range(i + 1, m):
            s -= A[k, i] * b[k]
        b[i] = s / A[i, i]


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
    A, b = np.empty((m, m)), np.empty(m)
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
            b[c] = ((U[c, :found] - U[c, :found].mean()) * (v[:found] - mean)).sum()
        for c in range(m):
            A[c, c] += ridge * trace / m + 1e-18
        _solve(A, b, m)
        for c in range(m):
            guess -= U[c, :found].mean() * b[c]
        out[1] += np.cos(2 * np.pi * (anchor + guess - truth))
    return out / queries.size
