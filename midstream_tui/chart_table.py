"""All charts by name: what a screen needs to show one, and to feed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from midstream_adapters.events import Kind
from midstream_widgets.chart_views import ChartView
from midstream_widgets.charts.base import ChartPanel
from midstream_widgets.charts.latency import LatencyHistogram
from midstream_widgets.charts.levels import LevelMeter
from midstream_widgets.charts.portrait import PhasePortrait
from midstream_widgets.charts.recurrence import RecurrencePlot
from midstream_widgets.charts.series import ObservableChart
from midstream_widgets.charts.spectrogram import Spectrogram
from midstream_widgets.charts.timeline import TokenTimeline
from midstream_widgets.charts.video import VideoPreview
from midstream_widgets.charts.waveform import Waveform

from . import present_charts as present
from .present_latency import latency_view
from .session import Session

View = Callable[[Session, str, float, int], ChartView]


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """A chart: ``chart.view = spec.view(session, stream, now, chart.zoom)`` feeds it, as often as one likes."""

    name: str
    title: str
    widget: type[ChartPanel[Any]]
    view: View
    """(session, stream, now, zoom) -> the chart's view."""
    kind: Kind | None = None
    """What a stream must carry for the chart to have anything to show; None: any will do."""


_SPECS = (
    ChartSpec("video", "Video", VideoPreview, present.video_view, Kind.VIDEO),
    ChartSpec("series", "Observable", ObservableChart, present.series_view),
    ChartSpec("timeline", "Token Timeline", TokenTimeline, present.timeline_view, Kind.TEXT),
    ChartSpec("latency", "Latency", LatencyHistogram, latency_view),
    ChartSpec("waveform", "Waveform", Waveform, present.sound_view, Kind.AUDIO),
    ChartSpec("spectrogram", "Spectrogram", Spectrogram, present.sound_view, Kind.AUDIO),
    ChartSpec("levels", "Levels", LevelMeter, present.levels_view, Kind.AUDIO),
    ChartSpec("portrait", "Phase Portrait", PhasePortrait, present.portrait_view),
    ChartSpec("recurrence", "Recurrence Plot", RecurrencePlot, present.portrait_view),
)

CHARTS: dict[str, ChartSpec] = {spec.name: spec for spec in _SPECS}


def charts_of(session: Session, stream: str) -> list[ChartSpec]:
    """The charts that have a meaning for a stream, the most telling first; all of them while its kinds are unknown."""
    tally = session.streams.get(stream)
    kinds = tally.kinds if tally is not None else set()
    return [spec for spec in _SPECS if not kinds or spec.kind is None or spec.kind in kinds]
