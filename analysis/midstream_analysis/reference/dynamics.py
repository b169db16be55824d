"""Oracles of the dynamics kernels: straight from the definitions, O(n^2) and worse, numpy only."""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def vectors(x: FloatArray, dimension: int, delay: int) -> FloatArray:
    """Delay vectors (count, dimension)."""
    count = len(x) - (dimension - 1) * delay
    return np.array([[x[i + d * delay] for d in range(dimension)] for i in range(count)])


def neighbour_distances(
    x: FloatArray, dimension: int, delay: int, theiler: int, count: int, k: int
) -> list[list[float]]:
    """Squared Euclidean distances of the k nearest of the first `count` vectors, ascending, outside the window."""
    v = vectors(x, dimension, delay)[:count]
    return [
        sorted(float(((a - b) ** 2).sum()) for j, b in enumerate(v) if abs(i - j) > theiler)[:k]
        for i, a in enumerate(v)
    ]


def divergence(x: FloatArray, dimension: int, delay: int, theiler: int, horizon: int) -> FloatArray:
    """Mean log distance of nearest neighbours after 0..horizon-1 steps; coinciding pairs are left out."""
    v = vectors(x, dimension, delay)
    count = len(v) - horizon + 1
    logs: list[list[float]] = [[] for _ in range(horizon)]
    for i in range(count):
        others = [j for j in range(count) if abs(i - j) > theiler]
        if not others:
            continue
        j = min(others, key=lambda j: float(((v[i] - v[j]) ** 2).sum()))
        for k in range(horizon):
            distance = float(np.sqrt(((v[i + k] - v[j + k]) ** 2).sum()))
            if distance > 1e-18:
                logs[k].append(math.log(distance))
    return np.array([np.mean(values) if values else np.nan for values in logs])


def jacobian(x: FloatArray, neighbour: IntArray, dimension: int, delay: int, ridge: float) -> FloatArray:
    """Ridge coefficients (count, dimension) of the neighbours' next displacement on their displacement."""
    rows = []
    for i, near in enumerate(neighbour):
        near = near[near >= 0]
        X = np.array([[x[j + d * delay] - x[i + d * delay] for d in range(dimension)] for j in near])
        y = np.array([x[j + dimension * delay] - x[i + dimension * delay] for j in near])
        A = X.T @ X
        rows.append(np.linalg.solve(A + ridge * np.trace(A) / dimension * np.eye(dimension), X.T @ y))
    return np.array(rows)


def growth(jacobians: FloatArray, delay: int, start: FloatArray) -> FloatArray:
    """Log growth (count, exponents) of the orthonormalised rows of `start` under companion maps, each phase alone."""
    count, m = jacobians.shape
    out = np.empty((count, len(start)))
    for phase in range(min(delay, count)):
        Q = start.T.copy()
        for i in range(phase, count, delay):
            J = np.vstack([np.eye(m)[1:], jacobians[i]])
            Q, R = np.linalg.qr(J @ Q)
            out[i] = np.log(np.abs(np.diag(R)))
    return out


def residuals(x: FloatArray, first: int, rows: int, lags: IntArray, horizons: IntArray) -> FloatArray:
    """What least squares on a constant and lagged values leaves of x at each horizon: (H, rows)."""
    t = first + np.arange(rows)
    X = np.stack([np.ones(rows), *(x[t - lag] for lag in lags)], axis=1)
    return np.array([x[t + h] - X @ np.linalg.lstsq(X, x[t + h], rcond=None)[0] for h in horizons])


def mutual_information(label: IntArray, lag: int) -> float:
    """Mutual information in nats of the labels at t and t + lag."""
    pairs = list(zip(label[:-lag].tolist(), label[lag:].tolist(), strict=True))
    joint, left, right = Counter(pairs), Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    n = len(pairs)
    return sum(c / n * math.log(c * n / (left[a] * right[b])) for (a, b), c in joint.items())


def matches(x: FloatArray, order: int, tolerance: float) -> tuple[int, int]:
    """Pairs of the first n - order templates within `tolerance`, of `order` and of `order` + 1 samples."""
    count = len(x) - order
    shorter = longer = 0
    for i in range(count):
        for j in range(i + 1, count):
            gaps = [abs(x[i + d] - x[j + d]) for d in range(order + 1)]
            shorter += max(gaps[:order]) <= tolerance
            longer += max(gaps) <= tolerance
    return shorter, longer


def permutation_entropy(x: FloatArray, order: int, delay: int) -> float:
    """Entropy in bits of the stable orderings of `order` samples, `delay` apart."""
    v = vectors(x, order, delay)
    counts = Counter(tuple(np.argsort(row, kind="stable").tolist()) for row in v)
    return -sum(c / len(v) * math.log2(c / len(v)) for c in counts.values())


def recurrence_plot(
    x: FloatArray, dimension: int, delay: int, radius: float, theiler: int
) -> npt.NDArray[np.bool_]:
    """The plot (N, N): maximum norm, distance <= radius, |i - j| > theiler."""
    v = vectors(x, dimension, delay)
    i = np.arange(len(v))
    near = np.abs(v[:, None, :] - v[None, :, :]).max(axis=2) <= radius
    return np.asarray(near & (np.abs(i[:, None] - i[None, :]) > theiler))


def runs(flags: npt.NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of True."""
    return [len(list(group)) for value, group in groupby(flags.tolist()) if value]


def lines(plot: npt.NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """Lengths of the diagonal lines above the main diagonal, and of all vertical lines."""
    n = len(plot)
    diagonal = [length for d in range(1, n) for length in runs(np.diagonal(plot, d))]
    return diagonal, [length for j in range(n) for length in runs(plot[:, j])]


def correlation_sum(
    x: FloatArray, radii: FloatArray, dimension: int, delay: int, theiler: int, euclidean: bool
) -> FloatArray:
    """Share of pairs more than `theiler` apart whose distance is at most each radius."""
    v = vectors(x, dimension, delay)
    distances = []
    for i in range(len(v)):
        for j in range(i + theiler + 1, len(v)):
            gap = np.abs(v[i] - v[j])
            distances.append(float(np.sqrt((gap**2).sum()) if euclidean else gap.max()))
    return np.array([np.mean(np.array(distances) <= r) for r in radii])


def displacement(x: FloatArray, c: float, lags: int) -> FloatArray:
    """Mean-square displacement (lags,) of the 0-1 test's walk at frequency `c`, over the first n - lags origins."""
    p = np.cumsum(x * np.cos(c * np.arange(1, len(x) + 1)))
    q = np.cumsum(x * np.sin(c * np.arange(1, len(x) + 1)))
    origins = np.arange(len(x) - lags)
    return np.array(
        [
            np.mean((p[origins + k] - p[origins]) ** 2 + (q[origins + k] - q[origins]) ** 2)
            for k in range(1, lags + 1)
        ]
    )
