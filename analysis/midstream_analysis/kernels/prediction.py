"""Forecast errors: leave-one-out AR by orthogonalisation, and leave-one-out nearest neighbours (simplex, local-linear).

Both report errors at the same targets, so that their ratio compares predictors and nothing else: the mean square, and
the mean logarithm of the square plus a floor (H,), which a few misses (a neighbour across a fold of the map) do not
spoil. Neighbours are sought query by query; the small linear algebra goes through eight queries side by side, which
makes vector instructions of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SUM = {"reassoc", "contract", "nsz", "arcp"}  # lets sums be vectorised, keeps NaN and inf
_ORDERED = {"contract", "nsz", "nnan"}  # lets the least be found by vectors: no distance is NaN
_COUNT = {"reassoc", "nsz", "nnan"}
_LANES = 8
_COLUMNS = 64
_FAR = 1e300
_MOST = 1e30  # of a squared error: eight of them are multiplied before one logarithm


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


@njit(nogil=True, cache=True, fastmath=_ORDERED)
def _add_squares(distance: FloatArray, least: FloatArray, x: FloatArray, value: float) -> None:
    """Add (x[j] - value)^2 to each distance; least[w] is the smallest of every W-th from w, W = least.size."""
    n = distance.size
    for w in range(_COLUMNS):
        least[w] = np.inf
    whole = n // _COLUMNS
    for s in range(whole):
        for w in range(_COLUMNS):
            gap = x[s * _COLUMNS + w] - value
            d = distance[s * _COLUMNS + w] + gap * gap
            distance[s * _COLUMNS + w] = d
            least[w] = min(least[w], d)
    for j in range(whole * _COLUMNS, n):
        gap = x[j] - value
        d = distance[j] + gap * gap
        distance[j] = d
        least[j - whole * _COLUMNS] = min(least[j - whole * _COLUMNS], d)


@njit(nogil=True, cache=True, fastmath=_COUNT)
def _below(values: FloatArray, size: int, limit: float) -> float:
    """How many of the first `size` values are under `limit`."""
    count = 0.0
    for q in range(size):
        count += 1.0 if values[q] < limit else 0.0
    return count


@njit(nogil=True, cache=True)
def _nearest(
    distance: FloatArray,
    least: FloatArray,
    k: int,
    near: FloatArray,
    place: IntArray,
    best: FloatArray,
    index: IntArray,
) -> int:
    """Put the `k` smallest finite distances and their places, sorted, into `best` and `index`; return how many there
    are. Of equals the earliest comes first. `near` and `place` are work space, longer than `distance`.

    The k-th smallest of the columns' least bounds them. What is left is ranked by counting, not sorted: no branch
    depends on the data but that one.
    """
    bound = 0.0
    for w in range(_COLUMNS):
        if least[w] > bound and _below(least, _COLUMNS, least[w]) < k:
            bound = least[w]
    bound = min(bound, _FAR)
    size = 0
    for w in range(_COLUMNS):
        if least[w] < bound:
            for j in range(w, distance.size, _COLUMNS):
                near[size] = distance[j]
                place[size] = j
                size += distance[j] < bound
    if size < k and bound < _FAR:
        for j in range(distance.size):
            if distance[j] == bound:
                near[size] = bound
                place[size] = j
                size += 1
                if size == k:
                    break
    for q in range(k):
        index[q] = -1
    for p in range(size):
        d, j = near[p], place[p]
        rank = int(_below(near, size, d))
        while rank < k and index[rank] >= 0:  # taken by an equal one
            if index[rank] > j:
                index[rank], j = j, index[rank]
            rank += 1
        if rank < k:
            best[rank] = d
            index[rank] = j
    return min(size, k)


@njit(nogil=True, cache=True, fastmath=_SUM, error_model="numpy")
def _solve(A: FloatArray, B: FloatArray, m: int, H: int) -> None:
    """Solve A X = B in place for eight symmetric positive definite m x m A and H right-hand sides each (Cholesky)."""
    for i in range(m):
        for j in range(i + 1):
            for k in range(j):
                for z in range(_LANES):
                    A[i, j, z] -= A[i, k, z] * A[j, k, z]
            if j < i:
                for z in range(_LANES):
                    A[i, j, z] *= A[j, j, z]
        for z in range(_LANES):  # the diagonal holds reciprocals
            A[i, i, z] = 1.0 / np.sqrt(max(A[i, i, z], 1e-300))
    for h in range(H):
        for i in range(m):
            for k in range(i):
                for z in range(_LANES):
                    B[i, h, z] -= A[i, k, z] * B[k, h, z]
            for z in range(_LANES):
                B[i, h, z] *= A[i, i, z]
        for i in range(m - 1, -1, -1):
            for k in range(i + 1, m):
                for z in range(_LANES):
                    B[i, h, z] -= A[k, i, z] * B[k, h, z]
            for z in range(_LANES):
                B[i, h, z] *= A[i, i, z]


@njit(nogil=True, cache=True, fastmath=_SUM, error_model="numpy")
def _add(error: FloatArray, live: int, floors: FloatArray, out: FloatArray) -> None:
    """Add to `out` (H, 2) the squares of the first `live` of eight errors (H, 8), and their logarithms with a floor."""
    for h in range(error.shape[0]):
        square, product = 0.0, 1.0
        for z in range(live):
            e = error[h, z] * error[h, z]
            square += e
            product *= min(e, _MOST) + floors[h]
        out[h, 0] += square
        out[h, 1] += np.log(product)


@njit(nogil=True, cache=True, fastmath=_SUM, error_model="numpy")
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
    H, L = horizons.size, multiples.size
    most = multiples[-1] * (dimensions + 1)
    distance = np.empty(x.size - reach - first)
    least = np.empty(_COLUMNS)
    near, place = np.empty(distance.size + 1), np.empty(distance.size + 1, np.int64)
    best = np.empty((dimensions, _LANES, most))
    index = np.empty((dimensions, _LANES, most), np.int64)
    found = np.empty((dimensions, _LANES), np.int64)
    # Relative to the nearest neighbour (small numbers lose no digits): the neighbours, their futures, and the query's.
    U, F = np.empty((dimensions, most, _LANES)), np.empty((H, most, _LANES))
    V, G = np.empty((dimensions, _LANES)), np.empty((H, _LANES))
    count = np.empty(_LANES)
    S, T = np.empty((dimensions, _LANES)), np.empty((H, _LANES))  # sums of U, of F, of U U' and of U F'
    UU, UF = np.empty((dimensions, dimensions, _LANES)), np.empty((dimensions, H, _LANES))
    A, B = np.empty((dimensions, dimensions, _LANES)), np.empty((dimensions, H, _LANES))
    weight, error = np.empty(_LANES), np.empty((H, _LANES))
    out = np.zeros((1 + L, dimensions, H, 2))
    for a in range(0, queries.size, _LANES):
        live = min(_LANES, queries.size - a)
        for z in range(_LANES):
            i = queries[a + min(z, live - 1)]
            distance[:] = 0.0
            distance[max(0, i - first - theiler) : max(0, i - first + theiler + 1)] = np.inf
            for m in range(1, dimensions + 1):
                _add_squares(distance, least, x[first - (m - 1) * delay :], x[i - (m - 1) * delay])
                if m >= lowest:
                    k = multiples[-1] * (m + 1)
                    found[m - 1, z] = _nearest(
                        distance, least, k, near, place, best[m - 1, z], index[m - 1, z]
                    )
        for m in range(lowest, dimensions + 1):
            for z in range(_LANES):
                i = queries[a + min(z, live - 1)]
                used = found[m - 1, z]
                nearest = first + index[m - 1, z, 0]
                for c in range(m):
                    V[c, z] = x[i - c * delay] - x[nearest - c * delay]
                for h in range(H):
                    G[h, z] = x[i + horizons[h]] - x[nearest + horizons[h]]
                for q in range(used):
                    t = first + index[m - 1, z, q]
                    for c in range(m):
                        U[c, q, z] = x[t - c * delay] - x[nearest - c * delay]
                    for h in range(H):
                        F[h, q, z] = x[t + horizons[h]] - x[nearest + horizons[h]]
                for q in range(used, multiples[-1] * (m + 1)):
                    U[:m, q, z] = 0.0
                    F[:, q, z] = 0.0
            T[:] = 0.0
            count[:] = 0.0
            for q in range(m + 1):
                for z in range(_LANES):
                    weight[z] = 0.0
                    if q < found[m - 1, z]:
                        floor = np.sqrt(best[m - 1, z, 0]) + 1e-12
                        weight[z] = np.exp(-np.sqrt(best[m - 1, z, q]) / floor) + 1e-9
                for z in range(_LANES):
                    count[z] += weight[z]
                for h in range(H):
                    for z in range(_LANES):
                        T[h, z] += weight[z] * F[h, q, z]
            for h in range(H):
                for z in range(_LANES):
                    error[h, z] = T[h, z] / count[z] - G[h, z]
            _add(error, live, floors, out[0, m - 1])
            S[:] = 0.0
            T[:] = 0.0
            UU[:] = 0.0
            UF[:] = 0.0
            before = 0
            for level in range(L):
                k = multiples[level] * (m + 1)
                for q in range(before, k):
                    for h in range(H):
                        for z in range(_LANES):
                            T[h, z] += F[h, q, z]
                    for c in range(m):
                        for z in range(_LANES):
                            S[c, z] += U[c, q, z]
                        for e in range(c + 1):
                            for z in range(_LANES):
                                UU[c, e, z] += U[c, q, z] * U[e, q, z]
                        for h in range(H):
                            for z in range(_LANES):
                                UF[c, h, z] += U[c, q, z] * F[h, q, z]
                before = k
                for z in range(_LANES):
                    count[z] = 1.0 / min(k, found[m - 1, z])
                    weight[z] = 0.0
                for c in range(m):
                    for e in range(c + 1):
                        for z in range(_LANES):
                            A[c, e, z] = UU[c, e, z] - S[c, z] * S[e, z] * count[z]
                    for h in range(H):
                        for z in range(_LANES):
                            B[c, h, z] = UF[c, h, z] - S[c, z] * T[h, z] * count[z]
                    for z in range(_LANES):
                        weight[z] += A[c, c, z]
                for c in range(m):
                    for z in range(_LANES):
                        A[c, c, z] += ridge / m * weight[z] + 1e-18
                _solve(A, B, m, H)
                for h in range(H):
                    for z in range(_LANES):
                        error[h, z] = T[h, z] * count[z] - G[h, z]
                    for c in range(m):
                        for z in range(_LANES):
                            error[h, z] += (V[c, z] - S[c, z] * count[z]) * B[c, h, z]
                _add(error, live, floors, out[1 + level, m - 1])
    out /= queries.size
    out[:, : lowest - 1] = np.inf
    return out
