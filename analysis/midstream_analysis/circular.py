"""Angles: a series that is a phase wrapped at the ends of its range (the standard map's coordinates, a beta map)
jumps where its dynamics are smooth; forecast on the circle, its chaos shows."""

from __future__ import annotations

import numpy as np

from midstream_analysis.checks import FloatArray
from midstream_analysis.kernels.circular import circular_errors_kernel

_POINTS = ((2, 0.3), (3, 0.6))  # steps of the past, and what one step more counts
_QUERIES = 640
_LINEAR = ((0, 0), (1, 0), (-1, 0), (2, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-2, -1))


def as_phase(x: FloatArray) -> FloatArray | None:
    """`x` in turns, in [0, 1), when its values fill an interval evenly as an angle's do (Kolmogorov), else None."""
    n = x.size
    turn = float(np.sqrt(12.0) * x.std())
    span = float(np.ptp(x)) * (n + 1) / (n - 1)
    if abs(span / turn - 1.0) < 0.04:
        turn, low = span, float(x.min()) - span / (2 * n)
    else:  # noise has blurred the ends
        low = float(x.mean()) - 0.5 * turn
    place = (np.sort(x) - low) / turn
    if np.abs(place - (np.arange(n) + 0.5) / n).max() > 0.03 + 0.9 / np.sqrt(n):
        return None
    phase: FloatArray = (x - low) / turn % 1.0
    return phase


def circular_gain(x: FloatArray) -> tuple[float, float, float] | None:
    """(neighbours, linear, z) for an angle, None for what is none.

    The first two are the mean cosine of the error one step ahead of the best neighbours and of the best of the
    forecasts that a circle admits as linear: a x[t] + b x[t-1] + c with whole a and b. `z` is the neighbours' in
    standard errors: on independent angles it is normal.
    """
    phase = as_phase(x)
    if phase is None:
        return None
    now, before, after = phase[1:-1], phase[:-2], phase[2:]
    linear = max(
        float(np.abs(np.exp(2j * np.pi * (after - a * now - b * before)).mean())) for a, b in _LINEAR
    )
    queries = np.unique(np.linspace(2, x.size - 2, min(_QUERIES, x.size - 3)).astype(np.int64))
    best = max(float(circular_errors_kernel(phase, m, w, queries, 1, 1e-3).max()) for m, w in _POINTS)
    return best, linear, best * float(np.sqrt(2.0 * queries.size))
