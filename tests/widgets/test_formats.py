"""Figures read as the specification's examples do, and never claim more than they know."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_widgets import formats as f


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (45_200, "45.2 KB"),
        (99_949, "99.9 KB"),
        (99_960, "100 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
        (1_500_000, "1.5 MB"),
        (180_000_000, "180 MB"),
        (3.2e18, "3.2 EB"),
        (5e24, "5,000,000 EB"),
        (None, "—"),
    ],
)
def test_size(value: float | None, text: str) -> None:
    assert f.size(value) == text
    assert f.bandwidth(value) == ("—" if value is None else f"{text}/s")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0ms"),
        (0.42, "0.42ms"),
        (0.996, "1.0ms"),
        (4.2, "4.2ms"),
        (9.96, "10ms"),
        (12, "12ms"),
        (12_345, "12.3s"),
    ],
)
def test_milliseconds(value: float, text: str) -> None:
    assert f.milliseconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(323, "0h 5m 23s"), (0.9, "0h 0m 0s"), (86_399, "23h 59m 59s"), (183_840, "2d 3h 4m")],
)
def test_duration(value: float, text: str) -> None:
    assert f.duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.84, "0.8s"), (9.96, "10s"), (12.4, "12s"), (59.6, "1m 0s"), (200, "3m 20s"), (7200, "2h 0m 0s")],
)
def test_short_duration(value: float, text: str) -> None:
    assert f.short_duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0%"), (0.001, "<1%"), (0.95, "95%"), (0.994, "99%"), (0.999, ">99%"), (1, "100%"), (None, "—")],
)
def test_percent_says_all_or_nothing_only_when_it_is(value: float | None, text: str) -> None:
    assert f.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0234, "-0.0234"),
        (0.9056, "+0.9056"),
        (0, "0.0000"),
        (3e-6, "+3.00e-06"),
        (-2e6, "-2.00e+06"),
        (None, "—"),
    ],
)
def test_exponent(value: float | None, text: str) -> None:
    assert f.exponent(value) == text


def test_counts_rates_and_frames() -> None:
    assert f.count(2340) == "2,340"
    assert f.count(2340, estimated=True) == "~2,340"
    assert f.decimal(0.8471) == "0.847"
    assert [f.frames(x) for x in (60.0, 29.97, 29.5, 120.4, 0.0)] == ["60", "30", "29.5", "120", "0"]
    assert [f.rate(x) for x in (34.24, 180.0, 20_000.0, 99.97, 0.0)] == [
        "34.2/s",
        "180/s",
        "20,000/s",
        "100/s",
        "0/s",
    ]


EVERY = [
    f.count,
    f.size,
    f.bandwidth,
    f.rate,
    f.milliseconds,
    f.duration,
    f.short_duration,
    f.percent,
    f.exponent,
]
EVERY += [f.decimal, f.frames]


@pytest.mark.parametrize("form", EVERY)
def test_the_unknown_is_a_dash(form) -> None:  # type: ignore[no-untyped-def]
    assert {form(value) for value in (None, math.nan, math.inf, -math.inf)} == {"—"}


@given(st.floats(0, 9.9e20))
def test_a_size_is_short_and_within_two_per_cent(value: float) -> None:
    text = f.size(value)
    number, unit = text.replace(",", "").split(" ")
    power = ("B", "KB", "MB", "GB", "TB", "PB", "EB").index(unit)
    assert len(number) <= 4
    assert float(number) * 1000.0**power == pytest.approx(value, rel=0.051, abs=0.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [(873322.667, "873,323"), (0.0018361, "0.001836"), (12.0, "12"), (999.96, "1000"), (6, "6"), ("h264", "h264"),
     (1500, "1500"), (-1234.5, "-1,234"), (float("inf"), "inf")],
)  # fmt: skip
def test_a_figure_of_somebody_else_is_readable(value: float | str, text: str) -> None:
    assert f.figure(value) == text
