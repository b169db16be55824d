"""Help: every key, and what every figure on the dashboard means, with its formula."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from midstream_tui.bindings import APP, DASHBOARD, HELP

FIGURES = (
    ("Messages Processed", "whole messages that came; the pieces of one answer are one message"),
    (
        "Total Tokens",
        "as the sources counted them; ~ where some are estimated (a piece is 1, text is 4 letters each)",
    ),
    ("FPS", "video frames received a second, over 3 s, all streams together"),
    ("Latency", "from arrival in this process to the count on screen, median and 99th percentile"),
    ("TTFT", "time to first token: request written to first non-empty chunk, the latest turn's"),
    ("Bandwidth", "bytes received a second over 3 s, before decoding"),
    ("Loop lag", "how late the event loop wakes up, 99th percentile: the monitor's own health"),
    (
        "Attractor Type",
        "what the series does, told by which model forecasts it; never by the exponent's sign",
    ),
    ("Lyapunov Exp", "growth rate of small differences (Rosenstein); withheld unless the growth is a line"),
    ("Stability", "STABLE: bounded, neither level nor spread trends; UNSTABLE: it grows"),
    ("Chaos", "CHAOTIC when only a nonlinear model forecasts it, else ORDERED"),
    ("Avg Reward", "mean of the rewards that messages carried"),
    ("greeting (95%)", "a conversational move and its calibrated probability"),
    ("stalled", "live, but silent for longer than 2 s (text between turns 10 s) and 3 times its usual gap"),
)


class HelpScreen(ModalScreen[None]):
    """A scrolling page; Escape closes it."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 96; max-width: 96%; height: auto; max-height: 92%;
        border: round $border; background: $surface; padding: 1 2;
        border-title-color: $text-primary;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = HELP

    def compose(self) -> ComposeResult:
        with VerticalScroll() as page:
            page.border_title = Content("Help")
            yield Static(self._page())

    def _page(self) -> Content:
        lines: list[Content] = [Content.styled("Keys", "bold $text-primary")]
        for binding in [*DASHBOARD, *APP]:
            if isinstance(binding, Binding):
                keys = " ".join(self._key(key) for key in binding.key.split(","))
                lines.append(Content.assemble((f"{keys:<18}", "$text-accent"), binding.tooltip))
        lines.append(
            Content.assemble(
                (f"{'up down pgup pgdn':<18}", "$text-accent"), "Within a panel; home and end, too"
            )
        )
        lines += [Content(""), Content.styled("Figures", "bold $text-primary")]
        for name, meaning in FIGURES:
            lines.append(Content.assemble((f"{name:<20}", "$text-accent"), meaning))
        lines += [
            Content(""),
            Content(
                "Every figure is live, from a file, replayed or simulated, and says so; ~ marks an estimate."
            ),
            Content("Insufficient data is a result: no number is ever made up."),
        ]
        return Content("\n").join(lines)

    def _key(self, key: str) -> str:
        return self.app.get_key_display(Binding(key, ""))
