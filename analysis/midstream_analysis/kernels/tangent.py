"""Tangent maps of a delay embedding, fitted to neighbours (Sano and Sawada 1985, Eckmann et al. 1986)."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def jacobian_kernel(x, neighbour, dimension, delay, ridge):
    """Coefficients (count, dimension) that map a small displacement of vector i to that of x[i + dimension * delay].

    Ridge regression over the neighbours' displacements; `ridge` is relative to their mean square. It keeps directions
    in which the attractor has no extent, only curvature, from giving spurious growth. NaN where neighbours coincide.
    """
    count, k = neighbour.shape
    m = dimension
    out = np.empty((count, m))
    A = np.empty((m, m))
    b = np.empty(m)
    step = np.empty(m)
    for i in range(count):
        A[:] = 0.0
        b[:] = 0.0
        for q in range(k):
            j = neighbour[i, q]
            if j < 0:
                break
            for d in range(m):
                step[d] = x[j + d * delay] - x[i + d * delay]
            image = x[j + m * delay] - x[i + m * delay]
            for d in range(m):
                for e in range(d + 1):
                    A[d, e] += step[d] * step[e]
                b[d] += step[d] * image
        trace = 0.0
        for d in range(m):
            trace += A[d, d]
        if trace < 1e-30:
            out[i] = np.nan
            continue
        for d in range(m):
            A[d, d] += ridge * trace / m
        for d in range(m):  # Cholesky in place, then two triangular solves
            for e in range(d + 1):
                s = A[d, e]
                for f in range(e):
                    s -= A[d, f] * A[e, f]
                A[d, e] = np.sqrt(s) if d == e else s / A[e, e]
        for d in range(m):
            s = b[d]
            for f in range(d):
                s -= A[d, f] * b[f]
            b[d] = s / A[d, d]
        for d in range(m - 1, -1, -1):
            s = b[d]
            for f in range(d + 1, m):
                s -= A[f, d] * b[f]
            b[d] = s / A[d, d]
        out[i] = b
    return out


@njit(nogil=True, cache=True)
def growth_kernel(jacobian, delay, exponents):
    """Log growth (count, exponents) of orthogonal tangent vectors over `delay` samples from vector i; NaN: unknown.

    The vectors of the start at phase p follow i = p, p + delay, ...; each is orthonormalised at every step
    (Benettin et al. 1980).
    """
    count, m = jacobian.shape
    out = np.full((count, exponents), np.nan)
    Q = np.empty((exponents, m))
    for phase in range(min(delay, count)):
        for e in range(exponents):
            for d in range(m):
                Q[e, d] = np.cos(1.0 + 2.3 * e + 1.7 * d * (e + 1))  # any start in general position will do
        for i in range(phase, count, delay):
            if np.isnan(jacobian[i, 0]):
                continue
            for e in range(exponents):
                last = 0.0
                for d in range(m):
                    last += jacobian[i, d] * Q[e, d]
                for d in range(m - 1):
                    Q[e, d] = Q[e, d + 1]
                Q[e, m - 1] = last
            for e in range(exponents):
                for f in range(e):
                    dot = 0.0
                    for d in range(m):
                        dot += Q[e, d] * Q[f, d]
                    for d in range(m):
                        Q[e, d] -= dot * Q[f, d]
                norm = 0.0
                for d in range(m):
                    norm += Q[e, d] * Q[e, d]
                norm = np.sqrt(norm)
                if norm < 1e-150:
                    for d in range(m):
                        Q[e, d] = np.cos(1.0 + 2.3 * e + 1.7 * d * (e + 1))
                    continue
                for d in range(m):
                    Q[e, d] /= norm
                out[i, e] = np.log(norm)
    return out
