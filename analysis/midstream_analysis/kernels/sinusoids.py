"""Kernels for rhythm: joint least squares of sinusoids, and prediction by folding at a period."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@njit(nogil=True, cache=True)
def refine_kernel(
    x: FloatArray, omega: FloatArray, rounds: int
) -> tuple[FloatArray, FloatArray, FloatArray, float, FloatArray]:
    """Gauss-Newton on x[t] = c + sum a_k cos(w_k t) + b_k sin(w_k t), t centred: (w, a, b, c, residual).

    The normal matrix of 3 K + 1 columns (cos, sin, d/dw, 1) is solved by Cholesky with a relative ridge of 1e-9.
    """
    n = x.size
    K = omega.size
    w = omega.copy()
    a, b = np.zeros(K), np.zeros(K)
    level = x.mean()
    residual = x - level
    M = 3 * K + 1
    J = np.empty((M, n))
    middle = 0.5 * (n - 1)
    for r in range(rounds + 1):
        final = r == rounds  # the last pass fits amplitudes alone
        for k in range(K):
            wk = w[k]
            for t in range(n):
                s = t - middle
                c0, s0 = np.cos(wk * s), np.sin(wk * s)
                J[k, t] = c0
                J[K + k, t] = s0
                J[2 * K + 1 + k, t] = s * (b[k] * c0 - a[k] * s0)
        J[2 * K] = 1.0
        used = 2 * K + 1 if (final or r == 0) else M
        A = np.dot(J[:used], J[:used].T)
        y = np.dot(J[:used], x) if used < M else np.dot(J[:used], residual)
        scale = np.sqrt(np.diag(A)) + 1e-300
        for i in range(used):
            for j in range(used):
                A[i, j] /= scale[i] * scale[j]
            A[i, i] += 1e-9
            y[i] /= scale[i]
        step = np.linalg.solve(A, y) / scale
        if used < M:
            a[:] = step[:K]
            b[:] = step[K : 2 * K]
            level = step[2 * K]
        else:
            a += step[:K]
            b += step[K : 2 * K]
            level += step[2 * K]
            for k in range(K):
                limit = 2.0 / n  # about a third of a Fourier bin: further is a different peak
                w[k] += min(max(step[2 * K + 1 + k], -limit), limit)
                w[k] = min(max(w[k], 1e-6), np.pi)
        for t in range(n):
            s = t - middle
            v = level
            for k in range(K):
                v += a[k] * np.cos(w[k] * s) + b[k] * np.sin(w[k] * s)
            residual[t] = x[t] - v
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
    S = np.empty((bins, 5))
    for i in range(periods.size):
        S[:] = 0.0
        f = 1.0 / periods[i]
        for t in range(n):
            phase = t * f
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
    order = np.argsort(phase)
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
