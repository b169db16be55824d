"""The charts of sound, levels and video, read back from their cells: what is drawn is what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from midstream_widgets.chart_views import Array, LevelsView, ObjectBox, SoundView, VideoView
from midstream_widgets.charts import LevelMeter, Spectrogram, VideoPreview, Waveform, spectrogram, video
from midstream_widgets.charts.base import plain_text
from midstream_widgets.charts.pixels import Cells
from midstream_widgets.charts.video import BOX_INKS, box_cells
from midstream_widgets.lines import Row
from tests.widgets.chart_reading import Alone, centre, dots_of, text_of

RATE = 16_000


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


def test_a_box_beyond_all_bounds_ends_at_the_picture() -> None:
    """A hostile detector's coordinate times the width was infinite: found by hypothesis."""
    box = ObjectBox("cat", 0.9, -1e308, 0.25, 1.7e308, 0.5)
    assert box_cells(box, 80, 24) == (0, 6, 79, 12)
