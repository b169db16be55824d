"""A panel alone in an app, and how many of its rows are repainted."""

from __future__ import annotations

from typing import Any

from textual.app import App, ComposeResult
from textual.containers import Container
from textual.strip import Strip

from midstream_tui.themes import THEMES
from midstream_widgets import LinePanel, StreamMetrics


class Alone(App[None]):
    """One panel of a given outer size, and the messages it posted."""

    def __init__(
        self, panel: LinePanel[Any], width: int = 40, height: int = 8, theme: str = "midstream"
    ) -> None:
        super().__init__()
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme
        self.panel, self.outer = panel, (width, height)
        self.said: list[tuple[str, bool]] = []

    def compose(self) -> ComposeResult:
        with Container() as box:
            yield self.panel
        box.styles.width, box.styles.height = self.outer

    def on_mount(self) -> None:
        self.panel.focus()

    def on_stream_metrics_stream_selected(self, message: StreamMetrics.StreamSelected) -> None:
        assert message.control is self.panel
        message.heard = True
        self.said.append((message.stream, message.chosen))

    @property
    def lines(self) -> list[str]:
        """What the panel shows inside its border."""
        width, height = self.outer
        rows = self.screen._compositor.render_strips()[1 : height - 1]
        return [row.text[2 : width - 2].rstrip() for row in rows]


def counted(panel: LinePanel[Any]) -> list[int]:
    """The lines that `panel` renders from now on."""
    calls: list[int] = []
    render_line = panel.render_line

    def spy(y: int) -> Strip:
        calls.append(y)
        return render_line(y)

    panel.render_line = spy  # type: ignore[method-assign]
    return calls
