from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from midstream_analysis.embedding import standardise
from midstream_analysis.reference import dynamics as oracle
from midstream_analysis.zero_one import GOLDEN, zero_one_test
from tests.analysis import reference_systems as systems
from tests.analysis.inputs import BAD, forms


@pytest.mark.parametrize(
    ("series", "chaotic"),
    [
        (lambda: systems.logistic(1000, 4.0)[0], True),
        (lambda: systems.logistic(1000, 3.7)[0], True),
        (lambda: systems.henon(1000)[0], True),
        (lambda: systems.lorenz(5000, 0.05)[0], True),
        (lambda: systems.white(1000)[0], True),  # as the docstring says: noise is not told from chaos
        (lambda: systems.logistic(1000, 3.5)[0], False),
        (lambda: systems.tones(3000, [37.3])[0], False),
        (lambda: systems.tones(3000, [37.3, 23.05])[0], False),
    ],
)
def test_chaos_is_one_and_regular_motion_zero(series: Any, chaotic: bool) -> None:
    got = zero_one_test(series())
    assert got is not None
    assert got.k > 0.9 if chaotic else got.k < 0.1


def test_against_the_oracle() -> None:
    x = systems.logistic(200, 3.7)[0]
    z = standardise(x)
    assert z is not None
    lags = np.arange(1, 21)
    expected = []
    for q in range(12):
        c = math.pi * (0.2 + 0.6 * ((q + 1) * GOLDEN % 1.0))
        expected.append(np.corrcoef(lags, oracle.displacement(z, c, 20))[0, 1])
    got = zero_one_test(x, frequencies=12, stride=1)
    assert got is not None
    assert got.k == pytest.approx(np.median(expected), abs=1e-9)


def test_flows_are_thinned_and_huge_values_change_nothing() -> None:
    x = systems.lorenz(4000, 0.02)[0]
    one, two = zero_one_test(x), zero_one_test(x * 1e300)
    assert one is not None
    assert two is not None
    assert one.stride > 10
    assert two.k == pytest.approx(one.k, abs=1e-9)


@pytest.mark.parametrize("bad", [name for name in BAD if name != "empty"])
def test_bad_input_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"x (must|has)"):
        zero_one_test(BAD[bad])


def test_short_constant_and_long_series() -> None:
    assert zero_one_test([]) is None
    assert zero_one_test(np.full(500, 0.1)) is None
    assert zero_one_test(systems.white(99)[0]) is None
    with pytest.raises(ValueError, match="at most 20000"):
        zero_one_test(systems.white(20_001)[0], stride=1)
    for odd in ({"frequencies": 3}, {"stride": 0}):
        with pytest.raises(ValueError, match="whole"):
            zero_one_test(np.arange(200.0), **odd)


def test_every_form_of_a_series_gives_the_same_result() -> None:
    x = np.random.default_rng(1).integers(-50, 50, 200)
    expected = zero_one_test(x.astype(np.float64))
    for name, form in forms(x).items():
        assert zero_one_test(form) == expected, name
