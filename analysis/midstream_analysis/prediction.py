"""Linear against nonlinear forecasting: the gain that tells chaos from noise (Sugihara and May 1990; Casdagli 1992)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from midstream_analysis.checks import FloatArray
from midstream_analysis.kernels import prediction as kernels

IntArray = npt.NDArray[np.int64]
_ORDER = 16
_DIMENSIONS = 5
_RIDGE = 1e-3
_QUERIES = 280
_TINY = 1e-12  # of a series of unit variance
_FLOOR = (
    0.05  # errors under a fifth of the linear model's earn no more: exact hits on a level are not dynamics
)
_FEW = np.array([2, 3])  # neighbours of the local-linear map, times m + 1
_MANY = np.array([3, 9])


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Best errors of the linear and the nonlinear predictor at each horizon (samples), for a series of unit variance.

    `linear` and `nonlinear` are mean squares; the last horizon is far, four correlation times and more. `gain` is
    ln(E_linear / E_nonlinear) at the others, E the geometric mean of the absolute errors (or 0.6 of the same for root
    mean squares, where that is more), and `growth` the rise of
    ln E_nonlinear from one step to two. `roughness` is the one-step error over the spread of the increments;
    `correlation_time` the first lag with autocorrelation under 1/e; `delay` and `dimension` the embedding that
    forecasts best one and two steps ahead.
    """

    horizons: tuple[int, ...]
    linear: FloatArray
    nonlinear: FloatArray
    gain: FloatArray
    growth: float
    roughness: float
    correlation_time: int
    delay: int
    dimension: int


def decorrelation(x: FloatArray) -> int:
    """First lag with autocorrelation under 1/e (n/2 when there is none)."""
    n = x.size
    spectrum = np.fft.rfft(x - x.mean(), 1 << int(np.ceil(np.log2(2 * n))))
    r = np.fft.irfft(np.abs(spectrum) ** 2)[: n // 2]
    under = np.flatnonzero(r < r[0] / np.e)
    return int(under[0]) if under.size else n // 2


def compare_forecasts(x: FloatArray) -> Forecasts:
    """Leave-one-out errors of AR(1..16) and of simplex and local-linear neighbours (m = 1..5) on the same targets."""
    n = x.size
    te = decorrelation(x)
    horizons = np.array(sorted({1, 2, max(1, te // 2), te, 2 * te}))
    horizons = horizons[(horizons <= n // 12) | (horizons <= 2)]
    horizons = np.append(
        horizons, max(int(horizons[-1]) + 1, min(n // 8, 4 * te + 4))
    )  # far: not for the gain
    delays = [1] if te <= 2 else [1, min(max(2, te // 2), n // 24)]
    first = max(_ORDER - 1, (_DIMENSIONS - 1) * max(delays))
    queries = _spread(first, n - 1 - int(horizons.max()), _QUERIES)
    floors = np.full(horizons.size, _TINY)
    floors += _FLOOR * kernels.linear_errors_kernel(x, _ORDER, horizons, queries, floors)[..., 0].min(axis=0)
    linear = kernels.linear_errors_kernel(x, _ORDER, horizons, queries, floors).min(axis=0)  # (H, 2)
    theiler = min(te, n // 16)
    errors = np.array(
        [
            kernels.neighbour_errors_kernel(
                x, 1, _DIMENSIONS, d, horizons, queries, theiler, _RIDGE, _FEW, floors
            )
            for d in delays
        ]
    )
    nonlinear = errors.min(axis=(0, 1, 2))
    near = errors[..., :2, 1].sum(axis=-1).min(axis=1)
    best = np.unravel_index(int(np.argmin(near)), near.shape)
    square = 0.5 * np.log((linear[:-1, 0] + _TINY) / (nonlinear[:-1, 0] + _TINY))
    gain = np.maximum(
        0.5 * (linear - nonlinear)[:-1, 1], 0.6 * square
    )  # spikes among quiet count by their size
    growth = 0.5 * float(nonlinear[1, 1] - nonlinear[0, 1])
    linear, nonlinear = linear[:, 0], nonlinear[:, 0]
    steps = float(np.diff(x).std())
    roughness = float(np.sqrt(min(linear[0], nonlinear[0]))) / max(steps, 1e-300)
    lags = tuple(int(h) for h in horizons)
    return Forecasts(
        lags, linear, nonlinear, gain, growth, roughness, te, delays[int(best[0])], int(best[1]) + 1
    )


def dithered(x: FloatArray) -> FloatArray:
    """`x` with uniform noise of one quantum where it takes few values, so that no forecast of it is exact; else `x`.

    The noise is fixed, and mirrored with the series.
    """
    values = np.unique(x)
    if values.size > x.size // 2:
        return x
    quantum = float(np.median(np.diff(values)))
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, x.size) * np.sign(x[np.argmax(np.abs(x) > 1e-9)])
    y = x + quantum * noise
    return np.asarray((y - y.mean()) / y.std())


def _spread(first: int, last: int, most: int) -> IntArray:
    """At most `most` integers from first to last, evenly spread."""
    return np.unique(np.linspace(first, last, min(most, last - first + 1)).astype(np.int64))


@dataclass(frozen=True, slots=True)
class Refinement:
    """What finer knowledge of the past is worth, which for noise is nothing.

    `convergence` is ln(E_half / E_full): how much a library of twice the length lowers the neighbours' error (Sugihara
    et al. 2012). `locality` is ln(E_many / E_few): how much the error rises when three times as many neighbours are
    averaged (the deterministic-versus-stochastic plot of Casdagli 1992). E is the geometric mean of the absolute
    errors; in `square_convergence` and `square_locality` the root of their mean square, which the few worst rule: what
    comes by chance stays as bad with any library. `shape` is the logarithm of the mean square error over its geometric
    mean: noise errs about as much everywhere, a clean attractor where it is thinly visited.
    All one and two steps ahead, in the best embedding that `compare_forecasts` found.
    """

    convergence: float
    locality: float
    shape: float
    square_convergence: float
    square_locality: float


def determinism(x: FloatArray, forecasts: Forecasts) -> tuple[float, float, float]:
    """(convergence, locality, shape) of `refinement`."""
    found = refinement(x, forecasts)
    return found.convergence, found.locality, found.shape


def refinement(x: FloatArray, forecasts: Forecasts) -> Refinement:
    """Errors on the same targets from half and from the whole of `x`, and from few and from many neighbours."""
    half = x.size // 2
    m, delay = forecasts.dimension, forecasts.delay
    horizons = np.array([1, 2])
    queries = _spread((m - 1) * delay, half - 3, _QUERIES // 2)
    theiler = min(forecasts.correlation_time, x.size // 16)
    floors = _TINY + _FLOOR * forecasts.nonlinear[:2]

    def errors(y: FloatArray, at: IntArray) -> FloatArray:
        found: FloatArray = kernels.neighbour_errors_kernel(
            y, m, m, delay, horizons, at, theiler, _RIDGE, _MANY, floors
        )
        found[..., 0] = np.log(found[..., 0] + _TINY)
        return found[
            :, m - 1
        ]  # (levels, horizons, 2): logarithms of mean square and of squared geometric mean

    full = errors(x, np.concatenate([queries, queries + x.size - half]))
    few = full[:2].min(axis=0)
    parts = errors(x[:half], queries)[:2].min(axis=0), errors(x[-half:], queries)[:2].min(axis=0)
    convergence = (0.5 * (0.5 * (parts[0] + parts[1]) - few)).mean(axis=0)
    locality = (0.5 * (full[2] - few)).mean(axis=0)
    shape = float((few[:, 0] - few[:, 1]).mean())
    return Refinement(
        float(convergence[1]), float(locality[1]), shape, float(convergence[0]), float(locality[0])
    )
