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
def _phase_order(phase: FloatArray) -> IntArray:
    """Places of `phase` (0..1) in ascending order, equal ones in order of time: a bucket for each, then insertion."""
    n = phase.size
    start = np.zeros(n + 2, np.int64)
    for t in range(n):
        start[min(int(phase[t] * n), n - 1) + 2] += 1
    for b in range(2, n + 2):
        start[b] += start[b - 1]
    order = np.empty(n, np.int64)
    for t in range(n):
        b = min(int(phase[t] * n), n - 1) + 1
        order[start[b]] = t
        start[b] += 1
    if 8 * (np.diff(start).max() - 1) > n:  # few phases, many samples each
        return np.argsort(phase, kind="mergesort")
    for p in range(1, n):
        t = order[p]
        q = p
        while q > 0 and phase[order[q - 1]] > phase[t]:
            order[q] = order[q - 1]
            q -= 1
        order[q] = t
    return order


@njit(nogil=True, cache=True, error_model="numpy")
def fold_forecast_kernel(x: FloatArray, split: int, period: float, neighbours: IntArray) -> FloatArray:
    """Squared error on x[split:] of the local line in phase, learnt on x[:split]: (len(neighbours), 2).

    `neighbours` ascends. Column 0 is the trimmed mean, without the largest 6 % (the jumps of square and saw waves fall
    between samples) and scaled up as for Gaussian errors; column 1 the mean.
    """
    phase = np.empty(split)
    for t in range(split):
        p = t / period
        phase[t] = p - np.floor(p)
    order = _phase_order(phase)
    ps, xs = np.empty(3 * split), np.empty(3 * split)  # a turn before and after, so that no window wraps
    for j in range(split):
        for turn in range(3):
            ps[j + turn * split] = phase[order[j]] + (turn - 1)
            xs[j + turn * split] = x[order[j]]
    out = np.zeros((neighbours.size, 2))
    errors = np.empty((neighbours.size, x.size - split))
    for t in range(split, x.size):
        p = t / period
        p -= np.floor(p)
        at = split + min(int(p * split), split - 1)
        while at < 2 * split and ps[at] < p:
            at += 1
        while at > split and ps[at - 1] >= p:
            at -= 1
        sp, sx, spp, spx = 0.0, 0.0, 0.0, 0.0
        low, high = at, at
        for i in range(neighbours.size):
            k = min(neighbours[i], split)
            while high < at - k // 2 + k:
                u, v = ps[high] - p, xs[high]
                sp, sx, spp, spx = sp + u, sx + v, spp + u * u, spx + u * v
                high += 1
            while low > at - k // 2:
                low -= 1
                u, v = ps[low] - p, xs[low]
                sp, sx, spp, spx = sp + u, sx + v, spp + u * u, spx + u * v
            spread = spp - sp * sp / k
            guess = sx / k
            if k >= 4 and spread > 1e-12:
                guess -= sp / k * (spx - sp * sx / k) / spread
            errors[i, t - split] = (guess - x[t]) ** 2
    keep = max(1, int(0.94 * (x.size - split)))
    for i in range(neighbours.size):
        out[i, 0] = np.partition(errors[i], keep - 1)[:keep].mean() / 0.78
        out[i, 1] = errors[i].mean()
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
