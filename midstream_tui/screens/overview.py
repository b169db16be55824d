"""The overview: all streams in one sortable table, the one in trouble on top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from midstream_tui import present
from midstream_tui.layouts import Layout
from midstream_tui.present_overview import facts_view, overview_view
from midstream_tui.session import Area
from midstream_widgets.recent_messages import RecentMessages
from midstream_widgets.stream_facts import StreamFacts
from midstream_widgets.stream_table import StreamTable
from midstream_widgets.system_metrics import SystemMetrics

from .dashboard import system
from .live import Feed, LiveScreen, Moment, Panel

_LAYOUTS = (
    Layout.of(
        "table and facts",
        "all streams, and the facts of the selected one",
        narrow=("* table", "9 facts"),
        normal=("* table", "15 facts"),
        wide=("* table", "16 facts:3 system messages:2"),
    ),
    Layout.of("table", "the table alone", narrow=("* table",)),
    Layout.of(
        "table and messages",
        "all streams, and what they say",
        narrow=("* table", "8 messages"),
        normal=("* table", "14 system messages:3"),
    ),
)


class OverviewScreen(LiveScreen):
    """One row a stream: state, kind, rate, FPS, TTFT, drops, attractor, alert."""

    LAYOUTS = _LAYOUTS
    PLACE = "all streams"
    AUTO_FOCUS = "#table"

    def panels(self) -> Iterable[Panel]:
        yield StreamTable(id="table")
        yield StreamFacts(id="facts")
        yield SystemMetrics(id="system")
        yield RecentMessages(id="messages")

    def feeds(self) -> Mapping[str, Feed]:
        return {
            "table": Feed.of(_table, Area.STREAMS, Area.TEMPORAL),
            "facts": Feed.of(self._facts, Area.STREAMS),
            "system": Feed.of(system, Area.METRICS),
            "messages": Feed.of(lambda at: present.messages_view(at.session), Area.MESSAGES),
        }

    @property
    def _streams(self) -> StreamTable:
        table = self.panel("table")
        assert isinstance(table, StreamTable)
        return table

    def pointed(self) -> str | None:
        return str(self._streams.cursor) if self._streams.cursor is not None else None

    def unheard(self) -> str | None:
        return self._streams.unheard

    def _facts(self, at: Moment) -> object:
        return facts_view(at.session, self.pointed() or "", at.now)


def _table(at: Moment) -> object:
    return overview_view(at.session, at.now)
