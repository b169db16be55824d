"""Arithmetic of boxes: overlap, non-maximum suppression, and from a network's numbers to `Box` events. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .events import Box

Edges = npt.NDArray[np.float32]
"""Left, top, right, bottom of boxes: shape (n, 4)."""
Scores = npt.NDArray[np.float32]

MOST_BOXES = 50
"""Boxes of one picture that are told, the surest first."""
_MOST_CANDIDATES = 1000


def iou(box: Edges, others: Edges) -> npt.NDArray[np.float32]:
    """Intersection over union of `box`, shape (4,), with each of `others`, shape (n, 4): shape (n,), 0 to 1."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    union = (box[2] - box[0]) * (box[3] - box[1]) + areas - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0).astype(np.float32)


def suppress(edges: Edges, scores: Scores, classes: npt.NDArray[np.intp], most_iou: float) -> list[int]:
    """Greedy non-maximum suppression within each class: indices of the boxes that stay, the surest first.

    At most `MOST_BOXES`; of more than a thousand candidates only the surest are looked at.
    """
    order = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
    kept: list[int] = []
    while len(order) and len(kept) < MOST_BOXES:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        covered = (iou(edges[best], edges[order]) > most_iou) & (classes[order] == classes[best])
        order = order[~covered]
    return kept


def told(
    edges: Edges,
    scores: Scores,
    classes: npt.NDArray[np.intp],
    names: Sequence[str],
    *,
    least: float,
    most_iou: float | None,
) -> tuple[Box, ...]:
    """Boxes scored `least` or more as events, clipped to the picture, the surest first.

    ``edges`` are fractions of the picture; numbers that are not finite and boxes without area are left out, and so is
    a class without a name. ``most_iou`` None: the network has suppressed doubles itself.
    """
    clipped = np.clip(edges, 0.0, 1.0)
    sure = np.isfinite(edges).all(axis=1) & (scores >= least) & (scores <= 1.0 + 1e-3)
    solid = (clipped[:, 2] > clipped[:, 0]) & (clipped[:, 3] > clipped[:, 1])
    named = (classes >= 0) & (classes < len(names))
    (rows,) = np.nonzero(sure & solid & named)
    edges, scores, classes = clipped[rows], scores[rows], classes[rows]
    if most_iou is None:
        order = [int(n) for n in np.argsort(-scores, kind="stable")[:MOST_BOXES]]
    else:
        order = suppress(edges, scores, classes, most_iou)
    boxes = []
    for n in order:
        if label := names[int(classes[n])]:
            left, top, right, bottom = edges[n].tolist()
            boxes.append(Box(label, min(1.0, float(scores[n])), left, top, right, bottom))
    return tuple(boxes)
