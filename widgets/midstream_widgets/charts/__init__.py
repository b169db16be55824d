"""Charts: one widget a file, each a `ChartPanel` over a view of `midstream_widgets.chart_views`. Lazy (PEP 562)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from midstream_widgets.charts.base import ChartPanel as ChartPanel
    from midstream_widgets.charts.latency import LatencyHistogram as LatencyHistogram
    from midstream_widgets.charts.levels import LevelMeter as LevelMeter
    from midstream_widgets.charts.portrait import PhasePortrait as PhasePortrait
    from midstream_widgets.charts.recurrence import RecurrencePlot as RecurrencePlot
    from midstream_widgets.charts.series import ObservableChart as ObservableChart
    from midstream_widgets.charts.spectrogram import Spectrogram as Spectrogram
    from midstream_widgets.charts.timeline import TokenTimeline as TokenTimeline
    from midstream_widgets.charts.video import VideoPreview as VideoPreview
    from midstream_widgets.charts.waveform import Waveform as Waveform

_WHERE = {
    "ChartPanel": "base",
    "LatencyHistogram": "latency",
    "LevelMeter": "levels",
    "ObservableChart": "series",
    "PhasePortrait": "portrait",
    "RecurrencePlot": "recurrence",
    "Spectrogram": "spectrogram",
    "TokenTimeline": "timeline",
    "VideoPreview": "video",
    "Waveform": "waveform",
}

__all__ = [
    "ChartPanel",
    "LatencyHistogram",
    "LevelMeter",
    "ObservableChart",
    "PhasePortrait",
    "RecurrencePlot",
    "Spectrogram",
    "TokenTimeline",
    "VideoPreview",
    "Waveform",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
