"""What a series does: fixed point, periodic, quasi-periodic, chaotic or stochastic, told by what forecasts it.

The order of the questions: does it settle or grow; does one period, or a sum of sinusoids, forecast the last quarter
from the first three; does a nearest-neighbour predictor beat every linear one, and the more so the more of the past it
knows. The sign of an exponent decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from midstream_analysis import calibration
from midstream_analysis.checks import FloatArray, as_series, positive
from midstream_analysis.circular import circular_gain
from midstream_analysis.periodicity import (
    Fold,
    Tones,
    best_fold,
    find_tones,
    one_base,
    repetition_lag,
    shortest_period,
)
from midstream_analysis.prediction import Forecasts, compare_forecasts, dithered, refinement
from midstream_analysis.report import Attractor, Classification, LyapunovFit
from midstream_analysis.return_map import return_gains
from midstream_analysis.stability import detrended, drifting_rhythm, settling_ratio, trending, trendless

SHORTEST = 64  # samples: under these every method known errs too often to be shown
LONGEST = 4096
_SURE = 256


@dataclass(frozen=True, slots=True)
class Verdict:
    """A label with the test that gave it (`kind`) and how far from that test's threshold it lies (`margin` >= 0)."""

    label: Attractor
    kind: str
    margin: float
    reason: str
    stable: bool | None = None
    period: float | None = None


def classify(x: Any, dt: float = 1.0) -> Classification:
    """Classify the dynamics of `x` (n real samples, `dt` units of time apart); `period` is in units of time.

    Fewer than 64 samples give UNKNOWN. Of more than 4096 the last 4096 are looked at, and `n` says so. The verdict
    does not depend on scale, offset or sign. Chaos is reported with its largest Lyapunov exponent, where one fits.

    Raises:
        ValueError: `x` is not a finite one-dimensional series of real numbers, or `dt` is not above zero.
    """
    series = as_series(x)
    dt = positive(dt, "dt")
    if series.size < SHORTEST:
        reason = f"insufficient data: {series.size} samples, at least {SHORTEST} are needed"
        return Classification(Attractor.UNKNOWN, 0.0, None, False, None, None, series.size, dt, reason)
    series = series[-LONGEST:]
    n = series.size
    verdict = judge(series)
    confidence = calibration.confidence(verdict.kind, verdict.margin, n)
    chaotic = verdict.label is Attractor.CHAOTIC
    reason = verdict.reason if n >= _SURE else f"{verdict.reason} ({n} samples: provisional)"
    period = verdict.period * dt if verdict.period else None
    fit = _exponent(series, dt) if chaotic else None
    return Classification(verdict.label, confidence, verdict.stable, chaotic, period, fit, n, dt, reason)


def judge(series: FloatArray) -> Verdict:
    """The verdict before calibration, of at least 64 finite samples."""
    x = standardised(series)
    if x is None:
        return Verdict(Attractor.FIXED_POINT, "constant", 1.0, "the value does not change", True)
    strays = int((np.abs(x - np.median(x)) > 1e-9).sum())
    if strays <= max(1, x.size // 100):
        reason = f"holds one value but for {strays} of {x.size} samples"
        return Verdict(Attractor.FIXED_POINT, "constant", 1.0, reason, True)
    settled, grown = settling_ratio(x), settling_ratio(x[::-1])
    if settled < 0.15:
        reason = f"settles: the spread falls to {settled:.1%} of the start's"
        return Verdict(
            Attractor.FIXED_POINT, "settles", float(np.log(0.15 / max(settled, 1e-4))), reason, True
        )
    if grown < 0.15 or trending(x):
        return Verdict(
            Attractor.UNKNOWN, "grows", 1.0, "grows or drifts throughout: no attractor to tell", False
        )
    x, drifts = detrended(x)
    lag, difference = repetition_lag(x)
    if lag and difference < 1e-6:
        period = shortest_period(x[:lag])
        return Verdict(
            Attractor.PERIODIC, "repeats", 1.0, f"repeats every {period:.4g} samples", not drifts, period
        )
    forecasts = compare_forecasts(x)
    stable = False if drifts else trendless(x, forecasts.correlation_time)
    verdict = _rhythm(x, forecasts, lag)
    if verdict is None:
        noisy = dithered(x)
        verdict = _gain(noisy, forecasts if noisy is x else compare_forecasts(noisy))
        if verdict.label is Attractor.STOCHASTIC and forecasts.linear[0] > 0.75:
            verdict = _angle(x) or verdict
        if verdict.label is not Attractor.UNKNOWN and drifting_rhythm(x):
            reason = "its rhythm speeds up or slows down throughout"
            verdict = Verdict(Attractor.UNKNOWN, "chirps", 1.0, reason)
    if stable is None and verdict.label not in (Attractor.STOCHASTIC, Attractor.UNKNOWN):
        stable = True  # on an attractor, and too few cycles to see it leave
    return replace(verdict, stable=stable)


def standardised(x: FloatArray) -> FloatArray | None:
    """Zero mean and unit variance, safe for huge and tiny values; None when the spread is within rounding."""
    largest = float(np.abs(x).max())
    if largest == 0.0:
        return None
    y = x / largest
    y = y - y.mean()
    if float(np.ptp(y)) < 64 * np.finfo(float).eps:
        return None
    y /= np.abs(y).max()
    return np.ascontiguousarray((y - y.mean()) / y.std())


def _exponent(x: FloatArray, dt: float) -> LyapunovFit | None:
    """The largest exponent, for the report only: it never decides the label."""
    from midstream_analysis.exponents import lyapunov

    fit: LyapunovFit | None = lyapunov(x, dt)
    return fit


def _rhythm(x: FloatArray, forecasts: Forecasts, lag: int) -> Verdict | None:
    """Periodic or quasi-periodic when the last quarter is forecast about as well as the best one-step predictor does:
    only a rhythm is as predictable far ahead as near."""
    train = x.size - x.size // 4
    tones = find_tones(x, train)
    seeds = [float(lag)] if lag else []
    if tones.omega.size:
        strongest = float(2 * np.pi / tones.omega[np.argmax(tones.amplitude)])
        seeds += [strongest * k for k in (1, 2, 3, 4)]
    fold = best_fold(x, train, seeds)
    rival = float(min(forecasts.nonlinear[0], forecasts.linear[0]))
    far = float(min(forecasts.nonlinear[-1], forecasts.linear[-1]))
    flat = far < 2.0 * rival  # known as well far ahead as one step ahead
    limit = _fold_limit(x, train, fold, rival, far)
    # phases that fall together by chance forecast a stretch, tones without a base all of it
    few = 0 < tones.omega.size < 10 and tones.forecast_error < 1.2 * fold.trimmed + 1e-4
    chance = fold.inner > 1.6 * limit + 2e-3 or (few and fold.dispersion > 4.0 * fold.trimmed + 0.03)
    chance |= few and fold.period > train / 8 and tones.forecast_error < 0.1 * fold.trimmed
    if fold.trimmed < min(limit, 1.5 * tones.forecast_error + 1e-3) and not chance:
        reason = f"one period forecasts it: error {fold.error:.2g} of the variance"
        return Verdict(Attractor.PERIODIC, "folds", _margin(limit, fold.trimmed), reason, period=fold.period)
    limit = min(max((1.5 if flat else 1.0) * rival, 5e-4), 0.6 * min(1.0, float(x[train:].var())))
    if tones.omega.size and tones.forecast_error < limit:
        return _tonal(x, train, tones, _margin(limit, tones.forecast_error))
    if far < 1e-3 and far < 2.05 * rival + 1e-9 and fold.trimmed < 5e-3 and fold.error < 0.3:
        reason = "forecast as well far ahead as near, at one period"
        return Verdict(Attractor.PERIODIC, "far", _margin(5e-3, fold.trimmed), reason, period=fold.period)
    if (
        far < 1e-3
        and far < 3.0 * rival
        and min(0.1 * fold.trimmed, 0.05 * fold.dispersion) > far
        and (tones.forecast_error < 0.05)
    ):  # many tones nearly do, neighbours do, no period does: a torus with sharp folds
        reason = "forecast as well far ahead as near, at no single period"
        return Verdict(Attractor.QUASI_PERIODIC, "far", _margin(1e-3, far), reason)
    far = float(forecasts.linear[-1])
    linear = float(forecasts.gain.max()) < 0.3
    if (
        linear and far < 0.03 and far < 2.05 * rival + 1e-6
    ):  # a linear model knows it as well far ahead as one step ahead
        if fold.period < train / 5 and (fold.trimmed < 0.004 or fold.dispersion < max(2.0 * rival, 0.015)):
            reason = "forecast as well far ahead as near, at one period"
            return Verdict(Attractor.PERIODIC, "far", _margin(0.03, far), reason, period=fold.period)
        reason = "forecast as well far ahead as near, at no single period"
        return Verdict(Attractor.QUASI_PERIODIC, "far", _margin(0.03, far), reason)
    return None


def _fold_limit(x: FloatArray, train: int, fold: Fold, rival: float, far: float) -> float:
    """The largest trimmed error at which folding proves a period; 0 when it does not explain the variance.

    `rival` is the best error one step ahead, `far` the best far ahead.
    """
    explained = 0.6 * min(1.0, float(x[train:].var()))
    if fold.error > explained or fold.dispersion > 0.35:
        return 0.0
    few = fold.period > train / 4
    doubtful = few or (far > 2.0 * rival and fold.trimmed > 0.02)
    floor = 1e-3 if far < 0.01 and not few else 5e-4  # what steep waves lose between the samples
    # spikes carry the variance of some series: what is left without them has to be explained too
    body = np.sort((x[train:] - np.median(x[train:])) ** 2)[: int(0.94 * (x.size - train))]
    return min(max((0.3 if doubtful else 1.5) * rival, floor), explained, 0.77 * float(body.mean()))


def _tonal(x: FloatArray, train: int, tones: Tones, margin: float) -> Verdict:
    base, tied = one_base(x, train, tones)
    if tied < 1.3 * tones.forecast_error + 1e-6:
        reason = f"harmonics of one frequency, {base:.4g} samples a period"
        return Verdict(Attractor.PERIODIC, "harmonics", margin, reason, period=base)
    reason = f"{tones.omega.size} tones without a common base forecast it"
    return Verdict(Attractor.QUASI_PERIODIC, "tones", margin, reason)


def _margin(limit: float, error: float) -> float:
    return float(np.log(limit / max(error, 1e-6 * limit)))


def _gain(x: FloatArray, forecasts: Forecasts) -> Verdict:
    """Chaotic when neighbours beat every linear model and gain from finer knowledge of the past, else stochastic."""
    gain = float(forecasts.gain.max())
    if gain > calibration.GAIN_BAR:
        score = calibration.gain_score(evidence(x, forecasts))
        if calibration.DOUBT[0] < score < calibration.DOUBT[1]:
            score = calibration.return_score(score, return_gains(x, forecasts.correlation_time), x.size)
        if score > 0:
            reason = f"neighbours forecast {np.exp(gain):.1f} times better than any linear model"
            return Verdict(Attractor.CHAOTIC, "gain", score, reason)
        reason = "nonlinear, but finer knowledge of its past does not forecast it better: driven by noise"
        return Verdict(Attractor.STOCHASTIC, "driven", -score, reason)
    cycles = x.size / max(forecasts.correlation_time, 1)
    if forecasts.roughness < 0.4 and cycles < 40:
        reason = f"insufficient data: smooth and only {cycles:.0f} correlation times long"
        return Verdict(Attractor.UNKNOWN, "short", 1.0, reason)
    reason = "nothing forecasts it better than a linear model does"
    return Verdict(Attractor.STOCHASTIC, "linear", calibration.GAIN_BAR - gain, reason)


def _angle(x: FloatArray) -> Verdict | None:
    """Chaotic when the values are angles that neighbours on the circle forecast, and no rotation does."""
    found = circular_gain(x)
    if found is None:
        return None
    neighbours, linear, z = found
    # six standard errors, of the largest of four: never reached in 1200 series of independent angles
    if z < 6.0 or linear > 0.45 or neighbours < 1.3 * linear + 0.06:
        return None
    reason = "an angle, which neighbours on the circle forecast and no rotation does"
    return Verdict(Attractor.CHAOTIC, "angle", 0.2 * (z - 6.0), reason)


def evidence(x: FloatArray, forecasts: Forecasts) -> FloatArray:
    """Fifteen features, within the bounds of `calibration`, that tell chaos from what noise drives.

    Gain; convergence, locality and shape; the growth of the error from one step to two (an error that is observation
    noise does not grow, one that is the motion's own noise adds up, chaos multiplies it); dimension; ln of the
    neighbours' error, of the roughness, and of the length over 256; then what the worst errors say, which events that
    nothing announces make: convergence and locality of the mean square, its gain at the worse of one and two steps and
    at best; how much worse neighbours are far ahead; and the gain at the worse of one and two steps.
    """
    finer = refinement(x, forecasts)
    tiny = 1e-12
    square = 0.5 * np.log((forecasts.linear + tiny) / (forecasts.nonlinear + tiny))
    near, far = float(forecasts.nonlinear[0]) + tiny, float(forecasts.nonlinear[-1]) + tiny
    features = np.array(
        [
            float(forecasts.gain.max()),
            finer.convergence,
            finer.locality,
            finer.shape,
            forecasts.growth,
            float(forecasts.dimension),
            float(np.log(near)),
            float(np.log(max(forecasts.roughness, tiny))),
            float(np.log(x.size / 256)),
            finer.square_convergence,
            finer.square_locality,
            float(square[:2].min()),
            float(square[:-1].max()),
            float(np.log(far / near)),
            float(forecasts.gain[:2].min()),
        ]
    )
    return np.asarray(np.clip(features, calibration.FEATURE_LOW, calibration.FEATURE_HIGH))
