from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.dimension import correlation_dimension, correlation_sum
from midstream_analysis.reference import dynamics as oracle
from tests.analysis import reference_systems as systems
from tests.analysis.inputs import BAD, JIT, forms

needs_jit = pytest.mark.skipif(not JIT, reason="too slow as plain Python")


@given(
    st.lists(st.floats(-5, 5), min_size=12, max_size=60)
    | st.lists(st.integers(0, 3), min_size=12, max_size=60),
    st.lists(st.floats(1e-3, 12), min_size=1, max_size=6),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 2),
    st.booleans(),
)
@settings(max_examples=60 if JIT else 15, deadline=None)
def test_correlation_sum_against_the_oracle(
    values: list[float], radii: list[float], dimension: int, delay: int, theiler: int, euclidean: bool
) -> None:
    x, r = np.array(values, float), np.array(radii)
    if len(x) < (dimension - 1) * delay + theiler + 2:
        return
    got = correlation_sum(x, r, dimension, delay, theiler, "euclidean" if euclidean else "maximum")
    expected = oracle.correlation_sum(x, r, dimension, delay, theiler, euclidean)
    if euclidean:  # a root may fall on either side of a radius that equals it
        low = oracle.correlation_sum(x, r * (1 - 1e-12), dimension, delay, theiler, True)
        high = oracle.correlation_sum(x, r * (1 + 1e-12), dimension, delay, theiler, True)
        assert (got >= low).all()
        assert (got <= high).all()
    else:
        np.testing.assert_allclose(got, expected, atol=1e-15)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_huge_and_tiny_values_change_nothing(scale: float) -> None:
    x = np.random.default_rng(0).integers(-9, 9, 100).astype(float)
    radii = np.array([0.5, 2.5, 7.5])
    for norm in ("maximum", "euclidean"):
        np.testing.assert_array_equal(
            correlation_sum(x * scale, radii * scale, 2, norm=norm),
            correlation_sum(x, radii, 2, norm=norm),
        )


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"x (must|has)"):
        correlation_sum(BAD[bad], [1.0])
    if bad == "empty":
        assert correlation_dimension(BAD[bad]) is None
    else:
        with pytest.raises(ValueError, match=r"x (must|has)"):
            correlation_dimension(BAD[bad])


@pytest.mark.parametrize("radii", [[], [0.0], [-1.0], [np.nan], [np.inf]])
def test_odd_radii_are_refused(radii: list[float]) -> None:
    with pytest.raises(ValueError, match="radii"):
        correlation_sum(np.arange(50.0), radii)


def test_odd_parameters_are_refused() -> None:
    x = np.arange(50.0)
    for odd in ({"dimension": 0}, {"delay": 0}, {"theiler": -1}, {"theiler": 60}, {"norm": "taxi"}):
        with pytest.raises(ValueError, match=r"whole|samples|norm"):
            correlation_sum(x, [1.0], **odd)
    for function in (lambda v: correlation_sum(v, [1.0]), correlation_dimension):
        with pytest.raises(ValueError, match="at most 50000"):
            function(np.zeros(50_001))


@pytest.mark.parametrize(
    ("series", "value", "tolerance"),
    [
        (lambda: systems.logistic(3000, 4.0)[0], 1.0, 0.1),
        (lambda: systems.logistic(3000, 3.7)[0], 1.0, 0.12),
        (lambda: systems.henon(5000)[0], 1.22, 0.08),
        (lambda: systems.lorenz(5000, 0.05)[0], 2.05, 0.3),
        (lambda: systems.lorenz(5000, 0.1)[0], 2.05, 0.3),
        (lambda: systems.mackey_glass(5000, 2.0, 17)[0], 2.1, 0.4),
    ],
    ids=["logistic 4", "logistic 3.7", "henon", "lorenz .05", "lorenz .1", "mackey-glass"],
)
@needs_jit
def test_dimensions_of_known_attractors(series: Any, value: float, tolerance: float) -> None:
    x = series()
    got = correlation_dimension(x)
    assert got is not None
    assert got.value == pytest.approx(value, abs=tolerance)
    assert got.stderr < 0.25 * got.value
    assert 0 < got.scale[0] < got.scale[1] < np.ptp(x)
    scaled = correlation_dimension(x * 1e200)
    assert scaled is not None
    assert scaled.value == pytest.approx(got.value, rel=1e-6)
    assert scaled.scale == pytest.approx((got.scale[0] * 1e200, got.scale[1] * 1e200))


@needs_jit
def test_noise_and_points_have_no_dimension() -> None:
    for x in (
        systems.white(3000)[0],
        systems.autoregressive(3000, 0.9)[0],
        systems.smooth_noise(3000, 6.0)[0],
        systems.power_law(3000, 1.0)[0],
        systems.logistic(3000, 3.5)[0],
    ):
        assert correlation_dimension(x) is None


def test_short_and_constant_series_have_no_dimension() -> None:
    assert correlation_dimension(np.full(500, 0.1)) is None
    assert correlation_dimension(systems.henon(100)[0]) is None


def test_every_form_of_a_series_gives_the_same_result() -> None:
    x = np.random.default_rng(1).integers(-50, 50, 100)
    expected = correlation_sum(x.astype(np.float64), [3.0, 30.0])
    for name, form in forms(x).items():
        np.testing.assert_array_equal(correlation_sum(form, [3, 30]), expected, err_msg=name)
