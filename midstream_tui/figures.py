"""Figures of a stream by name: what a rule can watch. Each is read from the session; None where it is unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from midstream_adapters.events import Kind, State
from midstream_analysis.report import Attractor

if TYPE_CHECKING:
    from .metrics import Histogram
    from .session import Session
    from .tally import Tally

Read = Callable[["Session", "Tally", float], "float | None"]


class FigureKind(NamedTuple):
    """What a figure is, and how it is read.

    A ``gauge`` moves with every sample: rules look at its 95th percentile over ten seconds (its 5th, for `below`). Of
    a ``counter`` they look at the rise a second over ten seconds. A ``steady`` one is what it is, and so is a
    ``flag``, which is 0 or 1.
    """

    about: str
    read: Read
    mode: Literal["steady", "flag", "gauge", "counter"] = "steady"


def _milliseconds(histogram: Histogram, q: float) -> float | None:
    value = histogram.quantile(q)
    return None if value is None else 1000.0 * value


def _silent(session: Session, tally: Tally, now: float) -> float | None:
    if tally.state(now) is not State.STALLED or tally.last_data is None:
        return 0.0
    return now - tally.last_data


def _lost(session: Session, tally: Tally, now: float) -> float:
    return float(tally.said in (State.RECONNECTING, State.FAILED))


def _impaired(what: str) -> Read:
    def read(session: Session, tally: Tally, now: float) -> float:
        return float(not tally.over and any(event.what == what for event in tally.impairments.open.values()))

    return read


def _repetition(session: Session, tally: Tally, now: float) -> float | None:
    if session.report is None or (said := session.report.conversations.get(tally.stream)) is None:
        return None
    return said.repetition.confidence if said.repetition is not None else 0.0


def _chaos(session: Session, tally: Tally, now: float) -> float | None:
    if session.report is None:
        return None
    found = [
        verdict.classification
        for observable in tally.series
        if (verdict := session.report.series.get((tally.stream, observable))) is not None
    ]
    if not found:
        return None
    return max(
        (result.confidence for result in found if result.label is Attractor.CHAOTIC),
        default=0.0,
    )


def _good(session: Session, tally: Tally, now: float) -> float | None:
    finished = tally.log.completed + tally.log.errors
    return 100.0 * tally.log.good / finished if finished >= 5 else None


def _fps(session: Session, tally: Tally, now: float) -> float | None:
    track = tally.tracks.get(Kind.VIDEO)
    return track.rate(now, False) if track is not None and not tally.over else None


def _flow(session: Session, tally: Tally, now: float) -> float | None:
    if tally.over:
        return None
    speeds = [speed for track in tally.tracks.values() if (speed := track.speed(now, False)) is not None]
    return sum(speeds) if speeds else None


def _interval(session: Session, tally: Tally, now: float) -> float | None:
    track = tally.tracks.get(Kind.TEXT)
    return _milliseconds(track.gaps.read(now), 0.95) if track is not None else None


FIGURES: dict[str, FigureKind] = {
    "silent_s": FigureKind("seconds since the last data of a stalled stream", _silent),
    "lost": FigureKind("1 while a source is lost or has failed", _lost, "flag"),
    "freeze": FigureKind("1 while the picture stands still (2 s and more)", _impaired("freeze"), "flag"),
    "black": FigureKind("1 while the picture is black (2 s and more)", _impaired("black"), "flag"),
    "silence": FigureKind("1 while the sound is silent (2 s and more)", _impaired("silence"), "flag"),
    "repetition": FigureKind("confidence that a generation runs in circles, 0 to 1", _repetition),
    "chaos": FigureKind("highest confidence that an observable is chaotic, 0 to 1", _chaos),
    "ttft_p95_ms": FigureKind(
        "95th percentile of TTFT over all turns", lambda s, t, n: _milliseconds(t.log.ttft, 0.95)
    ),
    "itl_p95_ms": FigureKind(
        "95th percentile of the turns' ITL", lambda s, t, n: _milliseconds(t.log.itl, 0.95)
    ),
    "icl_p95_ms": FigureKind("95th percentile of the time between chunks, last 20 s", _interval),
    "e2e_p95_ms": FigureKind(
        "95th percentile of E2E over all turns", lambda s, t, n: _milliseconds(t.log.e2e, 0.95)
    ),
    "good_percent": FigureKind("turns that kept the objectives, of those finished (from five on)", _good),
    "turn_errors": FigureKind("turns that ended in an error", lambda s, t, n: float(t.log.errors)),
    "fps": FigureKind("frames a second", _fps, "gauge"),
    "bytes_per_s": FigureKind("bytes a second", _flow, "gauge"),
    "tokens_per_s": FigureKind("tokens a second", lambda s, t, n: t.token_rate.rate(n), "gauge"),
    "drops_per_s": FigureKind(
        "events dropped a second, over the last ten", lambda s, t, n: float(sum(t.drops.values())), "counter"
    ),
    "reconnects": FigureKind("times that the source was lost", lambda s, t, n: float(t.reconnects)),
}
