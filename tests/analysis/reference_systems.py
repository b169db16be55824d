"""Series of systems whose largest exponent is known: maps, flows (RK4), a delay equation, noises. numpy only.

Every generator makes one series per seed, shape (len(seeds), n), after a discarded transient; the reference values
come from the variational equations (per iteration for maps, per unit of time for flows).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Step = Callable[[FloatArray], FloatArray]

EXPONENTS = {
    "logistic 3.7": 0.3549, "logistic 3.9": 0.4960, "logistic 4": np.log(2.0), "henon": 0.4193, "standard": 1.265,
    "lorenz": 0.9054, "rossler": 0.0714, "mackey-glass 17": 0.0051, "mackey-glass 30": 0.0071,
}  # fmt: skip
TRANSIENT = 1000


def _draw(seeds: Sequence[int], low: float, high: float, rows: int = 1) -> FloatArray:
    return np.stack([np.random.default_rng(s).uniform(low, high, rows) for s in seeds], axis=1)


def _iterate(state: FloatArray, step: Step, n: int, every: int = 1, transient: int = TRANSIENT) -> FloatArray:
    out = np.empty((n, state.shape[1]))
    for k in range(-transient, n * every):
        if k >= 0 and k % every == 0:
            out[k // every] = state[0]
        state = step(state)
    return np.ascontiguousarray(out.T)


def logistic(n: int, r: float = 4.0, seeds: Sequence[int] = (0,)) -> FloatArray:
    """x' = r x (1 - x)."""
    return _iterate(_draw(seeds, 0.1, 0.9), lambda x: r * x * (1.0 - x), n)


def henon(n: int, seeds: Sequence[int] = (0,), a: float = 1.4, b: float = 0.3) -> FloatArray:
    """x' = 1 - a x^2 + y, y' = b x; observed: x."""
    return _iterate(_draw(seeds, -0.1, 0.1, 2), lambda s: np.stack([1.0 - a * s[0] ** 2 + s[1], b * s[0]]), n)


def standard_map(n: int, seeds: Sequence[int] = (0,), K: float = 6.9) -> FloatArray:
    """p' = p + K sin q, q' = q + p' (both modulo 2 pi); observed: sin q, which does not jump where q wraps."""

    def step(s: FloatArray) -> FloatArray:
        p = (s[1] + K * np.sin(s[0])) % (2.0 * np.pi)
        return np.stack([(s[0] + p) % (2.0 * np.pi), p])

    state = _draw(seeds, 0.0, 2.0 * np.pi, 2)
    out = np.empty((n, len(seeds)))
    for k in range(-TRANSIENT, n):
        if k >= 0:
            out[k] = np.sin(state[0])
        state = step(state)
    return np.ascontiguousarray(out.T)


def _flow(rhs: Step, state: FloatArray, n: int, dt: float, h: float, transient: float) -> FloatArray:
    every = max(1, round(dt / h))
    h = dt / every

    def step(s: FloatArray) -> FloatArray:
        a = rhs(s)
        b = rhs(s + 0.5 * h * a)
        c = rhs(s + 0.5 * h * b)
        return s + h / 6.0 * (a + 2.0 * b + 2.0 * c + rhs(s + h * c))

    return _iterate(state, step, n, every, int(transient / h))


def lorenz(n: int, dt: float = 0.03, seeds: Sequence[int] = (0,)) -> FloatArray:
    """Lorenz 1963 (sigma 10, rho 28, beta 8/3); observed: x."""

    def rhs(s: FloatArray) -> FloatArray:
        x, y, z = s
        return np.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])

    return _flow(rhs, _draw(seeds, 1.0, 10.0, 3), n, dt, 0.01, 20.0)


def rossler(
    n: int, dt: float = 0.1, seeds: Sequence[int] = (0,), a: float = 0.2, c: float = 5.7
) -> FloatArray:
    """Rossler 1976 (a 0.2, b 0.2, c 5.7); observed: x."""

    def rhs(s: FloatArray) -> FloatArray:
        x, y, z = s
        return np.stack([-y - z, x + a * y, 0.2 + z * (x - c)])

    return _flow(rhs, _draw(seeds, -1.0, 1.0, 3), n, dt, 0.05, 200.0)


def mackey_glass(n: int, dt: float = 1.0, tau: float = 17.0, seeds: Sequence[int] = (0,)) -> FloatArray:
    """x' = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x, by RK4 with the delayed value interpolated at half steps."""
    h = 0.1
    lag, every, skip = round(tau / h), round(dt / h), round(1500.0 / h)
    x = np.empty((skip + n * every + lag + 1, len(seeds)))
    x[: lag + 1] = 1.2 + _draw(seeds, -0.3, 0.3)

    def gain(v: FloatArray) -> FloatArray:
        return np.asarray(0.2 * v / (1.0 + v**10))

    for k in range(lag, x.shape[0] - 1):
        ends = gain(x[k - lag]), gain(x[k - lag + 1])
        middle = gain(0.5 * (x[k - lag] + x[k - lag + 1]))
        v = x[k]
        k1 = ends[0] - 0.1 * v
        k2 = middle - 0.1 * (v + 0.5 * h * k1)
        k3 = middle - 0.1 * (v + 0.5 * h * k2)
        x[k + 1] = v + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + ends[1] - 0.1 * (v + h * k3))
    return np.ascontiguousarray(x[lag + skip :: every][:n].T)


def white(n: int, seeds: Sequence[int] = (0,)) -> FloatArray:
    """Independent standard normal values."""
    return np.stack([np.random.default_rng(s).standard_normal(n) for s in seeds])


def autoregressive(n: int, phi: float, seeds: Sequence[int] = (0,)) -> FloatArray:
    """AR(1) noise, x' = phi x + white."""
    out = white(n + TRANSIENT, seeds)
    for k in range(1, out.shape[1]):
        out[:, k] += phi * out[:, k - 1]
    return np.ascontiguousarray(out[:, TRANSIENT:])


def power_law(n: int, beta: float, seeds: Sequence[int] = (0,)) -> FloatArray:
    """Noise with spectrum 1/f^beta (1: pink, 2: brown), made in the frequency domain."""
    frequencies = np.fft.rfftfreq(2 * n)
    frequencies[0] = np.inf
    spectrum = np.fft.rfft(white(2 * n, seeds), axis=1) * frequencies ** (-beta / 2.0)
    return np.ascontiguousarray(np.fft.irfft(spectrum, axis=1)[:, :n])


def smooth_noise(n: int, width: float, seeds: Sequence[int] = (0,)) -> FloatArray:
    """White noise under a Gaussian filter `width` samples wide: as smooth as a flow, with no dynamics in it."""
    reach = int(5 * width) + 1
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.stack([np.convolve(row, weights, "valid") for row in white(n + 2 * reach, seeds)])


def resonance(n: int, period: float, damping: float, seeds: Sequence[int] = (0,)) -> FloatArray:
    """AR(2) noise with a spectral peak at `period` samples: a noisy oscillator; `damping` is 1 - pole radius."""
    radius = 1.0 - damping
    out = white(n + 20 * TRANSIENT // 10, seeds)
    for k in range(2, out.shape[1]):
        out[:, k] += 2.0 * radius * np.cos(2.0 * np.pi / period) * out[:, k - 1] - radius**2 * out[:, k - 2]
    return np.ascontiguousarray(out[:, -n:])


def tones(n: int, periods: Sequence[float], noise: float = 0.0, seeds: Sequence[int] = (0,)) -> FloatArray:
    """A sum of unit sinusoids with periods in samples, random phases, and white noise of that standard deviation."""
    time = np.arange(n)
    rows = []
    for s in seeds:
        rng = np.random.default_rng(s)
        phases = rng.uniform(0.0, 2.0 * np.pi, len(periods))
        rows.append(
            sum(np.sin(2.0 * np.pi * time / p + phase) for p, phase in zip(periods, phases, strict=True))
            + noise * rng.standard_normal(n)
        )
    return np.stack(rows)
