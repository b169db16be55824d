"""Frozen and black pictures, told on the small views.

A libav filter per frame of full size costs more than the decoding of many a stream, and freezedetect loses a freeze
that has passed an encoder: one that refines a still picture, or begins anew with a key frame, changes it by more than
the noise it allows. The views are there already, and so are their differences.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .events import Blame, Kind, VideoFrame
from .quality_spells import Say, Spell

View = npt.NDArray[np.uint8]
Blocks = npt.NDArray[np.int32]

FREEZE_NOISE = 0.001
"""Mean absolute difference to the first of the same pictures, as a share of full scale (freezedetect's default)."""
FREEZE_S = 2.0
BLACK_S = 2.0
BLACK_PIXEL = 0.10
"""Luma up to which a pixel is black, as a share of its range (blackdetect's ``pixel_black_th``)."""
BLACK_SHARE = 0.98
"""Share of black pixels from which a picture is black (blackdetect's ``picture_black_ratio_th``)."""

_NOISE = 255.0 * FREEZE_NOISE
_RESIDUE = 0.04 * 255.0
"""Most that an encoder's second look at the same picture changes it by."""
_MOVED = 3.0
"""Mean of a block that has changed by as much has something else in it: residue has no mean."""
_GRID = 9, 16
_EVERY = 0.2
"""Seconds between the pictures that are kept to compare with."""
_YOUNG = 0.5
"""Seconds for which a picture that differs from the one before is not compared with the first: it may be the first."""
_DARK = 255.0 * BLACK_PIXEL
_BRIGHTEST_BLACK = BLACK_SHARE * _DARK + (1.0 - BLACK_SHARE) * 255.0
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601


def difference(a: View, b: View) -> float:
    """Mean absolute difference of two views of one shape, 0..255."""
    return float((np.maximum(a, b) - np.minimum(a, b)).sum(dtype=np.uint32)) / a.size


def is_black(frame: VideoFrame, luma: float) -> bool:
    """Whether a picture of mean `luma` (0..255) is black."""
    if luma > _BRIGHTEST_BLACK:  # no black picture has such a mean: nearly all end here
        return False
    return float(np.mean(frame.image @ _LUMA <= _DARK)) >= BLACK_SHARE


def blocks(view: View) -> Blocks:
    """Sums of the green of an RGB view over a grid of some 9 by 16 blocks; what does not fill a block is left out."""
    (height, width), (rows, columns) = view.shape[:2], _GRID
    tall, wide = max(1, height // rows), max(1, width // columns)
    rows, columns = height // tall, width // wide
    green = view[: rows * tall, : columns * wide, 1]
    sums: Blocks = green.reshape(rows, tall, columns, wide).sum(axis=(1, 3), dtype=np.int32)
    return sums


@dataclass(slots=True)
class _Look:
    """A picture to compare with, and what had been counted when it came."""

    at: float
    frame: VideoFrame
    quiet: int
    restless: int
    blocks: Blocks | None = None

    def same(self, frame: VideoFrame, sums: Blocks | None) -> tuple[bool, Blocks | None]:
        """Whether `frame` shows the same; `sums` are its blocks where they are known, and come back."""
        mine, view = self.frame.image, frame.image
        if mine.shape != view.shape:
            return False, sums
        moved = difference(mine, view)
        if moved < _NOISE or moved >= _RESIDUE:
            return moved < _NOISE, sums
        if self.blocks is None:
            self.blocks = blocks(mine)
        sums = blocks(view) if sums is None else sums
        area = view.shape[0] * view.shape[1] / sums.size
        return bool(np.abs(sums - self.blocks).max() < _MOVED * area), sums


class Stillness:
    """Since when the picture is the same.

    It is the same by freezedetect's measure; or if no block of it has another mean, and many pictures since are the
    same as the one before each, as few are that somebody films: what differs then is an encoder's residue. Several
    pictures of the last seconds are kept to compare with, since what an encoder begins with it may improve beyond that.
    """

    def __init__(self) -> None:
        self._looks: deque[_Look] = deque()
        self._quiet = self._restless = 0
        self.since: float | None = None
        """Time of the first picture that is the same as the last."""

    def frame(self, at: float, frame: VideoFrame) -> bool:
        """Take a picture; return whether it is one that was there."""
        looks, motion = self._looks, frame.motion
        if motion is None or motion >= _RESIDUE or not looks:
            self._begin(at, frame)
            return False
        if motion < _NOISE:
            self._quiet += 1
        else:
            self._restless += 1
        while looks and self._restless - looks[0].restless > 6 + (self._quiet - looks[0].quiet) // 2:
            looks.popleft()
        sums: Blocks | None = None
        # Of what moves nearly all ends before this: it is compared with the first only once that is worth while.
        if looks and (motion < _NOISE or at - looks[0].at >= _YOUNG):
            same = False
            while looks and not same:
                same, sums = looks[0].same(frame, sums)
                if not same:
                    looks.popleft()
        if not looks:
            self._begin(at, frame)
            return False
        if self.since is None or at - self.since < FREEZE_S or at - looks[0].at < _YOUNG:
            self.since = looks[0].at
        if at - looks[-1].at >= _EVERY:
            looks.append(_Look(at, frame, self._quiet, self._restless, sums))
            while len(looks) > 2 and at - looks[1].at >= FREEZE_S:
                looks.popleft()
        return True

    def forget(self) -> None:
        """The next picture has nothing to do with those before."""
        self._looks.clear()
        self.since = None

    def _begin(self, at: float, frame: VideoFrame) -> None:
        self._looks.clear()
        self._quiet = self._restless = 0
        self._looks.append(_Look(at, frame, 0, 0))
        self.since = at


class PictureWatch:
    """Says "freeze" and "black" of one stream's pictures.

    A black picture that does not change is black, not frozen: the one explains the other.
    """

    def __init__(self, say: Say) -> None:
        self._freeze = Spell(say, "freeze", Kind.VIDEO, Blame.SOURCE, FREEZE_S)
        self._black = Spell(say, "black", Kind.VIDEO, Blame.SOURCE, BLACK_S)
        self._still = Stillness()
        self._since: float | None = None

    def frame(self, at: float, frame: VideoFrame) -> None:
        """A picture shown from `at` on. One that is only counted, or has no colours, is passed over."""
        luma = frame.luma
        if luma is None or (not callable(frame.view) and frame.view.shape[2:] != (3,)):
            return
        if is_black(frame, luma):
            self._black.holds(at, at, {"luma": round(luma, 1)})
            self._freeze.over(at)
            self._still.forget()
            return
        self._black.over(at)
        still, since = self._still.frame(at, frame), self._still.since
        if not still or since != self._since:  # another picture, or one that only began to be the same later
            self._freeze.over(at if not still or since is None else since)
        if still and since is not None:
            self._freeze.holds(since, at, {"luma": round(luma, 1)})
        self._since = since

    def close(self, at: float) -> None:
        """The pictures end at `at`, or another input begins."""
        self._freeze.over(at)
        self._black.over(at)
        self._still.forget()
