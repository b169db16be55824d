from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.embedding import (
    autocorrelation_time,
    embed,
    false_nearest_neighbours,
    mutual_information_delay,
    standardise,
)
from midstream_analysis.kernels.information import mutual_information_kernel
from midstream_analysis.kernels.neighbours import neighbours_kernel
from midstream_analysis.reference import dynamics as oracle
from tests.analysis import reference_systems as systems
from tests.analysis.inputs import BAD, JIT, forms

EVERY: list[Callable[[Any], Any]] = [
    autocorrelation_time,
    embed,
    false_nearest_neighbours,
    mutual_information_delay,
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("function", EVERY)
def test_bad_input_is_refused(function: Callable[[Any], Any], bad: str) -> None:
    with pytest.raises(ValueError, match=r"x (must|has)"):
        function(BAD[bad])


@pytest.mark.parametrize("function", EVERY)
def test_every_form_of_a_series_gives_the_same_result(function: Callable[[Any], Any]) -> None:
    x = np.random.default_rng(1).integers(-50, 50, 300)
    expected = function(x.astype(np.float64))
    for name, form in forms(x).items():
        np.testing.assert_array_equal(function(form), expected, err_msg=name)


@pytest.mark.parametrize("scale", [1e-310, 1e-150, 1e150, 1e307])
def test_huge_and_tiny_values_change_nothing(scale: float) -> None:
    x = np.sin(np.arange(400) * 0.2) + 0.1 * np.cos(np.arange(400) * 0.9)
    time = autocorrelation_time(x * scale)
    assert time == pytest.approx(autocorrelation_time(x), rel=1e-6)
    assert mutual_information_delay(x * scale) == mutual_information_delay(x)
    np.testing.assert_allclose(false_nearest_neighbours(x * scale), false_nearest_neighbours(x), atol=0.02)


def test_constants_have_no_times() -> None:
    for value in (0.0, 0.1, -1e300):
        assert autocorrelation_time(np.full(100, value)) is None
        assert mutual_information_delay(np.full(100, value)) is None
        assert embed(np.full(100, value)).shape == (98, 3)
        with pytest.raises(ValueError, match="constant"):
            false_nearest_neighbours(np.full(100, value))


def test_standardise_survives_a_range_that_overflows() -> None:
    z = standardise(np.array([1.7e308, -1.7e308, 0.0]))
    assert z is not None
    np.testing.assert_allclose(z, [math.sqrt(1.5), -math.sqrt(1.5), 0.0])


def test_autocorrelation_time_of_known_processes() -> None:
    x = systems.autoregressive(20_000, 0.9)[0]
    assert autocorrelation_time(x) == pytest.approx(-1.0 / math.log(0.9), rel=0.15)
    wave = np.sin(2 * np.pi * np.arange(10_000) / 100)
    assert autocorrelation_time(wave) == pytest.approx(100 * math.acos(1 / math.e) / (2 * math.pi), rel=0.01)


@given(st.integers(0, 2**31), st.integers(2, 6), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_mutual_information_against_the_oracle(seed: int, bins: int, lags: int) -> None:
    label = np.random.default_rng(seed).integers(0, bins, 60)
    got = mutual_information_kernel(label, bins, lags)
    np.testing.assert_allclose(
        got, [oracle.mutual_information(label, k) for k in range(1, lags + 1)], atol=1e-12
    )


def test_mutual_information_delay_of_an_oscillator_is_a_quarter_period() -> None:
    x = systems.rossler(2000, 0.1)[0]  # period 5.9 units of time
    delay = mutual_information_delay(x)
    assert delay is not None
    assert abs(delay - 59 / 4) <= 4
    assert mutual_information_delay(systems.white(2000)[0]) == 1
    with pytest.raises(ValueError, match="max_delay"):
        mutual_information_delay(x, 2990)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_embedding_rows_are_delay_vectors(dimension: int, delay: int, more: int) -> None:
    x = np.arange((dimension - 1) * delay + 1 + more, dtype=float) ** 2
    got = embed(x, dimension, delay)
    assert got.shape == (x.size - (dimension - 1) * delay, dimension)
    np.testing.assert_array_equal(got, oracle.vectors(x, dimension, delay))
    with pytest.raises(ValueError, match="samples"):
        embed(x[: (dimension - 1) * delay], dimension, delay)


@pytest.mark.parametrize(("dimension", "delay"), [(0, 1), (3, 0), (2.5, 1), (3, -1), (True, 1)])
def test_embedding_refuses_odd_parameters(dimension: Any, delay: Any) -> None:
    with pytest.raises(ValueError, match="whole number"):
        embed(np.arange(50.0), dimension, delay)


def test_default_delay_is_one_for_a_map_and_more_for_a_flow() -> None:
    assert embed(systems.henon(400)[0]).shape == (398, 3)
    flow = systems.tones(1500, [100.0])[0]
    delay = (flow.size - embed(flow).shape[0]) // 2
    assert 15 <= delay <= 35


SERIES = st.one_of(
    st.lists(st.floats(-10, 10), min_size=20, max_size=70).map(np.array),
    st.lists(st.integers(0, 3), min_size=20, max_size=70).map(lambda v: np.array(v, float)),  # many ties
)


@given(SERIES, st.integers(1, 3), st.integers(1, 3), st.integers(0, 6), st.integers(1, 4))
@settings(max_examples=60 if JIT else 15, deadline=None)
def test_neighbours_against_the_oracle(x: Any, dimension: int, delay: int, theiler: int, k: int) -> None:
    count = x.size - (dimension - 1) * delay
    index, square = neighbours_kernel(x, np.argsort(x), dimension, delay, theiler, count, k)
    expected = oracle.neighbour_distances(x, dimension, delay, theiler, count, k)
    v = oracle.vectors(x, dimension, delay)
    for i in range(count):
        found = index[i][index[i] >= 0]
        assert len(found) == len(set(found)) == len(expected[i])
        np.testing.assert_allclose(square[i, : len(found)], expected[i], rtol=1e-9, atol=1e-12)
        for j, s in zip(found, square[i], strict=False):
            assert abs(i - j) > theiler
            assert ((v[i] - v[j]) ** 2).sum() == pytest.approx(s, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("k", [1, 6])
def test_neighbours_of_a_flow_use_the_bound_and_stay_exact(k: int) -> None:
    x = systems.rossler(400 if JIT else 120, 0.2)[0]
    count = x.size - 8
    _, square = neighbours_kernel(x, np.argsort(x), 3, 4, 20, count, k)
    np.testing.assert_allclose(square, oracle.neighbour_distances(x, 3, 4, 20, count, k), rtol=1e-9)


def test_false_neighbours_vanish_at_the_dimension_of_the_system() -> None:
    share = false_nearest_neighbours(systems.henon(600 if JIT else 200)[0], 4)
    assert share[0] > 0.5
    assert share[1] < 0.05
    noise = false_nearest_neighbours(systems.white(600 if JIT else 200)[0], 4)
    assert noise.min() > 0.1


def test_too_long_and_too_short_series_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 50000"):
        false_nearest_neighbours(np.zeros(50_001))
    with pytest.raises(ValueError, match="too few"):
        false_nearest_neighbours(np.sin(np.arange(60.0)), 6, delay=10)
