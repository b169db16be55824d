"""What is wrong with a stream, the worst first: a pure reading of the session, shown wherever trouble must be seen."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from midstream_adapters.events import Kind, State
from midstream_analysis.report import Attractor

if TYPE_CHECKING:
    from .session import Session
    from .tally import Tally

CHAOS_CONFIDENCE = 0.8
"""Below this calibrated probability nobody is told of chaos."""


_TOLD = frozenset({"silent_s", "lost", "freeze", "black", "silence", "repetition", "chaos"})
"""Figures of alerts that are troubles here anyway."""


class Level(IntEnum):
    """How bad it is. Data is being lost, or has ceased to come, from `WARNING` on."""

    OK = 0
    OVER = 1
    """Ended of itself: nothing comes any more, and nothing is wrong."""
    NOTE = 2
    WARNING = 3
    ERROR = 4


class Trouble(NamedTuple):
    """One thing that is wrong, in words; ``level`` says how bad it is."""

    level: Level
    text: str = ""


def troubles(session: Session, tally: Tally, now: float) -> list[Trouble]:
    """All that is wrong with a stream at ``now``, the worst first; empty when nothing is."""
    found = [
        *_of_state(tally, now),
        *_of_media(tally, now),
        *_of_analysis(session, tally),
        *_of_alerts(session, tally),
        *_of_drops(tally),
    ]
    return sorted(found, key=lambda trouble: -trouble.level)


def worst(session: Session, tally: Tally, now: float) -> Trouble:
    """The first of `troubles`, else ``OK``, or ``OVER`` for a stream that has ended."""
    over = Level.OVER if tally.said is State.ENDED else Level.OK
    return next(iter(troubles(session, tally, now)), Trouble(over))


def _of_state(tally: Tally, now: float) -> list[Trouble]:
    state = tally.state(now)
    reason = f": {tally.reason}" if tally.reason else ""
    if state is State.FAILED:
        return [Trouble(Level.ERROR, f"failed{reason}")]
    if state is State.RECONNECTING:
        left = math.ceil(max(0.0, tally.retry_at - now)) if tally.retry_at is not None else None
        soon = f", retry in {left} s" if left is not None else ""
        return [Trouble(Level.ERROR, f"lost{reason}{soon}")]
    if state is State.STALLED and (last := tally.last_data) is not None:
        return [Trouble(Level.WARNING, f"silent for {now - last:.0f} s")]
    if state is State.CONNECTING and reason:
        return [Trouble(Level.WARNING, f"connecting{reason}")]
    if state is State.LIVE and tally.log.done and (error := tally.log.done[-1].error) is not None:
        return [Trouble(Level.WARNING, f"last turn failed: {error}")]
    return []


def _of_media(tally: Tally, now: float) -> list[Trouble]:
    """Impairments that last, and how long by now: what is seen or heard is not what it should be."""
    if tally.over:
        return []
    found: dict[str, Trouble] = {}
    for event in tally.impairments.open.values():
        about = f"{event.what} in the {event.kind}" if event.what == "pts gap" else event.what
        seconds = tally.lasted(event, now)
        since = f" for {seconds:.1f} s" if seconds < 9.95 else f" for {seconds:.0f} s"
        found.setdefault(event.what, Trouble(Level.WARNING, f"{about}{since} (blame: {event.blame})"))
    return list(found.values())


def _of_analysis(session: Session, tally: Tally) -> list[Trouble]:
    report = session.report
    if report is None or tally.over:
        return []
    found: list[Trouble] = []
    said = report.conversations.get(tally.stream)
    if said is not None and (loop := said.repetition) is not None:
        found.append(Trouble(Level.WARNING, f"loops: the same {loop.period} tokens {loop.count} times"))
    for observable in tally.series:
        series = report.series.get((tally.stream, observable))
        if series is None:
            continue
        verdict = series.classification
        if verdict.label is Attractor.CHAOTIC and verdict.confidence >= CHAOS_CONFIDENCE:
            found.append(Trouble(Level.NOTE, f"chaotic {observable} ({verdict.confidence:.0%})"))
        elif verdict.stable is False:
            found.append(Trouble(Level.NOTE, f"unstable {observable}"))
    return found


def _of_alerts(session: Session, tally: Tally) -> list[Trouble]:
    """Rules that fired on figures which nothing else here speaks of."""
    if session.alerts is None or tally.over:
        return []
    return [
        Trouble(Level.ERROR if alert.level == "error" else Level.WARNING, f"{alert.rule}: {alert.said}")
        for alert in session.alerts.of(tally.stream)
        if alert.figure not in _TOLD
    ]


def _of_drops(tally: Tally) -> list[Trouble]:
    dropped = sum(tally.drops.values())
    if not dropped or tally.over:
        return []
    where = max(tally.drops, key=lambda name: tally.drops[name])
    return [Trouble(Level.NOTE, f"{dropped:,} dropped ({where})")]


def kinds_of(tally: Tally) -> str:
    """As ``text``, ``a/v``, or ``text+a/v``: short, for a column."""
    names = (
        ["a/v"]
        if {Kind.AUDIO, Kind.VIDEO} <= tally.kinds
        else [str(kind) for kind in (Kind.AUDIO, Kind.VIDEO) if kind in tally.kinds]
    )
    return "+".join([*(["text"] if Kind.TEXT in tally.kinds else []), *names])


def headline(session: Session, now: float) -> Trouble:
    """The stream in the worst trouble, with how many others there are: the one line that every screen shows."""
    found = [
        (trouble, tally.stream)
        for tally in session.streams.values()
        if (trouble := worst(session, tally, now)).level >= Level.WARNING
    ]
    if not found:
        return Trouble(Level.OK)
    trouble, stream = max(found, key=lambda each: each[0].level)
    more = f" (+{len(found) - 1} more)" if len(found) > 1 else ""
    return Trouble(trouble.level, f"{stream} {trouble.text}{more}")
