"""Is the series bounded: settling, growing, or without trend in level and spread. A question apart from chaos."""

from __future__ import annotations

import numpy as np

from midstream_analysis.checks import FloatArray

_SEGMENTS = 8


def _envelope(x: FloatArray) -> FloatArray:
    """Mean absolute deviation from the final level in equal segments: (8,). The largest 2 % of each are left out."""
    size = x.size // _SEGMENTS
    tail = x[-size:]
    away = np.sort(np.abs(x[-size * _SEGMENTS :] - np.median(tail)).reshape(_SEGMENTS, size), axis=1)
    mean: FloatArray = away[:, : max(1, size - max(1, size // 50))].mean(axis=1)
    return mean


def settling_ratio(x: FloatArray) -> float:
    """Last third's spread about the final level over the first's when the envelope falls throughout, else 1."""
    e = _envelope(x)
    if e[0] <= 0.0:
        return 1.0
    floor = float(np.median(e[-3:]))
    falls = (
        e[1] < 0.85 * e[0]
        and e[2] <= 0.85 * e[1] + floor
        and bool((e[1:] <= 1.25 * e[:-1] + 0.5 * floor + 0.02 * e[0]).all())
    )
    head = x[: x.size // 4] - x[-x.size // 8 :].mean()
    steps = np.diff(head)
    smooth = float(steps @ steps) / max(2.0 * float(head @ head), 1e-300)
    if not falls or 0.75 < smooth < 1.3:  # values that do not follow from each other do not settle
        return 1.0
    return float(e[-3:].max() / e[0])


def drifting_rhythm(x: FloatArray) -> bool:
    """The mean frequency (from the lag-one autocorrelation) moves one way through six segments, by half or more."""
    size = x.size // 6
    parts = x[: 6 * size].reshape(6, size)
    parts = parts - parts.mean(axis=1, keepdims=True)
    power = (parts * parts).sum(axis=1)
    if (power <= 0).any():
        return False
    r = (parts[:, 1:] * parts[:, :-1]).sum(axis=1) / power
    f = np.log(np.arccos(np.clip(r, -1.0, 1.0)) + 1e-9)
    steps = np.diff(f)
    return bool(abs(f[-1] - f[0]) > 0.5 and (steps > 0).all() | (steps < 0).all())


def _line(x: FloatArray) -> tuple[FloatArray, float]:
    """What is left of `x` without its straight line, and the line's share of the variance."""
    t = np.linspace(-1.0, 1.0, x.size)
    y = x - x.mean()
    rest = y - (float(t @ y) / float(t @ t)) * t
    return rest, 1.0 - float(rest @ rest) / max(float(y @ y), 1e-300)


def trending(x: FloatArray) -> bool:
    """A straight line carries most of `x`, or `x` never turns: a ramp, not a random walk (whose rest wanders too)."""
    steps = np.diff(x)
    moves = steps[steps != 0]
    if 2 * moves.size < steps.size:
        return False
    one_way = max(float((moves > 0).mean()), float((moves < 0).mean()))
    rest, share = _line(x)
    wanders = float(np.diff(rest).std()) < 0.5 * float(rest.std())
    return one_way == 1.0 or (share > 0.8 and (one_way > 0.9 or not wanders))


def detrended(x: FloatArray) -> tuple[FloatArray, bool]:
    """`x` without a line that is clearly there (t > 5, a tenth of the variance), and whether it was."""
    rest, share = _line(x)
    if share < 0.1:
        return x, False
    from midstream_analysis.prediction import decorrelation

    effective = x.size / (2.0 * max(decorrelation(rest), 1))
    if effective < 8 or trend_t(x, effective) < 5.0:
        return x, False
    return rest / rest.std(), True


def trend_t(y: FloatArray, effective: float) -> float:
    """|t| of the slope of `y` for `effective` independent samples."""
    if effective < 4:
        return 0.0
    t = np.linspace(-1.0, 1.0, y.size)
    c = y - y.mean()
    total = float(c @ c)
    if total <= 0.0:
        return 0.0
    r = float(t @ c) / np.sqrt(float(t @ t) * total)
    return float(abs(r) * np.sqrt((effective - 2) / max(1.0 - r * r, 1e-12)))


def trendless(x: FloatArray, correlation_time: int) -> bool | None:
    """Neither the level nor the spread trends: t-tests at the effective sample size n / (2 te); None under eight."""
    effective = x.size / max(2.0 * correlation_time, 1.0)
    if effective < 8:
        return None
    spread = np.abs(x - np.median(x))
    return trend_t(x, effective) < 3.5 and trend_t(spread, effective) < 3.5
