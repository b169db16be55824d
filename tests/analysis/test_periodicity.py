from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.kernels import sinusoids as kernels
from midstream_analysis.periodicity import best_fold, find_tones, one_base, repetition_lag
from midstream_analysis.reference import forecasting as oracle
from tests.analysis.inputs import JIT

SOME = settings(max_examples=25 if JIT else 3, deadline=None)


def unit(x: np.ndarray) -> np.ndarray:
    return np.asarray((x - x.mean()) / x.std())


@SOME
@given(
    seed=st.integers(0, 10_000), period=st.floats(2.0, 30.0), bins=st.integers(4, 24), n=st.integers(40, 120)
)
def test_dispersion_is_that_of_lines_fitted_in_each_bin(seed: int, period: float, bins: int, n: int) -> None:
    x = np.random.default_rng(seed).normal(size=n) + np.sin(2 * np.pi * np.arange(n) / period)
    ours = kernels.fold_dispersion_kernel(x, np.array([period]), bins)[0]
    assert ours == pytest.approx(oracle.fold_dispersion(x, period, bins), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("period", [2, 3, 5, 7, 9, 10, 11, 30])
def test_samples_of_one_phase_share_a_bin(period: int) -> None:
    """Rounding of t / period must not part samples of the same phase: a repeated pattern has no dispersion."""
    x = np.tile(np.random.default_rng(period).normal(size=period), 24)
    for bins in range(period, 25):
        assert kernels.fold_dispersion_kernel(x, np.array([float(period)]), bins)[0] < 1e-9


@SOME
@given(seed=st.integers(0, 10_000), period=st.floats(2.5, 30.0), k=st.sampled_from([1, 4, 8, 16]))
def test_fold_forecast_is_that_of_lines_in_phase(seed: int, period: float, k: int) -> None:
    x = np.random.default_rng(seed).normal(size=100) + np.sin(2 * np.pi * np.arange(100) / period)
    ours = kernels.fold_forecast_kernel(x, 75, period, np.array([k]))[0]
    np.testing.assert_allclose(ours, oracle.fold_forecast(x, 75, period, k), rtol=1e-6)


@SOME
@given(seed=st.integers(0, 10_000), n=st.integers(20, 90))
def test_lag_difference_is_the_plain_one(seed: int, n: int) -> None:
    x = np.random.default_rng(seed).normal(size=n)
    np.testing.assert_allclose(
        kernels.lag_difference_kernel(x, n // 3), oracle.lag_difference(x, n // 3), rtol=1e-9
    )


@SOME
@given(seed=st.integers(0, 10_000), tones=st.integers(1, 5))
def test_amplitudes_are_the_least_squares_ones(seed: int, tones: int) -> None:
    rng = np.random.default_rng(seed)
    omega = np.sort(rng.uniform(0.1, 0.3, tones)) + 0.5 * np.arange(tones)
    x = rng.normal(size=120)
    _, a, b, level, residual = kernels.refine_kernel(x, omega, 0)
    want_a, want_b, want_level = oracle.amplitudes(x, omega)
    np.testing.assert_allclose(a, want_a, atol=1e-6)
    np.testing.assert_allclose(b, want_b, atol=1e-6)
    assert level == pytest.approx(want_level, abs=1e-6)
    assert abs(residual @ np.ones(120)) < 1e-5


def test_refinement_finds_frequencies_between_fourier_bins() -> None:
    t = np.arange(192)
    omega = np.array([0.4012, 0.9377])
    x = np.sin(omega[0] * t + 1) + 0.5 * np.cos(omega[1] * t)
    found = kernels.refine_kernel(x, omega + np.array([0.006, -0.006]), 6)[0]
    np.testing.assert_allclose(found, omega, atol=1e-6)


def test_two_incommensurate_tones_are_found_and_forecast() -> None:
    t = np.arange(256)
    x = unit(np.sin(0.41 * t) + 0.6 * np.sin(0.41 * np.sqrt(2) * t))
    tones = find_tones(x, 192)
    strongest = np.sort(tones.omega[np.argsort(-tones.amplitude)[:2]])
    np.testing.assert_allclose(strongest, [0.41, 0.41 * np.sqrt(2)], atol=1e-4)
    assert tones.forecast_error < 1e-4
    assert one_base(x, 192, tones)[1] > 100 * tones.forecast_error


def test_noise_has_no_tones_that_forecast() -> None:
    for seed in range(6):
        tones = find_tones(unit(np.random.default_rng(seed).normal(size=256)), 192)
        assert tones.forecast_error > 0.6


def test_harmonics_share_one_base() -> None:
    t = np.arange(256)
    x = unit(
        np.sin(2 * np.pi * t / 23.7) + 0.7 * np.cos(4 * np.pi * t / 23.7) + 0.3 * np.sin(6 * np.pi * t / 23.7)
    )
    tones = find_tones(x, 192)
    period, error = one_base(x, 192, tones)
    assert period == pytest.approx(23.7, abs=0.02)
    assert error < 1e-4


@pytest.mark.parametrize("period", [7.3, 13.2, 29.6])
def test_folding_finds_the_period_of_a_noisy_saw(period: float) -> None:
    x = unit((np.arange(400) / period) % 1.0 + 0.02 * np.random.default_rng(1).normal(size=400))
    fold = best_fold(x, 300, [repetition_lag(x)[0], round(period)])
    assert fold.period == pytest.approx(period, rel=2e-3)
    assert fold.trimmed < 0.02


def test_repetition_lag_is_the_period_and_not_a_multiple() -> None:
    word = np.array([0.0, 3.0, 1.0, 1.0, 5.0, 2.0, 2.0])
    lag, difference = repetition_lag(unit(np.tile(word, 12)))
    assert lag == 7
    assert difference < 1e-12


def test_a_ramp_repeats_nowhere() -> None:
    lag, difference = repetition_lag(unit(np.arange(100.0)))
    assert lag == 0 or difference > 0.1
