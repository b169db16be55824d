"""The charts, read back from their cells: what is drawn is what was measured."""

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
    LevelsView,
    Mark,
    ObjectBox,
    PortraitView,
    Quantiles,
    SeriesView,
    SoundView,
    TurnBar,
    VideoView,
)
from midstream_widgets.charts import (
    LatencyHistogram,
    LevelMeter,
    ObservableChart,
    PhasePortrait,
    RecurrencePlot,
    Spectrogram,
    TokenTimeline,
    VideoPreview,
    Waveform,
    latency,
    spectrogram,
    timeline,
    video,
)
from midstream_widgets.charts.base import plain_text
from midstream_widgets.charts.pixels import Cells
from midstream_widgets.charts.recurrence import recurrences
from midstream_widgets.charts.video import BOX_INKS
from midstream_widgets.lines import Row
from tests.widgets.chart_gallery import SERIES, TIMELINE
from tests.widgets.chart_reading import Alone, dots_of, text_of

RATE = 16_000


def centre(rows: Sequence[Row]) -> list[Row]:
    """The rows without the line above and the one below."""
    return list(rows[1:-1])


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


# Sound


def sound(samples: Any, rate: int = RATE) -> SoundView:
    return SoundView(
        reason="", samples=Array(np.asarray(samples, np.float32)), total=len(samples), rate=rate, source="x"
    )


def test_the_waveform_reaches_as_high_as_the_sound() -> None:
    t = np.arange(5 * RATE) / RATE
    loud = np.where(t < 2.5, 0.5, 1.0) * np.sin(2 * np.pi * 440 * t)
    rows = Waveform().rows(sound(loud), 105, 23)
    body = [row._replace(spans=row.spans[2:]) for row in centre(rows)]
    dots = dots_of(body, 100)
    tops = np.array([np.flatnonzero(column)[0] for column in dots.T])
    assert (np.abs(tops[5:95] - len(dots) / 4) <= 1).all(), "half of full scale is half way up"
    assert "▲ clipped" in text_of(rows)[0]
    assert "▲" not in text_of(body)[0][:48]
    assert text_of(body)[0][52:] == "▲" * 48
    assert text_of(rows)[0].startswith("peak 0.0 dBFS  rms -5.1 dBFS")


@pytest.mark.parametrize("hertz", [120.0, 1000.0, 4300.0])
def test_a_tone_is_bright_at_its_own_row_and_nowhere_else(hertz: float) -> None:
    t = np.arange(2 * RATE) / RATE
    levels = spectrogram.spectra(np.sin(2 * np.pi * hertz * t).astype(np.float32), len(t), RATE, 1600, 15, 40)
    edges = spectrogram.bands(RATE, 40)
    row = 39 - (np.searchsorted(edges, hertz) - 1)
    assert not np.isnan(levels).any()
    assert (np.abs(levels.argmax(axis=0) - row) <= 1).all()
    assert (np.abs(levels.max(axis=0)) < 1.5).all(), (
        "a full-scale sine reads 0 dBFS, less what the window loses"
    )
    far = np.abs(np.arange(40) - row) > 8
    assert levels[far].max() < -40


def test_columns_of_the_spectrogram_stay_what_they_were() -> None:
    noise = np.random.default_rng(4).standard_normal(RATE * 3).astype(np.float32)
    before = spectrogram.spectra(noise[: 2 * RATE], 2 * RATE, RATE, 800, 20, 16)
    after = spectrogram.spectra(noise[: 2 * RATE + 800], 2 * RATE + 800, RATE, 800, 20, 16)
    assert np.array_equal(before[:, 1:], after[:, :-1])
    almost = spectrogram.spectra(noise[: 2 * RATE + 799], 2 * RATE + 799, RATE, 800, 20, 16)
    assert np.array_equal(before, almost)


async def test_a_1_khz_tone_lights_the_row_that_is_labelled_so() -> None:
    t = np.arange(10 * RATE) / RATE
    chart = Spectrogram(sound(0.9 * np.sin(2 * np.pi * 1000 * t)))
    async with Alone(chart).run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        rows = chart._all
        label = next(y for y, line in enumerate(text_of(rows)) if line.startswith("   1k"))
        bright = []
        for row in rows:
            if isinstance(row.key, Cells):
                ink, paper = (np.frombuffer(each, np.uint32)[40] for each in (row.key.ink, row.key.paper))
                bright.append(max(int(colour) & 0xFF00 for colour in (ink, paper)))
        assert abs(1 + int(np.argmax(bright)) - label) <= 1
        assert text_of(rows)[0].startswith("now loudest 1,0") or text_of(rows)[0].startswith("now loudest 9")


# Levels


def test_meters_reach_as_far_as_they_say() -> None:
    view = LevelsView(reason="", momentary=-28.5, integrated=-70.0, true_peak=0.4, rms=-120.0, peak=-0.005)
    rows = LevelMeter().rows(view, 85, 6)
    text = text_of(rows)
    assert "-28.5 LUFS" in text[0]
    bar = text[0][22:]
    assert bar.count("█") == 31, "half of 63 cells from -60 to 3 dB, and a half one"
    assert bar[31] == "▌"
    assert bar[37] == "┃", "the target of -23 LUFS"
    assert "below -70" in text[1]
    assert ("0.4 dBTP", "error") in [(t.strip(), style) for t, style in rows[2].spans]
    assert "silence" in text[3]
    assert ("-0.0 dBFS", "error") in [(t.strip(), style) for t, style in rows[4].spans]
    assert text[5] == "short-term: not measured here"


def test_without_a_loudness_meter_the_level_over_time_has_the_room() -> None:
    history = np.repeat([-60.0, -30.0, 0.0], 100)
    view = LevelsView(reason="", rms=-20.0, peak=-6.0, history=Array(history), total=300, dt=0.02, zoom=0)
    assert [line.split()[0] for line in text_of(LevelMeter().rows(view, 40, 2))] == ["rms", "peak"]
    rows = LevelMeter().rows(view, 68, 16)
    assert text_of(rows)[2] == "loudness: not measured here"
    body = [row._replace(spans=row.spans[2:]) for row in rows[4:-1]]
    heights = dots_of(body, 60).sum(axis=0)
    whole = 4 * len(body)
    assert heights[-1] == whole
    assert abs(heights[-40] - whole / 2) <= 1
    assert set(heights[-95:-70].tolist()) == {1}


# Video


def frame(image: Any, **more: Any) -> VideoView:
    return VideoView(reason="", image=Array(image), width=320, height=180, **more)


def colours(rows: Sequence[Row]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Pixels of a picture, (2 h, w, 3)."""
    lines = []
    for row in rows:
        assert isinstance(row.key, Cells)
        lines += [np.frombuffer(each, np.uint32) for each in (row.key.ink, row.key.paper)]
    packed = np.array(lines).astype(np.int64)
    return np.stack([packed >> 16, packed >> 8 & 0xFF, packed & 0xFF], axis=2)


def test_colours_are_those_of_the_picture() -> None:
    image = np.random.default_rng(6).integers(0, 256, (48, 80, 3), np.uint8)
    rows = VideoPreview().rows(frame(image), 80, 25)
    assert text_of(rows)[0].startswith("320x180")
    assert (np.abs(colours(rows[1:]) - image) <= 2).all()


@pytest.mark.parametrize(
    ("size", "room"),
    [((160, 90), (80, 40)), ((160, 90), (40, 40)), ((90, 160), (100, 30)), ((160, 120), (33, 9))],
)
def test_the_shape_of_the_picture_is_kept(size: tuple[int, int], room: tuple[int, int]) -> None:
    across, down = video.fitted(*size, room[0], 2 * room[1])
    assert across <= room[0]
    assert down <= 2 * room[1]
    assert abs(across / down - size[0] / size[1]) < 0.12 * size[0] / size[1]
    assert across == room[0] or down >= 2 * room[1] - 1


def test_copied_pictures_are_shades_of_their_brightness() -> None:
    image = np.zeros((2, 5, 3), np.uint8)
    image[:, 1], image[:, 2], image[:, 3], image[:, 4] = (
        (60, 60, 60),
        (120, 120, 120),
        (180, 180, 180),
        (255,) * 3,
    )
    (row,) = VideoPreview().rows(frame(image), 5, 1)
    assert plain_text(row) == " ░▒▓█"


async def test_boxes_are_drawn_where_the_objects_are_with_their_names() -> None:
    image = np.zeros((40, 80, 3), np.uint8)
    boxes = (ObjectBox("cat", 0.91, 0.25, 0.3, 0.5, 0.7, 7), ObjectBox("dog", 0.4, math.nan, 0, 1, 1))
    chart = VideoPreview(frame(image, boxes=boxes, looked=0.0))
    async with Alone(chart).run_test(size=(84, 23)) as pilot:
        await pilot.pause()
        text = [line.ljust(80) for line in text_of(chart._all)]
    assert text[0].rstrip().endswith("cat, dog")
    body = text[1:]
    top, bottom, left, right = 6, 14, 20, 40
    assert body[top][left:].startswith("cat #7 91%")
    assert body[bottom][left] == "└"
    assert body[bottom][right] == "┘"
    assert body[bottom][left + 1 : right] == "─" * 19
    assert all(body[y][left] == body[y][right] == "│" for y in range(top + 1, bottom))
    assert sum(line.count("│") for line in body) == 2 * (bottom - top - 1)


@pytest.mark.parametrize("theme", ["midstream", "midstream-light"])
async def test_boxes_are_bright_on_the_picture_whatever_the_theme(theme: str) -> None:
    image = np.zeros((40, 80, 3), np.uint8)
    boxes = tuple(ObjectBox(f"o{n}", 0.9 - n / 10, 0.1 * n, 0.2, 0.1 * n + 0.3, 0.7) for n in range(7))
    chart = VideoPreview(frame(image, boxes=boxes, looked=0.0))
    async with Alone(chart, theme).run_test(size=(84, 23)) as pilot:
        await pilot.pause()
        drawn = {
            segment.style.color.get_truecolor()
            for y in range(1, chart.size.height)
            for segment in chart.render_line(y)
            if segment.style is not None
            and segment.style.color is not None
            and set(segment.text) & set("┌│└")
        }
    assert 1 < len(drawn) <= len(BOX_INKS)
    for red, green, blue in drawn:
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue > 120


def test_quantiles_are_by_nearest_rank_unless_more_was_counted_than_is_held() -> None:
    view = latencies([0.1, 0.2, 0.3, 9.0])
    (first, *_) = view.distributions
    assert "p50 200ms  p90 9s  p99 9s  n 4" in text_of(LatencyHistogram().rows(view, 100, 14))[1]
    ever = replace(view, distributions=(first._replace(ever=Quantiles(70, 0.15, 4.0, 8.0)),))
    assert "p50 150ms  p90 4s  p99 8s  n 70, 4 drawn" in text_of(LatencyHistogram().rows(ever, 100, 14))[1]
    lately = LatencyHistogram().rows(replace(ever, zoom=1), 100, 14)
    assert "p50 200ms  p90 9s  p99 9s  n 4" in text_of(lately)[1]
