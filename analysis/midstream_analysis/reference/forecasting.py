"""Plain numpy forms of the forecasting and rhythm kernels: one sample, one fit at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midstream_analysis.kernels.sinusoids import PHASE_TIE

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def linear_errors(
    x: FloatArray, order: int, horizons: IntArray, queries: IntArray, floors: FloatArray
) -> FloatArray:
    """As `linear_errors_kernel`: every model is fitted again without the sample that it forecasts."""
    origins = np.arange(order - 1, x.size - int(horizons.max()))
    out = np.empty((order, horizons.size, 2))
    for p in range(1, order + 1):
        design = np.column_stack([np.ones(origins.size), *(x[origins - lag] for lag in range(p))])
        for h, horizon in enumerate(horizons):
            target = x[origins + horizon]
            errors = []
            for q in queries:
                keep = origins != q
                weights = np.linalg.lstsq(design[keep], target[keep], rcond=1e-10)[0]
                errors.append(float(design[~keep][0] @ weights) - x[q + horizon])
            out[p - 1, h] = np.mean(np.square(errors)), np.mean(np.log(np.square(errors) + floors[h]))
    return out


def _both(error: FloatArray, floors: FloatArray) -> FloatArray:
    return np.column_stack([error**2, np.log(error**2 + floors)])


def neighbour_errors(
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
    """As `neighbour_errors_kernel`: all distances sorted, the local-linear map from `numpy.linalg.solve`."""
    first = (dimensions - 1) * delay
    origins = np.arange(first, x.size - int(horizons.max()))
    out = np.zeros((1 + multiples.size, dimensions, horizons.size, 2))
    out[:, : lowest - 1] = np.inf
    for m in range(lowest, dimensions + 1):
        points = np.column_stack([x[origins - c * delay] for c in range(m)])
        futures = np.column_stack([x[origins + h] for h in horizons])
        for q in queries:
            here = np.array([x[q - c * delay] for c in range(m)])
            truth = x[q + horizons]
            far = np.abs(origins - q) > theiler
            distance = np.linalg.norm(points[far] - here, axis=1)
            near = np.argsort(distance, kind="stable")
            P, T, D = points[far][near], futures[far][near], distance[near]
            weights = np.exp(-D[: m + 1] / (D[0] + 1e-12)) + 1e-9
            out[0, m - 1] += _both(weights @ T[: m + 1] / weights.sum() - truth, floors)
            for level, multiple in enumerate(multiples):
                U, V = P[: multiple * (m + 1)], T[: multiple * (m + 1)]
                centred = U - U.mean(axis=0)
                A = centred.T @ centred
                A += (ridge * np.trace(A) / m + 1e-18) * np.eye(m)
                B = np.linalg.solve(A, centred.T @ (V - V.mean(axis=0)))
                out[1 + level, m - 1] += _both(V.mean(axis=0) + (here - U.mean(axis=0)) @ B - truth, floors)
    return out / queries.size


def simplex_errors(points: FloatArray, targets: FloatArray, k: int) -> FloatArray:
    """As `simplex_errors_kernel`: all distances sorted."""
    errors = []
    for i, (here, truth) in enumerate(zip(points, targets, strict=True)):
        others = np.arange(targets.size) != i
        distance = np.linalg.norm(points[others] - here, axis=1)
        near = np.argsort(distance, kind="stable")[:k]
        weights = np.exp(-distance[near] / np.sqrt(distance[near[0]] ** 2 + 1e-12)) + 1e-9
        errors.append(float(weights @ targets[others][near] / weights.sum() - truth))
    return np.array(errors)


def fold_dispersion(x: FloatArray, period: float, bins: int) -> float:
    """As `fold_dispersion_kernel` for one period: a line fitted in each phase bin by `numpy.polyfit`."""
    place = (np.arange(x.size) * (1.0 / period) + PHASE_TIE) % 1.0 * bins
    which = np.minimum(place.astype(int), bins - 1)
    left, spent = 0.0, 0
    for b in range(bins):
        u, v = place[which == b] - b - 0.5, x[which == b]
        if v.size == 0:
            continue
        line = v.size > 3 and float(((u - u.mean()) ** 2).sum()) > 1e-3 * v.size
        fit = np.polyval(np.polyfit(u, v, 1), u) if line else v.mean()
        left += float(((v - fit) ** 2).sum())
        spent += 2 if line else 1
    return left / float(((x - x.mean()) ** 2).sum()) * x.size / max(x.size - spent, 1)


def fold_forecast(x: FloatArray, split: int, period: float, neighbours: int) -> tuple[float, float]:
    """As `fold_forecast_kernel` for one count of neighbours: (trimmed, mean) squared error."""
    phase = (np.arange(split) / period) % 1.0
    order = np.argsort(phase, kind="stable")
    ps = np.concatenate([phase[order] + turn for turn in (-1.0, 0.0, 1.0)])
    xs = np.tile(x[:split][order], 3)
    errors = []
    for t in range(split, x.size):
        p = (t / period) % 1.0
        low = split + int(np.searchsorted(phase[order], p)) - neighbours // 2
        u, v = ps[low : low + neighbours] - p, xs[low : low + neighbours]
        line = neighbours >= 4 and float(((u - u.mean()) ** 2).sum()) > 1e-12
        guess = np.polyval(np.polyfit(u, v, 1), 0.0) if line else v.mean()
        errors.append((float(guess) - x[t]) ** 2)
    kept = np.sort(errors)[: max(1, int(0.94 * len(errors)))]
    return float(kept.mean()) / 0.78, float(np.mean(errors))


def lag_difference(x: FloatArray, most: int) -> FloatArray:
    """As `lag_difference_kernel`."""
    return np.array(
        [0.0, *(np.mean((x[lag:] - x[:-lag]) ** 2) / (2.0 * x.var()) for lag in range(1, most + 1))]
    )


def amplitudes(x: FloatArray, omega: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """As `refine_kernel` with no rounds: (a, b, c) of the least squares fit at fixed frequencies."""
    t = np.arange(x.size) - 0.5 * (x.size - 1)
    design = np.column_stack([np.cos(np.outer(t, omega)), np.sin(np.outer(t, omega)), np.ones(x.size)])
    fit = np.linalg.lstsq(design, x, rcond=None)[0]
    return fit[: omega.size], fit[omega.size : -1], float(fit[-1])


def circular_errors(
    phase: FloatArray, m: int, discount: float, queries: IntArray, theiler: int, ridge: float
) -> FloatArray:
    """As `circular_errors_kernel`: all distances sorted, the local-linear map from `numpy.linalg.solve`."""
    origins = np.arange(m - 1, phase.size - 1)
    out = np.zeros(2)
    for q in queries:
        far = origins[np.abs(origins - q) > theiler]
        gaps = np.column_stack([phase[far - c] - phase[q - c] for c in range(m)])
        gaps -= np.rint(gaps)
        near = np.argsort(((gaps * discount ** np.arange(m)) ** 2).sum(axis=1), kind="stable")[: 3 * (m + 1)]
        anchor = phase[far[near[0]] + 1]
        values = phase[far[near] + 1] - anchor
        values -= np.rint(values)
        U = gaps[near] - gaps[near].mean(axis=0)
        A = U.T @ U
        A += (ridge * np.trace(A) / m + 1e-18) * np.eye(m)
        guess = (
            anchor
            + values.mean()
            - gaps[near].mean(axis=0) @ np.linalg.solve(A, U.T @ (values - values.mean()))
        )
        out += np.cos(2 * np.pi * (np.array([anchor, guess]) - phase[q + 1]))
    return out / queries.size
