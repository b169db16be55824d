"""The stream picker: type an address, pick an open stream, or open one used before."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from midstream_adapters.base import SourceError
from midstream_adapters.redact import redact
from midstream_adapters.registry import kind_of, known_kinds
from midstream_tui.bindings import PICKER
from midstream_tui.screens.choice import Choice, Remove
from midstream_widgets.glyphs import STATES

_COLOURS = {
    "good": "$text-success",
    "warning": "$text-warning",
    "error": "$text-error",
    "muted": "$text-muted",
}


class PickerScreen(ModalScreen[Choice | None]):
    """Dismisses with what was chosen, or None. Closing a stream is said at once, by `Remove`."""

    CSS_PATH = "picker.tcss"
    BINDINGS: ClassVar[list[BindingType]] = PICKER

    def __init__(self, streams: list[Choice], configured: list[str], recent: list[str]) -> None:
        super().__init__()
        self._choices = [
            *streams,
            *(Choice("configured", source, redact(source)) for source in configured),
            *(Choice("recent", source, redact(source)) for source in recent if source not in configured),
        ]

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content("Streams")
            yield Input(placeholder="address of a stream, a file, or sim:all", id="address")
            yield Static(id="error")
            yield OptionList(id="choices")
            yield Static(Content(f"A source is one of\n{known_kinds()}"), id="kinds")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._fill()

    def _fill(self) -> None:
        listed = self.query_one(OptionList)
        at = listed.highlighted
        listed.clear_options()
        for heading, kind in (("Open", "stream"), ("Configured", "configured"), ("Recent", "recent")):
            choices = [choice for choice in self._choices if choice.kind == kind]
            if choices:
                listed.add_option(Option(Content.styled(heading, "bold $text-muted"), disabled=True))
            for choice in choices:
                listed.add_option(Option(self._prompt(choice), id=f"{choice.kind}:{choice.value}"))
        listed.display = bool(self._choices)
        if at is not None and listed.option_count:
            listed.highlighted = min(at, listed.option_count - 1)

    @staticmethod
    def _prompt(choice: Choice) -> Content:
        if choice.kind != "stream":
            return Content(f"  {choice.label}")
        glyph = STATES[choice.state]
        return Content.assemble("  ", (f"{glyph.text:<15}", _COLOURS[glyph.style]), choice.label)

    def _choice(self, option_id: str | None) -> Choice | None:
        return next((c for c in self._choices if f"{c.kind}:{c.value}" == option_id), None)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        source = event.value.strip()
        if not source:
            return
        try:
            kind_of(source)
        except SourceError as error:
            self.query_one("#error", Static).update(Content.styled(f"✗ {error}", "$text-error"))
            return
        self.dismiss(Choice("recent", source, redact(source)))

    @on(Input.Changed)
    def _typed(self) -> None:
        self.query_one("#error", Static).update("")

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        choice = self._choice(event.option_id)
        if choice is not None:
            self.dismiss(choice)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_to_list(self) -> None:
        """Down from the address goes to the list."""
        listed = self.query_one(OptionList)
        if listed.display:
            listed.focus()
            if listed.highlighted is None:
                listed.action_first()

    def action_remove(self) -> None:
        listed = self.query_one(OptionList)
        if listed.highlighted is None or not listed.display:
            return
        choice = self._choice(listed.get_option_at_index(listed.highlighted).id)
        if choice is not None and choice.kind != "configured":
            self._choices.remove(choice)
            self._fill()
            self.post_message(Remove(choice))
