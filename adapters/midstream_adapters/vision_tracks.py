"""Which box is the one of the picture before: greedy matching by overlap, as in the IOU tracker (Bochinski 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .events import Box
from .vision_boxes import Edges, iou

LEAST_IOU = 0.2
"""Overlap that still means the same object. Low, since pictures are some tenths of a second apart."""
MOST_MISSED = 3
"""Pictures in a row in which an object may go unseen and keep its number."""


@dataclass(slots=True)
class _Track:
    number: int
    label: str
    edges: Edges
    missed: int = 0


def _edges(box: Box) -> Edges:
    return np.array([box.left, box.top, box.right, box.bottom], np.float32)


class Tracker:
    """Numbers the objects of one stream from 1; a number is never given twice. Not thread-safe."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._last = 0

    def follow(self, boxes: Sequence[Box]) -> tuple[Box, ...]:
        """`boxes` of the next picture with their ``track``, in the same order; only like labels are matched."""
        edges = [_edges(box) for box in boxes]
        found: dict[int, _Track] = {}
        taken: set[int] = set()
        for _, n, track in self._pairs(boxes, edges):
            if n not in found and track.number not in taken:
                found[n] = track
                taken.add(track.number)
        for track in self._tracks:
            track.missed = 0 if track.number in taken else track.missed + 1
        self._tracks = [track for track in self._tracks if track.missed <= MOST_MISSED]
        for n, box in enumerate(boxes):
            if n in found:
                found[n].edges = edges[n]
            else:
                self._last += 1
                found[n] = _Track(self._last, box.label, edges[n])
                self._tracks.append(found[n])
        return tuple(replace(box, track=found[n].number) for n, box in enumerate(boxes))

    def _pairs(self, boxes: Sequence[Box], edges: list[Edges]) -> list[tuple[float, int, _Track]]:
        """(overlap, index of the box, track) of all that may belong together, the most overlapping first."""
        if not self._tracks:
            return []
        known = np.stack([track.edges for track in self._tracks])
        pairs = [
            (float(overlap), n, track)
            for n, box in enumerate(boxes)
            for overlap, track in zip(iou(edges[n], known), self._tracks, strict=True)
            if overlap >= LEAST_IOU and track.label == box.label
        ]
        return sorted(pairs, key=lambda pair: (-pair[0], pair[2].number))
