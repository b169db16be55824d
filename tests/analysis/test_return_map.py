from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.kernels.returns import simplex_errors_kernel
from midstream_analysis.reference import forecasting as oracle
from midstream_analysis.return_map import maxima, return_gains
from tests.analysis import systems
from tests.analysis.inputs import JIT

needs_jit = pytest.mark.skipif(not JIT, reason="too slow as plain Python; shorter series are tested there")


@settings(max_examples=40 if JIT else 5, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(4, 40), m=st.integers(1, 2), k=st.integers(1, 6))
def test_errors_are_those_of_the_plain_form(seed: int, count: int, m: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    points, targets = rng.normal(size=(count, m)), rng.normal(size=count)
    np.testing.assert_allclose(
        simplex_errors_kernel(points, targets, k), oracle.simplex_errors(points, targets, k), atol=1e-9
    )


def test_points_that_fall_together_count_in_their_order() -> None:
    points, targets = np.array([[0.0], [0.0], [0.0], [5.0]]), np.array([1.0, 2.0, 4.0, 9.0])
    np.testing.assert_allclose(simplex_errors_kernel(points, targets, 1), [1.0, -1.0, -3.0, -8.0])


def test_a_maximum_lies_between_the_samples() -> None:
    t = np.arange(200.0)
    times, heights = maxima(np.cos(2 * np.pi * (t - 0.3) / 20), 1)
    np.testing.assert_allclose(times, 0.3 + 20 * np.arange(1, 10), atol=0.01)
    np.testing.assert_allclose(heights, 1.0, atol=1e-3)


def test_too_few_extrema_say_nothing() -> None:
    np.testing.assert_array_equal(return_gains(np.sin(np.arange(64) / 3), 4)[:4], 0.0)
    assert not return_gains(np.zeros(300), 1)[:4].any()


def standardised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()


def rossler(n: int) -> np.ndarray:
    p = np.array([0.2, 0.2, 5.7])
    return systems.run(True, 1, np.ones(3), p, n, 2000, 0.25, 5, 0.0, np.zeros((1, 3)))[:, 0]


@needs_jit
def test_a_chaotic_flow_decides_its_next_turn_and_a_kicked_cycle_does_not() -> None:
    chaos = return_gains(standardised(rossler(1000)), 6)
    assert chaos[1] > 0.8  # heights and times, or maxima and minima: not by chance
    assert chaos[0] >= chaos[1]
    assert chaos[2] >= chaos[3]
    rng = np.random.default_rng(5)
    phase = np.cumsum(0.25 + 0.12 * rng.normal(size=1000))
    kicked = return_gains(standardised((1 + 0.1 * rng.normal(size=1000)) * np.sin(phase)), 6)
    assert kicked[1] < 0.3


@needs_jit
def test_a_value_that_stays_as_it_is_is_not_dynamics() -> None:
    """Random switching between two levels: most heights are the last one, the others come by chance."""
    rng = np.random.default_rng(2)
    level = np.cumsum(rng.random(1000) < 0.1) % 2
    gains = return_gains(standardised(level + 0.02 * rng.normal(size=1000)), 5)
    assert gains[0] < 0.2


@needs_jit
@pytest.mark.parametrize("factor", [-1.0, 1.0])
def test_gains_do_not_depend_on_sign(factor: float) -> None:
    x = standardised(rossler(600))
    np.testing.assert_allclose(return_gains(factor * x, 6), return_gains(x, 6), atol=1e-9)
