from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.recurrences import recurrence
from midstream_analysis.reference import dynamics as oracle
from midstream_analysis.report import RecurrenceQuantification
from tests.analysis import reference_systems as systems
from tests.analysis.inputs import BAD, JIT, forms


def _check(got: RecurrenceQuantification, x: Any) -> None:
    """Every measure, from the oracle's plot."""
    plot = oracle.recurrence_plot(np.asarray(x, float), got.dimension, got.delay, got.radius, got.theiler)
    n = len(plot) - got.theiler - 1
    assert got.recurrence_rate == pytest.approx(plot.sum() / (n * (n + 1)), abs=1e-15)
    for lengths, share, mean in zip(
        oracle.lines(plot),
        (got.determinism, got.laminarity),
        (got.mean_diagonal, got.trapping_time),
        strict=True,
    ):
        long = [length for length in lengths if length >= got.min_line]
        if not lengths:
            assert math.isnan(share)
        else:
            assert share == pytest.approx(sum(long) / sum(lengths), abs=1e-15)
        if long:
            assert mean == pytest.approx(np.mean(long))
        else:
            assert math.isnan(mean)
    diagonal = oracle.lines(plot)[0]
    assert got.max_diagonal == max(diagonal, default=0)
    long = [length for length in diagonal if length >= got.min_line]
    if long:
        parts = np.unique(long, return_counts=True)[1] / len(long)
        assert got.entropy == pytest.approx(-(parts * np.log(parts)).sum(), abs=1e-12)


@given(
    st.lists(st.floats(-5, 5), min_size=12, max_size=90)
    | st.lists(st.integers(0, 2), min_size=12, max_size=90),
    st.integers(1, 3),
    st.integers(1, 4),
    st.floats(0, 6),
    st.integers(0, 2),
    st.integers(1, 4),
)
@settings(max_examples=60 if JIT else 12, deadline=None)
def test_measures_against_the_oracle(
    values: list[float], dimension: int, delay: int, radius: float, theiler: int, min_line: int
) -> None:
    if len(values) < (dimension - 1) * delay + theiler + 2:
        with pytest.raises(ValueError, match="samples"):
            recurrence(values, dimension, delay, radius, theiler=theiler)
        return
    got = recurrence(values, dimension, delay, radius, theiler=theiler, min_line=min_line)
    _check(got, values)


@pytest.mark.parametrize(
    ("n", "dimension", "delay"), [(63, 1, 1), (64, 1, 1), (65, 2, 1), (129, 2, 64), (192, 3, 32)]
)
def test_borders_of_words(n: int, dimension: int, delay: int) -> None:
    x = systems.tones(n, [9.7], 0.2)[0]
    _check(recurrence(x, dimension, delay, 0.5), x)


@pytest.mark.parametrize("n", [2047, 2048, 2049, 2200])
@pytest.mark.skipif(not JIT, reason="a second block of columns needs 2048 samples")
def test_lines_over_the_border_of_a_block(n: int) -> None:
    x = systems.tones(n, [31.4])[0]
    got = recurrence(x, 2, 8, 0.05, theiler=3)
    assert got.max_diagonal > 1900
    _check(got, x)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_rate_is_met(rate: float) -> None:
    for x in (systems.logistic(800 if JIT else 150)[0], systems.rossler(800 if JIT else 150, 0.2)[0]):
        got = recurrence(x, 2, 1, rate=rate)
        assert got.recurrence_rate == pytest.approx(rate, rel=0.05 if JIT else 0.15)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e306])
def test_huge_and_tiny_values_change_nothing(scale: float) -> None:
    x = np.random.default_rng(0).integers(-9, 9, 150).astype(float)
    one, two = recurrence(x, 2, 1, rate=0.1), recurrence(x * scale, 2, 1, rate=0.1)
    assert two.determinism == pytest.approx(one.determinism)
    assert two.radius == pytest.approx(one.radius * scale, rel=1e-6)


def test_regular_motion_is_determined_and_noise_is_not() -> None:
    n = 1000 if JIT else 200
    assert recurrence(systems.tones(n, [23.7])[0], 2, 6, radius=0.4).determinism > 0.95
    assert recurrence(systems.white(n)[0], 2, 1, rate=0.01).determinism < 0.3


def test_constant_series_is_one_plane() -> None:
    got = recurrence(np.full(100, 0.1), 2, 1)
    assert got.recurrence_rate == 1.0
    assert got.radius == 0.0
    assert got.determinism == pytest.approx(1.0, abs=0.001)  # the corner point is a line of one
    assert got.max_diagonal == 98


def test_empty_plot_has_no_measures() -> None:
    got = recurrence(np.arange(50.0), 1, 1, radius=0.5)
    assert got.recurrence_rate == 0.0
    assert math.isnan(got.determinism)
    assert math.isnan(got.laminarity)
    assert got.max_diagonal == 0


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"x (must|has)"):
        recurrence(BAD[bad])


@pytest.mark.parametrize(
    "odd",
    [
        {"radius": -1.0}, {"radius": math.nan}, {"radius": math.inf}, {"rate": 0.0}, {"rate": 1.0}, {"rate": math.nan},
        {"radius": 1.0, "rate": 0.1}, {"dimension": 0}, {"delay": 0}, {"theiler": -1}, {"min_line": 0}, {"theiler": 99},
    ],
)  # fmt: skip
def test_odd_parameters_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"radius|rate|whole|samples"):
        recurrence(np.sin(np.arange(100.0)), **odd)


def test_long_series_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 50000"):
        recurrence(np.zeros(50_001))


def test_every_form_of_a_series_gives_the_same_result() -> None:
    x = np.random.default_rng(1).integers(-50, 50, 200)
    expected = recurrence(x.astype(np.float64))
    for name, form in forms(x).items():
        assert recurrence(form) == expected, name
