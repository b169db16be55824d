"""The part of `DashboardState` that speaks of turns: figures at the wire, and the log of the last ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .turns import TurnLog, TurnRecord


@dataclass(frozen=True, slots=True)
class Wire:
    """Latency of a stream's turns, milliseconds, medians over all of them; every figure's definition is in `turns`.

    Tokens a second are three things: ``tokens_per_s_user`` = 1 / ITL, ``tokens_per_s_request`` = output tokens / E2E
    (medians), and `StreamState.tokens_per_s`, all tokens of all turns over the last 3 s. ``goodput_per_s`` counts the
    turns a second of the last minute that kept both objectives.
    """

    ttft_p99_ms: float | None = None
    ttfat_ms: float | None = None
    thinking_ms: float | None = None
    icl_p50_ms: float | None = None
    icl_p90_ms: float | None = None
    icl_p99_ms: float | None = None
    itl_p99_ms: float | None = None
    e2e_p99_ms: float | None = None
    tokens_per_s_user: float | None = None
    tokens_per_s_request: float | None = None
    goodput_per_s: float | None = None
    completed: int = 0
    good: int = 0
    errors: int = 0
    stalls: int = 0
    ttft_objective_ms: float = 200.0
    itl_objective_ms: float = 50.0


@dataclass(frozen=True, slots=True)
class TurnState:
    """One turn of the log; ``state`` is waiting, streaming, complete or failed, ``started`` ISO 8601 wall time."""

    turn: str
    model: str | None
    prompt: str
    state: str
    started: str | None
    ttft_ms: float | None
    ttfat_ms: float | None
    thinking_ms: float | None
    itl_ms: float | None
    icl_p50_ms: float | None
    icl_p90_ms: float | None
    icl_p99_ms: float | None
    e2e_ms: float | None
    chunks: int
    tokens: int
    tokens_estimated: bool
    prompt_tokens: int | None
    reasoning_tokens: int | None
    cached_tokens: int | None
    tokens_per_s_user: float | None
    tokens_per_s_request: float | None
    stalls: int
    stalled_ms: float
    good: bool | None
    finish_reason: str | None
    error: str | None


def wire(log: TurnLog, now: float) -> Wire:
    """What all turns of `log` add up to."""
    itl = log.itl.quantile(0.5)
    return Wire(
        ttft_p99_ms=_ms(log.ttft.quantile(0.99)),
        ttfat_ms=_ms(log.ttfat.quantile(0.5)),
        thinking_ms=_ms(log.thinking.quantile(0.5)),
        icl_p50_ms=_ms(log.icl.quantile(0.5)),
        icl_p90_ms=_ms(log.icl.quantile(0.9)),
        icl_p99_ms=_ms(log.icl.quantile(0.99)),
        itl_p99_ms=_ms(log.itl.quantile(0.99)),
        e2e_p99_ms=_ms(log.e2e.quantile(0.99)),
        tokens_per_s_user=_figure(1.0 / itl) if itl else None,
        tokens_per_s_request=_figure(log.request_rate.quantile(0.5)),
        goodput_per_s=_figure(log.goodput(now)),
        completed=log.completed,
        good=log.good,
        errors=log.errors,
        stalls=log.stalls_by(now),
        ttft_objective_ms=round(log.objectives.ttft * 1000.0, 3),
        itl_objective_ms=round(log.objectives.itl * 1000.0, 3),
    )


def turn_states(log: TurnLog, now: float, wall: Callable[[float], datetime]) -> tuple[TurnState, ...]:
    """The turns that `log` holds at `now`, oldest first; `wall` gives the wall time of a monotonic one."""
    return tuple(_turn(record, log, wall) for record in log.records(now))


def latencies(record: TurnRecord) -> dict[str, float | None]:
    """Times of a turn in milliseconds, by the names that `TurnState` and the panel's `TurnLine` have for them."""
    return {
        "ttft_ms": _ms(record.ttft),
        "ttfat_ms": _ms(record.ttfat),
        "thinking_ms": _ms(record.thinking),
        "itl_ms": _ms(record.itl),
        "icl_p50_ms": _ms(record.icl_p50),
        "icl_p90_ms": _ms(record.icl_p90),
        "icl_p99_ms": _ms(record.icl_p99),
        "e2e_ms": _ms(record.e2e),
    }


def phase(record: TurnRecord) -> str:
    """What a turn is at: waiting, streaming, complete or failed."""
    if record.error is not None:
        return "failed"
    if record.ended is not None:
        return "complete"
    return "waiting" if record.first is None else "streaming"


def _turn(record: TurnRecord, log: TurnLog, wall: Callable[[float], datetime]) -> TurnState:
    usage = record.usage
    started = record.started
    return TurnState(
        turn=record.turn,
        model=record.model,
        prompt=record.prompt,
        state=phase(record),
        started=wall(started).isoformat(timespec="milliseconds") if started is not None else None,
        **latencies(record),
        chunks=record.chunks,
        tokens=record.tokens,
        tokens_estimated=record.estimated,
        prompt_tokens=usage.prompt if usage else None,
        reasoning_tokens=usage.reasoning if usage else None,
        cached_tokens=usage.cached if usage else None,
        tokens_per_s_user=_figure(record.user_rate),
        tokens_per_s_request=_figure(record.request_rate),
        stalls=record.stalls,
        stalled_ms=round(record.stalled * 1000.0, 3),
        good=record.good(log.objectives),
        finish_reason=record.finish_reason,
        error=record.error,
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000.0, 3)


def _figure(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
