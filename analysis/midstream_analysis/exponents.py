"""Lyapunov exponents of a series, given only where forecasting shows dynamics and neighbours really diverge.

The exponent is the growth of a tangent vector under linear maps fitted to neighbours (Sano and Sawada 1985, Eckmann
et al. 1986). The slope of Rosenstein's divergence curve (1993) must confirm it: alone it is biased by a third on
short flows, and every estimator finds a positive number in noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from midstream_analysis.checks import FloatArray, as_series, positive
from midstream_analysis.embedding import _autocorrelation, _decay, bounded, standardise, whole
from midstream_analysis.report import LyapunovFit

Kind = Literal["auto", "map", "flow"]

MEAN_PERIOD = 5.2
"""Mean period of a chaotic flow in autocorrelation times (of Lorenz, Rossler and Mackey-Glass: 5.1 to 5.3)."""
RIDGE = 1e-3
"""Relative ridge of the fitted maps: above the attractor's curvature, below its extent."""
BLOCKS = 16


@dataclass(frozen=True, slots=True)
class LyapunovVerdict:
    """A fit, or None and the `reason` in one line; `gain` is ln(linear error / nonlinear error) of the forecasts."""

    fit: LyapunovFit | None
    reason: str
    gain: float | None = None


@dataclass(frozen=True, slots=True)
class LyapunovSpectrum:
    """Exponents per unit of time, largest first, of a delay embedding (secondary: only the first is dependable)."""

    exponents: tuple[float, ...]
    dimension: int
    delay: int
    neighbours: int
    n: int
    dt: float


@dataclass(frozen=True, slots=True)
class _Setting:
    """Embedding and neighbourhood for one kind of series; times in samples, `period` the smoothing of the curve."""

    flow: bool
    dimension: int
    delay: int
    theiler: int
    neighbours: int
    period: int
    horizons: tuple[int, ...]


def lyapunov(x: Any, dt: float = 1.0, kind: Kind = "auto") -> LyapunovFit | None:
    """Largest Lyapunov exponent per unit of time, or None for "insufficient data": `lyapunov_verdict` says why.

    `x`: n real numbers, `dt` units of time apart; `kind`: "map" (successive samples are iterations), "flow" (a sampled
    smooth signal) or "auto" (by the autocorrelation time). None for noise, constant, periodic and quasi-periodic
    series and wherever the neighbours' divergence is not a line of about the same slope (a third to three times).
    A nonlinear oscillator driven by strong noise can still pass for chaos: `classify` is the judge of that.
    Needs 100 iterations of a map, or 40 autocorrelation times of a flow. About 25 ms at n = 5000; noise, the slowest,
    5 s at the limit of 50 000 samples. Raises ValueError for bad input and above that limit.
    """
    return lyapunov_verdict(x, dt, kind).fit


def lyapunov_verdict(x: Any, dt: float = 1.0, kind: Kind = "auto") -> LyapunovVerdict:
    """`lyapunov` with the reason for the answer. Same arguments and errors."""
    series = bounded(as_series(x))
    dt = positive(dt, "dt")
    if kind not in ("auto", "map", "flow"):
        raise ValueError(f"kind must be 'auto', 'map' or 'flow', not {kind!r}")
    z = standardise(series)
    if z is None:
        return LyapunovVerdict(None, "constant: nothing diverges")
    if z.size < 16:
        return LyapunovVerdict(None, f"insufficient data: {z.size} samples, at least 100 are needed")
    decay, period = _decay(z), _period(z)
    if period is not None and 0.5 * float(np.mean((z[period[1] :] - z[: -period[1]]) ** 2)) < 1e-3:
        return LyapunovVerdict(None, f"periodic: the series repeats after {period[1]} samples")
    setting = _setting(kind == "flow" or (kind == "auto" and decay >= 2.0), decay, period[0] if period else 0)
    least = 40.0 * decay if setting.flow else 100.0
    reach = (
        setting.dimension * setting.delay
        + max(setting.horizons)
        + 2 * setting.theiler
        + 4 * setting.neighbours
    )
    if z.size < max(least, 100.0, reach):
        need = math.ceil(max(least, 100.0, reach))
        return LyapunovVerdict(None, f"insufficient data: {z.size} samples, about {need} are needed")
    return _verdict(z, dt, setting)


def _setting(flow: bool, decay: float, period: int) -> _Setting:
    if not flow:
        return _Setting(False, 3, 1, 4, 10, 1, (1, 2, 3))
    tau = max(1, round(decay / 2.0))
    mean = max(2, round(MEAN_PERIOD * decay))
    if period > 1.5 * mean:  # pulses with rest between them: only a window of a whole period tells the phase
        tau, mean = math.ceil(period / 5.0), period
    return _Setting(True, 6, tau, mean, 15, mean, (tau, 2 * tau, 4 * tau))


def _period(z: FloatArray) -> tuple[int, int] | None:
    """Lags up to n / 3 of the first strong (over 0.5) return of the autocorrelation, and of the strongest, or None."""
    reach = z.size // 3
    r = _autocorrelation(z)[: reach + 1] * (z.size / (z.size - np.arange(reach + 1)))
    gone = int(np.argmax(r < 1.0 / math.e))
    if gone == 0:
        return None
    strongest = gone + int(np.argmax(r[gone:]))
    if r[strongest] < 0.5:
        return None
    peak = (r[1:-1] >= r[:-2]) & (r[1:-1] >= r[2:]) & (r[1:-1] >= 0.6 * r[strongest])
    peak[: gone - 1] = False
    return (1 + int(np.argmax(peak)) if peak.any() else strongest), strongest


def _verdict(z: FloatArray, dt: float, s: _Setting) -> LyapunovVerdict:
    from midstream_analysis.kernels.neighbours import neighbours_kernel
    from midstream_analysis.kernels.tangent import growth_kernel, jacobian_kernel

    count = z.size - (s.dimension - 1) * s.delay - max(s.horizons)
    order = np.argsort(z, kind="stable")
    index, square = neighbours_kernel(z, order, s.dimension, s.delay, s.theiler, count, s.neighbours)
    if np.median(square[:, -1]) < 1e-18:
        return LyapunovVerdict(None, "periodic: neighbouring trajectories coincide")
    gain = _gain(z, index, s)
    least = max(0.35 if s.flow else 0.2, 4.0 / math.sqrt(z.size))
    if gain < least:
        reason = f"a linear model forecasts as well (gain {gain:.2f}, needed {least:.2f}): no sign of chaos"
        return LyapunovVerdict(None, reason, gain)
    growth = growth_kernel(jacobian_kernel(z, index, s.dimension, s.delay, RIDGE), s.delay, 1)[:, 0] / s.delay
    if growth.size > 40 * s.delay:
        growth = growth[10 * s.delay :]  # the vector first aligns itself
    growth = growth[np.isfinite(growth)]
    if growth.size < BLOCKS:
        return LyapunovVerdict(None, "insufficient data: too few distinct neighbours", gain)
    rate = float(growth.mean())
    means = [part.mean() for part in np.array_split(growth, BLOCKS)]
    stderr = float(np.std(means, ddof=1) / math.sqrt(BLOCKS))
    line = _line(z, np.ascontiguousarray(index[:, 0]), rate, s)
    if line is None:
        return LyapunovVerdict(
            None, "insufficient data: neighbours start too far apart to watch them diverge", gain
        )
    slope, r_squared, window = line
    if rate > 2.0 * stderr:
        if not 1.0 / 3.0 < slope / rate < 3.0:
            reason = f"neighbours diverge at {slope / dt:.3g}, the fitted maps say {rate / dt:.3g}: no exponent holds"
            return LyapunovVerdict(None, reason, gain)
        if r_squared < 0.8:
            return LyapunovVerdict(None, f"the divergence is not a line (r2 {r_squared:.2f})", gain)
    fit = LyapunovFit(
        exponent=rate / dt, r_squared=r_squared, window=(window[0] * dt, window[1] * dt), dimension=s.dimension,
        delay=s.delay, theiler=s.theiler, stderr=stderr / dt, n=z.size, dt=dt,
    )  # fmt: skip
    return LyapunovVerdict(fit, f"neighbours diverge along a line (r2 {r_squared:.3f})", gain)


def _gain(z: FloatArray, index: np.ndarray[Any, np.dtype[np.int64]], s: _Setting) -> float:
    """Largest ln(E_linear / E_nonlinear) over the horizons: regression on the past against the neighbours' futures.

    The linear model sees the last 16 samples and the delay vector, in sample; the other the four nearest, left out.
    """
    from midstream_analysis.kernels.regression import residual_kernel

    span = (s.dimension - 1) * s.delay
    skip = max(0, 15 - span)
    near = index[skip:, :4] + span
    first = span + skip
    lags = np.array(sorted({*range(16), *(d * s.delay for d in range(s.dimension))}))
    linear = residual_kernel(z, first, near.shape[0], lags, np.array(s.horizons))
    valid = near.min(axis=1) >= span
    best = -math.inf
    for h, residual in zip(s.horizons, linear, strict=True):
        target = z[first + h : first + h + near.shape[0]]
        missed = (target - 0.25 * sum(z[near[:, q] + h] for q in range(4)))[valid]
        if missed.size:
            errors = float(np.mean(residual[valid] ** 2)), float(np.mean(missed**2))
            best = max(best, 0.5 * math.log((errors[0] + 1e-24) / (errors[1] + 1e-24)))
    return best


def _line(
    z: FloatArray, nearest: np.ndarray[Any, np.dtype[np.int64]], rate: float, s: _Setting
) -> tuple[float, float, tuple[int, int]] | None:
    """Slope per sample, r^2 and window (samples) of the straight part of the divergence curve; None: there is none.

    The part lies between 10 and 50 % of the way from the nearest to the mean distance of unrelated vectors.
    """
    reach = z.size - (s.dimension - 1) * s.delay
    wanted = 8 if not s.flow else 2 * s.period
    if rate > 0.0:
        wanted += math.ceil(6.0 / rate)
    horizon = max(4, min(wanted, reach // 3, 24 * s.period if s.flow else 60))
    curve = _curve(z, nearest, s.dimension, s.delay, horizon)
    smooth = min(s.period, horizon // 3)
    sums = np.cumsum(np.concatenate(([0.0], curve)))
    smoothed = (sums[smooth:] - sums[:-smooth]) / smooth
    apart = np.arange(reach // 2)  # pairs half the series apart in time are unrelated
    squares = sum(
        (z[apart + d * s.delay] - z[apart + reach // 2 + d * s.delay]) ** 2 for d in range(s.dimension)
    )
    plateau = 0.5 * float(np.log(np.maximum(squares, 1e-36)).mean())
    rise = plateau - smoothed[0]
    if not np.isfinite(smoothed).all() or rise < 0.7:
        return None
    above = smoothed >= smoothed[0] + 0.1 * rise
    start = int(np.argmax(above)) if above.any() else 0
    over = smoothed >= smoothed[0] + 0.5 * rise
    end = int(np.argmax(over)) + 1 if over.any() else smoothed.size
    start, end = (start, end) if end - start >= 4 else (max(0, end - 4), max(end, min(4, smoothed.size)))
    k = np.arange(start, end)
    if k.size < 3:
        return None
    part = smoothed[start:end]
    slope = float(np.polyfit(k - start, part, 1)[0])
    spread = float(((part - part.mean()) ** 2).sum())
    explained = slope**2 * float(((k - k.mean()) ** 2).sum())
    return slope, explained / spread if spread > 0.0 else 0.0, (start, end - 1 + smooth)


def _curve(
    z: FloatArray, nearest: np.ndarray[Any, np.dtype[np.int64]], dimension: int, delay: int, horizon: int
) -> FloatArray:
    from midstream_analysis.kernels.divergence import divergence_kernel

    count = z.size - (dimension - 1) * delay - horizon + 1
    origin = np.where(nearest[:count] < count, nearest[:count], -1)
    total, pairs = divergence_kernel(z, origin, dimension, delay, horizon)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(total / pairs)


def divergence_curve(x: Any, dimension: int, delay: int, theiler: int, horizon: int) -> FloatArray:
    """Mean log distance (horizon,) of nearest neighbours after 0..horizon-1 samples (Rosenstein et al. 1993).

    Euclidean, in the units of `x`; pairs are more than `theiler` samples apart and can both be followed to the end;
    coinciding pairs are left out, NaN where no other is left. Raises ValueError for bad or constant input, or when
    fewer than two vectors can be followed.
    """
    series = bounded(as_series(x))
    m, tau = whole(dimension, "dimension"), whole(delay, "delay")
    window, steps = whole(theiler, "theiler", 0), whole(horizon, "horizon", 2)
    z = standardise(series)
    if z is None:
        raise ValueError("x is constant: it has no neighbours to follow")
    count = z.size - (m - 1) * tau - steps + 1
    if count < window + 2:
        raise ValueError(f"x has {z.size} samples: at least {z.size - count + window + 2} are needed")
    from midstream_analysis.kernels.neighbours import neighbours_kernel

    index, _ = neighbours_kernel(z, np.argsort(z, kind="stable"), m, tau, window, count, 1)
    unit = (series[series.argmax()] / 2 - series[series.argmin()] / 2) / (z.max() / 2 - z.min() / 2)
    return _curve(z, np.ascontiguousarray(index[:, 0]), m, tau, steps) + math.log(unit)


def lyapunov_spectrum(
    x: Any, dt: float = 1.0, dimension: int = 3, delay: int | None = None, neighbours: int | None = None
) -> LyapunovSpectrum | None:
    """All `dimension` exponents of the delay embedding per unit of time (Eckmann et al. 1986); None if constant.

    Secondary: below the first, values depend on the dimension and on noise, and those of directions outside the
    attractor are spurious. `delay` in samples (default: half the autocorrelation time, or 1); `neighbours` of each
    fit (default: 2 * dimension + 4). No test for dynamics is made: ask `lyapunov` or `classify` first.
    Raises ValueError for bad input, when n is too small and above 50 000 samples.
    """
    series = bounded(as_series(x, minimum=50))
    dt = positive(dt, "dt")
    m = whole(dimension, "dimension")
    z = standardise(series)
    if z is None:
        return None
    decay = _decay(z)
    tau = max(1, round(decay / 2.0)) if delay is None else whole(delay, "delay")
    k = 2 * m + 4 if neighbours is None else whole(neighbours, "neighbours")
    theiler = max(4, round(MEAN_PERIOD * decay))
    count = z.size - m * tau
    if count < 2 * theiler + 4 * k or count < 20 * tau:
        raise ValueError(f"x has {z.size} samples: too few for dimension {m}, delay {tau} and {k} neighbours")
    from midstream_analysis.kernels.neighbours import neighbours_kernel
    from midstream_analysis.kernels.tangent import growth_kernel, jacobian_kernel

    index, _ = neighbours_kernel(z, np.argsort(z, kind="stable"), m, tau, theiler, count, k)
    growth = growth_kernel(jacobian_kernel(z, index, m, tau, RIDGE), tau, m)[10 * tau :]
    growth = growth[np.isfinite(growth).all(axis=1)]
    if not growth.size:
        return None
    values = sorted((float(v) / (tau * dt) for v in growth.mean(axis=0)), reverse=True)
    return LyapunovSpectrum(tuple(values), m, tau, k, z.size, dt)
