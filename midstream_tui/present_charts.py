"""From the session to what the charts show. Free of the terminal; numpy is loaded with the first chart that has data.

Every function takes the session, a stream's id, monotonic seconds and the zoom, and always returns a view: where
there is nothing to see, one that says why.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from midstream_adapters.events import Kind
from midstream_analysis.report import SeriesReport
from midstream_widgets.chart_views import (
    Array,
    LevelsView,
    Mark,
    ObjectBox,
    PortraitView,
    SeriesView,
    SoundView,
    TimelineView,
    TurnBar,
    VideoView,
)

from .session import ENOUGH, OBSERVABLES, Session
from .tally import Tally
from .turns import TurnRecord

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

UNITS = {"token rate": "tok/s", "interval": "s", "frame interval": "s"}
"""Units of the observables that have one."""
CLOSED = "this stream is closed"
SILENT = -120.0
"""dB that stand for silence."""
STALE = 2.0
"""Seconds after which an object detector's boxes are no longer drawn over newer pictures."""


def chosen(session: Session, tally: Tally) -> str | None:
    """The observable to show of a stream: the user's choice, else the most telling one, as in the analysis panel."""
    if session.selected == tally.stream and session.observable in tally.series:
        return session.observable
    for least in (ENOUGH, 1):
        for name in OBSERVABLES:
            if name in tally.series and len(tally.series[name].samples) >= least:
                return name
    return None


def _looked(session: Session, tally: Tally, name: str) -> SeriesReport | None:
    return session.report.series.get((tally.stream, name)) if session.report is not None else None


def portrait_view(session: Session, stream: str, now: float, zoom: int = 0) -> PortraitView:
    """The delay embedding of the chosen observable, for the phase portrait and the recurrence plot."""
    tally = session.streams.get(stream)
    if tally is None:
        return PortraitView(stream=stream, reason=CLOSED, zoom=zoom)
    name = chosen(session, tally)
    said, report = _looked(session, tally, name) if name else None, session.report
    points = said.portrait if said is not None else None
    if name is None:
        reason = "nothing to analyse on this stream yet"
    elif report is not None and report.failed is not None:
        reason = f"the analysis can't work: {report.failed}"
    elif said is None:
        warming = report.warming if report is not None else 0.0
        reason = f"warming up {warming:.0%}" if warming is not None else f"waiting for the analysis of {name}"
    elif points is None or len(points) < 2:
        n = said.classification.n
        reason = f"{name}: needs more samples, has {n}" if n < ENOUGH else f"{name}: nothing to embed"
    else:
        reason = ""
    return PortraitView(
        stream=stream,
        provenance=str(tally.provenance),
        reason=reason,
        zoom=zoom,
        observable=name or "",
        unit=UNITS.get(name or "", ""),
        points=Array(points) if points is not None and not reason else None,
        verdict=str(said.classification.label) if said is not None else "",
    )


def series_view(session: Session, stream: str, now: float, zoom: int = 0) -> SeriesView:
    """The chosen observable over its last samples, with change points, impairments and the stream's alerts."""
    tally = session.streams.get(stream)
    if tally is None:
        return SeriesView(stream=stream, reason=CLOSED, zoom=zoom)
    name = chosen(session, tally)
    if name is None:
        return SeriesView(
            stream=stream,
            provenance=str(tally.provenance),
            reason="nothing to measure on this stream yet",
            zoom=zoom,
        )
    import numpy as np

    series = tally.series[name]
    return SeriesView(
        stream=stream,
        provenance=str(tally.provenance),
        reason="",
        zoom=zoom,
        observable=name,
        unit=UNITS.get(name, ""),
        values=Array(np.fromiter(series.samples, np.float64, len(series.samples))),
        total=series.total,
        dt=series.dt,
        step=series.unit,
        marks=_marks(session, tally, name, now),
    )


def _marks(session: Session, tally: Tally, name: str, now: float) -> tuple[Mark, ...]:
    """What happened at which sample; what is older than the samples held is left out."""
    series = tally.series[name]
    held = series.total - len(series.samples)
    marks: list[Mark] = []
    said = _looked(session, tally, name)
    if said is not None and said.total is not None:
        first = said.total - said.classification.n  # change points count from the first sample looked at
        marks += [Mark(first + place, "change") for place in said.change_points if first + place >= held]
    happened: list[tuple[float, str]] = []
    if (alerts := session.alerts) is not None:
        each = (*alerts.log, *alerts.of(tally.stream))
        happened += [(alert.began, alert.rule) for alert in each if alert.stream == tally.stream]
    for event in (*tally.impairments.past, *tally.impairments.open.values()):
        # Said when it was over, or once it was sure: so long before it had begun.
        lasted = event.ended - event.began if event.ended is not None else 0.0
        happened.append((event.at - lasted, event.what))
    if happened and (ages := sample_ages(tally, name, now)) is not None:
        for at, what in happened:
            since = int((ages <= now - at).sum())  # samples that came since
            if since < len(ages):
                marks.append(Mark(series.total - max(1, since), "alert", what))
    return tuple(sorted(marks))


def sample_ages(tally: Tally, name: str, now: float) -> npt.NDArray[np.float64] | None:
    """How many seconds ago each sample of a series came, oldest first; None where its steps tell no time."""
    import numpy as np

    series = tally.series[name]
    n = len(series.samples)
    steps, kind = {
        "interval": ("interval", Kind.TEXT),
        "frame interval": ("frame interval", Kind.VIDEO),
        "motion": ("frame interval", Kind.VIDEO),
        "luma": ("frame interval", Kind.VIDEO),
        "level": ("", Kind.AUDIO),
        "token rate": ("", Kind.TEXT),
    }.get(name, ("", None))
    track = tally.tracks.get(kind) if kind is not None else None
    if track is None or track.last is None:
        return None
    newest = max(0.0, now - track.last)
    if not steps:
        step = tally.audio[-1].duration if kind is Kind.AUDIO and tally.audio else series.dt
        return newest + step * np.arange(n - 1, -1, -1.0)
    gaps = np.zeros(n)
    if (held := tally.series.get(steps)) is not None:
        known = np.fromiter(held.samples, np.float64, len(held.samples))[-n:]
        gaps[n - len(known) :] = known
    # Each gap lies before its sample. Pauses between turns are no gaps, so older samples may be older still.
    return newest + np.concatenate([np.cumsum(gaps[:0:-1])[::-1], [0.0]])


def timeline_view(session: Session, stream: str, now: float, zoom: int = 0) -> TimelineView:
    """The stream's last turns."""
    tally = session.streams.get(stream)
    if tally is None:
        return TimelineView(stream=stream, reason=CLOSED, zoom=zoom)
    turns = tuple(bar for record in tally.log.records(now) if (bar := turn_bar(record)) is not None)
    waiting = any(bar.ended is None for bar in turns)
    return TimelineView(
        stream=stream,
        provenance=str(tally.provenance),
        reason=""
        if turns
        else "no turns on this stream: nobody asked a model"
        if Kind.TEXT in tally.kinds or not tally.kinds
        else "no text on this stream",
        zoom=zoom,
        # Without a turn in flight the picture moves by quarters of a second only.
        now=now if waiting else int(now * 4) / 4 + 0.25,
        turns=turns,
    )


def turn_bar(record: TurnRecord) -> TurnBar | None:
    """A turn as the timeline draws it; one whose request nobody saw begins with its first chunk."""
    started = record.started if record.started is not None else record.first
    if started is None:
        return None
    return TurnBar(
        record.turn,
        record.model or "",
        started,
        record.first,
        record.first_answer,
        record.last,
        record.ended,
        record.tokens,
        record.estimated,
        record.error or "",
        record.times,
    )


def sound_view(session: Session, stream: str, now: float, zoom: int = 0) -> SoundView:
    """The newest half minute of sound, for the waveform and the spectrogram."""
    tally = session.streams.get(stream)
    if tally is None:
        return SoundView(stream=stream, reason=CLOSED, zoom=zoom)
    samples = tally.sound.read()
    last = tally.audio[-1] if tally.audio else None
    if samples is None:
        if last is not None:
            reason = "the sound of this stream has no samples: nobody told its encoding"
        else:
            reason = "no sound yet" if Kind.AUDIO in tally.kinds else "no audio on this stream"
        return SoundView(stream=stream, provenance=str(tally.provenance), reason=reason, zoom=zoom)
    source = ""
    if last is not None and last.sample_rate:
        channels = {1: "mono", 2: "stereo"}.get(last.channels, f"{last.channels} ch")
        source = f"{last.sample_rate / 1000:g} kHz {channels}"
    return SoundView(
        stream=stream,
        provenance=str(tally.provenance),
        reason="",
        zoom=zoom,
        samples=Array(samples),
        total=tally.sound.total,
        rate=tally.sound.rate,
        source=source,
    )


def levels_view(session: Session, stream: str, now: float, zoom: int = 0) -> LevelsView:
    """Loudness as the source's meter tells it, and the levels of the chunks."""
    tally = session.streams.get(stream)
    if tally is None:
        return LevelsView(stream=stream, reason=CLOSED, zoom=zoom)
    series = tally.series.get("level")
    if series is None or not tally.audio:
        return LevelsView(
            stream=stream,
            provenance=str(tally.provenance),
            reason="no sound yet" if Kind.AUDIO in tally.kinds else "no audio on this stream",
            zoom=zoom,
        )
    import numpy as np

    last = tally.audio[-1]
    rms = np.fromiter(series.samples, np.float64, len(series.samples))
    return LevelsView(
        stream=stream,
        provenance=str(tally.provenance),
        reason="",
        zoom=zoom,
        momentary=_figure(tally, "momentary"),
        short_term=_figure(tally, "short"),
        integrated=_figure(tally, "integrated"),
        true_peak=_figure(tally, "true", "peak"),
        rms=decibel(last.rms),
        peak=decibel(last.peak),
        history=Array(20.0 * np.log10(np.maximum(rms, 1e-6))),
        total=series.total,
        dt=last.duration if last.duration > 0 else 0.02,
    )


def decibel(linear: float | None) -> float | None:
    """A linear level in dBFS, -120 for silence, to a tenth."""
    return None if linear is None else round(20.0 * math.log10(max(linear, 1e-6)), 1)


def _figure(tally: Tally, *words: str) -> float | None:
    """The figure of the source in whose name all ``words`` occur; one told in words ("below -70") is silence."""
    for name, value in tally.figures.items():
        if all(word in name.lower() for word in words):
            return SILENT if isinstance(value, str) else round(float(value), 1)
    return None


def video_view(session: Session, stream: str, now: float, zoom: int = 0) -> VideoView:
    """The newest picture, with what a detector saw in one not much older."""
    tally = session.streams.get(stream)
    if tally is None:
        return VideoView(stream=stream, reason=CLOSED, zoom=zoom)
    frame = next((frame for frame in reversed(tally.frames) if frame.image.size), None)
    if frame is None:
        if tally.frames:
            reason = "the video of this stream has no pictures: nobody told its encoding"
        else:
            reason = "no picture yet" if Kind.VIDEO in tally.kinds else "no video on this stream"
        return VideoView(stream=stream, provenance=str(tally.provenance), reason=reason, zoom=zoom)
    seen, track = tally.detections, tally.tracks.get(Kind.VIDEO)
    fps = track.rate(now, False) if track is not None and not tally.over else None
    age = max(0.0, frame.at - seen.at) if seen is not None else None
    return VideoView(
        stream=stream,
        provenance=str(tally.provenance),
        reason="",
        zoom=zoom,
        image=Array(frame.image),
        width=frame.width,
        height=frame.height,
        fps=None if fps is None else round(fps, 1),
        boxes=tuple(
            ObjectBox(box.label, box.score, box.left, box.top, box.right, box.bottom, box.track)
            for box in seen.boxes
        )
        if seen is not None and age is not None and age < STALE
        else (),
        looked=None if age is None else float(int(age)),
    )
