"""Quality of what is seen and heard, as `StreamState` gives it."""

from __future__ import annotations

from dataclasses import dataclass, field

from midstream_adapters.events import Impairment

from .impairments import Impairments


@dataclass(frozen=True, slots=True)
class ImpairmentState:
    """One impairment: ``began`` and ``ended`` in seconds of media time, ``ended`` None while it lasts."""

    what: str
    kind: str
    began: float
    ended: float | None
    blame: str
    figures: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QualityCount:
    """How often one thing was wrong, of which ``open`` still are, and the seconds of those that are over."""

    times: int
    seconds: float
    open: int = 0


def impairments(found: Impairments) -> tuple[ImpairmentState, ...]:
    """The last ones that are over, in the order of their ends, then those that last."""
    return tuple(_state(each) for each in (*found.past, *found.open.values()))


def counts(found: Impairments) -> dict[str, QualityCount]:
    """Counts by what was wrong."""
    lasting = [each.what for each in found.open.values()]
    return {
        what: QualityCount(count.times, round(count.seconds, 3), lasting.count(what))
        for what, count in found.counts.items()
    }


def _state(event: Impairment) -> ImpairmentState:
    ended = None if event.ended is None else round(event.ended, 3)
    return ImpairmentState(
        event.what, str(event.kind), round(event.began, 3), ended, str(event.blame), dict(event.figures)
    )
