from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.kernels.prediction import linear_errors_kernel, neighbour_errors_kernel
from midstream_analysis.prediction import compare_forecasts, decorrelation, determinism
from midstream_analysis.reference import forecasting as oracle
from tests.analysis.inputs import JIT

HORIZONS = np.array([1, 2, 5])
FLOORS = np.array([1e-12, 1e-4, 0.02])


def logistic(n: int, r: float = 3.9) -> np.ndarray:
    x = np.empty(n)
    x[0] = 0.3
    for t in range(1, n):
        x[t] = r * x[t - 1] * (1 - x[t - 1])
    return (x - x.mean()) / x.std()


def series(kind: str, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.normal(size=n)
    if kind == "walk":
        return np.cumsum(rng.normal(size=n)) / np.sqrt(n)
    if kind == "wave":
        return np.sin(0.37 * np.arange(n)) + 0.05 * rng.normal(size=n)
    return logistic(n) + 1e-3 * rng.normal(size=n)


@pytest.mark.parametrize("kind", ["noise", "walk", "wave", "map"])
def test_linear_errors_are_those_of_models_fitted_without_the_target(kind: str) -> None:
    x = series(kind, 60, 1)
    queries = np.arange(4, 54, 7)
    ours = linear_errors_kernel(x, 5, HORIZONS, queries, FLOORS)
    np.testing.assert_allclose(ours, oracle.linear_errors(x, 5, HORIZONS, queries, FLOORS), rtol=1e-7)


def test_a_lag_that_repeats_the_others_adds_nothing() -> None:
    x = np.tile([1.0, -1.0], 40)
    errors = linear_errors_kernel(x, 6, HORIZONS, np.arange(6, 70), FLOORS)
    assert np.isfinite(errors).all()
    assert errors[..., 0].max() < 1e-20


@settings(max_examples=12 if JIT else 2, deadline=None)
@given(
    kind=st.sampled_from(["noise", "walk", "wave", "map"]),
    seed=st.integers(0, 1000),
    delay=st.integers(1, 3),
    theiler=st.integers(0, 4),
    lowest=st.integers(1, 3),
)
def test_neighbour_errors_are_those_of_the_oracle(
    kind: str, seed: int, delay: int, theiler: int, lowest: int
) -> None:
    x = series(kind, 90, seed)
    queries = np.arange(3 * delay, 84, 9)
    arguments = (x, lowest, 4, delay, HORIZONS, queries, theiler, 1e-3, np.array([2, 3]), FLOORS)
    np.testing.assert_allclose(
        neighbour_errors_kernel(*arguments), oracle.neighbour_errors(*arguments), rtol=1e-6, atol=1e-12
    )


def test_neighbours_may_be_fewer_than_asked_for() -> None:
    x = series("noise", 40, 3)
    errors = neighbour_errors_kernel(
        x, 1, 5, 2, HORIZONS, np.arange(8, 34), 12, 1e-3, np.array([3, 9]), FLOORS
    )
    assert np.isfinite(errors).all()


def test_ties_and_two_valued_series_stay_finite() -> None:
    x = (np.random.default_rng(0).random(80) < 0.3).astype(float)
    forecasts = compare_forecasts((x - x.mean()) / x.std())
    assert np.isfinite(forecasts.gain).all()
    assert np.isfinite(determinism(x, forecasts)).all()


def test_gain_is_high_for_a_chaotic_map_and_none_for_noise() -> None:
    assert compare_forecasts(logistic(256)).gain.max() > 1.0
    gains = [compare_forecasts(series("noise", 256, seed)).gain.max() for seed in range(8 if JIT else 2)]
    assert max(gains) < 0.1


def test_finer_knowledge_helps_with_chaos_and_not_with_noise() -> None:
    chaos, noise = logistic(256), series("noise", 256, 2)
    convergence, locality, chaotic_shape = determinism(chaos, compare_forecasts(chaos))
    assert convergence > 0.2
    assert locality > 0.2
    convergence, locality, shape = determinism(noise, compare_forecasts(noise))
    assert 0.0 < shape < chaotic_shape
    assert abs(convergence) < 0.15
    assert locality < 0.1


def test_decorrelation_of_a_sine_is_a_fifth_of_its_period() -> None:
    assert decorrelation(np.sin(2 * np.pi * np.arange(1000) / 50)) == pytest.approx(
        50 * np.arccos(1 / np.e) / (2 * np.pi), abs=1
    )
