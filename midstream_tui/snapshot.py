"""From the session to `DashboardState`: what `probe`, the export and the library face give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midstream_adapters.events import Kind
from midstream_adapters.redact import redact
from midstream_analysis.report import Attractor

from ._version import __version__
from .quality_state import counts, impairments
from .state import (
    SCHEMA,
    AlertState,
    DashboardState,
    Latency,
    Observable,
    Pattern,
    RecentMessage,
    StreamState,
    Words,
)
from .tally import Tally
from .transcript import Message
from .turn_state import turn_states, wire
from .vision_state import detections

if TYPE_CHECKING:
    from .session import Session

RECENT = 5


def snapshot(session: Session, now: float) -> DashboardState:
    """What `session` knows at `now`, frozen and JSON-ready."""
    verdict = session.verdict()
    result = verdict.classification if verdict is not None else None
    known = result is not None and result.label is not Attractor.UNKNOWN
    latency = session.processing.read(now).quantile(0.5)
    return DashboardState(
        schema=SCHEMA,
        version=__version__,
        time=session.wall(now).isoformat(timespec="milliseconds"),
        message_count=session.transcript.total,
        total_tokens=session.tokens,
        tokens_estimated=session.tokens_estimated,
        fps=_rounded(session.fps(now)),
        latency_ms=_ms(latency),
        uptime_s=round(now - session.started, 3),
        patterns=tuple(Pattern(hit.label, round(hit.confidence, 4), hit.count) for hit in session.moves()),
        attractor_type=str(result.label) if result is not None else None,
        lyapunov_exponent=result.lyapunov.exponent
        if result is not None and result.lyapunov is not None
        else None,
        is_stable=result.stable if result is not None else None,
        is_chaotic=result.chaotic if result is not None and known else None,
        average_reward=session.average_reward(),
        audio_active=any(tally.active(Kind.AUDIO, now) for tally in session.streams.values()),
        video_active=any(tally.active(Kind.VIDEO, now) for tally in session.streams.values()),
        recent_messages=tuple(_recent(session, m) for m in list(session.transcript.messages)[-RECENT:]),
        streams={name: _stream(session, tally, now) for name, tally in session.streams.items()},
        analysed=f"{verdict.stream}: {verdict.observable}" if verdict is not None else None,
        dropped=session.dropped + session.refused,
        alerts=_alerts(session),
    )


def _alerts(session: Session) -> tuple[AlertState, ...]:
    def time(at: float) -> str:
        return session.wall(at).isoformat(timespec="milliseconds")

    alerts = session.alerts
    return tuple(
        AlertState(
            alert.rule,
            alert.stream,
            alert.figure,
            alert.value,
            alert.threshold,
            alert.level,
            time(alert.began),
            None if alert.ended is None else time(alert.ended),
        )
        for alert in ((*alerts.active, *reversed(alerts.log)) if alerts is not None else ())
    )


def _recent(session: Session, message: Message) -> RecentMessage:
    return RecentMessage(
        time=session.wall(message.at).isoformat(timespec="milliseconds"),
        stream=message.stream,
        role=message.role,
        text=message.shown,
        tokens=message.tokens,
        tokens_estimated=message.tokens_estimated,
        truncated=message.truncated,
        move=message.move or None,
    )


def _stream(session: Session, tally: Tally, now: float) -> StreamState:
    over = tally.over
    text, audio, video = (tally.tracks.get(kind) for kind in (Kind.TEXT, Kind.AUDIO, Kind.VIDEO))
    flows = [flow for track in tally.tracks.values() if (flow := track.speed(now, over)) is not None]
    frame = tally.frames[-1] if tally.frames else None
    chunk = tally.audio[-1] if tally.audio else None
    last = tally.last_data
    return StreamState(
        source=tally.source,
        kinds=tuple(sorted(tally.kinds)),
        state=str(tally.state(now)),
        provenance=str(tally.provenance),
        reason=tally.reason,
        chunks=sum(track.count for track in tally.tracks.values()),
        bytes=sum(track.bytes for track in tally.tracks.values()),
        audio_chunks=audio.count if audio else 0,
        video_frames=video.count if video else 0,
        bytes_per_s=_rounded(sum(flows) if flows else None),
        fps=_rounded(video.rate(now, over) if video else None),
        tokens=tally.tokens,
        tokens_estimated=tally.guessed > 0,
        tokens_per_s=_rounded(tally.token_rate.rate(now) if not over else None),
        messages=tally.messages,
        turns=tally.turns,
        latency=Latency(
            processing_p50_ms=_ms((processing := tally.processing.read(now)).quantile(0.5)),
            processing_p99_ms=_ms(processing.quantile(0.99)),
            ttft_ms=_ms(tally.log.ttft.quantile(0.5)),
            ttft_last_ms=_ms(tally.log.ttft_last),
            icl_p50_ms=_ms((gaps := text.gaps.read(now)).quantile(0.5)) if text else None,
            icl_p90_ms=_ms(gaps.quantile(0.9)) if text else None,
            icl_p99_ms=_ms(gaps.quantile(0.99)) if text else None,
            itl_ms=_ms(tally.log.itl.quantile(0.5)),
            e2e_ms=_ms(tally.log.e2e.quantile(0.5)),
        ),
        drops=dict(tally.drops),
        reconnects=tally.reconnects,
        started=session.wall(tally.opened).isoformat(timespec="milliseconds"),
        last_data=session.wall(last).isoformat(timespec="milliseconds") if last is not None else None,
        media_s={str(kind): round(track.seconds, 3) for kind, track in tally.tracks.items() if track.seconds},
        width=(frame.width or None) if frame else None,
        height=(frame.height or None) if frame else None,
        sample_rate=(chunk.sample_rate or None) if chunk else None,
        channels=(chunk.channels or None) if chunk else None,
        average_reward=tally.average_reward,
        figures=dict(tally.figures),
        observables=_observables(session, tally.stream),
        detections=detections(tally.detections, tally.looks, tally.seen),
        impairments=impairments(tally.impairments),
        quality=counts(tally.impairments),
        transcripts=tuple(
            Words(redact(h.text), round(h.began, 3), round(h.ended, 3), h.final, _rounded(h.lag), h.role)
            for h in tally.heard
        ),
        wire=wire(tally.log, now),
        turns_log=turn_states(tally.log, now, session.wall),
    )


def _observables(session: Session, stream: str) -> dict[str, Observable]:
    if session.report is None:
        return {}
    found = {}
    for (name, observable), report in session.report.series.items():
        if name != stream:
            continue
        result = report.classification
        tally = session.streams.get(stream)
        series = tally.series.get(observable) if tally else None
        found[observable] = Observable(
            label=str(result.label),
            confidence=round(result.confidence, 4),
            n=result.n,
            lyapunov_exponent=result.lyapunov.exponent if result.lyapunov else None,
            unit=f"1/{series.unit}" if series else "1/sample",
            is_stable=result.stable,
            is_chaotic=result.chaotic if result.label is not Attractor.UNKNOWN else None,
            reason=result.reason,
        )
    return found


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000.0, 3)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
