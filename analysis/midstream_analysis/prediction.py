"""Linear against nonlinear forecasting: the gain that tells chaos from noise (Sugihara and May 1990; Casdagli 1992)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midstream_analysis.checks import FloatArray
from midstream_analysis.kernels import prediction as kernels

_ORDER = 16
_DIMENSIONS = 5
_RIDGE = 1e-3
_QUERIES = 400
_FEW = np.array([2, 3])  # neighbours of the local-linear map, times m + 1
_MANY = np.array([3, 9])


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Best mean squared errors at each horizon (samples) of the linear and the nonlinear predictor, for unit variance.

    `gain` is ln(E_linear / E_nonlinear) of root mean squares; `roughness` the one-step error over the spread of the
    increments; `correlation_time` the first lag with autocorrelation under 1/e.
    """

    horizons: tuple[int, ...]
    linear: FloatArray
    nonlinear: FloatArray
    gain: FloatArray
    roughness: float
    correlation_time: int


def decorrelation(x: FloatArray) -> int:
    """First lag with autocorrelation under 1/e (n/2 when there is none)."""
    n = x.size
    spectrum = np.fft.rfft(x - x.mean(), 1 << int(np.ceil(np.log2(2 * n))))
    r = np.fft.irfft(np.abs(spectrum) ** 2)[: n // 2]
    under = np.flatnonzero(r < r[0] / np.e)
    return int(under[0]) if under.size else n // 2


def _delays(n: int, te: int) -> list[int]:
    return [1] if te <= 2 else [1, min(max(2, te // 2), n // 24)]


def compare_forecasts(x: FloatArray) -> Forecasts:
    """Leave-one-out errors of AR(1..16) and of simplex and local-linear neighbours (m = 1..5) on the same targets."""
    n = x.size
    te = decorrelation(x)
    horizons = np.array(sorted({1, 2, max(1, te // 2), te, 2 * te}))
    horizons = horizons[(horizons <= n // 12) | (horizons <= 2)]
    delays = _delays(n, te)
    first = max(_ORDER - 1, (_DIMENSIONS - 1) * max(delays))
    last = n - 1 - int(horizons.max())
    queries = np.unique(np.linspace(first, last, min(_QUERIES, last - first + 1)).astype(np.int64))
    linear = kernels.linear_errors_kernel(x, _ORDER, horizons, queries).min(axis=0)
    errors = [
        kernels.neighbour_errors_kernel(x, _DIMENSIONS, d, horizons, queries, min(te, n // 16), _RIDGE, _FEW)
        for d in delays
    ]
    nonlinear = np.min(errors, axis=(0, 1, 2))
    gain = 0.5 * np.log((linear + 1e-20) / (nonlinear + 1e-20))
    steps = float(np.diff(x).std())
    roughness = float(np.sqrt(min(linear[0], nonlinear[0]))) / max(steps, 1e-300)
    return Forecasts(tuple(int(h) for h in horizons), linear, nonlinear, gain, roughness, te)


def determinism(x: FloatArray, te: int) -> tuple[float, float]:
    """(convergence, locality): what finer knowledge of the past is worth, which for noise is nothing.

    Convergence is ln(E_half / E_full): how much a library of twice the length lowers the neighbours' error (Sugihara
    et al. 2012). Locality is ln(E_many / E_few): how much the error rises when three times as many neighbours are
    averaged (the deterministic-versus-stochastic plot of Casdagli 1992).
    """
    n = x.size
    half = n // 2
    horizons = np.array([1, 2])
    delays = _delays(n, te)
    first = (_DIMENSIONS - 1) * max(delays)
    last = half - 3
    queries = np.unique(np.linspace(first, last, min(_QUERIES // 2, last - first + 1)).astype(np.int64))
    theiler = min(te, n // 16)
    both = np.concatenate([queries, queries + n - half])

    def errors(
        y: FloatArray, at: np.typing.NDArray[np.int64], multiples: np.typing.NDArray[np.int64]
    ) -> FloatArray:
        return np.array(
            [
                kernels.neighbour_errors_kernel(y, _DIMENSIONS, d, horizons, at, theiler, _RIDGE, multiples)
                for d in delays
            ]
        )

    full = errors(x, both, _MANY)
    few = full[:, :2].min(axis=(0, 1, 2))
    many = full[:, 2].min(axis=(0, 1))
    halves = [
        errors(np.ascontiguousarray(part), queries, _MANY[:1]).min(axis=(0, 1, 2))
        for part in (x[:half], x[-half:])
    ]
    convergence = 0.5 * np.log((halves[0] + halves[1] + 1e-20) / (2.0 * few + 1e-20))
    locality = 0.5 * np.log((many + 1e-20) / (few + 1e-20))
    return float(convergence.mean()), float(locality.mean())
