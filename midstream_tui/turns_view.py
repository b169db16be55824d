"""From a stream's log of turns to what the panel of turns shows."""

from __future__ import annotations

from midstream_widgets.views import TurnLine, TurnsView

from .session import Session
from .turn_state import latencies, phase, wire
from .turns import TurnRecord


def turns_view(session: Session, stream: str | None, now: float) -> TurnsView:
    """The turns of `stream`, newest first; of the stream in focus where it is None."""
    if stream is None and (focus := session.focus()) is not None:
        stream = focus[0].stream
    tally = session.streams.get(stream) if stream is not None else None
    if tally is None:
        return TurnsView()
    figures = wire(tally.log, now)
    records = tally.log.records(now)
    total = tally.token_rate.rate(now) if not tally.over else None
    return TurnsView(
        stream=tally.stream,
        turns=tuple(_line(session, record) for record in reversed(records)),
        ttft_ms=_ms(tally.log.ttft.quantile(0.5)),
        ttft_p99_ms=figures.ttft_p99_ms,
        itl_ms=_ms(tally.log.itl.quantile(0.5)),
        icl_p50_ms=figures.icl_p50_ms,
        icl_p90_ms=figures.icl_p90_ms,
        icl_p99_ms=figures.icl_p99_ms,
        user_rate=figures.tokens_per_s_user,
        request_rate=figures.tokens_per_s_request,
        total_rate=None if total is None else round(total, 1),
        rates_estimated=any(record.estimated for record in records),
        goodput_per_s=None if figures.goodput_per_s is None else round(figures.goodput_per_s, 2),
        completed=figures.completed,
        good=figures.good,
        errors=figures.errors,
        stalls=figures.stalls,
        ttft_objective_ms=figures.ttft_objective_ms,
        itl_objective_ms=figures.itl_objective_ms,
        provenance=str(tally.provenance),
    )


def _line(session: Session, record: TurnRecord) -> TurnLine:
    begun = record.started if record.started is not None else record.first
    return TurnLine(
        turn=record.turn,
        clock=f"{session.wall(begun).astimezone():%H:%M:%S}" if begun is not None else "",
        state=phase(record),
        model=record.model or "",
        prompt=record.prompt,
        **latencies(record),
        tokens=record.tokens,
        tokens_estimated=record.estimated,
        user_rate=record.user_rate,
        request_rate=record.request_rate,
        stalls=record.stalls,
        good=record.good(session.objectives),
        note=record.error or record.finish_reason or "",
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000.0
