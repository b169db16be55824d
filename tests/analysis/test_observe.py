"""What the engine says of one series, beside its class: disorder, changes, portrait; or nothing, where too short."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.jobs import Series
from midstream_analysis.observe import CHANGE_POINTS, PORTRAIT_POINTS, observe
from midstream_analysis.report import Attractor, SeriesReport


def said(x: object, dt: float = 1.0) -> SeriesReport:
    return observe(Series("s", "x", x, dt, 0.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(3))
def test_a_change_of_level_is_found_where_it_is_and_noise_has_none(seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal(400)
    assert said(x).change_points == ()
    x[250:] += 4.0
    (place,) = said(x).change_points
    assert abs(place - 250) <= 2
    (scaled,) = said(1e150 * x).change_points
    assert scaled == place


def test_a_smooth_series_does_not_change_at_every_turn() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(800)
    for smooth in (np.sin(0.05 * t), np.sin(0.3 * t) + np.sin(0.4826 * t) + 0.05 * rng.standard_normal(800)):
        assert said(smooth).change_points == ()
    shifted = np.sin(0.3 * t) + 0.3 * rng.standard_normal(800) + 8.0 * (t >= 500)
    (place,) = said(shifted).change_points
    assert abs(place - 500) <= 20


def test_disorder_and_portrait() -> None:
    rng = np.random.default_rng(1)
    noise, tone = said(rng.standard_normal(1000)), said(np.sin(0.1 * np.arange(1000)))
    assert noise.permutation_entropy is not None
    assert tone.permutation_entropy is not None
    assert noise.permutation_entropy > 0.99 > 0.6 > tone.permutation_entropy
    assert tone.portrait is not None
    assert tone.portrait.dtype == np.float32
    assert tone.portrait.shape == (PORTRAIT_POINTS, 3)
    assert tone.portrait[-1, -1] == np.float32(np.sin(0.1 * 999))  # the newest sample is in it
    assert tone.elapsed_s > 0.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), max_size=200), st.sampled_from([1.0, 1e-3]))
def test_any_finite_series_gets_a_report(x: list[float], dt: float) -> None:
    report = said(np.array(x), dt)
    assert report.classification.n == len(x)
    assert len(report.change_points) <= CHANGE_POINTS
    assert all(0 <= place < len(x) for place in report.change_points)
    if len(x) < 64:
        assert report.classification.label is Attractor.UNKNOWN
        assert report.permutation_entropy is None


@pytest.mark.parametrize(
    ("x", "dt"), [([1.0, np.nan], 1.0), ([[1.0], [2.0]], 1.0), (["a"], 1.0), ([1.0], 0.0)]
)
def test_bad_input_is_a_value_error(x: object, dt: float) -> None:
    with pytest.raises(ValueError):
        said(x, dt)
