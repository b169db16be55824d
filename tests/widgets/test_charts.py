"""The charts of dynamics, latency and turns, read back from their cells: what is drawn is what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from midstream_widgets.chart_views import (
    Array,
    Distribution,
    LatencyView,
    Mark,
    PortraitView,
    Quantiles,
    SeriesView,
    TurnBar,
)
from midstream_widgets.charts import (
    LatencyHistogram,
    ObservableChart,
    PhasePortrait,
    RecurrencePlot,
    TokenTimeline,
    latency,
    timeline,
)
from midstream_widgets.charts.recurrence import recurrences
from tests.widgets.chart_gallery import SERIES, TIMELINE
from tests.widgets.chart_reading import Alone, centre, dots_of, text_of

# Phase portrait


def circle(n: int = 300) -> PortraitView:
    t = np.linspace(0, 6 * np.pi, n)
    points = np.stack([np.cos(t), np.sin(t), -np.cos(t)], axis=1)
    return PortraitView(reason="", observable="tone", points=Array(points.astype(np.float32)))


@pytest.mark.parametrize(("width", "height"), [(20, 12), (60, 20), (100, 40), (30, 50)])
def test_a_circle_in_phase_space_is_a_circle(width: int, height: int) -> None:
    rows = PhasePortrait().rows(circle(), width, height)
    assert len(rows) == height
    dots = dots_of(centre(rows), width)
    y, x = np.nonzero(dots)
    radius = (min(dots.shape) - 1) / 2
    middle = (dots.shape[1] - 1) / 2, (dots.shape[0] - 1) / 2
    away = np.hypot(x - middle[0], y - middle[1])
    assert (np.abs(away - radius) < 1.5).all()
    angles = np.sort(np.arctan2(y - middle[1], x - middle[0]))
    assert np.diff(angles).max() < 12 / radius, "closed all around, but for the cell of the newest point"


async def test_turning_by_half_mirrors_and_a_full_turn_comes_back() -> None:
    chart = PhasePortrait(circle())
    async with Alone(chart).run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        front = text_of(chart._all)
        await pilot.press("r")
        await pilot.pause()
        turned = text_of(chart._all)
        assert turned != front
        assert "turned 15°" in turned[-1]
        await pilot.press("R", "R")
        assert "turned 345°" in text_of(chart._all)[-1]
        await pilot.press(*["r"] * 25)
        await pilot.pause()
        assert text_of(chart._all) == front


def test_points_far_apart_are_not_joined() -> None:
    x = np.random.default_rng(0).random(100)
    view = PortraitView(reason="", points=Array(np.stack([x[:-2], x[1:-1], x[2:]], axis=1)))
    assert dots_of(PhasePortrait().rows(view, 60, 30), 60).sum() <= 98
    assert "●" in "".join(text_of(PhasePortrait().rows(view, 60, 30))[1:])


def test_zoom_keeps_the_newest_points() -> None:
    rows = PhasePortrait().rows(replace(circle(), zoom=2), 40, 12)
    assert text_of(rows)[0].startswith("points 75 of 300")


# Recurrence plot


def test_a_periodic_series_recurs_along_diagonals_one_period_apart() -> None:
    x = np.sin(2 * np.pi * np.arange(64) / 16)
    points = np.stack([x[:-4], x[2:-2], x[4:]], axis=1)
    dots, radius = recurrences(points, 80)
    assert dots.shape == (60, 60)
    for lag in (0, 16, 32):
        assert np.diagonal(dots, lag).all()
    assert not np.diagonal(dots, 8).any()
    assert 0 < radius < 0.5


def test_recurrences_are_symmetric_and_a_tenth_of_all_whatever_the_size() -> None:
    points = np.random.default_rng(5).standard_normal((400, 3))
    for side in (20, 77, 400):
        dots, _ = recurrences(points, side)
        assert np.array_equal(dots, dots.T)
        assert len(dots) <= side
        off = dots[~np.eye(len(dots), dtype=bool)]
        assert abs(off.mean() - 0.1) < 0.02
    assert recurrences(np.ones((30, 3)), 30)[0].all(), "what rests recurs at all times"
    assert recurrences(points[:1], 30)[0].shape == (1, 1)
    assert recurrences(points[:3], 2)[0].tolist() == [[True]], "three points in blocks of two are one block"


def test_the_plot_is_square_and_begins_below_at_the_left() -> None:
    x = np.concatenate([np.zeros(30), np.arange(1.0, 31.0)])
    view = PortraitView(reason="", points=Array(np.stack([x, x, x], axis=1)))
    dots = dots_of(centre(RecurrencePlot().rows(view, 70, 17)), 70)
    y, x_ = np.nonzero(dots)
    assert np.ptp(y) == np.ptp(x_) == 59
    assert dots[y.max(), x_.min()]
    lower_left = dots[-30:, x_.min() : x_.min() + 30]
    assert lower_left.all(), "the rest at the beginning is a block"


# Observable


def series(values: Sequence[float], **more: Any) -> SeriesView:
    given = {"total": len(values), "dt": 1.0, "step": "s", **more}
    return SeriesView(reason="", observable="x", values=Array(np.array(values, float)), **given)


def test_a_ramp_rises_from_corner_to_corner() -> None:
    rows = ObservableChart().rows(series(list(range(101)), zoom=0), 27, 12)  # too narrow for labels
    dots = dots_of(centre(rows), 27)
    newest, oldest = dots[:, -1], dots[:, np.flatnonzero(dots.any(axis=0))[0]]
    assert np.flatnonzero(newest)[0] == 0
    assert np.flatnonzero(oldest)[-1] == len(dots) - 1
    tops = [np.flatnonzero(column)[0] for column in dots.T if column.any()]
    assert tops == sorted(tops, reverse=True)


def test_a_change_point_is_marked_where_it_happened() -> None:
    values = [0.0] * 60 + [5.0] * 40
    rows = ObservableChart().rows(
        series(values, marks=(Mark(60, "change"), Mark(90, "alert", "loud"), Mark(-900, "change"))), 80, 14
    )
    text = text_of(rows)
    assert "◆ change 1" in text[0]
    assert "▲ alert 1" in text[0]
    sign = text[1].index("◆")
    dots = dots_of(rows[1:-1], 80)
    rise = max(range(dots.shape[1]), key=lambda x: dots[:, x].sum())
    assert abs(2 * sign - rise) <= 2
    assert text[1].index("▲") > sign


def test_the_axis_is_in_the_samples_own_steps() -> None:
    text = text_of(ObservableChart().rows(series([1.0, 2.0] * 100, step="chunk"), 100, 12))[-1]
    assert "chunks" in text
    assert text.endswith("now")
    assert "-20s" in text_of(ObservableChart().rows(series([1.0, 2.0] * 100, dt=0.25), 100, 12))[-1]


def test_values_not_finite_are_gaps_and_nothing_breaks() -> None:
    values = [1.0, math.nan, math.inf, -math.inf, 2.0, 1e308, -1e308]
    rows = ObservableChart().rows(series(values), 60, 12)
    assert len(rows) == 12
    flat = text_of(ObservableChart().rows(series([math.nan] * 9), 60, 12))
    assert flat[-1].endswith("now")


async def test_zoom_keys_halve_and_double_the_time_and_stop_at_the_ends() -> None:
    chart = ObservableChart(replace(SERIES, zoom=0))
    app = Alone(chart)
    async with app.run_test(size=(120, 20)) as pilot:
        await pilot.pause()
        wide = text_of(chart._all)[-1]
        await pilot.press("plus")
        assert chart.zoom == 1
        assert text_of(chart._all)[-1] != wide
        await pilot.press("minus", "minus", "minus", "minus", "minus")
        assert chart.zoom == -2, "all that is held shows"
        await pilot.press(*["plus"] * 20)
        assert chart.zoom == 4, "eight samples are the least"
        await pilot.pause()
        assert app.zooms == [1, 0, -1, -2, -1, 0, 1, 2, 3, 4]


# Latency


def latencies(values: Sequence[float], ages: Sequence[float] | None = None) -> LatencyView:
    n = len(values)
    found = Distribution(
        "ICL", "formula", Array(np.array(ages if ages else [0.0] * n)), Array(np.array(values))
    )
    return LatencyView(reason="", distributions=(found, found._replace(name="TTFT")))


def test_bars_match_the_counts() -> None:
    values = [0.01] * 80 + [0.1] * 40 + [1.0] * 10
    rows = text_of(LatencyHistogram().rows(latencies(values), 100, 14))
    body = [row[7:] for row in rows[2:-2]]
    heights = [
        sum(latency.EIGHTHS.index(line[x]) for line in body if x < len(line)) for x in range(93)
    ]  # in eighths of a cell
    wide = latency.bin_width(130, 93)
    assert wide == 5
    whole = 8 * len(body)
    assert [h for h in heights if h] == [whole] * wide + [whole // 2] * wide + [whole // 8] * wide
    low, high = latency.limits(0.01, 1.0)
    for value, height in ((0.01, whole), (0.1, whole // 2), (1.0, whole // 8)):
        assert heights[latency.cell_of(value, low, high, 90)] == height
    assert rows[2].startswith("    80")


def test_quantiles_are_told_and_stand_under_their_bars() -> None:
    values = np.geomspace(0.001, 1.0, 1001)
    rows = text_of(LatencyHistogram().rows(latencies(values.tolist()), 107, 20))
    assert "p50 31.6ms" in rows[1]
    assert "p90 501ms" in rows[1]
    assert "p99 933ms" in rows[1]
    assert "n 1,001" in rows[1]
    low, high = latency.limits(0.001, 1.0)
    assert rows[-1].index("▲p50") == 7 + latency.cell_of(math.sqrt(0.001), low, high, 100)


def test_zoom_looks_at_the_latest_only_and_a_key_at_the_next_measure() -> None:
    view = latencies([0.01] * 50 + [5.0] * 10, [500.0] * 50 + [1.0] * 10)
    assert "n 60" in text_of(LatencyHistogram().rows(view, 80, 12))[1]
    near = text_of(LatencyHistogram().rows(replace(view, zoom=3), 80, 12))
    assert "n 10" in near[1]
    assert "last 1m 15s" in near[0]
    old = latencies([0.01], [400.0])
    assert "none lately" in text_of(LatencyHistogram().rows(replace(old, zoom=5), 80, 12))[1]


async def test_a_key_shows_the_next_measure() -> None:
    chart = LatencyHistogram(latencies([0.5]))
    async with Alone(chart).run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        assert text_of(chart._all)[0].startswith("ICL 1/2")
        await pilot.press("u")
        assert text_of(chart._all)[0].startswith("TTFT 2/2")
        await pilot.press("u")
        assert text_of(chart._all)[0].startswith("ICL 1/2")


def test_quantiles_are_by_nearest_rank_unless_more_was_counted_than_is_held() -> None:
    view = latencies([0.1, 0.2, 0.3, 9.0])
    (first, *_) = view.distributions
    assert "p50 200ms  p90 9s  p99 9s  n 4" in text_of(LatencyHistogram().rows(view, 100, 14))[1]
    ever = replace(view, distributions=(first._replace(ever=Quantiles(70, 0.15, 4.0, 8.0)),))
    assert "p50 150ms  p90 4s  p99 8s  n 70, 4 drawn" in text_of(LatencyHistogram().rows(ever, 100, 14))[1]
    lately = LatencyHistogram().rows(replace(ever, zoom=1), 100, 14)
    assert "p50 200ms  p90 9s  p99 9s  n 4" in text_of(lately)[1]


# Timeline


def test_each_phase_of_a_turn_has_its_cells() -> None:
    bar = TurnBar("t", "", 10.0, 20.0, 30.0, 49.9, 49.9)
    text = "".join(text for text, _ in timeline.bar(bar, 0.0, 60.0, 60))
    assert text == " " * 10 + "░" * 10 + "▒" * 10 + "▆" * 20 + " " * 10


def test_the_answer_is_as_high_as_its_chunks_come_fast() -> None:
    times = (*np.arange(0.0, 10.0, 0.25).tolist(), *np.arange(10.0, 20.0, 1.0).tolist())
    bar = TurnBar("t", "", 0.0, 0.0, 0.0, 19.9, 19.9, chunks=times)
    text = "".join(text for text, _ in timeline.bar(bar, 0.0, 20.0, 20))
    assert text[:10] == "█" * 10
    assert text[10:] == timeline.LEVELS[int(0.25 * 7)] * 10


def test_failed_and_open_turns_carry_a_sign() -> None:
    failed = TurnBar("t", "", 0.0, ended=5.0, error="429")
    assert "".join(t for t, _ in timeline.bar(failed, 0.0, 10.0, 10)) == "░░░░░✗    "
    waiting = TurnBar("t", "", 4.0)
    assert "".join(t for t, _ in timeline.bar(waiting, 0.0, 10.0, 10)) == "    ░░░░░▸"


def test_turns_that_find_no_room_and_those_before_are_told() -> None:
    rows = text_of(TokenTimeline().rows(TIMELINE, 100, 8))
    assert len(rows) == 8
    assert rows[-1].endswith("… 2 older")
    assert rows[0].startswith("o4-reasoner")
    assert rows[5].split()[-3:] == ["700ms", "open", "~91"]
    assert rows[6].split()[-3:] == ["TTFT", "E2E", "tokens"]
    later = replace(TIMELINE, now=900.0, turns=TIMELINE.turns[:5])
    assert "no turn in the last 30s; the last ended 13m 4s ago" in "".join(
        text_of(TokenTimeline().rows(later, 100, 8))
    )
