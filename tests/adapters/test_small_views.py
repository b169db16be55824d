"""A small view is what libav's own conversion shows of the picture, and is painted once, for whoever looks first."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import av
import numpy as np
import pytest

from midstream_adapters.levels import Picture, luma_levels, nearest, picture_levels
from midstream_adapters.small_views import Sampler
from midstream_adapters.taps import VideoTap, view_size

SIZES = [(1280, 720), (640, 360), (854, 480), (720, 576), (161, 91), (160, 120), (37, 21), (2000, 3), (1, 1)]


def scene(width: int, height: int, seed: int = 5) -> Picture:
    """Smooth colours, so that a sample more or less to the left is much the same."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = [128 + 90 * np.sin(3 * x * (n + 1) + 2 * y + seed * n) for n in range(3)]
    return np.stack(waves, axis=2).astype(np.uint8)


def coded(picture: Picture, form: str, n: int = 0) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=form)
    frame.pts, frame.time_base = n, Fraction(1, 30)
    return frame


def rgb(frame: av.VideoFrame) -> Picture:
    picture: Picture = frame.to_ndarray(format="rgb24")  # type: ignore[assignment]
    return picture


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "form", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv410p", "yuv440p", "yuv420p10le", "yuv444p12le"]
)
def test_a_view_is_the_picture_made_small(form: str, size: tuple[int, int]) -> None:
    frame = coded(scene(*size), form)
    small = view_size(*size)
    view = Sampler().take(frame, *small)
    assert view is not None
    image = view()
    assert image.shape == (small[1], small[0], 3)
    assert not image.flags.writeable
    true = nearest(rgb(frame), *small)
    assert np.abs(image.astype(int) - true).mean() < (6 if form == "yuv410p" else 3)
    luma, motion = luma_levels(view.luma, None, view.full_range)
    assert luma == pytest.approx(picture_levels(true, None)[0], abs=1.5)
    assert motion is None


@pytest.mark.parametrize("space", [1, 5, 9])  # BT.709, BT.601, BT.2020
@pytest.mark.parametrize("full", [1, 2])
def test_colours_are_those_that_the_stream_says(space: int, full: int) -> None:
    frame = coded(scene(640, 360), "yuv420p")
    frame.colorspace, frame.color_range = space, full
    view = Sampler().take(frame, 160, 90)
    assert view is not None
    assert view.full_range == (full == 2)
    true = nearest(rgb(frame), 160, 90)
    assert np.abs(view().astype(int) - true).mean() < 2.5


@pytest.mark.parametrize("form", ["rgb24", "gray", "nv12", "bgra", "yuyv422", "yuv420p10be", "yuva420p"])
def test_what_is_no_planar_yuv_is_converted_whole(form: str) -> None:
    picture = scene(320, 240)
    assert Sampler().take(coded(picture, form), 160, 120) is None
    tap = VideoTap("x", time.monotonic)
    first, second = (tap.frame(coded(picture, form, n), 1) for n in range(2))
    assert first.image.shape == (120, 160, 3)
    assert (first.motion, second.motion) == (None, 0.0)


def test_each_picture_is_painted_once_in_its_own_colours() -> None:
    """From many threads, later than the next pictures have come, and as the same array for all."""
    sampler, pictures = Sampler(), [scene(640, 360, seed) for seed in range(30)]
    views = [sampler.take(coded(picture, "yuv420p"), 160, 90) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        painted = list(pool.map(lambda n: views[n % 30](), range(240)))
    for n, image in enumerate(painted):
        assert image is painted[n % 30]
        assert np.abs(image.astype(int) - nearest(pictures[n % 30], 160, 90)).mean() < 3


def test_the_size_may_change_and_comes_back() -> None:
    tap = VideoTap("x", time.monotonic)
    shapes = [
        tap.frame(coded(scene(*size), "yuv420p"), 1).image.shape[:2]
        for size in [(640, 360), (640, 360), (360, 640), (640, 360), (480, 480)]
    ]
    assert shapes == [(90, 160), (90, 160), (160, 90), (90, 160), (160, 160)]


def test_a_change_of_range_is_no_motion() -> None:
    tap, motions = VideoTap("x", time.monotonic), []
    for full in (1, 1, 2, 2):
        frame = coded(scene(640, 360), "yuv420p")
        frame.color_range = full
        motions.append(tap.frame(frame, 1).motion)
    assert motions == [None, 0.0, None, 0.0]


def test_luma_beyond_black_and_white_counts_as_that() -> None:
    dark, bright = np.full((9, 16), 3, np.uint8), np.full((9, 16), 250, np.uint8)
    assert luma_levels(dark, None, False) == (0.0, None)
    assert luma_levels(bright, None, False) == (255.0, None)
    black, white = np.full((9, 16), 16, np.uint8), np.full((9, 16), 235, np.uint8)
    assert luma_levels(white, black, False) == (255.0, 255.0)
    assert luma_levels(black, white, True) == (16.0, 219.0)
