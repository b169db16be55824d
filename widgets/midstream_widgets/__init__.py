"""Textual panels that show frozen view models and know nothing of sources.

Lazy (PEP 562): the view models in `views` are used without a terminal too, so Textual loads with the first panel.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from midstream_widgets.line_panel import LinePanel as LinePanel
    from midstream_widgets.pattern_detection import PatternDetection as PatternDetection
    from midstream_widgets.recent_messages import RecentMessages as RecentMessages
    from midstream_widgets.stream_metrics import StreamMetrics as StreamMetrics
    from midstream_widgets.streaming_status import StreamingStatus as StreamingStatus
    from midstream_widgets.system_metrics import SystemMetrics as SystemMetrics
    from midstream_widgets.temporal_analysis import TemporalAnalysis as TemporalAnalysis

_WHERE = {
    "LinePanel": "line_panel",
    "PatternDetection": "pattern_detection",
    "RecentMessages": "recent_messages",
    "StreamMetrics": "stream_metrics",
    "StreamingStatus": "streaming_status",
    "SystemMetrics": "system_metrics",
    "TemporalAnalysis": "temporal_analysis",
}

__all__ = [
    "LinePanel",
    "PatternDetection",
    "RecentMessages",
    "StreamMetrics",
    "StreamingStatus",
    "SystemMetrics",
    "TemporalAnalysis",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
