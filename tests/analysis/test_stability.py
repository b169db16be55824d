from __future__ import annotations

import numpy as np
import pytest

from midstream_analysis.stability import (
    detrended,
    drifting_rhythm,
    settling_ratio,
    trend_t,
    trending,
    trendless,
)

T = np.arange(400)


def noise(seed: int, n: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


@pytest.mark.parametrize("fall", [0.03, 0.08, 0.14])
def test_decays_settle_forwards_and_grow_backwards(fall: float) -> None:
    x = np.exp(-T / (400 * fall)) * np.cos(0.3 * T) + 0.005 * noise(0)
    assert settling_ratio(x) < 0.15
    assert settling_ratio(x[::-1]) == 1.0


@pytest.mark.parametrize(
    "x", [noise(1), np.cumsum(noise(2)), np.sin(0.2 * T), T / 400, np.r_[30.0, noise(3)[1:]]]
)
def test_what_does_not_settle_is_not_said_to(x: np.ndarray) -> None:
    assert settling_ratio(x) >= 0.15


def test_a_constant_has_no_envelope() -> None:
    assert settling_ratio(np.zeros(80)) == 1.0


def test_ramps_trend_and_walks_do_not() -> None:
    assert trending(T / 400 + 0.05 * noise(4))
    assert trending(np.sqrt(T + 1.0))
    assert not trending(noise(5))
    assert sum(trending(np.cumsum(noise(seed))) for seed in range(40)) <= 2


def test_a_clear_line_is_taken_out_and_said() -> None:
    wave = np.sin(0.5 * T)
    rest, drifts = detrended(wave + T / 150)
    assert drifts
    assert np.corrcoef(rest, wave)[0, 1] > 0.99
    same, drifts = detrended(wave)
    assert not drifts
    assert same is wave


def test_level_and_spread_are_tested() -> None:
    assert trendless(noise(6), 1) is True
    assert trendless(noise(7) + T / 200, 1) is False
    assert trendless(noise(8) * (1 + T / 100), 1) is False
    assert trendless(noise(9), 40) is None


def test_false_alarms_are_rare() -> None:
    alarms = sum(trendless(noise(seed), 1) is False for seed in range(300))
    assert alarms <= 3


def test_slope_t_is_the_textbook_one() -> None:
    x = noise(10) + T / 400
    t = np.linspace(-1, 1, 400)
    slope, level = np.polyfit(t, x, 1)
    rest = x - slope * t - level
    error = np.sqrt(rest @ rest / 398 / (t @ t))
    assert trend_t(x, 400) == pytest.approx(abs(slope) / error, rel=1e-9)


def test_a_chirp_drifts_and_a_tone_and_noise_do_not() -> None:
    assert drifting_rhythm(np.sin(0.1 * T + 0.0005 * T**2))
    assert not drifting_rhythm(np.sin(0.3 * T))
    assert sum(drifting_rhythm(noise(seed)) for seed in range(100)) == 0
