"""Export of what the user chooses: formats, and how far back those go that have a past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Checkbox, Label, Select, Static

from midstream_tui.bindings import MODAL
from midstream_tui.export_png import renderer
from midstream_tui.screens.dialog import Dialog
from midstream_tui.screens.key_line import KeyLine
from midstream_tui.screens.tick import Tick

FORMATS = {
    "json": "JSON: the state of everything",
    "md": "Markdown: a report for people",
    "svg": "SVG: this screen",
    "png": "PNG: this screen",
    "ndjson": "NDJSON: the events, one a line",
    "csv": "CSV: the observables' samples",
}
RANGES = (
    ("the last 10 seconds", 10.0),
    ("the last minute", 60.0),
    ("the last 5 minutes", 300.0),
    ("all that is kept", 0.0),
)


@dataclass(frozen=True, slots=True)
class ExportWish:
    """What to write: endings of files, and the seconds of events (None: all that is kept)."""

    formats: tuple[str, ...]
    seconds: float | None


class ExportScreen(Dialog[ExportWish | None]):
    """Dismisses with the wish, or None."""

    CSS_PATH = "picker.tcss"
    BINDINGS: ClassVar[list[BindingType]] = MODAL
    AUTO_FOCUS = "#json"

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content("Export")
            for name, about in FORMATS.items():
                usable = name != "png" or renderer() is not None
                yield Tick(name == "json", usable, name, about)
            if renderer() is None:
                yield Static(Content("PNG needs rsvg-convert (Debian: librsvg2-bin)"), classes="note")
            with Horizontal(classes="field"):
                yield Label("Events of")
                yield Select(RANGES, value=0.0, allow_blank=False, compact=True, id="range")
            yield Button("Export", variant="primary", compact=True, id="apply")
        yield KeyLine()

    @on(Button.Pressed, "#apply")
    def _apply(self) -> None:
        formats = tuple(name for name in FORMATS if self.query_one(f"#{name}", Checkbox).value)
        if not formats:
            self.notify("Choose a format.", markup=False, timeout=3)
            return
        value = self.query_one("#range", Select).value
        self.dismiss(ExportWish(formats, float(value) if isinstance(value, float) and value else None))
