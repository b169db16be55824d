"""What a linear model of the past leaves unexplained."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
def _remove(q, v):
    """Subtract from `v` its projection on the unit vector `q`."""
    dot = 0.0
    for t in range(v.size):
        dot += q[t] * v[t]
    for t in range(v.size):
        v[t] -= dot * q[t]


@njit(nogil=True, cache=True)
def residual_kernel(x, first, rows, lags, horizons):
    """Residuals (H, rows) of x[first + t + h] regressed on a constant and the x[first + t - lag], for each horizon h.

    Gram-Schmidt, each column twice (Kahan), for lags of a smooth series nearly depend on each other.
    """
    Q = np.empty((lags.size + 1, rows))
    out = np.empty((horizons.size, rows))
    for h in range(horizons.size):
        out[h] = x[first + horizons[h] : first + horizons[h] + rows]
    used = 0
    for p in range(lags.size + 1):
        if p == 0:
            Q[0] = 1.0
        else:
            start = first - lags[p - 1]
            Q[used] = x[start : start + rows]
        q = Q[used]
        before = np.sqrt(np.sum(q * q))
        for _ in range(2):
            for other in range(used):
                _remove(Q[other], q)
        norm = np.sqrt(np.sum(q * q))
        if norm <= 1e-12 * before or norm == 0.0:
            continue  # explained by the columns before it
        for t in range(rows):
            q[t] /= norm
        for h in range(horizons.size):
            _remove(q, out[h])
        used += 1
    return out
