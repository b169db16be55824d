"""Randomised families of series with known dynamics, for tuning, tests and the benchmark of `classify`.

`FAMILIES` maps a name to a `Family`; `draw(family, rng, n)` gives one series: parameters, observable, sampling step,
observation noise, scale and offset are all random. Chaotic and periodic parameter sets are accepted by the largest
Lyapunov exponent of the equations (`systems.exponent`), not by the series.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from midstream_analysis.report import Attractor
from tests.analysis import systems

Rng = np.random.Generator
Series = npt.NDArray[np.float64]
FIXED, PERIODIC, QUASI, CHAOTIC, STOCHASTIC, UNKNOWN = (
    Attractor.FIXED_POINT, Attractor.PERIODIC, Attractor.QUASI_PERIODIC, Attractor.CHAOTIC, Attractor.STOCHASTIC,
    Attractor.UNKNOWN,
)  # fmt: skip
_SKIP = 1000


@dataclass(frozen=True)
class Family:
    """One family: the label that is right for it, and how to draw `n` samples."""

    name: str
    label: Attractor
    make: Callable[[Rng, int], Series]
    stable: bool | None = True

    @property
    def group(self) -> str:
        """What the module that defines it holds: plain, driven (by noise: the hardest) or blind (never fitted)."""
        return _GROUPS.get(self.make.__module__.rpartition("_")[2], "plain")


_GROUPS = {"driven": "driven", "events": "driven", "blind": "blind"}
FAMILIES: dict[str, Family] = {}


def family(label: Attractor, *, stable: bool | None = True, name: str = ""):
    """Register a generator function under its own name."""

    def register(make: Callable[[Rng, int], Series]) -> Callable[[Rng, int], Series]:
        key = name or make.__name__
        FAMILIES[key] = Family(key, label, make, stable)
        return make

    return register


def draw(fam: Family, rng: Rng, n: int) -> Series:
    """One series of the family, at a random scale, sign and offset."""
    x = np.asarray(fam.make(rng, n), dtype=np.float64)
    assert x.shape == (n,)
    return x * rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-3, 3) + rng.normal() * 10.0 ** rng.uniform(
        -2, 2
    )


def watched(rng: Rng, x: Series, most: float, clean: float = 0.5) -> Series:
    """Add white observation noise: none with probability `clean`, else 0.3 % up to `most` of the spread."""
    if rng.random() < clean:
        return x
    return x + x.std() * np.exp(rng.uniform(np.log(0.003), np.log(most))) * rng.normal(size=x.size)


# --- chaotic and regular maps ------------------------------------------------------------------------------------
_MAPS: dict[str, tuple[tuple[tuple[float, float], ...], tuple[float, float]]] = {
    # name: parameter ranges, range of the first two coordinates at the start
    "logistic": (((3.6, 4.0),), (0.2, 0.8)),
    "henon": (((1.15, 1.4), (0.1, 0.3)), (0.0, 0.1)),
    "ikeda": (((0.8, 0.95),), (0.1, 0.2)),
    "skew_tent": (((0.2, 0.8), (0.85, 1.0)), (0.2, 0.8)),
    "standard": (((5.5, 9.0),), (0.5, 3.0)),
    "ricker": (((2.75, 3.3),), (0.3, 0.9)),
    "duffing_map": (((2.7, 2.77), (0.15, 0.2)), (0.1, 0.2)),
    "coupled_logistic": (((3.75, 4.0), (0.02, 0.12)), (0.2, 0.8)),
    "tinkerbell": (((0.88, 0.91), (0.48, 0.52)), (-0.7, -0.65)),
    "cubic": (((2.35, 2.59),), (0.2, 0.8)),
    "sine": (((0.88, 1.0),), (0.2, 0.8)),
    "gauss": (((4.9, 7.5), (-0.6, -0.3)), (0.1, 0.2)),
    "lozi": (((1.5, 1.75), (0.2, 0.5)), (0.0, 0.1)),
    "henon3": (((1.6, 1.76), (0.05, 0.1)), (0.0, 0.1)),
    "cat": (((0.0, 0.0),), (0.1, 0.9)),
    "beta": (((1.4, 3.3), (0.0, 0.4)), (0.1, 0.9)),
}


def _map_series(rng: Rng, name: str, n: int, low: float, high: float) -> Series:
    """First coordinate (or a mix with the second) of a map whose exponent per iteration lies in [low, high]."""
    ranges, start = _MAPS[name]
    kind = systems.MAPS.index(name)
    quiet = np.zeros((1, 3))
    for _ in range(400):
        p = np.array([*(rng.uniform(*r) for r in ranges), 0.0, 0.0])
        s = np.array([*rng.uniform(*start, size=2), 0.05])
        if not low < systems.exponent(False, kind, s, p, 2000, _SKIP, 1.0, 1) < high:
            continue
        states = systems.run(False, kind, s, p, n, _SKIP, 1.0, 1, 0.0, quiet)
        if not np.isfinite(states).all() or np.abs(states).max() > 1e6 or np.ptp(states[:, 0]) < 1e-3:
            continue
        if name in ("standard", "cat"):
            return states[:, int(rng.integers(0, 2))]
        if systems.exponent(False, kind, s, p, n, _SKIP, 1.0, 1) < low:
            continue  # a laminar phase fills the series
        return states[:, 0] + (rng.uniform(-0.3, 0.3) * states[:, 1] if rng.random() < 0.3 else 0.0)
    raise AssertionError(f"no parameters of {name} in the regime")


for _name in _MAPS:
    family(CHAOTIC, name=f"map_{_name}")(
        lambda rng, n, name=_name: watched(rng, _map_series(rng, name, n, 0.1, 9.0), 0.05)
    )


@family(CHAOTIC)
def quantised_map(rng: Rng, n: int) -> Series:
    x = _map_series(rng, rng.choice(["logistic", "henon", "ricker"]), n, 0.25, 9.0)
    return np.round((x - x.min()) / np.ptp(x) * rng.integers(24, 200))


@family(PERIODIC)
def map_window(rng: Rng, n: int) -> Series:
    p = np.array(
        [rng.choice([rng.uniform(3.05, 3.44), rng.uniform(3.46, 3.54), rng.uniform(3.8285, 3.8414)]), 0.0]
    )
    states = systems.run(False, 0, np.array([0.31, 0.0, 0.0]), p, n, 20_000, 1.0, 1, 0.0, np.zeros((1, 3)))
    return watched(rng, states[:, 0], 0.1)


@family(QUASI)
def circle_map(rng: Rng, n: int) -> Series:
    p = np.array([(np.sqrt(5) - 1) / 2 * rng.uniform(0.3, 0.7) + 0.01, rng.uniform(0.0, 0.8)])
    theta = systems.run(False, 15, rng.random(3), p, n, _SKIP, 1.0, 1, 0.0, np.zeros((1, 3)))[:, 0]
    return watched(
        rng, np.sin(2 * np.pi * theta) + 0.5 * np.cos(2 * np.pi * (theta + np.arange(n) * 0.1414213)), 0.1
    )


# --- flows -------------------------------------------------------------------------------------------------------
_FLOWS: dict[str, tuple[tuple[tuple[float, float], ...], int, float, float]] = {
    # name: parameter ranges, dimension, half width of the start, largest RK4 step
    "lorenz": (((9.0, 11.0), (27.0, 45.0), (2.4, 2.9)), 3, 1.0, 0.02),
    "rossler": (((0.15, 0.25), (0.15, 0.25), (5.0, 9.0)), 3, 1.0, 0.05),
    "thomas": (((0.1, 0.19),), 3, 1.0, 0.1),
    "duffing": (((0.2, 0.3), (0.3, 0.45), (1.0, 1.2)), 3, 0.5, 0.05),
    "chua": (((9.5, 10.5), (14.0, 16.0)), 3, 0.1, 0.02),
    "sprott_b": (((0.8, 1.2), (0.9, 1.1)), 3, 0.5, 0.05),
    "lorenz96": (((7.0, 9.0),), 5, 1.0, 0.02),
    "rucklidge": (((1.8, 2.1), (6.2, 6.9)), 3, 0.5, 0.03),
    "hindmarsh_rose": (((3.0, 3.3), (0.004, 0.006)), 3, 0.5, 0.05),
    "nose_hoover": (((1.0, 1.0),), 3, 0.5, 0.05),
    "arneodo": (((5.3, 5.6), (3.4, 3.6)), 3, 0.3, 0.05),
    "forced_brusselator": (((0.045, 0.055), (0.78, 0.83)), 3, 0.3, 0.02),
    "chen": (((34.0, 36.0), (2.8, 3.2), (27.0, 28.5)), 3, 1.0, 0.005),
    "halvorsen": (((1.3, 1.5),), 3, 0.5, 0.01),
    "rikitake": (((1.0, 2.0), (4.0, 6.0)), 3, 1.0, 0.02),
    "jerk": (((2.017, 2.06),), 3, 0.05, 0.05),
    "double_scroll_tanh": (((0.7, 0.85),), 3, 0.5, 0.05),
    "forced_vdp": (((5.0, 6.0), (4.5, 5.5), (2.45, 2.475)), 3, 0.5, 0.02),
}


def _flow_series(rng: Rng, name: str, n: int, chaotic: bool, per_period: tuple[float, float]) -> Series:
    """One coordinate of a flow, `per_period` samples a mean period, in the regime asked for."""
    ranges, size, width, h = _FLOWS[name]
    kind = systems.FLOWS.index(name)
    for _ in range(200):
        p = np.array([*(rng.uniform(*r) for r in ranges), 0.0, 0.0])
        s = rng.uniform(-width, width, size)
        fine = systems.run(True, kind, s, p, 6000, 4000, h, 1, 0.0, np.zeros((1, size)))
        if not np.isfinite(fine).all() or np.abs(fine).max() > 1e4 or fine.std(axis=0).max() < 1e-2:
            continue
        column = int(rng.integers(0, 2 if name in ("duffing", "forced_vdp", "forced_brusselator") else size))
        period = mean_period(fine[:, column]) * h
        if not np.isfinite(period):
            continue
        rate = systems.exponent(True, kind, fine[-1], p, max(2000, int(150 * period / h)), 0, h, 1) * period
        if (rate > 0.1) != chaotic or (not chaotic and abs(rate) > 0.01):
            continue
        step = period / np.exp(rng.uniform(*np.log(per_period)))
        x = systems.run(True, kind, fine[-1], p, n, 0, step, int(np.ceil(step / h)), 0.0, np.zeros((1, size)))
        # transient chaos may end, and a laminar phase fill the series: the exponent has to hold within it and after it
        within = systems.exponent(True, kind, fine[-1], p, int(n * step / h), 0, h, 1) * period
        after = systems.exponent(True, kind, x[-1], p, max(2000, int(100 * period / h)), 0, h, 1) * period
        if (min(within, after) > 0.12) == chaotic:
            return x[:, column]
    raise AssertionError(f"no parameters of {name} in the regime")


def mean_period(x: Series) -> float:
    """Mean distance of upward crossings of the mean, in samples (NaN under three crossings)."""
    up = np.flatnonzero((x[:-1] < x.mean()) & (x[1:] >= x.mean()))
    return float((up[-1] - up[0]) / (up.size - 1)) if up.size > 3 else float("nan")


for _name in _FLOWS:
    family(CHAOTIC, name=f"flow_{_name}")(
        lambda rng, n, name=_name: watched(rng, _flow_series(rng, name, n, True, (6.0, 22.0)), 0.04)
    )


@family(CHAOTIC)
def mackey_glass(rng: Rng, n: int) -> Series:
    step, tau = rng.uniform(2.0, 6.0), rng.choice([rng.uniform(17.0, 18.0), rng.uniform(23.0, 30.0)])
    history = rng.uniform(0.5, 1.3) * np.ones(1)
    return watched(rng, systems.mackey_glass(tau, 10.0, n, 500, step, 40, history, 0.0, np.zeros(1)), 0.03)


_CYCLES = {  # name: parameter ranges, start, largest RK4 step
    "van_der_pol": (((0.2, 4.0),), (1.0, 0.5), 0.02),
    "brusselator": (((0.9, 1.1), (2.2, 3.2)), (1.0, 1.0), 0.02),
    "fitzhugh": (((0.4, 0.9), (0.8, 1.2)), (0.5, 0.0), 0.1),
    "lotka_volterra": (((0.8, 1.2), (0.8, 1.2)), (1.6, 1.0), 0.02),
    "pendulum": (((0.0, 0.0),), (1.8, 0.0), 0.05),
}


def cycle(rng: Rng, name: str, n: int, kick: float, per_period: tuple[float, float] = (6.0, 30.0)) -> Series:
    """One coordinate of a limit cycle or centre; `kick` times the cycle's spread is added to the state each sample."""
    ranges, start, h = _CYCLES[name]
    kind = systems.FLOWS.index(name)
    p = np.array([*(rng.uniform(*r) for r in ranges), 0.0])
    s = np.array(start) * rng.uniform(0.8, 1.2)
    fine = systems.run(True, kind, s, p, 8000, 8000, h, 1, 0.0, np.zeros((1, 2)))
    column = int(rng.integers(0, 2))
    step = mean_period(fine[:, column]) * h / np.exp(rng.uniform(*np.log(per_period)))
    for _ in range(20):  # a strong kick may throw the Brusselator out of its basin
        noise = rng.normal(size=(n + 100, 2)) * fine.std(axis=0)
        x = systems.run(True, kind, fine[-1], p, n, 100, step, int(np.ceil(step / h)), kick, noise)[:, column]
        if np.isfinite(x).all() and np.abs(x).max() < 1e3 * fine.std():
            return x
    raise AssertionError(f"{name} does not survive its kicks")


for _name in _CYCLES:
    family(PERIODIC, name=f"cycle_{_name}")(
        lambda rng, n, name=_name: watched(rng, cycle(rng, name, n, 0.0), 0.1)
    )


@family(PERIODIC)
def rossler_cycle(rng: Rng, n: int) -> Series:
    p = np.array([0.2, 0.2, rng.choice([rng.uniform(2.4, 2.8), rng.uniform(3.0, 3.7)])])
    s = systems.run(True, 1, np.ones(3), p, 1, 60_000, 0.05, 1, 0.0, np.zeros((1, 3)))[-1]
    step = 5.9 / rng.uniform(6.0, 24.0)
    x = systems.run(True, 1, s, p, n, 0, step, int(np.ceil(step / 0.05)), 0.0, np.zeros((1, 3)))
    return watched(rng, x[:, int(rng.integers(0, 2))], 0.05)


@family(STOCHASTIC)
def noisy_cycle(rng: Rng, n: int) -> Series:
    """Phase-diffusing limit cycle: dynamic noise in the state of van der Pol or the Brusselator."""
    name = str(rng.choice(["van_der_pol", "brusselator", "fitzhugh"]))
    return watched(
        rng, cycle(rng, name, n, float(np.exp(rng.uniform(*np.log((0.05, 0.3))))), (6.0, 18.0)), 0.05
    )


@family(STOCHASTIC)
def phase_walk(rng: Rng, n: int) -> Series:
    """An oscillator whose phase is a random walk with drift."""
    phase = np.cumsum(2 * np.pi / rng.uniform(5, 16) + rng.uniform(0.2, 0.5) * rng.normal(size=n))
    return np.sin(phase) + 0.1 * rng.normal(size=n)
