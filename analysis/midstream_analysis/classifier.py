"""What a series does: fixed point, periodic, quasi-periodic, chaotic or stochastic, told by what forecasts it.

The order of the questions: does it settle or grow; does one period, or a sum of sinusoids, forecast the last quarter
from the first three; does a nearest-neighbour predictor beat every linear one. The sign of an exponent decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from midstream_analysis.checks import FloatArray, as_series, positive
from midstream_analysis.periodicity import best_fold, find_tones, one_base, repetition_lag
from midstream_analysis.prediction import Forecasts, compare_forecasts, determinism
from midstream_analysis.report import Attractor, Classification, LyapunovFit
from midstream_analysis.stability import drifting_rhythm, settling_ratio, trend_share, trendless

SHORTEST = 64
LONGEST = 4096


def classify(x: Any, dt: float = 1.0) -> Classification:
    """Classify the dynamics of `x` (n real samples, `dt` units of time apart).

    Fewer than 64 samples give UNKNOWN; of more than 4096 the last 4096 are looked at.

    Raises:
        ValueError: `x` is not a finite one-dimensional series of real numbers, or `dt` is not above zero.
    """
    series = as_series(x)
    dt = positive(dt, "dt")
    n = series.size
    if n < SHORTEST:
        return Classification(
            Attractor.UNKNOWN,
            0.0,
            None,
            False,
            None,
            None,
            n,
            dt,
            f"{n} samples: at least {SHORTEST} are needed",
        )
    series = series[-LONGEST:]
    y = _standard(series)
    if y is None:
        return Classification(
            Attractor.FIXED_POINT, 0.99, True, False, None, None, n, dt, "the value does not change"
        )
    label, confidence, stable, period, reason = _judge(y)
    if n < 256:
        reason += f" ({n} samples: a provisional verdict)"
    fit = _exponent(series, dt) if label is Attractor.CHAOTIC else None
    chaotic = label is Attractor.CHAOTIC
    return Classification(
        label, confidence, stable, chaotic, period * dt if period else None, fit, n, dt, reason
    )


def _standard(x: FloatArray) -> FloatArray | None:
    """Zero mean and unit variance, safe for huge and tiny values; None when the spread is within rounding."""
    largest = float(np.abs(x).max())
    if largest == 0.0:
        return None
    y = x / largest
    y = y - y.mean()
    if float(np.ptp(y)) < 64 * np.finfo(float).eps:
        return None
    y /= np.abs(y).max()
    return np.ascontiguousarray(y / y.std())


def _exponent(x: FloatArray, dt: float) -> LyapunovFit | None:
    """The largest exponent, for the report only: it never decides the label."""
    try:
        from midstream_analysis.exponents import lyapunov
    except ImportError:
        return None
    fit: LyapunovFit | None = lyapunov(x, dt)
    return fit


_Verdict = tuple[Attractor, float, bool | None, float | None, str]


def _judge(x: FloatArray) -> _Verdict:
    settled, growth = settling_ratio(x), settling_ratio(x[::-1])
    if settled < 0.15:
        return (
            Attractor.FIXED_POINT,
            0.9,
            True,
            None,
            f"settles: the spread falls to {settled:.1%} of the start's",
        )
    line, same_sign = trend_share(x)
    if growth < 0.15 or (line > 0.8 and _is_trend(x, same_sign)) or same_sign == 1.0:
        return Attractor.UNKNOWN, 0.8, False, None, "grows or drifts throughout: no attractor to speak of"
    lag, difference, _ = repetition_lag(x)
    if lag and difference < 1e-6:
        return Attractor.PERIODIC, 0.95, True, float(lag), f"repeats every {lag} samples"
    forecasts = compare_forecasts(x)
    stable = trendless(x, forecasts.correlation_time)
    rhythm = _rhythm(x, forecasts, lag)
    if rhythm is not None:
        return rhythm
    verdict = _gain(x, forecasts, stable)
    if verdict[0] is not Attractor.UNKNOWN and drifting_rhythm(x):
        return _verdict(
            Attractor.UNKNOWN,
            0.0,
            x.size,
            stable,
            None,
            "the rhythm itself speeds up or slows down throughout",
        )
    return verdict


def _is_trend(x: FloatArray, same_sign: float) -> bool:
    t = np.linspace(-1.0, 1.0, x.size)
    rest = x - t * float(t @ x) / float(t @ t)
    return same_sign > 0.9 or float(np.diff(rest).std()) > 0.5 * float(rest.std())


def _rhythm(x: FloatArray, forecasts: Forecasts, lag: int) -> _Verdict | None:
    """Periodic or quasi-periodic when the last quarter is forecast about as well as the best one-step predictor does:
    only a rhythm is as predictable far ahead as near."""
    train = x.size - x.size // 4
    tones = find_tones(x, train)
    seeds = [float(lag)] if lag else []
    if tones.omega.size:
        strongest = 2 * np.pi / tones.omega[np.argmax(tones.amplitude)]
        seeds += [float(strongest) * k for k in (1, 2, 3, 4)]
    fold = best_fold(x, train, seeds)
    near = forecasts.nonlinear[0]
    rival = float(min(near, forecasts.linear[0]))
    flat = float(forecasts.nonlinear[-1]) < 2.0 * near
    limit = max((1.35 if flat else 0.6) * rival, 5e-4)
    plain = min(1.0, float(x[train:].var()))
    if (
        fold.trimmed < min(limit, 0.6 * plain)
        and fold.error < 0.6 * plain
        and fold.dispersion < 0.6
        and fold.trimmed < 1.5 * tones.forecast_error + 1e-3
    ):
        margin = float(np.log(min(limit, 0.6 * plain) / max(fold.trimmed, 1e-12)))
        reason = f"one period forecasts it: error {fold.error:.2g} of the variance"
        return _verdict(Attractor.PERIODIC, margin, x.size, True, fold.period, reason)
    bound = min(limit, 0.6 * plain)
    if tones.omega.size and tones.forecast_error < bound:
        margin = float(np.log(bound / max(tones.forecast_error, 1e-12)))
        base, tied = one_base(x, train, tones)
        if tied < 1.3 * tones.forecast_error + 1e-6:
            return _verdict(
                Attractor.PERIODIC,
                margin,
                x.size,
                True,
                base,
                f"harmonics of one frequency, {base:.4g} samples a period",
            )
        return _verdict(
            Attractor.QUASI_PERIODIC,
            margin,
            x.size,
            True,
            None,
            f"{tones.omega.size} incommensurate tones forecast it",
        )
    return None


def _verdict(
    label: Attractor, margin: float, n: int, stable: bool | None, period: float | None, reason: str
) -> _Verdict:
    return label, 0.9, stable, period, reason


_BAR = 0.07


def _gain(x: FloatArray, forecasts: Forecasts, stable: bool | None) -> _Verdict:
    n = x.size
    te = forecasts.correlation_time
    gain = float(forecasts.gain.max())
    if gain > _BAR:
        c, l = determinism(x, forecasts)
        growth = 0.5 * np.log(forecasts.nonlinear[1] / (forecasts.nonlinear[0] + 1e-20) + 1e-9)
        z = (
            W[0]
            + W[1] * np.clip(gain, -0.2, 2)
            + W[2] * np.clip(c, -0.1, 0.4)
            + W[3] * np.clip(l, -0.1, 0.4)
            + W[4] * np.clip(growth, 0, 1)
        )
        if z > 0:
            reason = f"neighbours forecast {np.exp(gain):.1f} times better than any linear model"
            return _verdict(Attractor.CHAOTIC, z, n, stable if stable is not None else True, None, reason)
        return _verdict(
            Attractor.STOCHASTIC,
            -z,
            n,
            stable,
            None,
            "the nonlinear gain does not grow with knowledge of the past",
        )
    if forecasts.roughness < 0.4 and n / max(te, 1) < 40:
        return _verdict(
            Attractor.UNKNOWN,
            0.0,
            n,
            stable,
            None,
            f"smooth and only {n / max(te, 1):.0f} correlation times long",
        )
    return _verdict(
        Attractor.STOCHASTIC, _BAR - gain, n, stable, None, "no model forecasts it better than a linear one"
    )


W = (-3.06, 2.65, 10.9, 7.98, 2.37)
