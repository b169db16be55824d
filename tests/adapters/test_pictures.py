"""Whole pictures where frames are decoded: upright, at any size, of the very frame whose event comes next."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import av
import numpy as np
import pytest

from midstream_adapters.decode import MediaReader
from midstream_adapters.events import VideoFrame
from midstream_adapters.levels import Picture, nearest
from midstream_adapters.live_reader import LiveReader
from midstream_adapters.pictures import Pictures, Shot
from tests.adapters.clips import make_clip


class Album:
    """Keeps every picture at one size, with the event that it was shown with."""

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self.shown: list[tuple[VideoFrame, Shot, Picture]] = []

    def __call__(self, event: VideoFrame, shot: Shot) -> None:
        self.shown.append((event, shot, shot.render(*self.size)))


def play(reader: MediaReader, path: Path) -> list[VideoFrame]:
    reader.open(str(path))
    frames: list[VideoFrame] = []
    while not reader.ended:
        frames += [event for event in reader.read() if isinstance(event, VideoFrame)]
    reader.close()
    return frames


def test_every_frame_is_shown_with_its_own_event(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", audio=None, frames=12, size=(320, 180))
    album = Album(320, 180)
    frames = play(MediaReader("s", time.monotonic, pictures=Pictures().also(album)), clip)
    assert [id(event.image) for event, _, _ in album.shown] == [id(frame.image) for frame in frames]
    with av.open(str(clip)) as source:
        for decoded, (_, shot, picture) in zip(source.decode(video=0), album.shown, strict=True):
            assert (shot.width, shot.height) == (320, 180)
            true = decoded.to_ndarray(format="rgb24").astype(int)
            assert np.abs(picture.astype(int) - true).mean() < 1.5


def test_pictures_are_upright_at_the_size_asked_for(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", audio=None, frames=3)
    data = path.read_bytes()
    unit = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.index(unit, data.index(b"tkhd"))
    clockwise = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 108 << 16, 0, 1 << 30)
    path.write_bytes(data[:at] + clockwise + data[at + len(unit) :])
    album = Album(54, 96)
    play(MediaReader("s", time.monotonic, pictures=Pictures().also(album)), path)
    _, shot, picture = album.shown[0]
    assert (shot.width, shot.height) == (108, 192)
    assert picture.shape == (96, 54, 3)
    assert picture[1, 27, 0] > picture[48, 27, 0] + 80  # the bar is on top, as in the small view


def test_only_what_can_wait_may_be_kept_waiting(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", audio=None, frames=2)
    for kind, may_wait in ((MediaReader, True), (LiveReader, False)):
        album = Album(8, 8)
        play(kind("s", time.monotonic, pictures=Pictures().also(album)), clip)  # type: ignore[operator]
        assert [shot.may_wait for _, shot, _ in album.shown] == [may_wait] * 2


def test_all_who_watch_are_shown_and_nobody_is_the_default() -> None:
    first, second = Album(1, 1), Album(2, 1)
    assert not Pictures()
    both = Pictures().also(first).also(second)
    assert both
    event = VideoFrame("s", 0.0, np.zeros((1, 1, 3), np.uint8), 1, 1, 0.0, 0.0, None)
    both.show(event, Shot(1, 1, lambda width, height: np.zeros((height, width, 3), np.uint8)))
    assert [len(first.shown), len(second.shown)] == [1, 1]


@pytest.mark.parametrize("size", [(4, 3), (2, 2), (9, 1), (16, 12)])
def test_the_nearest_pixel_is_taken(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 255, (6, 8, 3), np.uint8)
    width, height = size
    found = nearest(picture, width, height)
    for y in range(height):
        for x in range(width):
            assert (found[y, x] == picture[int((y + 0.5) * 6 / height), int((x + 0.5) * 8 / width)]).all()
