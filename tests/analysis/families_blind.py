"""Blind families: written before a change of the classifier was measured, looked at once, after it.

`BLIND` maps a name to a `Family`, as `families.FAMILIES` does, and shares no system with it. None of them has ever had
a part in choosing an algorithm, a threshold or a constant. Chaotic parameter sets are accepted by the growth of a
small gap between two trajectories of the equations, over as many samples as the series has.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from midstream_analysis.report import Attractor
from tests.analysis.families import (
    CHAOTIC,
    FIXED,
    PERIODIC,
    QUASI,
    STOCHASTIC,
    UNKNOWN,
    Family,
    Rng,
    Series,
    watched,
)

BLIND: dict[str, Family] = {}


def _blind(label: Attractor, stable: bool | None = True):
    def register(make: Callable[[Rng, int], Series]) -> Callable[[Rng, int], Series]:
        BLIND[make.__name__] = Family(make.__name__, label, make, stable)
        return make

    return register


# --- chaotic maps and flows --------------------------------------------------------------------------------------
@njit
def _iterate(step, s, p, n, skip, flow, h, substeps):
    """States (n, d) of `step(s, p) -> s'` (a map, or the derivative for RK4), and the mean growth of a gap a sample."""
    u = s + 1e-8 / np.sqrt(s.size)
    out = np.empty((n, s.size))
    growth = 0.0
    for i in range(n + skip):
        for _ in range(substeps):
            if flow:
                k1 = step(s, p)
                k2 = step(s + 0.5 * h * k1, p)
                k3 = step(s + 0.5 * h * k2, p)
                s = s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + step(s + h * k3, p))
                k1 = step(u, p)
                k2 = step(u + 0.5 * h * k1, p)
                k3 = step(u + 0.5 * h * k2, p)
                u = u + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + step(u + h * k3, p))
            else:
                s, u = step(s, p), step(u, p)
        gap = np.sqrt(((u - s) ** 2).sum())
        if not gap < 1e6:
            return out, np.nan
        gap = max(gap, 1e-15)
        if i >= skip:
            out[i - skip] = s
            growth += np.log(gap / 1e-8)
        u = s + (u - s) * (1e-8 / gap)
    return out, growth / n


def _chaos(rng: Rng, n: int, step, parameters, start, flow: tuple[float, float] | None = None) -> Series:
    """One coordinate; `flow` gives the longest RK4 step and the mean period, sampled 6 to 22 times."""
    for _ in range(200):
        p = np.array([rng.uniform(low, high) for low, high in parameters])
        s = np.array([rng.uniform(low, high) for low, high in start])
        interval = flow[1] / np.exp(rng.uniform(np.log(6), np.log(22))) if flow else 1.0
        substeps = int(np.ceil(interval / flow[0])) if flow else 1
        x, growth = _iterate(step, s, p, n, 600, flow is not None, interval / substeps, substeps)
        least = 0.12 * interval / flow[1] if flow else 0.1
        if np.isfinite(x).all() and growth > least and np.ptp(x[:, 0]) > 1e-3:
            return watched(rng, x[:, int(rng.integers(0, s.size if flow else 1))], 0.04)
    raise AssertionError("no parameters in the regime")


@_blind(CHAOTIC)
def chebyshev(rng: Rng, n: int) -> Series:
    return _chaos(rng, n, _chebyshev, [(1.5, 3.5)], [(-0.9, 0.9)])


@njit
def _chebyshev(s, p):
    return np.cos(p[0] * np.arccos(np.minimum(np.maximum(s, -1.0), 1.0)))


@_blind(CHAOTIC)
def burgers(rng: Rng, n: int) -> Series:
    return _chaos(rng, n, _burgers, [(0.72, 0.78), (1.72, 1.8)], [(-0.2, -0.05), (0.05, 0.2)])


@njit
def _burgers(s, p):
    return np.array([p[0] * s[0] - s[1] ** 2, p[1] * s[1] + s[0] * s[1]])


@_blind(CHAOTIC)
def kaplan_yorke(rng: Rng, n: int) -> Series:
    """The observable is the contracting coordinate, driven by a beta map."""
    return _chaos(rng, n, _kaplan_yorke, [(0.1, 0.4), (1.7, 3.3)], [(0.1, 0.9), (0.1, 0.9)])


@njit
def _kaplan_yorke(s, p):
    return np.array([p[0] * s[0] + np.cos(4.0 * np.pi * s[1]), (p[1] * s[1]) % 1.0])


@_blind(CHAOTIC)
def nicholson_bailey(rng: Rng, n: int) -> Series:
    """Beddington's host and parasitoid."""
    return _chaos(rng, n, _beddington, [(2.6, 3.0), (0.15, 0.25)], [(0.8, 1.2), (0.4, 0.8)])


@njit
def _beddington(s, p):
    return np.array(
        [s[0] * np.exp(p[0] * (1.0 - s[0]) - p[1] * s[1]), 2.0 * s[0] * (1.0 - np.exp(-p[1] * s[1]))]
    )


@_blind(CHAOTIC)
def shimizu_morioka(rng: Rng, n: int) -> Series:
    return _chaos(rng, n, _shimizu, [(0.73, 0.77), (0.43, 0.47)], [(0.1, 1.0)] * 3, (0.05, 6.0))


@njit
def _shimizu(s, p):
    return np.array([s[1], (1.0 - s[2]) * s[0] - p[0] * s[1], s[0] ** 2 - p[1] * s[2]])


@_blind(CHAOTIC)
def genesio_tesi(rng: Rng, n: int) -> Series:
    return _chaos(rng, n, _genesio, [(0.44, 0.45), (1.1, 1.1)], [(0.05, 0.15)] * 3, (0.05, 6.4))


@njit
def _genesio(s, p):
    return np.array([s[1], s[2], -s[0] - p[1] * s[1] - p[0] * s[2] + s[0] ** 2])


@_blind(CHAOTIC)
def lorenz84(rng: Rng, n: int) -> Series:
    return _chaos(rng, n, _lorenz84, [(7.8, 8.2), (0.99, 1.01)], [(0.5, 1.5)] * 3, (0.02, 1.6))


@njit
def _lorenz84(s, p):
    x, y, z = s
    return np.array(
        [-y * y - z * z - 0.25 * x + 0.25 * p[0], x * y - 4.0 * x * z - y + p[1], 4.0 * x * y + x * z - z]
    )


@_blind(CHAOTIC)
def moore_spiegel(rng: Rng, n: int) -> Series:
    return _chaos(rng, n, _moore, [(6.0, 7.0), (19.0, 21.0)], [(0.1, 0.5)] * 3, (0.01, 1.6))


@njit
def _moore(s, p):
    x, y, z = s
    return np.array([y, z, -z - (p[0] - p[1] + p[1] * x * x) * y - p[0] * x])


# --- regular -----------------------------------------------------------------------------------------------------
def _phase(rng: Rng, n: int, low: float, high: float) -> Series:
    return 2 * np.pi * np.arange(n) / np.exp(rng.uniform(np.log(low), np.log(high))) + rng.uniform(0, 6.28)


@_blind(PERIODIC)
def rectified_or_clipped(rng: Rng, n: int) -> Series:
    wave = np.sin(_phase(rng, n, 7.0, n / 8))
    return watched(
        rng, np.abs(wave) if rng.random() < 0.5 else np.clip(wave, -0.5, rng.uniform(0.2, 0.9)), 0.15
    )


@_blind(PERIODIC)
def heartbeat(rng: Rng, n: int) -> Series:
    """Three bumps of different width in every cycle."""
    phase = _phase(rng, n, 20.0, n / 8)
    bumps = ((1.0, 0.0, 40.0), (-0.25, 0.5, 30.0), (0.3, 1.8, 8.0))
    return watched(rng, sum(a * np.exp(k * (np.cos(phase - at) - 1)) for a, at, k in bumps), 0.1)


@_blind(PERIODIC)
def jittered_saw(rng: Rng, n: int) -> Series:
    """A clock's sawtooth: every cycle starts within 2 % of its time, and no error adds up."""
    period = rng.uniform(12, n / 10)
    starts = period * (np.arange(n // int(period) + 4) - 1) + 0.02 * period * rng.uniform(
        -1, 1, n // int(period) + 4
    )
    at = np.searchsorted(starts, np.arange(n), side="right") - 1
    return (np.arange(n) - starts[at]) / period


@_blind(PERIODIC)
def tile_with_sensor_noise(rng: Rng, n: int) -> Series:
    word = rng.normal(size=int(rng.integers(5, 20)))
    x = np.tile(word, n // word.size + 1)[:n]
    return np.round((x + rng.uniform(0.0, 0.15) * rng.normal(size=n)) * 20)


@_blind(QUASI)
def amplitude_modulated(rng: Rng, n: int) -> Series:
    carrier = _phase(rng, n, 5.0, n / 25)
    return watched(
        rng,
        (1 + rng.uniform(0.3, 0.9) * np.sin(carrier * 0.1 * np.sqrt(rng.choice([2, 3, 5]))))
        * np.sin(carrier),
        0.1,
    )


@_blind(QUASI)
def frequency_modulated(rng: Rng, n: int) -> Series:
    carrier = _phase(rng, n, 6.0, n / 25)
    return watched(
        rng,
        np.sin(carrier + rng.uniform(0.4, 1.2) * np.sin(carrier * rng.uniform(0.15, 0.3) * np.sqrt(3))),
        0.1,
    )


# --- stochastic --------------------------------------------------------------------------------------------------
@_blind(STOCHASTIC)
def seasonal_arma(rng: Rng, n: int) -> Series:
    lag, a, b, e = (
        int(rng.choice([6, 7, 12, 24])),
        rng.uniform(0.3, 0.8),
        rng.uniform(-0.3, 0.6),
        rng.normal(size=n + 300),
    )
    x = np.zeros(n + 300)
    for t in range(lag + 1, n + 300):
        x[t] = a * x[t - lag] + b * x[t - 1] - a * b * x[t - lag - 1] + e[t]
    return x[300:]


@_blind(STOCHASTIC)
def shot_noise(rng: Rng, n: int) -> Series:
    x, keep, rate = np.zeros(n + 100), rng.uniform(0.5, 0.93), rng.uniform(0.03, 0.4)
    for t in range(1, n + 100):
        x[t] = keep * x[t - 1] + (rng.exponential() if rng.random() < rate else 0.0)
    return x[100:] + rng.uniform(0.0, 0.1) * rng.normal(size=n)


@_blind(STOCHASTIC)
def queue_length(rng: Rng, n: int) -> Series:
    x, arrivals = np.zeros(n + 200), rng.poisson(rng.uniform(0.6, 0.9), n + 200)
    for t in range(1, n + 200):
        x[t] = max(0.0, x[t - 1] + arrivals[t] - 1)
    return x[200:] if np.ptp(x[200:]) > 2 else x[200:] + arrivals[200:]


@_blind(STOCHASTIC)
def autoregressive_counts(rng: Rng, n: int) -> Series:
    x, rate = np.zeros(n + 100), 3.0
    a, b = rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.4)
    for t in range(n + 100):
        x[t] = rng.poisson(rate)
        rate = 1.0 + a * x[t] + b * rate
    return x[100:]


@_blind(STOCHASTIC)
def quantised_sensor(rng: Rng, n: int) -> Series:
    x, a = np.zeros(n + 100), rng.uniform(0.5, 0.97)
    for t in range(1, n + 100):
        x[t] = a * x[t - 1] + rng.normal()
    return np.round(x[100:] / x.std() * rng.uniform(1.5, 12))


@_blind(STOCHASTIC)
def regime_switching(rng: Rng, n: int) -> Series:
    state = np.cumsum(rng.random(n) < rng.uniform(0.02, 0.2)) % 2
    return rng.normal(size=n) * np.where(state, rng.uniform(0.3, 1.0), 1.0) + rng.uniform(0.0, 4.0) * state


@_blind(STOCHASTIC)
def logistic_ar(rng: Rng, n: int) -> Series:
    """Smooth-transition autoregression driven by noise."""
    x, a, b, k = np.zeros(n + 200), rng.uniform(0.4, 0.9), rng.uniform(-0.9, 0.2), rng.uniform(1.0, 6.0)
    for t in range(1, n + 200):
        w = 1 / (1 + np.exp(-k * x[t - 1]))
        x[t] = ((1 - w) * a + w * b) * x[t - 1] + 0.3 * rng.normal()
    return x[200:]


@_blind(STOCHASTIC)
def jump_diffusion(rng: Rng, n: int) -> Series:
    jumps = (rng.random(n) < 0.03) * rng.normal(size=n) * rng.uniform(3, 8)
    x, pull = np.zeros(n), rng.uniform(0.02, 0.3)
    for t in range(1, n):
        x[t] = (1 - pull) * x[t - 1] + rng.normal() + jumps[t]
    return x


# --- settling and growing ----------------------------------------------------------------------------------------
@_blind(FIXED)
def damped_to_a_noise_floor(rng: Rng, n: int) -> Series:
    x = np.exp(-np.arange(n) / (n * rng.uniform(0.05, 0.14))) * np.sin(_phase(rng, n, 8.0, n / 12) + 1.0)
    return x + rng.uniform(0.002, 0.02) * rng.laplace(size=n)


@_blind(FIXED)
def saturation(rng: Rng, n: int) -> Series:
    t = np.arange(n) / n
    rate = rng.uniform(8, 30)
    x = (
        1 - np.exp(-rate * t)
        if rng.random() < 0.5
        else 1 / (1 + np.exp(-2 * rate * (t - rng.uniform(0.05, 0.15))))
    )
    return x + rng.choice([0.0, 0.01]) * rng.normal(size=n)


@_blind(UNKNOWN, stable=False)
def accelerating(rng: Rng, n: int) -> Series:
    return (np.arange(n) / n) ** rng.uniform(1.5, 4) * 10 + rng.uniform(0, 0.3) * rng.normal(size=n)
