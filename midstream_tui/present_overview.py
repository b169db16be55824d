"""From the session to the overview of all streams, and to the facts of one."""

from __future__ import annotations

from midstream_adapters.events import Kind, State
from midstream_analysis.report import Attractor, SeriesReport
from midstream_widgets import formats as f
from midstream_widgets.overview_views import Fact, FactsView, OverviewRow, OverviewView

from .metrics import Histogram
from .present_quality import lasts
from .progress import DURATION, position
from .session import OBSERVABLES, Session
from .tally import Tally
from .trouble import Level, kinds_of, troubles

_STATE_STYLES = {
    State.LIVE: "good",
    State.LISTENING: "good",
    State.FAILED: "error",
    State.ENDED: "muted",
}
_MOST_FIGURES = 16


def overview_view(session: Session, now: float) -> OverviewView:
    """A row a stream, in the order in which they were opened."""
    return OverviewView(
        tuple(_row(session, tally, now, order) for order, tally in enumerate(session.streams.values())),
        session.selected or "",
    )


def _row(session: Session, tally: Tally, now: float, order: int) -> OverviewRow:
    found = troubles(session, tally, now)
    level = found[0].level if found else Level.OVER if tally.said is State.ENDED else Level.OK
    over = tally.over
    # Of what is over an average would be taken for a rate of now.
    tracks = () if over else tally.tracks.values()
    flows = [flow for track in tracks if (flow := track.speed(now, False)) is not None]
    text, video = tally.tracks.get(Kind.TEXT), tally.tracks.get(Kind.VIDEO)
    slowest = video or tally.tracks.get(Kind.AUDIO) or text
    verdict = _telling(session, tally)
    tokens = tally.token_rate.rate(now) if text and not over else None
    return OverviewRow(
        stream=tally.stream,
        state=str(tally.state(now)),
        kinds=kinds_of(tally),
        provenance=str(tally.provenance),
        level=int(level),
        alert=found[0].text if found else "",
        more=max(0, len(found) - 1),
        bytes_per_s=sum(flows) if flows else None,
        fps=_tenth(video.rate(now, False)) if video and not over else None,
        tokens_per_s=_tenth(tokens),
        tokens_estimated=tally.guessed > 0,
        ttft_ms=_ms(tally.log.ttft_last),
        interval_ms=_ms(slowest.gaps.read(now).quantile(0.5)) if slowest else None,
        dropped=sum(tally.drops.values()),
        reconnects=tally.reconnects,
        attractor=verdict.classification.label if verdict else None,
        observable=verdict.observable if verdict else "",
        order=order,
    )


def _telling(session: Session, tally: Tally) -> SeriesReport | None:
    """The verdict on the stream's most telling observable that has one, a known one before an unknown."""
    if session.report is None:
        return None
    verdicts = [
        verdict
        for observable in OBSERVABLES
        if (verdict := session.report.series.get((tally.stream, observable))) is not None
    ]
    known = (verdict for verdict in verdicts if verdict.classification.label is not Attractor.UNKNOWN)
    return next(known, verdicts[0] if verdicts else None)


def facts_view(session: Session, stream: str, now: float) -> FactsView:
    """All that is known of one stream; empty when it is not there any more."""
    tally = session.streams.get(stream)
    if tally is None:
        return FactsView()
    groups = [_identity(session, tally, now)]
    groups += [group for kind in sorted(tally.kinds) if (group := _track(tally, kind, now))]
    groups += [_turns(tally, now), _trouble(tally, now), _figures(tally)]
    return FactsView(
        stream=tally.stream,
        alerts=tuple((int(found.level), found.text) for found in troubles(session, tally, now)),
        groups=tuple(tuple(group) for group in groups if group),
        provenance=str(tally.provenance),
    )


def _identity(session: Session, tally: Tally, now: float) -> list[Fact]:
    state = tally.state(now)
    facts = [
        Fact("State", str(state), _STATE_STYLES.get(state, "warning")),
        Fact("Source", tally.source),
        Fact("From", str(tally.provenance)),
        Fact("Open for", f.duration(now - tally.opened)),
    ]
    if (last := tally.last_data) is not None:
        ago = now - last
        facts.append(
            Fact(
                "Last data",
                f"{session.wall(last).astimezone():%H:%M:%S}",
                note=f"{ago:.0f} s ago" if ago >= 2 else "",
            )
        )
    if (at := position(tally)) is not None:
        where = f"{f.short_duration(at[0])} of {f.short_duration(at[1])}"
        facts.append(Fact("Position", where, note=f"{at[0] / at[1]:.0%}"))
    failed = tally.log.done[-1].error if tally.log.done else None
    if tally.reason and state is State.LIVE and tally.reason != failed:
        facts.append(Fact("It says", tally.reason))
    if tally.reconnects:
        facts.append(Fact("Reconnects", f.count(tally.reconnects), "warning"))
    return facts


def _track(tally: Tally, kind: Kind, now: float) -> list[Fact]:
    track = tally.tracks.get(kind)
    if track is None:
        return [Fact(kind.capitalize(), "nothing came yet", "muted")]
    over = tally.over
    gaps = track.gaps.read(now)
    unit = "frames" if kind is Kind.VIDEO else "chunks"
    facts = [
        Fact(kind.capitalize(), f"{f.count(track.count)} {unit}", note=f.size(track.bytes)),
        Fact("Mean rate" if over else "Rate", f.bandwidth(track.speed(now, over))),
    ]
    if kind is Kind.TEXT:
        facts.append(Fact("Tokens", f.count(tally.tokens, tally.guessed > 0), note=_tokens_rate(tally, now)))
    else:
        facts.append(
            Fact(
                f"{'Mean ' if over else ''}{'FPS' if kind is Kind.VIDEO else 'Chunks/s'}",
                f.frames(_tenth(track.rate(now, over))),
            )
        )
        if track.seconds:
            facts.append(Fact("Media time", f.duration(track.seconds)))
    if kind is Kind.VIDEO and tally.frames and tally.frames[-1].width:
        facts.append(Fact("Picture", f"{tally.frames[-1].width}x{tally.frames[-1].height}"))
    if kind is Kind.AUDIO and tally.audio and tally.audio[-1].sample_rate:
        chunk = tally.audio[-1]
        facts.append(Fact("Sound", f"{chunk.sample_rate / 1000:g} kHz", note=f"{chunk.channels} ch"))
    facts.append(Fact("Interval p50/p99", _pair(gaps)))
    return facts


def _tokens_rate(tally: Tally, now: float) -> str:
    return "" if tally.over else f.rate(_tenth(tally.token_rate.rate(now)))


def _turns(tally: Tally, now: float) -> list[Fact]:
    log = tally.log
    if not (log.completed or log.errors or log.open):
        return []
    facts = [
        Fact("Turns", f.count(log.completed), note=f"{len(log.open)} open" if log.open else ""),
        Fact("TTFT p50/p99", _pair(log.ttft)),
        Fact("ITL p50", f.milliseconds(_ms(log.itl.quantile(0.5)))),
        Fact("E2E p50", f.milliseconds(_ms(log.e2e.quantile(0.5)))),
    ]
    if log.errors:
        facts.append(Fact("Failed turns", f.count(log.errors), "error"))
    return facts


def _trouble(tally: Tally, now: float) -> list[Fact]:
    facts = [Fact(f"Dropped, {where}", f.count(count), "warning") for where, count in tally.drops.items()]
    facts += [
        Fact(
            what.capitalize(),
            f.count(count.times),
            "warning",
            f"{count.seconds + lasts(tally, what, now):.1f} s",
        )
        for what, count in tally.impairments.counts.items()
    ]
    facts += [Fact(f"Saw {label}", f.count(count), "pattern") for label, count in tally.seen.items()]
    return facts[:_MOST_FIGURES]


def _figures(tally: Tally) -> list[Fact]:
    """What the source says of itself, as it words it."""
    return [
        Fact(name.replace("_", " "), f.figure(value))
        for name, value in list(tally.figures.items())[:_MOST_FIGURES]
        if name != DURATION
    ]


def _pair(durations: Histogram) -> str:
    median, late = (_ms(durations.quantile(q)) for q in (0.5, 0.99))
    return f.DASH if median is None else f"{f.milliseconds(median)} / {f.milliseconds(late)}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000.0


def _tenth(value: float | None) -> float | None:
    """Rates to a tenth: finer digits would only repaint the screen."""
    return None if value is None else round(value, 1)
