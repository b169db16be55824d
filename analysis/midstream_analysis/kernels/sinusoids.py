"""Kernels for rhythm: joint least squares of sinusoids, and prediction by folding at a period."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PHASE_TIE = 1e-9
"""Added to a phase before it is put in a bin: samples on a bin's edge (whole periods) all fall on one side of it."""


_SUM = {"reassoc", "contract", "nsz", "arcp"}  # lets sums be vectorised, keeps NaN and inf


@njit(nogil=True, cache=True, fastmath=_SUM)
def _dot(a: FloatArray, b: FloatArray) -> float:
    total = 0.0
    for t in range(a.size):
        total += a[t] * b[t]
    return total


@njit(nogil=True, cache=True)
def _least_squares(J: FloatArray, y: FloatArray, used: int, A: FloatArray, step: FloatArray) -> None:
    """Solve J[:used]' step = y by the normal equations, scaled to unit columns, with a ridge of 1e-9 (Cholesky)."""
    for i in range(used):
        step[i] = _dot(J[i], y)
        for j in range(i + 1):
            A[i, j] = _dot(J[i], J[j])
    scale = np.empty(used)
    for i in range(used):
        scale[i] = np.sqrt(A[i, i]) + 1e-300
    for i in range(used):
        step[i] /= scale[i]
        for j in range(i + 1):
            s = A[i, j] / (scale[i] * scale[j]) if i != j else 1.0 + 1e-9
            for k in range(j):
                s -= A[i, k] * A[j, k]
            A[i, j] = s / A[j, j] if i != j else np.sqrt(max(s, 1e-12))
    for i in range(used):
        for k in range(i):
            step[i] -= A[i, k] * step[k]
        step[i] /= A[i, i]
    for i in range(used - 1, -1, -1):
        for k in range(i + 1, used):
            step[i] -= A[k, i] * step[k]
        step[i] /= A[i, i]
    for i in range(used):
        step[i] /= scale[i]


@njit(nogil=True, cache=True)
def refine_kernel(
    x: FloatArray, omega: FloatArray, rounds: int
) -> tuple[FloatArray, FloatArray, FloatArray, float, FloatArray]:
    """Gauss-Newton on x[t] = c + sum a_k cos(w_k t) + b_k sin(w_k t), t from the middle: (w, a, b, c, residual).

    Amplitudes first, then `rounds` times frequencies and amplitudes together and amplitudes alone at the end.
    """
    n = x.size
    K = omega.size
    w = omega.copy()
    a, b = np.zeros(K), np.zeros(K)
    level = 0.0
    residual = x.copy()
    J = np.empty((3 * K + 1, n))
    A = np.empty((3 * K + 1, 3 * K + 1))
    step = np.empty(3 * K + 1)
    middle = 0.5 * (n - 1)
    J[2 * K] = 1.0
    for r in range(2 * rounds + 1):
        joint = r % 2 == 1  # odd passes move the frequencies
        if not joint:
            for k in range(K):
                turn_c, turn_s = np.cos(w[k]), np.sin(w[k])
                c, s = np.cos(-w[k] * middle), np.sin(-w[k] * middle)
                for t in range(n):
                    J[k, t] = c
                    J[K + k, t] = s
                    c, s = c * turn_c - s * turn_s, s * turn_c + c * turn_s
            _least_squares(J, x, 2 * K + 1, A, step)
            a[:] = step[:K]
            b[:] = step[K : 2 * K]
            level = step[2 * K]
            residual[:] = x - level
            for k in range(K):
                residual -= a[k] * J[k] + b[k] * J[K + k]
        else:
            for k in range(K):
                for t in range(n):
                    J[2 * K + 1 + k, t] = (t - middle) * (b[k] * J[k, t] - a[k] * J[K + k, t])
            _least_squares(J, residual, 3 * K + 1, A, step)
            for k in range(K):
                limit = 2.0 / n  # about a third of a Fourier bin: further is a different peak
                w[k] += min(max(step[2 * K + 1 + k], -limit), limit)
                w[k] = min(max(w[k], 1e-6), np.pi)
    return w, a, b, level, residual


@njit(nogil=True, cache=True)
def fold_dispersion_kernel(x: FloatArray, periods: FloatArray, bins: int) -> FloatArray:
    """Within-bin variance of x folded at each trial period (Stellingwerf 1978), over the variance of x: (P,).

    Each bin is detrended in phase, so that steep waves do not look scattered.
    """
    n = x.size
    mean = x.mean()
    var = 0.0
    for t in range(n):
        var += (x[t] - mean) ** 2
    out = np.ones(periods.size)
    if var <= 0.0:
        return out
    S = np.empty((bins, 5))
    for i in range(periods.size):
        S[:] = 0.0
        f = 1.0 / periods[i]
        for t in range(n):
            phase = t * f + PHASE_TIE
            phase = (phase - np.floor(phase)) * bins
            b = min(int(phase), bins - 1)
            u = phase - b - 0.5
            v = x[t] - mean
            S[b, 0] += 1.0
            S[b, 1] += u
            S[b, 2] += v
            S[b, 3] += u * u
            S[b, 4] += u * v
        total = var
        spent = 0.0
        for b in range(bins):
            m = S[b, 0]
            if m < 1.0:
                continue
            total -= S[b, 2] * S[b, 2] / m
            spent += 1.0
            uu = S[b, 3] - S[b, 1] * S[b, 1] / m
            if m > 3.0 and uu > 1e-3 * m:
                uv = S[b, 4] - S[b, 1] * S[b, 2] / m
                total -= uv * uv / uu
                spent += 1.0
        out[i] = max(total, 0.0) / var * n / max(n - spent, 1.0)
    return out


@njit(nogil=True, cache=True)
def fold_forecast_kernel(x: FloatArray, split: int, period: float, neighbours: IntArray) -> FloatArray:
    """Squared error on x[split:] of the local line in phase, learnt on x[:split]: (len(neighbours), 2).

    Column 0 is the trimmed mean, without the largest 6 % (the jumps of square and saw waves fall between samples) and
    scaled up as for Gaussian errors; column 1 the mean.
    """
    phase = np.empty(split)
    for t in range(split):
        p = t / period
        phase[t] = p - np.floor(p)
    order = np.argsort(phase, kind="mergesort")  # equal phases stay in order of time
    ps, xs = phase[order], x[:split][order]
    out = np.zeros((neighbours.size, 2))
    errors = np.empty(x.size - split)
    for i in range(neighbours.size):
        k = min(neighbours[i], split)
        for t in range(split, x.size):
            p = t / period
            p -= np.floor(p)
            at = np.searchsorted(ps, p)
            low = at - k // 2
            sp, sx, spp, spx = 0.0, 0.0, 0.0, 0.0
            for j in range(low, low + k):
                wrap = j // split
                u = ps[j - wrap * split] + wrap - p
                v = xs[j - wrap * split]
                sp += u
                sx += v
                spp += u * u
                spx += u * v
            spread = spp - sp * sp / k
            guess = sx / k
            if k >= 4 and spread > 1e-12:
                guess -= sp / k * (spx - sp * sx / k) / spread
            errors[t - split] = (guess - x[t]) ** 2
        keep = max(1, int(0.94 * errors.size))
        out[i, 0] = np.sort(errors)[:keep].mean() / 0.78
        out[i, 1] = errors.mean()
    return out


@njit(nogil=True, cache=True)
def lag_difference_kernel(x: FloatArray, most: int) -> FloatArray:
    """Mean squared difference at lags 0..most over twice the variance: 0 where x repeats, about 1 when unrelated."""
    n = x.size
    mean = x.mean()
    var = 0.0
    for t in range(n):
        var += (x[t] - mean) ** 2
    var /= n
    out = np.zeros(most + 1)
    for lag in range(1, most + 1):
        total = 0.0
        for t in range(n - lag):
            gap = x[t + lag] - x[t]
            total += gap * gap
        out[lag] = total / (n - lag) / (2.0 * var)
    return out
