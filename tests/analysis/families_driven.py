"""Nonlinear families whose motion is kept up by noise: what is easiest to mistake for chaos.

Importing this module registers them in `families.FAMILIES`.
"""

from __future__ import annotations

import numpy as np

from tests.analysis import systems
from tests.analysis.families import STOCHASTIC, Rng, Series, cycle, family, watched


@family(STOCHASTIC)
def kicked_map_cycle(rng: Rng, n: int) -> Series:
    """The logistic map on a two- or four-cycle, kicked."""
    x, r, kick, out = 0.4, rng.uniform(3.1, 3.52), rng.uniform(0.01, 0.05), np.empty(n + 100)
    for t in range(n + 100):
        x = float(np.clip(r * x * (1 - x) + kick * rng.normal(), 0.02, 0.98))
        out[t] = x
    return out[100:]


@family(STOCHASTIC)
def exponential_ar(rng: Rng, n: int) -> Series:
    """Ozaki's amplitude-dependent autoregression: a limit cycle kept up by noise."""
    w, out = rng.uniform(0.3, 1.5), np.zeros(n + 200)
    r, kick = rng.uniform(0.7, 0.95), rng.uniform(0.2, 0.6)
    for t in range(2, n + 200):
        grow = np.exp(-(out[t - 1] ** 2))
        out[t] = (2 * np.cos(w) * (r + 0.25 * grow)) * out[t - 1] - (r + 0.2 * grow) ** 2 * out[t - 2]
        out[t] = float(np.clip(out[t], -5, 5)) + kick * rng.normal()
    return out[200:]


@family(STOCHASTIC)
def integrate_and_fire(rng: Rng, n: int) -> Series:
    """A noisy ramp that starts again at a threshold."""
    v, climb, out = 0.0, 1 / rng.uniform(6, 20), np.empty(n)
    kick = rng.uniform(0.15, 0.5) * np.sqrt(climb)
    for t in range(n):
        v += climb + kick * rng.normal()
        v = 0.0 if v > 1 else v
        out[t] = v
    return out


@family(STOCHASTIC)
def kicked_rossler_cycle(rng: Rng, n: int) -> Series:
    p = np.array([0.2, 0.2, rng.uniform(2.4, 3.6)])
    step = 5.9 / rng.uniform(6.0, 18.0)
    noise = rng.normal(size=(n + 200, 3)) * np.array([2.0, 2.0, 0.0])
    kick = float(np.exp(rng.uniform(*np.log((0.05, 0.2)))))
    x = systems.run(True, 1, np.ones(3), p, n, 200, step, int(np.ceil(step / 0.05)), kick, noise)
    return watched(rng, x[:, int(rng.integers(0, 2))], 0.05)


@family(STOCHASTIC)
def noise_induced_spikes(rng: Rng, n: int) -> Series:
    """FitzHugh-Nagumo below its threshold: spikes of one shape at random times."""
    v, w, out = -1.2, -0.6, np.empty(n + 50)
    kick, steps = rng.uniform(0.2, 0.4), int(rng.integers(6, 16))
    for t in range(n + 50):
        for _ in range(steps):
            v += 0.2 * (v - v**3 / 3 - w) + kick * np.sqrt(0.2) * rng.normal()
            w += 0.2 * 0.08 * (v + 0.7 - 0.8 * w) * 2
        out[t] = v
    return out[50:]


@family(STOCHASTIC)
def filtered_telegraph(rng: Rng, n: int) -> Series:
    """Random switching between two levels, seen through a low-pass."""
    level = (np.cumsum(rng.random(n + 50) < rng.uniform(0.05, 0.4)) % 2).astype(float)
    keep, x = rng.uniform(0.2, 0.85), np.zeros(n + 50)
    for t in range(1, n + 50):
        x[t] = keep * x[t - 1] + (1 - keep) * level[t]
    return watched(rng, x[50:], 0.1)


@family(STOCHASTIC)
def renewal_pulses(rng: Rng, n: int) -> Series:
    """Pulses of one shape at random intervals."""
    gap, spread = rng.uniform(5, 14), rng.uniform(0.15, 0.6)
    times = np.cumsum(gap * np.exp(spread * rng.normal(size=int(4 * n / gap) + 20)))
    width, t = rng.uniform(0.15, 0.4) * gap, np.arange(n) + 5 * gap
    x = np.exp(-0.5 * ((t[:, None] - times[None, :]) / width) ** 2).sum(axis=1)
    return watched(rng, x, 0.1)


@family(STOCHASTIC)
def holding_levels(rng: Rng, n: int) -> Series:
    """A level drawn anew at random times."""
    change = np.cumsum(rng.random(n) < rng.uniform(0.05, 0.5))
    return rng.normal(size=n + 1)[change] + rng.choice([0.0, 0.05]) * rng.normal(size=n)


@family(STOCHASTIC)
def squared_resonance(rng: Rng, n: int) -> Series:
    """An instantaneous function of a linear resonance."""
    r, w, y = rng.uniform(0.9, 0.985), rng.uniform(0.3, 1.2), np.zeros(n + 300)
    for t in range(2, n + 300):
        y[t] = 2 * r * np.cos(w) * y[t - 1] - r * r * y[t - 2] + rng.normal()
    y = y[300:] / y.std()
    return [np.square, np.tanh, lambda v: np.clip(v, -0.5, 1.0), np.exp][rng.integers(4)](y)


@family(STOCHASTIC)
def demographic_cycle(rng: Rng, n: int) -> Series:
    """Predator and prey with noise in proportion to their numbers."""
    kick = float(np.exp(rng.uniform(*np.log((0.04, 0.15)))))
    a, b, out = 1.0, 0.6, np.empty(n + 100)
    steps = int(rng.integers(4, 12))
    for t in range(n + 100):
        for _ in range(steps):
            meet = 2.0 * a * b / (0.35 + a)
            a, b = a + 0.1 * (a * (1 - a / 1.8) - meet), b + 0.1 * (0.8 * meet - 0.6 * b)
        a, b = (max(0.02, v * float(np.exp(kick * rng.normal()))) for v in (a, b))
        out[t] = a
    return out[100:]


@family(STOCHASTIC)
def kicked_cycle_seen_often(rng: Rng, n: int) -> Series:
    """As `noisy_cycle`, 15 to 40 samples a period and fainter kicks."""
    name = str(rng.choice(["van_der_pol", "brusselator", "fitzhugh"]))
    return cycle(rng, name, n, float(np.exp(rng.uniform(*np.log((0.03, 0.12))))), (15.0, 40.0))
