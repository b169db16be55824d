"""What charts are made of: dots, pixels, axes and windows of time."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from midstream_widgets.chart_views import Array, SoundView
from midstream_widgets.charts import axes, pixels, windows
from midstream_widgets.charts.braille import Braille
from midstream_widgets.lines import width_of
from tests.widgets.chart_reading import dots_of, text_of

# Braille


@given(st.integers(0, 30), st.integers(0, 12), st.data())
def test_what_is_drawn_is_what_is_read(width: int, height: int, data: st.DataObject) -> None:
    canvas = Braille(width, height)
    where = np.array(
        data.draw(
            st.lists(st.booleans(), min_size=8 * width * height, max_size=8 * width * height), label="dots"
        ),
        np.bool_,
    ).reshape(4 * height, 2 * width)
    y, x = np.nonzero(where)
    canvas.dots(x.astype(float), y.astype(float), "line")
    rows = canvas.rows()
    assert len(rows) == height
    assert all(width_of(row) == width for row in rows)
    assert np.array_equal(dots_of(rows, width), where)


def test_dots_outside_or_not_finite_are_left_out() -> None:
    canvas = Braille(4, 2)
    canvas.dots(np.array([-1.0, 8.0, np.nan, np.inf, 3.0]), np.array([0.0, 0.0, 1.0, 2.0, 99.0]), "line")
    assert not dots_of(canvas.rows(), 4).any()


def test_a_cell_has_the_ink_of_whoever_drew_last_and_text_covers_dots() -> None:
    canvas = Braille(6, 1)
    canvas.dots(np.array([0.0, 4.0]), np.array([0.0, 0.0]), "line")
    canvas.dots(np.array([5.0]), np.array([3.0]), "error")
    canvas.text(4, 0, "long", "title")
    assert canvas.rows()[0].spans == (("⠁ ", "line"), ("⢁ ", "error"), ("l…", "title"))


def test_columns_between_fills_from_low_to_high_and_skips_what_is_unknown() -> None:
    canvas = Braille(2, 1)
    canvas.columns_between(np.array([0.0, 3.0, np.nan, 2.0]), np.array([1.0, 3.0, 1.0, 1.0]), "line")
    assert dots_of(canvas.rows(), 2).astype(int).tolist() == [
        [1, 0, 0, 0],
        [1, 0, 0, 1],
        [0, 0, 0, 1],
        [0, 1, 0, 0],
    ]


# Axes


@given(st.floats(), st.floats(), st.integers(1, 20))
def test_a_range_holds_its_values_and_has_round_ticks(a: float, b: float, ticks: int) -> None:
    low, high = sorted(
        0.0 if not math.isfinite(x) else min(max(x, -axes.BIGGEST), axes.BIGGEST) for x in (a, b)
    )
    scale = axes.around(min(a, b) if a == a and b == b else a, max(a, b) if a == a and b == b else b, ticks)
    assert math.isfinite(scale.low)
    assert math.isfinite(scale.high)
    assert scale.low < scale.high
    if a == a and b == b:
        slack = 1e-6 * (scale.high - scale.low)
        assert scale.low - slack <= low
        assert high <= scale.high + slack
    assert len(scale.ticks) <= ticks + 4
    mantissa = scale.step / 10 ** math.floor(math.log10(scale.step) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-6


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(1500.0, 500.0, "1.5k"), (0.05, 0.01, "0.05"), (0.0, 0.2, "0"), (2e30, 1e30, "2e+30"), (-3.0, 1.0, "-3"),
     (-1e-17, 0.1, "0"), (20.0, 10.0, "20"), (0.3, 0.1, "0.3"), (1234.5, 0.0, "1.23k"), (math.nan, 1.0, "—"),
     (2_000_000.0, 500_000.0, "2M"), (3e-9, 0.0, "3e-09")],
)  # fmt: skip
def test_numbers_are_short_and_say_what_their_step_asks_for(value: float, step: float, text: str) -> None:
    assert axes.number(value, step) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0008, "800us"), (0.002, "2ms"), (1.5, "1.5s"), (59.9, "59.9s"), (60.0, "1m"), (100.0, "1m 40s"),
     (3600.0, "1h"), (3900.0, "1h 5m"), (math.inf, "—")],
)  # fmt: skip
def test_durations(value: float, text: str) -> None:
    assert axes.seconds(value) == text


@given(st.integers(0, 120), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["s", "chunk"]))
def test_a_time_axis_fills_its_width_and_ends_now(width: int, span: float, step: str) -> None:
    spans = axes.time_axis(width, span, step)
    text = "".join(text for text, _ in spans)
    assert cell_len(text) == width
    if width >= 3:
        assert text.endswith("now")


def test_ticks_of_time_are_round_and_stand_where_they_say() -> None:
    text = "".join(text for text, _ in axes.time_axis(101, 100.0))
    for label, ago in (("-20s", 20), ("-40s", 40), ("-1m ", 60), ("-1m 20s", 80)):
        place = text.rindex(label) + len(label.strip()) // 2
        assert abs((100 - place) - ago) <= 1


@given(st.dictionaries(st.integers(-5, 90), st.text("0123456789ms", max_size=9)), st.integers(0, 80))
def test_labels_of_an_axis_never_touch(labels: dict[int, str], width: int) -> None:
    spans = axes.rule(labels, width)
    assert sum(cell_len(text) for text, _ in spans) == width
    kinds = [style for _, style in spans]
    assert all((a, b) != ("label", "label") for a, b in pairwise(kinds))


# Windows


@given(
    total=st.integers(1, 3000), held=st.integers(1, 1000), wanted=st.integers(1, 3000), columns=st.integers(1, 200)
)  # fmt: skip
def test_the_outline_holds_every_sample_and_the_newest_is_at_the_right(
    total: int, held: int, wanted: int, columns: int
) -> None:
    held = min(held, total)
    values = np.arange(total - held, total, dtype=np.float64)
    time = windows.window(wanted, columns)
    part = windows.shown(values, total, time)
    low, high = windows.outline(part, total, time)
    assert low.shape == high.shape == (columns,)
    assert high[-1] == total - 1
    known = ~np.isnan(low)
    assert (low[known] <= high[known]).all()
    for index in range(max(total - held, total - len(part)), total):
        column = windows.column_of(index, total, time)
        if 0 <= column < columns:
            assert low[column] <= index <= high[column]


def test_what_was_drawn_keeps_its_shape_while_samples_come() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal(1000)
    time = windows.window(400, 100)
    assert time.per == 4
    before = windows.outline(windows.shown(values[:801], 801, time), 801, time)
    after = windows.outline(windows.shown(values[:805], 805, time), 805, time)
    # The first column has no neighbour to its left to touch, and the newest is still being filled.
    assert np.array_equal(before[0][2:-1], after[0][1:-2])
    assert np.array_equal(before[1][2:-1], after[1][1:-2])


def test_neighbouring_columns_touch_and_gaps_stay_gaps() -> None:
    time = windows.window(4, 8)
    low, high = windows.outline(windows.shown(np.array([0.0, 8.0, np.nan, 4.0]), 4, time), 4, time)
    assert high[3] == 8.0
    assert np.isnan(low[5])
    time = windows.window(8, 4)
    low, high = windows.outline(windows.shown(np.arange(8.0), 8, time), 8, time)
    assert (low[1:] <= high[:-1]).all()


@given(st.floats(allow_nan=False), st.integers(-500, 500))
def test_zoom_halves_and_doubles_within_bounds(usual: float, zoom: int) -> None:
    assert 2.0 <= windows.zoomed(usual, zoom, 2.0, 100.0) <= 100.0
    assert windows.zoomed(16.0, 1, 1.0, 100.0) == 8.0
    assert windows.zoomed(16.0, -1, 1.0, 100.0) == 32.0


# Pixels


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_a_picture_of_one_colour_stays_so_at_every_size(
    h: int, w: int, new_h: int, new_w: int, value: int
) -> None:
    new = pixels.resized(np.full((h, w, 3), value, np.uint8), new_w, new_h)
    assert new.shape == (new_h, new_w, 3)
    assert (np.abs(new.astype(int) - value) <= 1).all()


def test_a_smaller_picture_is_the_mean_of_what_it_covers() -> None:
    image = np.random.default_rng(2).integers(0, 256, (24, 32, 3), np.uint8)
    mean = image.reshape(12, 2, 8, 4, 3).mean(axis=(1, 3))
    assert (np.abs(pixels.resized(image, 8, 12) - mean) <= 1.01).all(), "rounded along each axis"


@given(st.integers(0, 255))
def test_quantised_colours_are_within_half_a_step_and_stay_when_done_again(value: int) -> None:
    once = pixels.quantised(np.array([value], np.uint8))
    assert abs(int(once[0]) - value) <= 2
    assert pixels.quantised(once)[0] == once[0]


def test_half_blocks_carry_both_colours_and_equal_neighbours_share_a_segment() -> None:
    picture = np.zeros((2, 4, 3), np.uint8)
    picture[0, :3] = (250, 10, 20)
    (row,) = pixels.Canvas(picture).rows()
    assert isinstance(row.key, pixels.Cells)
    made = pixels.segments(row.key)
    assert [segment.text for segment in made] == ["▀▀▀", "▀"]
    style = made[0].style
    assert isinstance(style, Style)
    assert style.color is not None
    assert style.color.triplet == (250, 10, 20)
    assert style.bgcolor is not None
    assert style.bgcolor.triplet == (0, 0, 0)
    assert "38;2;250;10;20" in style.render("▀")


def test_text_over_a_picture_lets_it_shine_through_or_covers_it() -> None:
    canvas = pixels.Canvas(np.full((2, 3, 3), 100, np.uint8))
    canvas.text(-1, 0, "abc", 0xFFFFFF)
    canvas.text(2, 0, "wide", 0x010203, 0x040506)
    assert text_of(canvas.rows()) == ["bcw"]
    assert canvas.paper[0].tolist() == [0x646464, 0x646464, 0x040506]


# Views


def test_views_with_arrays_compare_by_content() -> None:
    one = SoundView(stream="a", samples=Array(np.array([0.0, np.nan], np.float32)))
    assert one == SoundView(stream="a", samples=Array(np.array([0.0, np.nan], np.float32)))
    assert one != SoundView(stream="a", samples=Array(np.array([0.5, np.nan], np.float32)))
    assert one != SoundView(stream="a", samples=Array(np.array([0.0, np.nan], np.float64)))
    assert Array(np.zeros(2)) != 3
    assert hash(Array(np.zeros(2))) == hash(Array(np.ones(2)))
