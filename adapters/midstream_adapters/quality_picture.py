"""Frozen and black pictures, told on the small views.

A libav filter per frame of full size costs more than the decoding of many a stream, and freezedetect loses a freeze
that has passed an encoder: one that refines a still picture, or begins anew with a key frame, changes it by more than
the noise it allows. The views are there already, and so are their differences.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .events import Blame, Kind
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
_RESIDUE = 0.02 * 255.0
"""Most that an encoder's second look at the same picture changes it by."""
_MOVED = 3.0
"""Mean of a block that has changed by as much has something else in it: residue has no mean."""
_GRID = 9, 16
_SETTLED = 1.0
"""Seconds after which what a freeze is compared with is taken anew, so that slow drift of an encoder is no motion."""
_YOUNG = 0.5
"""Seconds for which a picture that differs from the one before is not compared with the first: it may be the first."""
_DARK = 255.0 * BLACK_PIXEL
_BRIGHTEST_BLACK = BLACK_SHARE * _DARK + (1.0 - BLACK_SHARE) * 255.0
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601


def difference(a: View, b: View) -> float:
    """Mean absolute difference of two views of one shape, 0..255."""
    return float((np.maximum(a, b) - np.minimum(a, b)).sum(dtype=np.uint32)) / a.size


def is_black(view: View, luma: float) -> bool:
    """Whether an RGB view, shape (h, w, 3), of mean `luma` (0..255) is black."""
    if luma > _BRIGHTEST_BLACK:  # no black picture has such a mean: nearly all end here
        return False
    return float(np.mean(view @ _LUMA <= _DARK)) >= BLACK_SHARE


def blocks(view: View) -> Blocks:
    """Sums of the green of an RGB view over a grid of some 9 by 16 blocks; what does not fill a block is left out."""
    (height, width), (rows, columns) = view.shape[:2], _GRID
    tall, wide = max(1, height // rows), max(1, width // columns)
    rows, columns = height // tall, width // wide
    green = view[: rows * tall, : columns * wide, 1]
    sums: Blocks = green.reshape(rows, tall, columns, wide).sum(axis=(1, 3), dtype=np.int32)
    return sums


class Stillness:
    """Whether a picture is still the same as one before.

    It is by freezedetect's measure; or if no block of it has another mean, and most pictures since are the same as the
    one before each, as only those are that nobody films: what differs then is an encoder's residue.
    """

    def __init__(self) -> None:
        self._reference: View | None = None
        self._blocks: Blocks | None = None
        self._taken = 0.0
        self._restless = self._quiet = 0
        self.since: float | None = None
        """Time of the first picture that is the same as the last."""

    def frame(self, at: float, view: View, motion: float | None) -> bool:
        """Take a picture and its difference to the one before (0..255); return whether it is one that was there."""
        reference = self._reference
        if reference is None or reference.shape != view.shape or motion is None:
            self._begin(at, view, None)
            return False
        if motion < _NOISE:
            self._quiet += 1
        else:
            self._restless += 1
        if self._restless > 4 + self._quiet // 4 or motion >= _RESIDUE:
            self._begin(at, view, None)
            return False
        if motion >= _NOISE and at - (self.since or at) < _YOUNG:  # of what moves, nearly all ends here
            return True
        alone = self._quiet + self._restless == 1  # the reference is the picture before
        moved = motion if alone else difference(reference, view)
        if moved >= _NOISE:
            if moved >= _RESIDUE:
                self._begin(at, view, None)
                return False
            if self._blocks is None:
                self._blocks = blocks(reference)
            now = blocks(view)
            if np.abs(now - self._blocks).max() >= _MOVED * (view.shape[0] * view.shape[1] / now.size):
                self._begin(at, view, now)
                return False
        if at - self._taken >= _SETTLED and at - (self.since or at) >= FREEZE_S:
            self._reference, self._blocks, self._taken = view, None, at
        return True

    def forget(self) -> None:
        """The next picture has nothing to do with those before."""
        self._reference = self._blocks = self.since = None

    def _begin(self, at: float, view: View, sums: Blocks | None) -> None:
        self._reference, self._blocks = view, sums
        self.since = self._taken = at
        self._quiet = self._restless = 0


class PictureWatch:
    """Says "freeze" and "black" of one stream's pictures.

    A black picture that does not change is black, not frozen: the one explains the other.
    """

    def __init__(self, say: Say) -> None:
        self._freeze = Spell(say, "freeze", Kind.VIDEO, Blame.SOURCE, FREEZE_S)
        self._black = Spell(say, "black", Kind.VIDEO, Blame.SOURCE, BLACK_S)
        self._still = Stillness()

    def frame(self, at: float, view: View, luma: float, motion: float | None) -> None:
        """A picture shown from `at` on; `motion` is its difference to the one before, where that is known."""
        if is_black(view, luma):
            self._black.holds(at, at, {"luma": round(luma, 1)})
            self._freeze.over(at)
            self._still.forget()
            return
        self._black.over(at)
        still = self._still.frame(at, view, motion)
        if still and self._still.since is not None:
            self._freeze.holds(self._still.since, at, {"luma": round(luma, 1)})
        else:
            self._freeze.over(at)

    def close(self, at: float) -> None:
        """The pictures end at `at`, or another input begins."""
        self._freeze.over(at)
        self._black.over(at)
        self._still.forget()
