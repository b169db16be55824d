"""Return maps: does one turn of a series decide the next? (Lorenz 1963, his figure 4: each maximum from the last.)

Between its turns anything smooth is forecast well, whatever drives it; from turn to turn only its own law is.
"""

from __future__ import annotations

import numpy as np

from midstream_analysis.checks import FloatArray
from midstream_analysis.kernels.returns import simplex_errors_kernel

_FEWEST = 16  # extrema: fewer say nothing of what follows what
_FLOOR = 0.01  # of the linear error: an error of a tenth of it is as good as none
_TYPICAL = 40


def return_gains(x: FloatArray, correlation_time: int) -> FloatArray:
    """How much better neighbours forecast the next extremum than a line does, of a series of unit variance: (5,).

    Heights of the maxima (and of the minima), and times from one to the next, are forecast from the last height, the
    last two, and the last height and time. A gain is ln(E_linear / E_nearest), E the root mean square error. The best
    and the second best gain of the four, each the worse of E and of the geometric mean of the errors (which a value
    that stays as it is makes small, and E does not); the same of E alone; ln(extrema / 40). Zeros where there are
    fewer than sixteen.
    """
    square, worse, most = [0.0, 0.0], [0.0, 0.0], 4
    for y in (x, -x):
        times, heights = maxima(y, correlation_time)
        if heights.size < _FEWEST:
            continue
        most = max(most, heights.size)
        waits, heights = _scaled(np.diff(times)), _scaled(heights)
        last = heights[1:-1]
        points = [np.column_stack(past) for past in ((last,), (last, heights[:-2]), (last, waits[:-1]))]
        for target in (heights[2:], waits[1:]):
            rms, geometric = _gain(points, target)
            square.append(rms)
            worse.append(min(rms, geometric))
    return np.array([*sorted(worse)[:-3:-1], *sorted(square)[:-3:-1], np.log(most / _TYPICAL)])


def maxima(x: FloatArray, correlation_time: int) -> tuple[FloatArray, FloatArray]:
    """Times (samples) and heights of the local maxima, by a parabola through three points, of `x` smoothed over a
    third of its correlation time (nine samples at most), which would else have a maximum for every grain of noise."""
    width = max(1, min(correlation_time // 3, 9))
    if width > 1:
        window = np.hanning(width + 2)[1:-1]
        x = np.convolve(x, window / window.sum(), "same")
    at = np.flatnonzero((x[1:-1] > x[:-2]) & (x[1:-1] >= x[2:])) + 1
    before, top, after = x[at - 1], x[at], x[at + 1]
    bend = np.minimum(before - 2 * top + after, -1e-300)
    shift = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    return at + shift, top - 0.25 * (before - after) * shift


def _scaled(x: FloatArray) -> FloatArray:
    return np.asarray((x - x.mean()) / (x.std() + 1e-12))


def _gain(points: list[FloatArray], target: FloatArray) -> tuple[float, float]:
    """Gains in root mean square and in geometric mean of the best of the neighbours over the best of the lines."""
    linear = [_line_errors(past, target) for past in points]
    linear.append((target - target.mean()) * target.size / (target.size - 1))
    near = [simplex_errors_kernel(past, target, past.shape[1] + 2) for past in points]
    best = min(float(np.mean(e * e)) for e in linear)
    floor = _FLOOR * best + 1e-9
    rms = 0.5 * np.log((best + 1e-9) / (min(float(np.mean(e * e)) for e in near) + floor))

    def geometric(errors: list[FloatArray]) -> float:
        return min(0.5 * float(np.mean(np.log(e * e + floor))) for e in errors)

    return float(rms), geometric(linear) - geometric(near)


def _line_errors(points: FloatArray, target: FloatArray) -> FloatArray:
    """Leave-one-out errors of the least-squares line."""
    basis, _ = np.linalg.qr(np.column_stack([np.ones(target.size), points]))
    leverage = (basis * basis).sum(axis=1)
    return np.asarray((target - basis @ (basis.T @ target)) / np.maximum(1.0 - leverage, 1e-3))
