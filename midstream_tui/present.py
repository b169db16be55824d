"""From the session to what the panels show: view models, built on a paint and compared by value there."""

from __future__ import annotations

import math
import time
from datetime import datetime
from functools import lru_cache
from itertools import islice

from midstream_adapters.events import Kind, Provenance, State
from midstream_analysis.report import Attractor, ConversationReport
from midstream_widgets import formats as f
from midstream_widgets.views import (
    MessageLine,
    MessagesView,
    MetricsRow,
    MetricsView,
    PatternView,
    StatusLine,
    StatusView,
    SystemView,
    TemporalView,
)

from .present_quality import elsewhere, flaws, last_flaw, loudness, open_flaws
from .present_speech import LAG, SPEECH, listening_or_why_not
from .present_vision import VISION, seen_now, seen_or_why_not
from .session import ENOUGH, Session
from .tally import Tally
from .transcript import Message

_LEAST_DB = -96.0
MESSAGES = 200
"""Messages that a panel shows; the log has all that are kept."""


def milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000.0


def system_view(
    session: Session,
    now: float,
    *,
    queued: int = 0,
    refresh_ms: int = 67,
    loop_lag: float | None = None,
    asked_ms: int | None = None,
) -> SystemView:
    processing = session.processing.read(now)
    tallies = session.streams.values()
    flows = [
        flow
        for tally in tallies
        if not tally.over
        for track in tally.tracks.values()
        if (flow := track.speed(now, False)) is not None
    ]
    ttfts = [ttft for tally in tallies if (ttft := tally.log.ttft_last) is not None]
    return SystemView(
        messages=session.transcript.total,
        tokens=session.tokens,
        tokens_estimated=session.tokens_estimated,
        tokens_per_s=_coarse(session.token_rate.rate(now))
        if any(tally.tokens and not tally.over for tally in tallies)
        else None,
        fps=_coarse(session.fps(now)),
        latency_ms=milliseconds(processing.quantile(0.5)),
        latency_p99_ms=milliseconds(processing.quantile(0.99)),
        ttft_ms=milliseconds(ttfts[-1]) if ttfts else None,
        uptime_s=float(int(now - session.started)),
        bytes_per_s=sum(flows) if flows else None,
        loop_lag_ms=milliseconds(loop_lag),
        queued=queued,
        dropped=session.dropped + session.refused,
        refresh_ms=refresh_ms,
        asked_ms=asked_ms if asked_ms != refresh_ms else None,
        simulated=bool(tallies) and all(tally.provenance is Provenance.SIMULATED for tally in tallies),
    )


def summary(session: Session) -> str:
    """How many streams of each provenance, and how many wait or are over: ``2 live · 1 listening · 3 over``."""
    waiting = sum(tally.said is State.LISTENING for tally in session.streams.values())
    going = [
        tally.provenance
        for tally in session.streams.values()
        if not tally.over and tally.said is not State.LISTENING
    ]
    counts = [(str(provenance), going.count(provenance)) for provenance in Provenance]
    counts += [("listening", waiting), ("over", len(session.streams) - len(going) - waiting)]
    return " · ".join(f"{count} {word}" for word, count in counts if count) or "no streams"


def temporal_view(session: Session) -> TemporalView:
    report = session.report
    focus = session.focus()
    if focus is None:
        return TemporalView(
            reason="no stream yet",
            warming=report.warming if report else 0.0,
            failed=report.failed if report else None,
        )
    tally, observable = focus
    series = tally.series.get(observable) if observable is not None else None
    verdict = session.verdict()
    base = TemporalView(
        stream=tally.stream,
        observable=observable or "",
        average_reward=tally.average_reward,
        n=len(series.samples) if series else 0,
        warming=report.warming if report else 0.0,
        failed=report.failed if report else None,
        provenance=_badge(tally),
        reason=_why_no_verdict(len(series.samples) if series else 0),
    )
    if verdict is None or series is None:
        return base
    result = verdict.classification
    return TemporalView(
        stream=base.stream,
        observable=base.observable,
        label=result.label,
        confidence=result.confidence,
        exponent=result.lyapunov.exponent if result.lyapunov else None,
        exponent_unit=f"1/{series.unit}",
        stable=result.stable,
        # Noise is neither chaotic nor ordered.
        chaotic=None if result.label in (Attractor.UNKNOWN, Attractor.STOCHASTIC) else result.chaotic,
        period=f"{result.period:.3g} {series.unit}" if result.period else "",
        average_reward=base.average_reward,
        n=result.n,
        reason=result.reason,
        warming=base.warming,
        failed=base.failed,
        provenance=base.provenance,
    )


def _why_no_verdict(samples: int) -> str:
    if not samples:
        return "nothing to analyse yet"
    if samples < ENOUGH:  # of so few the engine is not even asked
        return (
            f"insufficient data: {samples} sample{'s' if samples > 1 else ''}, at least {ENOUGH} are needed"
        )
    return "waiting for the first analysis"


def pattern_view(session: Session, unanalysed: int = 0) -> PatternView:
    report = session.report
    if report is None:
        return PatternView(warming=0.0)
    stream, said = _conversation(session)
    if said is None:
        return PatternView(stream=stream, warming=report.warming, failed=report.failed)
    tally = session.streams.get(stream)
    return PatternView(
        stream=stream,
        moves=said.moves,
        sequences=said.sequences,
        repetition=said.repetition,
        learning=said.learning,
        utterances=said.utterances,
        warming=report.warming,
        failed=report.failed,
        provenance=_badge(tally) if tally else "",
        unread=unanalysed + report.dropped,
    )


def _conversation(session: Session) -> tuple[str, ConversationReport | None]:
    """The focused stream's conversation, else the first there is: panels always say whose it is."""
    assert session.report is not None
    said = session.report.conversations
    focus = session.focus()
    if focus is not None and focus[0].stream in said:
        return focus[0].stream, said[focus[0].stream]
    for stream, report in said.items():
        if stream in session.streams:
            return stream, report
    return (focus[0].stream if focus else ""), None


def status_view(session: Session, now: float) -> StatusView:
    tallies = list(session.streams.values())
    levels = [
        _decibel(rms)
        for tally in tallies
        if tally.audio and tally.active(Kind.AUDIO, now) and (rms := tally.audio[-1].rms) is not None
    ]
    states = {tally.stream: tally.state(now) for tally in tallies}
    return StatusView(
        audio=_any_active(tallies, Kind.AUDIO, now),
        video=_any_active(tallies, Kind.VIDEO, now),
        text=_any_active(tallies, Kind.TEXT, now),
        audio_level=round(max(levels)) if levels else None,
        active=sum(state is State.LIVE for state in states.values()),
        lines=tuple(
            StatusLine(
                stream=tally.stream,
                kinds=tuple(sorted(tally.kinds)),
                state=str(states[tally.stream]),
                provenance=_badge(tally),
                reason=_told(tally),
                retry_in=float(math.ceil(max(0.0, tally.retry_at - now)))
                if tally.retry_at is not None
                else None,
                silent_s=float(int(now - last))
                if (last := tally.last_data) is not None and now - last >= 2
                else None,
                reconnects=tally.reconnects,
                flaws=open_flaws(tally, now),
                last_flaw=last_flaw(tally),
                seen=seen_or_why_not(tally, now),
                heard=listening_or_why_not(tally),
            )
            for tally in tallies
        ),
    )


def _told(tally: Tally) -> str:
    """The reason of the state, and while the stream lives what its source says of itself."""
    if tally.over or tally.said is State.RECONNECTING:
        return tally.reason
    figures = [
        f"{name} {f.figure(value)}"
        for name, value in tally.figures.items()
        if not elsewhere(name) and name not in (VISION, SPEECH, LAG)
    ]
    return " · ".join(filter(None, [tally.reason, *figures]))


def metrics_view(session: Session, now: float) -> MetricsView:
    rows = [row for tally in session.streams.values() for row in _rows(tally, now)]
    return MetricsView(rows=tuple(rows), selected=session.selected or "")


def _rows(tally: Tally, now: float) -> list[MetricsRow]:
    state = str(tally.state(now))
    over = tally.over
    rows: list[MetricsRow] = []
    for kind in sorted(tally.kinds):
        track = tally.tracks.get(kind)
        text = kind is Kind.TEXT
        dropped = sum(tally.drops.values())
        rows.append(
            MetricsRow(
                stream=tally.stream,
                kind=str(kind),
                state=state,
                provenance=_badge(tally),
                count=track.count if track else 0,
                bytes=track.bytes if track else 0,
                # Nothing flows any more where a stream is over: its average is no rate of now.
                bytes_per_s=track.speed(now, False) if track and not over else None,
                fps=_coarse(track.rate(now, False)) if track and kind is Kind.VIDEO and not over else None,
                tokens=tally.tokens if text else None,
                tokens_estimated=text and tally.guessed > 0,
                tokens_per_s=_coarse(tally.token_rate.rate(now)) if text and not over else None,
                ttft_ms=milliseconds(tally.log.ttft_last) if text else None,
                interval_ms=milliseconds(track.gaps.read(now).quantile(0.5)) if track else None,
                detail=_detail(tally, kind, now),
                dropped=dropped if not rows else 0,
                loudness=loudness(tally) if kind is Kind.AUDIO and not over else None,
                flaws=flaws(tally, kind),
            )
        )
    return rows


def _detail(tally: Tally, kind: Kind, now: float) -> str:
    if kind is Kind.VIDEO and tally.frames and tally.frames[-1].width:
        size = f"{tally.frames[-1].width}x{tally.frames[-1].height}"
        return f"{size} · {seen}" if (seen := seen_now(tally, now)) else size
    if kind is Kind.AUDIO and tally.audio and tally.audio[-1].sample_rate:
        chunk = tally.audio[-1]
        channels = {1: "mono", 2: "stereo"}.get(chunk.channels, f"{chunk.channels} ch")
        return f"{chunk.sample_rate / 1000:g} kHz {channels}"
    return ""


def messages_view(session: Session, stream: str | None = None) -> MessagesView:
    """The last messages, of all streams or of one: no more than a panel can be scrolled through with pleasure."""
    found = (m for m in reversed(session.transcript.messages) if stream is None or m.stream == stream)
    kept = list(islice(found, MESSAGES))[::-1]
    tally = session.streams.get(stream) if stream is not None else None
    total = session.transcript.total if stream is None else max(len(kept), tally.messages if tally else 0)
    epoch = session.wall(0.0).timestamp()
    return MessagesView(
        messages=tuple(message_line(session, message, epoch) for message in kept), total=total
    )


def message_line(session: Session, message: Message, epoch: float | None = None) -> MessageLine:
    """One message as a panel shows it: secrets redacted, what was cut told. `epoch` is the wall time of clock 0."""
    if epoch is None:
        epoch = session.wall(0.0).timestamp()
    tally = session.streams.get(message.stream)
    simulated = tally is not None and tally.provenance is Provenance.SIMULATED
    clock = _clock(int(round(epoch + message.at, 3)), time.timezone)
    text, missing = message.shown, message.truncated
    tokens, estimated = message.tokens, message.tokens_estimated
    told_from = text, missing, tokens, estimated, message.move, message.open, clock, simulated
    if message.line is not None and message.line[0] == told_from:
        return message.line[1]
    line = MessageLine(
        serial=message.serial,
        clock=clock,
        stream=message.stream,
        role=_role(message),
        text=f"{text} … {missing:,} more characters" if missing else text,
        tokens=tokens,
        tokens_estimated=estimated,
        move=message.move.replace("_", "-"),  # as Pattern Detection has it
        open=message.open,
        simulated=simulated,
    )
    message.line = told_from, line
    return line


@lru_cache(maxsize=1024)
def _clock(second: int, zone: int) -> str:
    """Local time of a second since the epoch: two hundred messages ask for theirs at every paint."""
    return f"{datetime.fromtimestamp(second):%H:%M:%S}"


def _role(message: Message) -> str:
    if message.tool:
        return f"calls {message.tool}"
    return "thinking" if message.reasoning else message.role or ""


def _any_active(tallies: list[Tally], kind: Kind, now: float) -> bool | None:
    having = [tally for tally in tallies if kind in tally.kinds]
    return any(tally.active(kind, now) for tally in having) if having else None


def _badge(tally: Tally) -> str:
    return str(tally.provenance)


def _coarse(value: float | None) -> float | None:
    """Rates to a tenth: finer digits would only repaint the screen."""
    return None if value is None else round(value, 1)


def _decibel(rms: float) -> float:
    return 20.0 * math.log10(rms) if rms > 10 ** (_LEAST_DB / 20) else _LEAST_DB
