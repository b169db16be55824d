"""A question for a model: asked when a model is opened without one, and again whenever the user likes."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from midstream_adapters.redact import redact
from midstream_tui.bindings import MODAL
from midstream_tui.screens.dialog import Dialog
from midstream_tui.screens.key_line import KeyLine

MOST_CHARS = 32_768


class PromptScreen(Dialog[str | None]):
    """Dismisses with the question, or None."""

    CSS_PATH = "picker.tcss"
    BINDINGS: ClassVar[list[BindingType]] = MODAL

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = redact(model)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(f"Ask {self._model}")
            yield Input(placeholder="the question, then enter", max_length=MOST_CHARS, id="question")
        yield KeyLine()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if question := event.value.strip():
            self.dismiss(question)
