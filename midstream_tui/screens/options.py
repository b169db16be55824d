"""Options of one stream: transcription, detection, what is analysed; and how often the screen is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Checkbox, Label, Select, Static

from midstream_tui.bindings import MODAL
from midstream_tui.config import REFRESH_MS
from midstream_tui.models import SPEECH, VISION, has, missing, with_models
from midstream_tui.screens.dialog import Dialog
from midstream_tui.screens.key_line import KeyLine
from midstream_tui.screens.tick import Tick
from midstream_widgets.lines import plain

if TYPE_CHECKING:
    from midstream_adapters.base import Options

MOST_TELLING = "the most telling one"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user chose. ``options`` is None for a stream that has no source of its own (it is pushed in)."""

    options: Options | None
    observable: str | None
    refresh_ms: int


class OptionsScreen(Dialog[Wishes | None]):
    """Dismisses with the wishes, or None. Transcription and detection begin with a new connection."""

    CSS_PATH = "picker.tcss"
    BINDINGS: ClassVar[list[BindingType]] = MODAL

    def __init__(
        self,
        stream: str,
        options: Options | None,
        observables: list[str],
        observable: str | None,
        refresh_ms: int,
    ) -> None:
        super().__init__()
        self._stream, self._options = stream, options
        self._observables, self._observable = observables, observable
        self._refresh = refresh_ms

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(f"Options of {plain(self._stream)}")
            for module, label in ((SPEECH, "Transcription"), (VISION, "Detection")):
                yield self._model(module, label)
                if (why := missing(module)) is not None:
                    yield Static(Content(why), classes="note")
            with Horizontal(classes="field"):
                yield Label("Observable")
                yield Select(
                    [(MOST_TELLING, ""), *((name, name) for name in self._observables)],
                    value=self._observable or "",
                    allow_blank=False,
                    compact=True,
                    id="observable",
                )
            with Horizontal(classes="field"):
                yield Label("Refresh")
                yield Select(
                    [(f"every {ms} ms", ms) for ms in sorted({*REFRESH_MS, self._refresh})],
                    value=self._refresh,
                    allow_blank=False,
                    compact=True,
                    id="refresh",
                )
            yield Static(Content("A change of the first two connects the stream anew."), classes="note")
            yield Button("Apply", variant="primary", compact=True, id="apply")
        yield KeyLine()

    def _model(self, module: str, label: str) -> Horizontal:
        usable = self._options is not None and missing(module) is None
        on_now = self._options is not None and has(self._options, module)
        return Horizontal(Label(label), Tick(on_now, usable, module), classes="field")

    @on(Button.Pressed, "#apply")
    def _apply(self) -> None:
        options = self._options
        if options is not None:
            wanted = {module: self.query_one(f"#{module}", Checkbox).value for module in (SPEECH, VISION)}
            options = with_models(options, transcribe=wanted[SPEECH], detect=wanted[VISION])
        observable = self.query_one("#observable", Select).value
        refresh = self.query_one("#refresh", Select).value
        self.dismiss(
            Wishes(
                options,
                observable if isinstance(observable, str) and observable else None,
                refresh if isinstance(refresh, int) else self._refresh,
            )
        )
