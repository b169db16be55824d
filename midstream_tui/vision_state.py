"""What is to be seen in a stream, as `StreamState` gives it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from midstream_adapters.events import Detections


@dataclass(frozen=True, slots=True)
class BoxState:
    """One object in a picture; edges are fractions of its width and height, from the top left corner.

    ``track`` is the same number for what seems to be the same object in the pictures before.
    """

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float
    track: int | None = None


@dataclass(frozen=True, slots=True)
class DetectionsState:
    """The last picture that was looked at: ``pts`` in seconds of media time, ``took_ms`` what the model needed.

    ``labels`` counts the objects in that picture, ``seen`` those of all ``pictures`` that were looked at, one a picture
    and object.
    """

    pts: float | None
    took_ms: float
    pictures: int
    labels: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    boxes: tuple[BoxState, ...] = ()


def by_label(found: Detections) -> dict[str, int]:
    """How many objects of each label, the most frequent first, then by name."""
    counts = Counter(box.label for box in found.boxes)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def detections(found: Detections | None, pictures: int, seen: Mapping[str, int]) -> DetectionsState | None:
    """The state of what was seen; None where nobody looked."""
    if found is None:
        return None
    boxes = tuple(
        BoxState(
            box.label,
            round(box.score, 4),
            round(box.left, 4),
            round(box.top, 4),
            round(box.right, 4),
            round(box.bottom, 4),
            box.track,
        )
        for box in found.boxes
    )
    pts = None if found.pts is None else round(found.pts, 3)
    return DetectionsState(pts, round(found.took * 1000, 3), pictures, by_label(found), dict(seen), boxes)
