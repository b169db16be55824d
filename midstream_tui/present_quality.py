"""From what was found of a stream's quality to what the status and the metrics panel show."""

from __future__ import annotations

from midstream_adapters.events import Kind
from midstream_widgets.views import Flaw

from .impairments import length
from .tally import Tally

_OWN = ("loudness_", "true_peak_", "clipped_", "av_offset_", "decode_errors", "container")
_OF_KIND = ("_codec", "_freezes", "_frozen_s", "_key_frame_interval_s")


def elsewhere(figure: str) -> bool:
    """Whether a figure of the source is one of quality, which has its place beside the flaws."""
    return figure.startswith(_OWN) or figure.endswith(_OF_KIND)


def open_flaws(tally: Tally, now: float) -> tuple[Flaw, ...]:
    """What is wrong with a stream at ``now``, one of a name, the oldest first."""
    found: dict[str, Flaw] = {}
    if not tally.over:
        for event in tally.impairments.open.values():
            found.setdefault(
                event.what, Flaw(event.what, str(event.blame), float(int(tally.lasted(event, now))))
            )
    return tuple(found.values())


def lasts(tally: Tally, what: str, now: float) -> float:
    """Seconds for which impairments of that name have lasted that are not over; 0 when there is none."""
    found = () if tally.over else tally.impairments.open.values()
    return sum(tally.lasted(event, now) for event in found if event.what == what)


def last_flaw(tally: Tally) -> Flaw | None:
    """What was wrong last, and how long; nothing of what has no length."""
    past = tally.impairments.past
    if not past:
        return None
    event = past[-1]
    seconds = length(event)
    return Flaw(event.what, str(event.blame), round(seconds, 1) if seconds else None)


def flaws(tally: Tally, kind: Kind) -> int:
    """How often something was wrong with one kind."""
    return tally.impairments.times[kind]


def loudness(tally: Tally) -> float | None:
    """Short-term loudness in LUFS, where it is a number."""
    value = tally.figures.get("loudness_short_term_lufs")
    return float(value) if isinstance(value, int | float) else None
