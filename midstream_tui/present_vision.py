"""What is to be seen in a stream, for the screen: a live count by label, and the boxes of a fresh picture."""

from __future__ import annotations

from midstream_adapters.events import Detections

from .tally import Tally
from .vision_state import by_label

VISION = "vision"
"""The figure that names the detector of a stream, or says why there is none."""
FRESH = 3.0
"""Seconds for which objects are shown as being there, when pictures are looked at more often than that."""


def in_sight(tally: Tally, now: float) -> Detections | None:
    """What was seen last, as long as it can be taken for what is there now: None of a stream that is over or silent."""
    found = tally.detections
    if found is None or tally.over:
        return None
    return found if now - found.at <= max(FRESH, 2.5 * tally.look_every) else None


def counted(found: Detections) -> str:
    """Objects by label, ``2 person · 1 cat``; "nothing seen" of an empty picture."""
    return " · ".join(f"{count} {label}" for label, count in by_label(found).items()) or "nothing seen"


def seen_now(tally: Tally, now: float) -> str:
    """The live count by label of `tally`'s pictures; empty where nobody looks, or nothing fresh is known."""
    found = in_sight(tally, now)
    return "" if found is None else counted(found)


def seen_or_why_not(tally: Tally, now: float) -> str:
    """The live count by label; before the first, and where there will be none, what the detector says of itself."""
    if (seen := seen_now(tally, now)) or (tally.over and tally.looks):
        return seen
    told = tally.figures.get(VISION)
    return f"{VISION}: {told}" if told else ""
