"""Frozen and black pictures, as libav's freezedetect and blackdetect define them, told on the small views.

A filter per frame of full size costs more than the decoding of many a stream, and tells of a freeze only once it is
over; the views are there already, and their differences with them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .events import Blame, Kind
from .quality_spells import Say, Spell

View = npt.NDArray[np.uint8]

FREEZE_NOISE = 0.001
"""Mean absolute difference to the first of the same pictures, as a share of full scale (freezedetect's default)."""
FREEZE_S = 2.0
BLACK_S = 2.0
BLACK_PIXEL = 0.10
"""Luma up to which a pixel is black, as a share of its range (blackdetect's ``pixel_black_th``)."""
BLACK_SHARE = 0.98
"""Share of black pixels from which a picture is black (blackdetect's ``picture_black_ratio_th``)."""

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


class PictureWatch:
    """Says "freeze" and "black" of one stream's pictures.

    A black picture that does not change is black, not frozen: the one explains the other.
    """

    def __init__(self, say: Say) -> None:
        self._freeze = Spell(say, "freeze", Kind.VIDEO, Blame.SOURCE, FREEZE_S)
        self._black = Spell(say, "black", Kind.VIDEO, Blame.SOURCE, BLACK_S)
        self._reference: tuple[float, View] | None = None
        self._still = False  # the reference is older than the picture before

    def frame(self, at: float, view: View, luma: float, motion: float | None) -> None:
        """A picture shown from `at` on; `motion` is its difference to the one before, where that is known."""
        if black := is_black(view, luma):
            self._black.holds(at, at, {"luma": round(luma, 1)})
        else:
            self._black.over(at)
        if self._reference is not None and not black and self._reference[1].shape == view.shape:
            since, first = self._reference
            moved = difference(first, view) if self._still or motion is None else motion
            if moved < 255.0 * FREEZE_NOISE:
                self._still = True
                self._freeze.holds(since, at, {"difference_percent": round(100.0 * moved / 255.0, 4)})
                return
        self._freeze.over(at)
        self._reference, self._still = (at, view), False

    def close(self, at: float) -> None:
        """The pictures end at `at`, or another input begins."""
        self._freeze.over(at)
        self._black.over(at)
        self._reference, self._still = None, False
