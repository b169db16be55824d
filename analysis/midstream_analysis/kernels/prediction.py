"""Forecast errors: leave-one-out AR by orthogonalisation, and leave-one-out nearest neighbours (simplex, local-linear).

Both report errors at the same targets, so that their ratio compares predictors and nothing else: the mean square, and
the mean logarithm of the square plus a floor (H,), which a few misses (a neighbour across a fold of the map) do not
spoil.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@njit(nogil=True, cache=True)
def linear_errors_kernel(
    x: FloatArray, order: int, horizons: IntArray, queries: IntArray, floors: FloatArray
) -> FloatArray:
    """Leave-one-out errors (order, H, 2), mean square and mean logarithm, of direct forecasts by AR(1..order).

    `queries` are the times of origin.

    One modified Gram-Schmidt pass serves every order and horizon: each lag's orthonormal column lowers all residuals
    and raises the leverage; leave-one-out is residual / (1 - leverage).
    """
    reach = horizons.max()
    first = order - 1
    rows = x.size - reach - first
    H = horizons.size
    Q = np.empty((order + 1, rows))
    Q[0] = 1.0 / np.sqrt(rows)
    for p in range(order):
        for t in range(rows):
            Q[p + 1, t] = x[first + t - p]
    R = np.empty((H, rows))
    for h in range(H):
        for t in range(rows):
            R[h, t] = x[first + t + horizons[h]]
    leverage = np.zeros(rows)
    out = np.empty((order, H, 2))
    for p in range(order + 1):
        if p > 0:
            before = 0.0
            for t in range(rows):
                before += Q[p, t] * Q[p, t]
            for _ in range(2):  # twice is enough (Kahan) for columns that nearly depend on each other
                for q in range(p):
                    dot = 0.0
                    for t in range(rows):
                        dot += Q[q, t] * Q[p, t]
                    for t in range(rows):
                        Q[p, t] -= dot * Q[q, t]
            norm = 0.0
            for t in range(rows):
                norm += Q[p, t] * Q[p, t]
            if norm <= 1e-18 * before or norm == 0.0:
                Q[p] = 0.0  # the lag adds nothing that rounding has not made up
            else:
                scale = 1.0 / np.sqrt(norm)
                for t in range(rows):
                    Q[p, t] *= scale
        for t in range(rows):
            leverage[t] += Q[p, t] * Q[p, t]
        for h in range(H):
            dot = 0.0
            for t in range(rows):
                dot += Q[p, t] * R[h, t]
            for t in range(rows):
                R[h, t] -= dot * Q[p, t]
        if p > 0:
            for h in range(H):
                square, logarithm = 0.0, 0.0
                for i in range(queries.size):
                    t = queries[i] - first
                    error = R[h, t] / max(1.0 - leverage[t], 1e-6)
                    square += error * error
                    logarithm += np.log(error * error + floors[h])
                out[p - 1, h, 0] = square / queries.size
                out[p - 1, h, 1] = logarithm / queries.size
    return out


@njit(nogil=True, cache=True)
def _solve(A: FloatArray, B: FloatArray, m: int, H: int) -> None:
    """Solve A X = B in place for a symmetric positive definite m x m A and H right-hand sides (Cholesky)."""
    for i in range(m):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= A[i, k] * A[j, k]
            if i == j:
                A[i, i] = np.sqrt(max(s, 1e-300))
            else:
                A[i, j] = s / A[j, j]
    for h in range(H):
        for i in range(m):
            s = B[i, h]
            for k in range(i):
                s -= A[i, k] * B[k, h]
            B[i, h] = s / A[i, i]
        for i in range(m - 1, -1, -1):
            s = B[i, h]
            for k in range(i + 1, m):
                s -= A[k, i] * B[k, h]
            B[i, h] = s / A[i, i]


@njit(nogil=True, cache=True)
def _add_squares(distance: FloatArray, x: FloatArray, shift: int, value: float, first: int) -> None:
    for j in range(distance.size):
        gap = x[first + j - shift] - value
        distance[j] += gap * gap


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
def neighbour_errors_kernel(
    x: FloatArray,
    lowest: int,
    dimensions: int,
    delay: int,
    horizons: IntArray,
    queries: IntArray,
    theiler: int,
    ridge: float,
    multiples: IntArray,
    floors: FloatArray,
) -> FloatArray:
    """Leave-one-out errors (1 + L, dimensions, H, 2), as above, for embedding dimensions m = lowest..dimensions.

    Row 0 is simplex projection (Sugihara and May 1990): m + 1 neighbours, weights exp(-d / d_min). Row l is the
    local-linear map of multiples[l - 1] * (m + 1) neighbours (Casdagli 1992), with ridge times their mean variance on
    the diagonal. Neighbours within `theiler` samples are left out. `multiples` ascends; errors under `lowest` are inf.
    """
    reach = horizons.max()
    first = (dimensions - 1) * delay
    candidates = x.size - reach - first
    H = horizons.size
    most = multiples[-1] * (dimensions + 1)
    distance = np.empty(candidates)
    best = np.empty(most)
    index = np.empty(most, np.int64)
    A = np.empty((dimensions, dimensions))
    B = np.empty((dimensions, H))
    U = np.empty((dimensions, most))
    centre = np.empty(dimensions)
    mean = np.empty(H)
    out = np.zeros((1 + multiples.size, dimensions, H, 2))
    for a in range(queries.size):
        i = queries[a]
        distance[:] = 0.0
        for j in range(max(0, i - first - theiler), min(candidates, i - first + theiler + 1)):
            distance[j] = np.inf
        for m in range(1, dimensions + 1):
            _add_squares(distance, x, (m - 1) * delay, x[i - (m - 1) * delay], first)
            if m < lowest:
                continue
            found = _nearest(distance, multiples[-1] * (m + 1), best, index)
            while best[found - 1] == np.inf:
                found -= 1
            floor = np.sqrt(best[0]) + 1e-12
            total = 0.0
            mean[:] = 0.0
            for q in range(min(m + 1, found)):
                w = np.exp(-np.sqrt(best[q]) / floor) + 1e-9
                total += w
                for h in range(H):
                    mean[h] += w * x[first + index[q] + horizons[h]]
            for h in range(H):
                error = mean[h] / total - x[i + horizons[h]]
                out[0, m - 1, h, 0] += error * error
                out[0, m - 1, h, 1] += np.log(error * error + floors[h])
            for c in range(m):
                for q in range(found):
                    U[c, q] = x[first + index[q] - c * delay]
            for level in range(multiples.size):
                k = min(multiples[level] * (m + 1), found)
                mean[:] = 0.0
                for q in range(k):
                    for h in range(H):
                        mean[h] += x[first + index[q] + horizons[h]]
                for h in range(H):
                    mean[h] /= k
                trace = 0.0
                for c in range(m):
                    centre[c] = U[c, :k].mean()
                for c in range(m):
                    for e in range(c + 1):
                        s = 0.0
                        for q in range(k):
                            s += (U[c, q] - centre[c]) * (U[e, q] - centre[e])
                        A[c, e] = s
                    trace += A[c, c]
                    B[c] = 0.0
                    for q in range(k):
                        u = U[c, q] - centre[c]
                        for h in range(H):
                            B[c, h] += u * (x[first + index[q] + horizons[h]] - mean[h])
                for c in range(m):
                    A[c, c] += ridge * trace / m + 1e-18
                _solve(A, B, m, H)
                for h in range(H):
                    guess = mean[h]
                    for c in range(m):
                        guess += (x[i - c * delay] - centre[c]) * B[c, h]
                    error = guess - x[i + horizons[h]]
                    out[1 + level, m - 1, h, 0] += error * error
                    out[1 + level, m - 1, h, 1] += np.log(error * error + floors[h])
    out /= queries.size
    out[:, : lowest - 1] = np.inf
    return out
