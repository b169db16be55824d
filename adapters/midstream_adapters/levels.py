"""Loudness of samples and brightness of pictures: the few numbers a dashboard needs of each chunk and frame.

numpy only, on small arrays, so that no call holds the interpreter for more than some tens of microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

_LOUDEST = 1e3  # +60 dBFS: float PCM may pass full scale, yet its square must stay finite
_FULL = 0.9999
"""Full scale, with room for what 16 bits round off."""
_RUN = 3
_ROWS_16 = 0xFFFF // 0xFF
"""Rows of bytes whose sum fits into 16 bits."""
_BLACK, _WHITE = 16, 235
"""Luma of black and of white, as video codes it (BT.601)."""
_LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114])  # BT.601


def nearest(picture: Picture, width: int, height: int) -> Picture:
    """`picture` at another size, each pixel the nearest one of it."""
    rows = (np.arange(height) * 2 + 1) * picture.shape[0] // (2 * height)
    columns = (np.arange(width) * 2 + 1) * picture.shape[1] // (2 * width)
    resized: Picture = picture[rows[:, None], columns]
    return resized


def full_scale(pcm: npt.NDArray[Any]) -> Samples:
    """PCM of any libav sample type as float32 with full scale 1.0, same shape; float PCM is made finite."""
    if pcm.dtype == np.uint8:
        return (pcm.astype(np.float32) - 128.0) / 128.0
    if pcm.dtype.kind == "i":
        return pcm.astype(np.float32) * np.float32(0.5 ** (8 * pcm.dtype.itemsize - 1))
    floats = pcm.astype(np.float32, copy=False)
    if math.isfinite(float(np.abs(floats).max(initial=0.0))):
        return floats
    return np.nan_to_num(floats, nan=0.0, posinf=_LOUDEST, neginf=-_LOUDEST)


def sample_levels(samples: Samples) -> tuple[float, float]:
    """Root mean square and peak, both linear, of finite `samples` of any shape; (0, 0) of none."""
    flat = samples.ravel()
    if not flat.size:
        return 0.0, 0.0
    peak = max(float(flat.max()), -float(flat.min()))
    if peak > _LOUDEST:
        flat, peak = np.clip(flat, -_LOUDEST, _LOUDEST), _LOUDEST
    return math.sqrt(float(np.dot(flat, flat)) / flat.size), peak


def chunk_levels(samples: Samples, lengths: Sequence[int]) -> tuple[list[float], list[float]]:
    """`sample_levels` of adjoining pieces, `lengths` long, of finite `samples` of shape (channels, n): (rms, peaks)."""
    if len(lengths) < 2 or 0 in lengths:
        bounds = [0, *accumulate(lengths)]
        each = [sample_levels(samples[:, start:end]) for start, end in pairwise(bounds)]
        return [rms for rms, _ in each], [peak for _, peak in each]
    starts = [0, *accumulate(lengths[:-1])]
    peaks = np.maximum.reduceat(np.abs(samples).max(axis=0), starts)
    if peaks.max() > _LOUDEST:
        samples, peaks = np.clip(samples, -_LOUDEST, _LOUDEST), np.minimum(peaks, _LOUDEST)
    squares = np.add.reduceat(np.einsum("cn,cn->n", samples, samples), starts, dtype=np.float64)
    rms = np.sqrt(squares / (np.array(lengths) * samples.shape[0]))
    return rms.tolist(), peaks.tolist()


def clipped_samples(samples: Samples, peak: float) -> int:
    """How many of `samples`, shape (channels, n), of highest magnitude `peak` lie in runs at full scale or above.

    A run is three in a row or more, as editors' "find clipping" has it: one sample there is just a peak.
    """
    if peak < _FULL:
        return 0
    full = np.abs(samples) >= _FULL
    edges = np.diff(full.astype(np.int8), prepend=0, append=0, axis=1)
    lengths = np.flatnonzero(edges.ravel() < 0) - np.flatnonzero(edges.ravel() > 0)
    return int(lengths[lengths >= _RUN].sum())


def picture_levels(view: Picture, before: Picture | None) -> tuple[float, float | None]:
    """Mean luma (BT.601, 0..255) of an RGB `view`, and its mean absolute difference to the view `before`.

    The difference is ``None`` where there is no view before, or one of another shape.
    """
    height, width = view.shape[:2]
    luma = float(_columns(view) @ _weights(width)) / (height * width)
    if before is None or before.shape != view.shape:
        return luma, None
    difference = np.maximum(view, before)  # stays in uint8
    difference -= np.minimum(view, before)
    return luma, float(_columns(difference).sum(dtype=np.uint64)) / view.size


def luma_levels(luma: Picture, before: Picture | None, full_range: bool = True) -> tuple[float, float | None]:
    """`picture_levels` of luma as coded, shape (h, w), where black is 16 and white is 235 unless `full_range`."""
    mean = float(np.add.reduce(luma, axis=None, dtype=np.uint32)) / luma.size
    scale = 1.0
    if not full_range:
        scale = 255.0 / (_WHITE - _BLACK)
        mean = min(max(0.0, (mean - _BLACK) * scale), 255.0)
    if before is None or before.shape != luma.shape:
        return mean, None
    difference = np.maximum(luma, before)  # stays in uint8
    difference -= np.minimum(luma, before)
    return mean, scale * float(np.add.reduce(difference, axis=None, dtype=np.uint32)) / luma.size


def _columns(view: Picture) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Sums over the rows of `view`, shape (width * 3,): numpy's inner loop runs over whole rows, in the least type."""
    height, width = view.shape[:2]
    wide = np.uint16 if height <= _ROWS_16 else np.uint64
    sums: npt.NDArray[np.unsignedinteger[Any]] = np.add.reduce(
        view.reshape(height, 3 * width), axis=0, dtype=wide
    )
    return sums


@lru_cache(maxsize=8)
def _weights(width: int) -> npt.NDArray[np.float64]:
    return np.tile(_LUMA_WEIGHTS, width)
