from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.circular import as_phase, circular_gain
from midstream_analysis.classifier import classify
from midstream_analysis.kernels.circular import circular_errors_kernel
from midstream_analysis.reference import forecasting as oracle
from midstream_analysis.report import Attractor
from tests.analysis.inputs import JIT

needs_jit = pytest.mark.skipif(not JIT, reason="too slow as plain Python; shorter series are tested there")


def standard_map(n: int, kick: float, seed: int = 0) -> np.ndarray:
    """Angle and momentum of Chirikov's standard map, modulo a turn: (n, 2)."""
    p, angle = np.random.default_rng(seed).uniform(1.0, 5.0, 2)
    out = np.empty((n, 2))
    for t in range(n):
        p = (p + kick * np.sin(angle)) % (2 * np.pi)
        angle = (angle + p) % (2 * np.pi)
        out[t] = angle, p
    return out


@settings(max_examples=25 if JIT else 3, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(40, 90),
    m=st.integers(1, 3),
    discount=st.floats(0.1, 1.0),
    theiler=st.integers(0, 3),
)
def test_errors_on_the_circle_are_those_of_the_plain_form(
    seed: int, n: int, m: int, discount: float, theiler: int
) -> None:
    phase = np.random.default_rng(seed).random(n)
    queries = np.arange(m - 1, n - 1, 3)
    ours = circular_errors_kernel(phase, m, discount, queries, theiler, 1e-3)
    np.testing.assert_allclose(
        ours, oracle.circular_errors(phase, m, discount, queries, theiler, 1e-3), atol=1e-6
    )


def test_only_values_that_fill_an_interval_evenly_are_angles() -> None:
    rng = np.random.default_rng(1)
    assert as_phase(rng.normal(size=400)) is None
    assert as_phase(np.sin(np.arange(400.0))) is None
    phase = as_phase(5.0 - 3.0 * rng.random(400))
    assert phase is not None
    assert 0.0 <= phase.min() <= phase.max() < 1.0
    assert circular_gain(rng.normal(size=400)) is None


@needs_jit
def test_independent_angles_are_forecast_by_nothing() -> None:
    found = [circular_gain(np.random.default_rng(seed).random(300)) for seed in range(40)]
    z = [gain[2] for gain in found if gain]
    assert len(z) > 35
    assert max(z) < 6.0


@needs_jit
@pytest.mark.parametrize(("n", "column"), [(256, 0), (1000, 0), (1000, 1)])
def test_the_standard_map_is_chaotic(n: int, column: int) -> None:
    labels = [classify(standard_map(n, 6.9, seed)[:, column]).label for seed in range(6)]
    assert labels.count(Attractor.CHAOTIC) >= 5


@needs_jit
def test_a_random_walk_on_the_circle_is_not_chaotic() -> None:
    rng = np.random.default_rng(3)
    for step in np.linspace(0.05, 0.6, 12):
        assert not classify(np.cumsum(0.3 + step * rng.normal(size=600)) % 1.0).chaotic
