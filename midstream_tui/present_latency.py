"""From the session to the latency chart: what is held of every kind of duration, and its quantiles."""

from __future__ import annotations

from itertools import pairwise

from midstream_adapters.events import Kind
from midstream_widgets.chart_views import Array, Distribution, LatencyView, Quantiles

from .metrics import Histogram
from .present_charts import CLOSED, sample_ages
from .session import Session
from .tally import Tally


def latency_view(session: Session, stream: str, now: float, zoom: int = 0) -> LatencyView:
    """TTFT, time between chunks and the length of turns where there is text; the time between frames of video,
    and between the last hundred chunks of sound.
    """
    tally = session.streams.get(stream)
    if tally is None:
        return LatencyView(stream=stream, reason=CLOSED, zoom=zoom)
    found = tuple(_distributions(tally, now))
    asked = Kind.TEXT in tally.kinds or not tally.kinds
    return LatencyView(
        stream=stream,
        provenance=str(tally.provenance),
        reason=""
        if found
        else "no latency yet: no turn was answered"
        if asked
        else "needs 2 chunks or frames to tell their distance",
        zoom=zoom,
        distributions=found,
    )


def _distributions(tally: Tally, now: float) -> list[Distribution]:
    import numpy as np

    records = tally.log.records(now)
    found: list[Distribution] = []
    log = tally.log

    def add(
        name: str, formula: str, at: list[float], values: list[float], ever: Histogram | None = None
    ) -> None:
        if values:
            found.append(
                Distribution(
                    name,
                    formula,
                    Array(
                        np.floor(np.maximum(now - np.array(at), 0.0))
                    ),  # by seconds: a view that waits stays equal
                    Array(np.array(values)),
                    _ever(ever),
                )
            )

    firsts = [(r.first, r.ttft) for r in records if r.first is not None and r.ttft is not None]
    add("TTFT", "first chunk - request", [at for at, _ in firsts], [value for _, value in firsts], log.ttft)
    ends = [(r.ended, r.e2e) for r in records if r.ended is not None and r.e2e is not None and not r.error]
    for name, kind, formula in (
        ("interval", Kind.TEXT, "time between two chunks (ICL)"),
        ("frame interval", Kind.VIDEO, "time between two frames"),
    ):
        series, track = tally.series.get(name), tally.tracks.get(kind)
        if series is None or track is None or track.last is None:
            continue
        ages = sample_ages(tally, name, now)
        assert ages is not None
        gaps = np.fromiter(series.samples, np.float64, len(series.samples))
        chunks = kind is Kind.TEXT
        ever = _ever(log.icl) if chunks and tally.turns else None
        found.append(
            Distribution("ICL" if chunks else name, formula, Array(np.floor(ages)), Array(gaps), ever)
        )
    heard = [chunk.at for chunk in tally.audio]
    add("chunk interval", "time between two chunks of sound", heard[1:], [b - a for a, b in pairwise(heard)])
    add("E2E", "end - request", [at for at, _ in ends], [value for _, value in ends], log.e2e)
    return found


def _ever(durations: Histogram | None) -> Quantiles | None:
    """The quantiles of all turns, of which the log holds the last: facts and turns show these, too."""
    if durations is None or not durations.count:
        return None
    p50, p90, p99 = (durations.quantile(q) or 0.0 for q in (0.5, 0.9, 0.99))
    return Quantiles(durations.count, p50, p90, p99)
