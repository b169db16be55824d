"""The dashboard screen: six panels, laid out for the width there is. It shows views and asks the app for deeds."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Footer, Static

from midstream_tui.bindings import DASHBOARD
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.pattern_detection import PatternDetection
from midstream_widgets.recent_messages import RecentMessages
from midstream_widgets.stream_metrics import StreamMetrics
from midstream_widgets.streaming_status import StreamingStatus
from midstream_widgets.system_metrics import SystemMetrics
from midstream_widgets.temporal_analysis import TemporalAnalysis

from .title import TitleLine

LEAST = (80, 24)


class DashboardScreen(Screen[None]):
    """System Metrics, Temporal Analysis, Pattern Detection, Streaming Status, Stream Metrics, Recent Messages."""

    CSS_PATH = "dashboard.tcss"
    BINDINGS: ClassVar[list[BindingType]] = DASHBOARD
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-normal"),
        (160, "-wide"),
    ]
    AUTO_FOCUS = "#streams"

    def compose(self) -> ComposeResult:
        yield TitleLine(id="title")
        with Container(id="panels"):
            yield SystemMetrics(id="system")
            yield TemporalAnalysis(id="temporal")
            yield PatternDetection(id="patterns")
            yield StreamingStatus(id="status")
            yield StreamMetrics(id="streams")
            yield RecentMessages(id="messages")
        yield Static(id="too-small", markup=False)
        yield Footer(show_command_palette=False)

    def on_resize(self, event: Resize) -> None:
        small = event.size.width < LEAST[0] or event.size.height < LEAST[1]
        self.set_class(small, "-small")
        if small:
            self.query_one("#too-small", Static).update(
                f"{event.size.width}x{event.size.height} is too small to show all: "
                f"{LEAST[0]}x{LEAST[1]} is the least. Tab walks through the panels."
            )

    def panel(self, name: str) -> LinePanel[object]:
        """The panel of that id."""
        panel: LinePanel[object] = self.query_one(f"#{name}", LinePanel)
        return panel

    @property
    def title_line(self) -> TitleLine:
        return self.query_one(TitleLine)
