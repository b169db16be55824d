"""Rhythm that forecasts: exact repetition, folding at one period, and sums of sinusoids, each learnt on the first three
quarters of a series and judged on the last."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from midstream_analysis.checks import FloatArray
from midstream_analysis.kernels import sinusoids as kernels

_HELD = 0.25  # share of the series that is forecast
_MOST_TONES = 12
_NEIGHBOURS = np.array([1, 4, 8, 16])


@dataclass(frozen=True, slots=True)
class Tones:
    """Sinusoids found in a series of unit variance: angular frequencies per sample, amplitudes, and two errors."""

    omega: FloatArray
    amplitude: FloatArray
    fit_error: float
    forecast_error: float


def repetition_lag(x: FloatArray) -> tuple[int, float]:
    """The lag up to n/3, past the first decorrelation, where `x` repeats best: (lag or 0, difference).

    The difference is 0 for an exact repeat and about 1 for unrelated values.
    """
    d = kernels.lag_difference_kernel(x, x.size // 3)
    apart = np.flatnonzero(d[1:] > 0.3)
    if apart.size == 0:
        return 0, 1.0
    start = int(apart[0]) + 1
    best = float(d[start:].min())
    # the first lag that is about as good as the best: a period, not one of its multiples
    lag = start + int(np.flatnonzero(d[start:] <= best * 1.5 + 1e-9)[0])
    return lag, float(d[lag])


def find_tones(x: FloatArray, train: int) -> Tones:
    """Pursue sinusoids in x[:train] until the next one no longer pays, and forecast x[train:].

    A tone is the peak of the Hann-windowed periodogram of the residual (zero-padded four times), then all tones are
    refined together by Gauss-Newton.
    """
    y = x[:train]
    size = 1 << int(np.ceil(np.log2(4 * train)))
    window = np.hanning(train + 2)[1:-1]
    omega = np.empty(0)
    amplitude = np.empty(0)
    residual = y - y.mean()
    total = float(residual @ residual)
    error = total
    forecast = np.full(x.size - train, y.mean())
    t = np.arange(train, x.size) - 0.5 * (train - 1)
    while omega.size < _MOST_TONES and error > 1e-9 * total:
        power = np.abs(np.fft.rfft(residual * window, size))
        power[: int(0.75 * size / train)] = 0.0  # slower than the window is trend, not rhythm
        new = 2 * np.pi * float(np.argmax(power)) / size
        near = np.abs(omega - new) < np.pi / train
        if near.any():
            break
        w, a, b, level, r = kernels.refine_kernel(y, np.append(omega, new), 1)
        left = float(r @ r)
        if not np.isfinite(left) or left > error * (1.0 - 10.0 * np.log(train) / train):
            break
        omega, residual, error = w, r, left
        held = np.cos(np.outer(t, w)) * a + np.sin(np.outer(t, w)) * b
        # near half the sampling rate a and b may be huge and cancel: what a tone does to the values is its amplitude
        amplitude = np.minimum(np.hypot(a, b), 2.0 * np.sqrt((held * held).mean(axis=0)))
        forecast = level + held.sum(axis=1)
    miss = x[train:] - forecast
    return Tones(omega, amplitude, error / train, float(miss @ miss) / miss.size)


@dataclass(frozen=True, slots=True)
class Fold:
    """Folding at one period (samples): trimmed and plain forecast error, and the dispersion left in the training part,
    each over the variance; and the trimmed error of the same forecast within the training part."""

    period: float
    trimmed: float
    error: float
    dispersion: float
    inner: float = np.inf


def best_fold(x: FloatArray, train: int, seeds: list[float]) -> Fold:
    """The period near one of `seeds` (samples) whose folding forecasts x[train:] best, and not a multiple of it.

    Each seed is refined on the training part alone, by phase dispersion on a grid as fine as the phase drift allows.
    """
    folds = [_fold(x, train, seed) for seed in seeds if 2.0 <= seed <= train / 2.5]
    if not folds:
        return Fold(0.0, np.inf, np.inf, 1.0)
    best = min(folds, key=lambda fold: fold.trimmed)
    if best.trimmed < 0.6:
        shorter = sorted((fold for fold in folds if fold.period < 0.9 * best.period), key=lambda f: f.period)
        whole = max(2.0 * best.dispersion, 0.1)
        parts = (
            _fold(x, train, best.period / parts, whole)
            for parts in range(min(12, int(best.period / 2)), 1, -1)
        )
        for part in (*shorter, *parts):
            # sampled near a rational part of its period a wave folds there too, but in a scatter of pieces
            if (
                part.dispersion < whole
                and part.trimmed < 1.2 * best.trimmed + 3e-4
                and part.error < 1.5 * best.error + 1e-3
            ):
                best = part
                break
    inner = kernels.fold_forecast_kernel(x[:train], train - train // 3, best.period, _NEIGHBOURS)
    return replace(best, inner=float(inner[:, 0].min()))


def shortest_period(word: FloatArray) -> float:
    """The period of a wave that repeats exactly as `word` does: len(word), or a part of it.

    A smooth wave whose period is no whole number repeats exactly after several. Put in order of phase at its own
    period it goes up and down once where the word does so `parts` times; at a rational alias it is scrambled.
    """
    n = word.size
    turns = float(np.abs(np.diff(word, append=word[:1])).sum())
    for parts in range(n // 3, 1, -1):
        wave = word[np.argsort((np.arange(n) * parts) % n, kind="stable")]
        if (
            np.gcd(parts, n) == 1
            and float(np.abs(np.diff(wave, append=wave[:1])).sum()) < 1.2 * turns / parts
        ):
            return n / parts
    return float(n)


def _fold(x: FloatArray, train: int, seed: float, scattered: float = np.inf) -> Fold:
    """The best period near `seed`; its forecasts are left out when the dispersion is `scattered` or more."""
    bins = int(max(4, min(24, train // 10, round(seed) * 2)))
    width = max(0.6 * seed * seed / train, 1e-3 * seed)
    centre, left = seed, 1.0
    for _ in range(3):
        grid = np.maximum(centre + np.linspace(-width, width, 17), 2.0)
        dispersion = kernels.fold_dispersion_kernel(x[:train], grid, bins)
        centre, left = float(grid[np.argmin(dispersion)]), float(dispersion.min())
        width /= 6.0
    if left >= scattered:
        return Fold(centre, np.inf, np.inf, left)
    whole = float(round(centre))
    periods = [centre, whole] if abs(centre - whole) < 0.02 else [centre]
    if abs(centre - whole) * train < 2.0 * seed:
        # phases stay in clusters that drift slowly: bins cannot tell how slowly, a forecast within the training can
        near = centre + np.linspace(-1.0, 1.0, 17) * max(0.2 * seed * seed / train, 1e-4)
        part = x[:train]
        inner = [
            kernels.fold_forecast_kernel(part, train - train // 3, p, _NEIGHBOURS[1:2])[0, 0] for p in near
        ]
        periods.append(float(near[int(np.argmin(inner))]))
    errors = [kernels.fold_forecast_kernel(x, train, period, _NEIGHBOURS) for period in periods]
    which = int(np.argmin([e[:, 0].min() for e in errors]))
    trimmed, error = errors[which][np.argmin(errors[which][:, 0])]
    return Fold(periods[which], float(trimmed), float(error), left)


def one_base(x: FloatArray, train: int, tones: Tones) -> tuple[float, float]:
    """Tie the tones to harmonics of one base, the strongest tone's frequency over 1..6, and forecast x[train:].

    A weak tone that is no harmonic may be the alias of one above half the sampling rate. Returns the best (period in
    samples, mean squared error), or (0, inf): to be held against the free tones' error.
    """
    best = (0.0, np.inf)
    f = tones.omega / (2 * np.pi)
    if f.size == 0:
        return best
    lead = f[np.argmax(tones.amplitude)]
    t = np.arange(train, x.size) - 0.5 * (train - 1)
    for parts in range(1, 7):
        base = float(lead / parts)
        if base * train < 4.0:
            break
        k = np.round(f / base)
        direct = (k >= 1) & (np.abs(f - k * base) < 0.5 / train)
        weight = (tones.amplitude * k)[direct] ** 2
        base = float(weight @ (f / np.maximum(k, 1))[direct] / weight.sum())
        comb = np.arange(1, 25)
        alias = np.abs((comb * base + 0.5) % 1.0 - 0.5)
        weak = tones.amplitude < 0.3 * tones.amplitude.max()
        near = alias[np.argmin(np.abs(f[:, None] - alias[None, :]), axis=1)]
        tied = np.unique(np.where(direct | ~weak, k * base, near))
        _, a, b, level, _ = kernels.refine_kernel(x[:train], 2 * np.pi * tied, 0)
        miss = (
            x[train:]
            - level
            - np.cos(np.outer(t, 2 * np.pi * tied)) @ a
            - np.sin(np.outer(t, 2 * np.pi * tied)) @ b
        )
        error = float(miss @ miss) / miss.size
        if error < 0.7 * best[1]:
            best = (1.0 / base, error)
    return best
