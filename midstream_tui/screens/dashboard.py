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

    BINDINGS: ClassVar[list[BindingType]] = DASHBOARD
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-normal"),
        (160, "-wide"),
    ]
    AUTO_FOCUS = "#streams"

    title_line: TitleLine

    def __init__(self) -> None:
        super().__init__()
        self._panels: dict[str, LinePanel[object]] = {}  # found once, used fifteen times a second

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
        return self._panels[name]

    @property
    def stands(self) -> bool:
        """Whether there is a screen to paint on."""
        return bool(self._panels) and self.title_line.is_attached

    def on_mount(self) -> None:
        self._panels = {panel.id: panel for panel in self.query(LinePanel) if panel.id}
        self.title_line = self.query_one(TitleLine)
