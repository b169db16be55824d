from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.entropy import SlidingPermutationEntropy, permutation_entropy, sample_entropy
from midstream_analysis.reference import dynamics as oracle
from tests.analysis import reference_systems as systems
from tests.analysis.inputs import BAD, JIT, forms

EVERY: list[Callable[[Any], Any]] = [sample_entropy, permutation_entropy]
VALUES = st.one_of(
    st.lists(st.floats(-100, 100), min_size=8, max_size=80),
    st.lists(st.integers(0, 3).map(float), min_size=8, max_size=80),  # ties
)
FEW = 60 if JIT else 15


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("function", EVERY)
def test_bad_input_is_refused(function: Callable[[Any], Any], bad: str) -> None:
    with pytest.raises(ValueError, match=r"x (must|has)"):
        function(BAD[bad])


@pytest.mark.parametrize("function", EVERY)
def test_every_form_of_a_series_gives_the_same_result(function: Callable[[Any], Any]) -> None:
    x = np.random.default_rng(1).integers(-50, 50, 300)
    expected = function(x.astype(np.float64))
    assert expected is not None
    for name, form in forms(x).items():
        assert function(form) == expected, name


@given(VALUES, st.integers(1, 4), st.floats(0, 50))
@settings(max_examples=FEW, deadline=None)
def test_sample_entropy_against_the_oracle(values: list[float], order: int, tolerance: float) -> None:
    shorter, longer = oracle.matches(np.array(values), order, tolerance)
    got = sample_entropy(values, order, tolerance)
    if longer == 0:
        assert got is None
    else:
        assert got == math.log(shorter / longer)


@pytest.mark.parametrize("order", [1, 2, 63, 64, 65])
def test_sample_entropy_over_block_and_word_borders(order: int) -> None:
    x = systems.tones(2200 if JIT else 200, [7.3], 0.3)[0]
    shorter, longer = oracle.matches(x[:200], order, 1.5)
    assert sample_entropy(x[:200], order, 1.5) == pytest.approx(math.log(shorter / longer), abs=1e-12)
    if JIT:  # two blocks of columns; the count of near pairs by sorting checks the whole
        v = np.stack([x[d : x.size - order + d] for d in range(order + 1)], axis=1)
        near = [np.abs(v[i + 1 :] - v[i]) <= 1.5 for i in range(len(v))]
        counts = [sum(int(n[:, :m].all(axis=1).sum()) for n in near) for m in (order, order + 1)]
        assert sample_entropy(x, order, 1.5) == pytest.approx(math.log(counts[0] / counts[1]), abs=1e-12)


def test_sample_entropy_of_simple_series() -> None:
    assert sample_entropy(np.full(50, 0.1)) == 0.0
    assert sample_entropy([1, 2, 4, 8, 16, 32], tolerance=0.5) is None
    noise = sample_entropy(systems.white(2000 if JIT else 300)[0])
    regular = sample_entropy(systems.tones(2000 if JIT else 300, [40.0])[0])
    assert noise is not None
    assert regular is not None
    assert noise > 1.8
    assert regular < 0.5


@pytest.mark.parametrize("power", [-1030, -900, 900, 1015])
def test_sample_entropy_of_huge_and_tiny_values(power: int) -> None:
    x = np.random.default_rng(2).integers(1, 99, 200).astype(float)
    assert sample_entropy(np.ldexp(x, power)) == sample_entropy(x)
    assert sample_entropy(np.ldexp(x, power), 2, math.ldexp(9.0, power)) == sample_entropy(x, 2, 9.0)


@pytest.mark.parametrize("tolerance", [-1.0, math.nan, math.inf])
def test_sample_entropy_refuses_odd_tolerances(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        sample_entropy(np.arange(20.0), 2, tolerance)
    with pytest.raises(ValueError, match="order"):
        sample_entropy(np.arange(20.0), 0)
    with pytest.raises(ValueError, match="at most 200000"):
        sample_entropy(np.zeros(200_001))


@given(VALUES, st.integers(2, 6), st.integers(1, 3), st.booleans())
@settings(max_examples=FEW, deadline=None)
def test_permutation_entropy_against_the_oracle(
    values: list[float], order: int, delay: int, normalize: bool
) -> None:
    if len(values) <= (order - 1) * delay:
        with pytest.raises(ValueError, match="samples"):
            permutation_entropy(values, order, delay)
        return
    expected = oracle.permutation_entropy(np.array(values), order, delay)
    expected /= math.log2(math.factorial(order)) if normalize else 1.0
    assert permutation_entropy(values, order, delay, normalize) == pytest.approx(expected, abs=1e-12)


def test_permutation_entropy_of_known_series() -> None:
    assert permutation_entropy([4, 7, 9, 10, 6, 11, 3], 2) == pytest.approx(
        0.9182958340544896
    )  # Bandt & Pompe
    assert permutation_entropy([4, 7, 9, 10, 6, 11, 3], 3) == pytest.approx(1.5219280948873621)
    assert permutation_entropy(np.arange(100.0), 5) == 0.0
    assert permutation_entropy(np.full(100, 3.3), 5) == 0.0
    assert permutation_entropy(systems.white(20_000 if JIT else 2000)[0], 3, normalize=True) > 0.99


@pytest.mark.parametrize(("order", "delay"), [(1, 1), (8, 1), (3, 0), (2.5, 1)])
def test_permutation_entropy_refuses_odd_parameters(order: Any, delay: Any) -> None:
    with pytest.raises(ValueError, match=r"order|delay"):
        permutation_entropy(np.arange(50.0), order, delay)
    with pytest.raises(ValueError, match=r"order|delay"):
        SlidingPermutationEntropy(50, order, delay)


@given(VALUES, st.integers(2, 5), st.integers(1, 3), st.integers(0, 20), st.booleans())
@settings(max_examples=FEW, deadline=None)
def test_sliding_window_equals_the_function_on_the_same_samples(
    values: list[float], order: int, delay: int, more: int, normalize: bool
) -> None:
    window = (order - 1) * delay + 1 + more
    sliding = SlidingPermutationEntropy(window, order, delay, normalize)
    for k, value in enumerate(values):
        got = sliding.update(value)
        if k + 1 < window:
            assert got is None
        else:
            expected = oracle.permutation_entropy(np.array(values[k + 1 - window : k + 1]), order, delay)
            expected /= math.log2(math.factorial(order)) if normalize else 1.0
            assert got == pytest.approx(expected, abs=1e-12)


def test_sliding_batches_continue_the_stream_and_do_not_drift() -> None:
    n = 200_000 if JIT else 2000
    x = systems.white(n)[0]
    sliding = SlidingPermutationEntropy(300, 4)
    out = np.concatenate([sliding.extend(part) for part in np.array_split(x, 7)])
    assert np.isnan(out[:299]).all()
    assert out[-1] == pytest.approx(permutation_entropy(x[-300:], 4), abs=1e-12)
    assert sliding.update(0.5) == pytest.approx(permutation_entropy([*x[-299:], 0.5], 4), abs=1e-12)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_sliding_refuses_values_without_order_and_keeps_its_state(value: float) -> None:
    sliding = SlidingPermutationEntropy(5, 3)
    for v in (1.0, 5.0, 2.0, 4.0):
        assert sliding.update(v) is None
    with pytest.raises(ValueError, match="finite"):
        sliding.update(value)
    with pytest.raises(ValueError, match="values has a NaN"):
        sliding.extend([1.0, value])
    assert sliding.update(3.0) == pytest.approx(permutation_entropy([1, 5, 2, 4, 3], 3))


def test_sliding_needs_room_for_a_pattern() -> None:
    with pytest.raises(ValueError, match="window"):
        SlidingPermutationEntropy(4, 3, 2)
    assert SlidingPermutationEntropy(5, 3, 2).update(1.0) is None
