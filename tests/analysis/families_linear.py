"""The families that need no equations of motion: tones, noises, settling, growing, quantised series.

Importing this module registers them in `families.FAMILIES`.
"""

from __future__ import annotations

import numpy as np

from tests.analysis.families import FIXED, PERIODIC, QUASI, STOCHASTIC, UNKNOWN, Rng, Series, family, watched


def _lfilter(ar: Series, e: Series) -> Series:
    """x[t] = sum ar[k] x[t-1-k] + e[t]."""
    x = np.zeros(e.size)
    for t in range(e.size):
        k = min(t, ar.size)
        x[t] = e[t] + (ar[:k] @ x[t - k : t][::-1] if k else 0.0)
    return x


def _tone(rng: Rng, n: int, low: float = 3.0, high: float | None = None) -> tuple[Series, float]:
    period = float(np.exp(rng.uniform(np.log(low), np.log(max(high or n / 8, 1.2 * low)))))
    return 2 * np.pi * np.arange(n) / period + rng.uniform(0, 2 * np.pi), period


# --- periodic ----------------------------------------------------------------------------------------------------
@family(PERIODIC)
def sine(rng: Rng, n: int) -> Series:
    return watched(rng, np.sin(_tone(rng, n)[0]), 0.4)


@family(PERIODIC)
def harmonics(rng: Rng, n: int) -> Series:
    phase, _ = _tone(rng, n, 8.0)
    terms = [
        rng.uniform(0.2, 1) * np.sin(k * phase + rng.uniform(0, 6.28)) for k in range(1, rng.integers(3, 6))
    ]
    return watched(rng, np.sum(terms, axis=0), 0.2)


@family(PERIODIC)
def square_wave(rng: Rng, n: int) -> Series:
    period = int(rng.integers(4, max(6, n // 8)))
    return watched(rng, (np.arange(n) % period < period * rng.uniform(0.2, 0.8)).astype(float), 0.2)


@family(PERIODIC)
def sawtooth(rng: Rng, n: int) -> Series:
    phase, _ = _tone(rng, n, 5.0)
    return watched(rng, (phase / (2 * np.pi)) % 1.0, 0.2)


@family(PERIODIC)
def cyclic_symbols(rng: Rng, n: int) -> Series:
    word = rng.integers(0, 6, size=int(rng.integers(3, 14))).astype(float)
    word[:2] = 0.0, 3.0
    return np.tile(word, n // word.size + 1)[:n]


@family(PERIODIC)
def pulse_train(rng: Rng, n: int) -> Series:
    phase, _ = _tone(rng, n, 8.0)
    return watched(rng, np.exp(rng.uniform(2, 6) * (np.cos(phase) - 1)), 0.15)


@family(PERIODIC)
def quantised_sine(rng: Rng, n: int) -> Series:
    return np.round(np.sin(_tone(rng, n)[0]) * rng.uniform(2, 30))


@family(PERIODIC)
def triangle_integer(rng: Rng, n: int) -> Series:
    phase, _ = _tone(rng, n, 6.0)
    return watched(rng, np.abs((phase / np.pi) % 2 - 1), 0.3)


# --- quasi-periodic ----------------------------------------------------------------------------------------------
_IRRATIONAL = np.array([np.sqrt(2), np.sqrt(3), (1 + np.sqrt(5)) / 2, np.e / 2, np.pi / 2, np.sqrt(7)])


@family(QUASI)
def two_tones(rng: Rng, n: int) -> Series:
    phase, _ = _tone(rng, n, 6.0, n / 12)
    ratio = rng.choice(_IRRATIONAL)
    return watched(rng, np.sin(phase) + rng.uniform(0.3, 1) * np.sin(ratio * phase + rng.uniform(0, 6)), 0.2)


@family(QUASI)
def three_tones(rng: Rng, n: int) -> Series:
    phase, _ = _tone(rng, n, 9.0, n / 12)
    a, b = rng.choice(_IRRATIONAL, 2, replace=False)
    return watched(
        rng,
        np.sin(phase) + rng.uniform(0.4, 1) * np.sin(a * phase) + rng.uniform(0.4, 1) * np.cos(b * phase),
        0.1,
    )


@family(QUASI)
def torus_product(rng: Rng, n: int) -> Series:
    phase, _ = _tone(rng, n, 6.0, n / 14)
    slow = phase * rng.uniform(0.15, 0.3) * np.sqrt(2)
    return watched(rng, (1 + rng.uniform(0.3, 0.8) * np.cos(slow)) * np.sin(phase), 0.1)


@family(QUASI)
def torus_nonlinear(rng: Rng, n: int) -> Series:
    phase, _ = _tone(rng, n, 9.0, n / 12)
    y = np.sin(phase) + rng.uniform(0.5, 1) * np.sin(rng.choice(_IRRATIONAL) * phase)
    return watched(rng, y + rng.uniform(0.1, 0.3) * y**2, 0.1)


@family(QUASI)
def two_tones_with_harmonics(rng: Rng, n: int) -> Series:
    phase, _ = _tone(rng, n, 10.0, n / 12)
    other = phase * rng.choice(_IRRATIONAL) + 1.0
    return watched(rng, np.sin(phase) + 0.4 * np.sin(2 * phase + 1) + 0.7 * np.sin(other), 0.1)


# --- noise -------------------------------------------------------------------------------------------------------
@family(STOCHASTIC)
def white(rng: Rng, n: int) -> Series:
    return [rng.normal, rng.random, rng.laplace, rng.exponential][rng.integers(4)](size=n)


@family(STOCHASTIC)
def heavy_tails(rng: Rng, n: int) -> Series:
    return (
        rng.standard_t(rng.uniform(2.2, 5), n)
        if rng.random() < 0.5
        else np.exp(rng.uniform(0.5, 1.2) * rng.normal(size=n))
    )


@family(STOCHASTIC)
def ar1(rng: Rng, n: int) -> Series:
    return _lfilter(np.array([rng.uniform(-0.9, 0.95)]), rng.normal(size=n + 200))[200:]


@family(STOCHASTIC)
def ar2_resonant(rng: Rng, n: int) -> Series:
    r, w = rng.uniform(0.7, 0.97), rng.uniform(0.2, 2.8)
    return watched(rng, _lfilter(np.array([2 * r * np.cos(w), -r * r]), rng.normal(size=n + 300))[300:], 0.1)


@family(STOCHASTIC)
def arma(rng: Rng, n: int) -> Series:
    e = rng.normal(size=n + 201)
    return _lfilter(np.array([rng.uniform(-0.8, 0.9)]), e[1:] + rng.uniform(-0.9, 0.9) * e[:-1])[200:]


@family(STOCHASTIC)
def power_law(rng: Rng, n: int) -> Series:
    m = 4 * n
    f = np.fft.rfftfreq(m)[1:]
    spectrum = f ** (-rng.uniform(0.5, 1.4) / 2) * (rng.normal(size=f.size) + 1j * rng.normal(size=f.size))
    return np.fft.irfft(np.concatenate([[0], spectrum]), m)[:n]


@family(STOCHASTIC, stable=None)
def random_walk(rng: Rng, n: int) -> Series:
    return np.cumsum(rng.normal(size=n))


@family(STOCHASTIC)
def bounded_noise(rng: Rng, n: int) -> Series:
    return np.clip(
        0.6 + rng.uniform(0.1, 0.4) * _lfilter(np.array([rng.uniform(0, 0.9)]), rng.normal(size=n)), 0, 1
    )


@family(STOCHASTIC)
def smoothed_noise(rng: Rng, n: int) -> Series:
    w = int(rng.integers(2, 7))
    return np.convolve(rng.normal(size=n + w - 1), np.hanning(w + 2)[1:-1], "valid")


@family(STOCHASTIC)
def static_transform(rng: Rng, n: int) -> Series:
    y = _lfilter(np.array([rng.uniform(0.3, 0.95)]), rng.normal(size=n + 200))[200:]
    y /= y.std()
    return [np.exp, lambda v: v**3, np.tanh, np.abs, lambda v: v**2][rng.integers(5)](y)


@family(STOCHASTIC)
def counts(rng: Rng, n: int) -> Series:
    return rng.poisson(rng.uniform(0.5, 20), n).astype(float)


@family(STOCHASTIC)
def telegraph(rng: Rng, n: int) -> Series:
    return np.cumsum(rng.random(n) < rng.uniform(0.05, 0.5)) % 2 + rng.uniform(0, 0.1) * rng.normal(size=n)


@family(STOCHASTIC)
def garch(rng: Rng, n: int) -> Series:
    x, v = np.zeros(n + 200), 1.0
    for t in range(1, n + 200):
        v = 0.1 + 0.2 * x[t - 1] ** 2 + 0.7 * v
        x[t] = np.sqrt(v) * rng.normal()
    return x[200:]


@family(STOCHASTIC)
def latencies(rng: Rng, n: int) -> Series:
    return rng.gamma(rng.uniform(1, 4), 10.0, n) + (rng.random(n) < 0.03) * rng.uniform(50, 400, n)


@family(STOCHASTIC)
def threshold_ar(rng: Rng, n: int) -> Series:
    x, a, b = np.zeros(n + 200), rng.uniform(0.3, 0.9), rng.uniform(-0.9, -0.2)
    for t in range(1, n + 200):
        x[t] = (a if x[t - 1] <= 0 else b) * x[t - 1] + rng.normal()
    return x[200:]


@family(STOCHASTIC)
def bilinear(rng: Rng, n: int) -> Series:
    x, e = np.zeros(n + 200), rng.normal(size=n + 200)
    a, b = rng.uniform(-0.5, 0.6), rng.uniform(0.1, 0.45)
    for t in range(1, n + 200):
        x[t] = a * x[t - 1] + b * x[t - 1] * e[t - 1] + e[t]
    return x[200:]


@family(STOCHASTIC)
def double_well(rng: Rng, n: int) -> Series:
    """Noise-driven hopping between two wells (Kramers)."""
    x, h, kick = 1.0, rng.uniform(0.05, 0.3), rng.uniform(0.4, 0.9)
    out = np.empty(n + 100)
    for t in range(n + 100):
        x += h * (x - x**3) + kick * np.sqrt(h) * rng.normal()
        x = float(np.clip(x, -3, 3))
        out[t] = x
    return out[100:]


@family(STOCHASTIC)
def noisy_map(rng: Rng, n: int) -> Series:
    """Dynamic noise about the stable fixed point or two-cycle of the Ricker map."""
    x, r, kick, out = 1.0, rng.uniform(1.2, 2.3), rng.uniform(0.1, 0.3), np.empty(n + 100)
    for t in range(n + 100):
        x *= np.exp(r * (1 - x) + kick * rng.normal())
        out[t] = x
    return out[100:]


@family(STOCHASTIC)
def stuart_landau(rng: Rng, n: int) -> Series:
    """Noise-driven normal form of a Hopf bifurcation, sampled 6 to 16 times a period."""
    z, w, out = 1.0 + 0j, 2 * np.pi / rng.uniform(6, 16), np.empty(n + 100)
    kick = rng.uniform(0.08, 0.35)
    for t in range(n + 100):
        for _ in range(4):
            z += 0.25 * (0.5 * z * (1 - abs(z) ** 2) + 1j * w * z)
            z += 0.5 * kick * (rng.normal() + 1j * rng.normal())
        out[t] = z.real
    return out[100:]


@family(STOCHASTIC)
def markov_symbols(rng: Rng, n: int) -> Series:
    k = int(rng.integers(2, 5))
    table, x = np.cumsum(rng.dirichlet(np.ones(k), size=k), axis=1), np.zeros(n, dtype=int)
    for t in range(1, n):
        x[t] = min(k - 1, int(np.searchsorted(table[x[t - 1]], rng.random())))
    x[:k] = np.arange(k)
    return x.astype(float)


@family(STOCHASTIC)
def ornstein_uhlenbeck_pair(rng: Rng, n: int) -> Series:
    a, b = rng.uniform(0.6, 0.97, 2)
    return (
        _lfilter(np.array([a]), rng.normal(size=n + 99))[99:]
        + _lfilter(np.array([b]), rng.normal(size=n + 99))[99:]
    )


@family(STOCHASTIC)
def ar4(rng: Rng, n: int) -> Series:
    poles = [rng.uniform(0.5, 0.95) * np.exp(1j * rng.uniform(0.2, 3.0)) for _ in range(2)]
    poly = np.poly([*poles, *np.conj(poles)]).real
    return _lfilter(-poly[1:], rng.normal(size=n + 300))[300:]


# --- fixed points, growing, changing -----------------------------------------------------------------------------
@family(FIXED)
def constant(rng: Rng, n: int) -> Series:
    return np.zeros(n)


@family(FIXED)
def decay(rng: Rng, n: int) -> Series:
    x = np.exp(-np.arange(n) / (n * rng.uniform(0.03, 0.15)))
    return x + rng.choice([0.0, rng.uniform(0.001, 0.02)]) * rng.normal(size=n)


@family(FIXED)
def ringing(rng: Rng, n: int) -> Series:
    x = np.exp(-np.arange(n) / (n * rng.uniform(0.04, 0.15))) * np.cos(_tone(rng, n, 5.0)[0])
    return x + rng.choice([0.0, rng.uniform(0.001, 0.02)]) * rng.normal(size=n)


@family(FIXED)
def settling_map(rng: Rng, n: int) -> Series:
    x, r = np.zeros(n), rng.uniform(1.1, 2.9)
    x[0] = 0.05
    for t in range(1, n):
        x[t] = r * x[t - 1] * (1 - x[t - 1])
    return x


@family(UNKNOWN, stable=False)
def growing(rng: Rng, n: int) -> Series:
    grow = np.exp(np.arange(n) / n * rng.uniform(3, 8))
    return (grow if rng.random() < 0.5 else grow * np.cos(_tone(rng, n, 5.0)[0])) * (
        1 + 0.01 * rng.normal(size=n)
    )


@family(UNKNOWN, stable=False)
def ramp(rng: Rng, n: int) -> Series:
    return np.arange(n) / n * rng.uniform(4, 30) + rng.uniform(0, 0.4) * rng.normal(size=n)


@family(UNKNOWN, stable=None)
def chirp(rng: Rng, n: int) -> Series:
    f0, f1 = rng.uniform(0.01, 0.05), rng.uniform(0.1, 0.3)
    t = np.arange(n)
    return np.sin(2 * np.pi * (f0 * t + (f1 - f0) * t**2 / (2 * n))) + rng.choice([0, 0.05]) * rng.normal(
        size=n
    )
