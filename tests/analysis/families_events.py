"""Families of events: one shape or one schedule again and again, at times or of sizes that chance decides.

Within an event neighbours forecast well and linear models badly, which is what chaos looks like; when the next one
comes nothing tells. Importing this module registers them in `families.FAMILIES`.
"""

from __future__ import annotations

import numpy as np

from tests.analysis.families import CHAOTIC, STOCHASTIC, Rng, Series, family, watched


def _arrivals(rng: Rng, n: int, gap: float) -> Series:
    """Times of a renewal process of mean interval `gap`, from well before 0 to past n."""
    shape = float(np.exp(rng.uniform(np.log(1.0), np.log(12.0))))  # 1 is Poisson
    steps = rng.gamma(shape, gap / shape, int(2 * n / gap) + 60)
    return np.cumsum(np.maximum(steps, 0.05 * gap)) - 10 * gap


def _since(times: Series, n: int) -> Series:
    """Time since the last arrival, for each of n samples."""
    t = np.arange(n, dtype=float)
    return t - times[np.searchsorted(times, t, side="right") - 1]


@family(CHAOTIC)
def lorenz_map(rng: Rng, n: int) -> Series:
    """The cusped map of the Lorenz flow's returns (Guckenheimer and Williams 1979): chaos that jumps as events do."""
    b, x, out = rng.uniform(0.7, 0.95), rng.uniform(0.1, 0.9), np.empty(n + 50)
    a = rng.uniform(1.25 / b, 2.0)  # every slope is over 1.25
    for t in range(n + 50):
        x = float(np.sign(x) * (a * abs(x) ** b - 1.0)) or 0.1
        out[t] = x
    return watched(rng, out[50:], 0.05)


@family(STOCHASTIC)
def struck_bell(rng: Rng, n: int) -> Series:
    """A damped oscillation, struck anew at random times."""
    times, w, decay = _arrivals(rng, n, rng.uniform(15, 50)), rng.uniform(0.4, 1.6), rng.uniform(4.0, 25.0)
    age = _since(times, n)
    return watched(rng, np.exp(-age / decay) * np.cos(w * age), 0.05)


@family(STOCHASTIC)
def ramps_with_resets(rng: Rng, n: int) -> Series:
    """A counter that climbs and falls back to nothing at random times: time since the last event."""
    age = _since(_arrivals(rng, n, rng.uniform(6, 30)), n)
    x = [age, np.sqrt(age), 1.0 - np.exp(-age / 8.0), np.minimum(age, 9.0)][int(rng.integers(4))]
    return watched(rng, x, 0.1)


@family(STOCHASTIC)
def shaped_symbols(rng: Rng, n: int) -> Series:
    """Random symbols, each a pulse of several samples: a modem's line."""
    every, levels = int(rng.integers(3, 12)), int(rng.choice([2, 3, 4]))
    width, t = rng.uniform(0.4, 0.9) * every, np.arange(n)
    centres = np.arange(-5 * every, n + 5 * every, every)
    symbol = rng.integers(0, levels, centres.size) - 0.5 * (levels - 1)
    x = (np.exp(-0.5 * ((t[:, None] - centres[None, :]) / width) ** 2) * symbol).sum(axis=1)
    return watched(rng, x, 0.08)


@family(STOCHASTIC)
def bumps_of_random_width(rng: Rng, n: int) -> Series:
    """Half waves, each of its own length."""
    spread, mean = rng.uniform(0.2, 0.6), rng.uniform(5, 15)
    lengths = np.maximum(2, np.round(mean * np.exp(spread * rng.normal(size=n)))).astype(int)
    x = np.concatenate([np.sin(np.pi * (np.arange(k) + 0.5) / k) for k in lengths[: 3 * n // 2]])[:n]
    sign = np.repeat((-1.0) ** np.arange(lengths.size), lengths)[:n] if rng.random() < 0.5 else 1.0
    return watched(rng, x * sign, 0.08)


@family(STOCHASTIC)
def two_state_oscillator(rng: Rng, n: int) -> Series:
    """A sine that changes between two frequencies at random times."""
    state = np.searchsorted(_arrivals(rng, n, rng.uniform(12, 40)), np.arange(n)) % 2
    w = rng.uniform(0.3, 0.8) * np.where(state, rng.uniform(1.4, 2.2), 1.0)
    return watched(rng, np.sin(np.cumsum(w)), 0.08)


@family(STOCHASTIC)
def bursts(rng: Rng, n: int) -> Series:
    """Spans of a fast rhythm between spans of rest, both of random length."""
    on = np.searchsorted(_arrivals(rng, n, rng.uniform(12, 30)), np.arange(n)) % 2
    return watched(rng, on * np.abs(np.sin(rng.uniform(0.3, 1.2) * np.arange(n))), 0.05)
