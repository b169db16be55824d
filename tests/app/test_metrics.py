"""Rates and histograms against a plain recount."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_tui.metrics import Histogram, RecentHistogram, WindowedRate
from midstream_tui.tally import Track

durations = st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=200)


def test_a_steady_source_is_counted_exactly() -> None:
    rate = WindowedRate(window=3.0, buckets=30)
    for n in range(300):
        rate.add(100.0 + n / 30)
    assert rate.rate(100.0 + 300 / 30) == pytest.approx(30.0, rel=0.02)


@pytest.mark.parametrize("rate", [10, 30, 60])
@pytest.mark.parametrize("late", [0.06, 0.15, 0.4])
def test_what_is_still_on_its_way_is_not_missed(rate: int, late: float) -> None:
    """A frame is held by the decoder, the queue and a busy loop: that is latency, and no lower frame rate."""
    track = Track()
    for n in range(10 * rate):
        track.add(100.0 + n / rate, 1000)
    now = 110.0 - 1 / rate + late
    assert track.rate(now, False) == pytest.approx(rate, rel=0.02)
    assert track.speed(now, False) == pytest.approx(1000 * rate, rel=0.02)
    assert track.rate(now + 3.2, False) == 0.0


def test_nothing_or_too_little_is_unknown_not_zero() -> None:
    rate = WindowedRate()
    assert rate.rate(5.0) is None
    rate.add(5.0)
    assert rate.rate(5.1) is None
    assert rate.rate(5.6) is not None


def test_silence_goes_to_zero_within_a_window() -> None:
    rate = WindowedRate(window=3.0)
    for n in range(100):
        rate.add(n * 0.05)
    assert rate.rate(5.0 + 3.1) == 0.0
    rate.add(20.0, 7)
    assert rate.rate(20.05) == pytest.approx(7 / 2.9, rel=0.05)


@given(
    st.lists(st.tuples(st.floats(0, 0.4), st.integers(1, 9)), min_size=2, max_size=120),
    st.floats(0.0, 5.0),
)
def test_windowed_rate_equals_a_recount(steps: list[tuple[float, int]], wait: float) -> None:
    window, buckets = 2.0, 20
    rate = WindowedRate(window, buckets)
    now, added = 50.0, []
    for gap, amount in steps:
        now += gap
        rate.add(now, amount)
        added.append((now, amount))
    first = added[0][0]
    now += wait
    step = window / buckets
    oldest = int(now / step) - buckets + 1
    kept = sum(amount for at, amount in added if int(at / step) >= oldest)
    span = min(now - first, (buckets - 1) * step + now - int(now / step) * step)
    got = rate.rate(now)
    if span < 0.5:
        assert got is None
    else:
        assert got == pytest.approx(kept / span, abs=1e-6)


@given(durations, st.floats(0, 1))
def test_quantiles_are_within_a_bucket(values: list[float], q: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    true = sorted(values)[max(1, math.ceil(q * len(values) - 1e-9)) - 1]
    got = histogram.quantile(q)
    assert got is not None
    # buckets of a sixteenth of an octave; below a microsecond all is one bucket
    assert true * 2 ** (-1 / 16) - 1e-6 <= got <= true * 2 ** (1 / 16) + 1e-6


def test_the_p99_of_a_few_is_the_slowest_of_them() -> None:
    histogram = Histogram()
    for value in (0.021, 0.241, 0.302, 0.627):
        histogram.add(value)
    assert histogram.quantile(0.99) == pytest.approx(0.627, rel=0.023)
    assert histogram.quantile(0.5) == pytest.approx(0.241, rel=0.023)


@given(durations, durations)
def test_merging_is_counting_together(left: list[float], right: list[float]) -> None:
    together, one, other = Histogram(), Histogram(), Histogram()
    for value in left:
        one.add(value)
        together.add(value)
    for value in right:
        other.add(value)
        together.add(value)
    one.merge(other)
    assert one.buckets == together.buckets
    assert (one.count, one.least, one.greatest) == (together.count, together.least, together.greatest)
    assert one.mean == pytest.approx(together.mean)


def test_an_empty_histogram_knows_nothing() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram().mean is None


def test_clock_trouble_counts_as_no_time() -> None:
    histogram = Histogram()
    histogram.add(-1.0)
    assert histogram.quantile(0.5) == 0.0


def test_the_recent_histogram_forgets() -> None:
    recent = RecentHistogram(window=10.0)
    for n in range(50):
        recent.add(n * 0.1, 1.0)
    assert recent.read(5.0).count == 50
    recent.add(12.0, 3.0)
    recent.add(18.0, 3.0)
    assert recent.read(18.0).quantile(0.0) == pytest.approx(3.0)
    assert recent.read(100.0).count == 0
