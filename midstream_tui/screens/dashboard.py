"""The dashboard: the six panels of the specification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from midstream_tui import layouts, present
from midstream_tui.session import Area
from midstream_widgets.pattern_detection import PatternDetection
from midstream_widgets.recent_messages import RecentMessages
from midstream_widgets.stream_metrics import StreamMetrics
from midstream_widgets.streaming_status import StreamingStatus
from midstream_widgets.system_metrics import SystemMetrics
from midstream_widgets.temporal_analysis import TemporalAnalysis

from .live import Feed, LiveScreen, Moment, Panel


def system(at: Moment) -> object:
    """The view of System Metrics."""
    return present.system_view(
        at.session,
        at.now,
        queued=at.queued,
        refresh_ms=at.refresh_ms,
        loop_lag=at.loop_lag,
        asked_ms=at.asked_ms,
    )


class DashboardScreen(LiveScreen):
    """System Metrics, Temporal Analysis, Pattern Detection, Streaming Status, Stream Metrics, Recent Messages."""

    LAYOUTS = layouts.DASHBOARD
    AUTO_FOCUS = "#streams"

    def panels(self) -> Iterable[Panel]:
        yield SystemMetrics(id="system")
        yield TemporalAnalysis(id="temporal")
        yield PatternDetection(id="patterns")
        yield StreamingStatus(id="status")
        yield StreamMetrics(id="streams")
        yield RecentMessages(id="messages")

    def feeds(self) -> Mapping[str, Feed]:
        return {
            "system": Feed.of(system, Area.METRICS),
            "temporal": Feed.of(lambda at: present.temporal_view(at.session), Area.TEMPORAL),
            "patterns": Feed.of(lambda at: present.pattern_view(at.session, at.unanalysed), Area.PATTERNS),
            "status": Feed.of(lambda at: present.status_view(at.session, at.now), Area.STATUS),
            "streams": Feed.of(lambda at: present.metrics_view(at.session, at.now), Area.STREAMS),
            "messages": Feed.of(lambda at: present.messages_view(at.session), Area.MESSAGES),
        }

    @property
    def _streams(self) -> StreamMetrics:
        streams = self.panel("streams")
        assert isinstance(streams, StreamMetrics)
        return streams

    def pointed(self) -> str | None:
        return self._streams.selected or None

    def unheard(self) -> str | None:
        return self._streams.unheard
