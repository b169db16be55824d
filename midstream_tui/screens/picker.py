"""The stream picker: type an address, pick an open stream, or open one used before; see whether it can be reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from midstream_adapters.base import SourceError
from midstream_adapters.redact import redact
from midstream_adapters.registry import kind_of, known_kinds
from midstream_tui.bindings import PICKER
from midstream_tui.screens.choice import ChangeOptions, Choice, Reconnect, Remove
from midstream_tui.screens.dialog import Dialog
from midstream_tui.screens.key_line import KeyLine
from midstream_tui.screens.probing import COLOURS, Probes, Reacher
from midstream_widgets import glyphs
from midstream_widgets.lines import plain

_WIDTH = 104
"""Cells of the box at most, as `picker.tcss` has it."""
_LIST = 12
"""Rows of the list at most, but where there is room for half as many kinds beside it."""
_AROUND = 7
"""Rows of the box that are neither of the list, of kinds, nor said of the address: borders, address, heading, gap."""
LOOK_EVERY = 0.5
"""Seconds between two looks at the states of the open streams."""
PROBE_AFTER = 0.4
"""Seconds that typing pauses before the address is probed."""


class PickerScreen(Dialog[Choice | None]):
    """Dismisses with what was chosen, or None. What is done to a stream meanwhile is said at once, by a message.

    ``streams`` gives the open streams as they are now: their states are shown live while they connect. ``reach`` finds
    out whether an address that is typed or listed can be reached; probes end with an edit of it, and with the picker.
    """

    CSS_PATH = "picker.tcss"
    BINDINGS: ClassVar[list[BindingType]] = PICKER

    def __init__(
        self, streams: Callable[[], list[Choice]], configured: list[str], recent: list[str], reach: Reacher
    ) -> None:
        super().__init__()
        self._probes = Probes(reach, self._show_probes)
        self._pause: Timer | None = None
        self._source = ""  # what is typed, and what is said of it: its kind, and all
        self._judged = self._said = Content("")
        self._streams = streams
        self._addresses = [
            *(Choice("configured", source, redact(source)) for source in configured),
            *(Choice("recent", source, redact(source)) for source in recent if source not in configured),
        ]
        self._choices = [*streams(), *self._addresses]
        self._gone: set[str] = set()
        self._editing: Choice | None = None

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content("Streams")
            yield Input(
                placeholder="address of a stream, a file, or sim:all", select_on_focus=False, id="address"
            )
            yield Static(id="said")
            yield OptionList(id="choices")
            yield Static(id="kinds", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._fill()
        self.set_interval(LOOK_EVERY, self._look)

    def on_screen_suspend(self) -> None:
        """Another screen lies over this one: nobody is waiting for an answer."""
        self._rest()
        self._probes.cancel()

    async def on_unmount(self) -> None:
        self._rest()
        await self._probes.close()

    def on_resize(self) -> None:
        self._tell_kinds()

    def _tell_kinds(self) -> None:
        """The kinds of source, as many as there is room for below the list."""
        size, listed = self.app.size, self.query_one(OptionList)
        kinds = known_kinds().splitlines()
        rows = sum(str(option.prompt).count("\n") + 1 for option in listed.options)
        said = self._said.get_height({}, max(1, min(_WIDTH, int(size.width * 0.96)) - 6))
        room = int((size.height - 1) * 0.92) - said - _AROUND  # for the list, then for kinds
        most = max(3, min(max(_LIST, room * 2 // 3), room + 2))
        listed.styles.max_height = most
        room -= min(rows, most)
        heading = "A source is one of"
        if room < 2:
            heading, kinds = f"There are {len(kinds)} kinds of source: midstream-tui --help", []
        elif room < len(kinds):
            kinds = [*kinds[: room - 1], f"  … {len(kinds) - room + 1} more: midstream-tui --help"]
        told = self.query_one("#kinds", Static)
        told.display = room >= 0
        told.update(Content("\n".join([heading, *kinds])))

    # -- the list

    def _look(self) -> None:
        """Show the states of now; a list that would look the same is left alone."""
        streams = [choice for choice in self._streams() if choice.value not in self._gone]
        choices = [*streams, *self._addresses]
        if choices != self._choices:
            self._choices = choices
            self._fill()
        self._show_probes()

    def _fill(self) -> None:
        listed = self.query_one(OptionList)
        at = self._highlighted()
        index = listed.highlighted
        listed.clear_options()
        for heading, kind in (("Open", "stream"), ("Configured", "configured"), ("Recent", "recent")):
            choices = [choice for choice in self._choices if choice.kind == kind]
            if choices:
                listed.add_option(Option(Content.styled(heading, "bold $text-muted"), disabled=True))
            for choice in choices:
                listed.add_option(Option(self._prompt(choice), id=_id(choice)))
        listed.display = bool(self._choices)
        self._tell_kinds()
        if at is not None and any(_id(choice) == at for choice in self._choices):
            listed.highlighted = listed.get_option_index(at)
        elif index is not None and listed.option_count:
            listed.highlighted = min(index, listed.option_count - 1)

    def _prompt(self, choice: Choice) -> Content:
        """The line of an entry, and a second one for what probing it found, or what an open stream says."""
        if choice.kind != "stream":
            found = self._probes.shown(choice.value)
            line = Content(f"  {plain(choice.label)}")
            return line if found is None else Content.assemble(line, "\n    ", found)
        glyph = glyphs.state(choice.state)
        colour = COLOURS.get(glyph.style, "$text-muted")
        said = Content.assemble("  ", (f"{glyph.text:<15}", colour), plain(choice.label))
        if choice.reason and choice.state != "live":
            said += Content.assemble("\n    ", (plain(choice.reason), colour))
        return said

    # -- probes

    def _show_probes(self) -> None:
        """What probing has found by now: of the listed, of what is typed, and how far it is."""
        if not self.query(OptionList):
            return  # the app is leaving
        listed = self.query_one(OptionList)
        prompts = {_id(choice): self._prompt(choice) for choice in self._addresses}
        changed = {
            name: (str(listed.get_option(name).prompt), prompt)
            for name, prompt in prompts.items()
            if str(listed.get_option(name).prompt) != str(prompt)
        }
        for name, (_, prompt) in changed.items():
            listed.replace_option_prompt(name, prompt)
        if any(before.count("\n") != str(prompt).count("\n") for before, prompt in changed.values()):
            listed.refresh(layout=True)
            self._tell_kinds()
        progress = self._probes.progress()
        if progress and not self.query_one(Input).has_focus:
            progress += " · P stops"
        self.query_one(Vertical).border_subtitle = Content(progress)
        self._tell()

    def _tell(self) -> None:
        """Say what is to be said of the address in the field."""
        said = self._judged
        if (found := self._probes.shown(self._source)) is not None:
            said = Content.assemble(said, "\n", found)
        if self._editing is not None:
            said = Content.assemble((f"in place of {plain(self._editing.label)}\n", "$text-warning"), said)
        if str(said) != str(self._said):
            self._said = said
            self.query_one("#said", Static).update(said)
            self._tell_kinds()

    def _rest(self) -> None:
        """What was typed is not to be probed."""
        if self._pause is not None:
            self._pause.stop()
            self._pause = None

    def _judge(self, source: str, judged: Content, *, probe: bool) -> None:
        """Take `judged` for what is to be said of `source`, which is probed when typing has paused."""
        self._rest()
        if source != self._source and not any(choice.value == self._source for choice in self._addresses):
            self._probes.cancel(self._source)
        self._source, self._judged = source, judged
        if probe:
            self._pause = self.set_timer(PROBE_AFTER, lambda: self._probes.ask(source))
        self._tell()

    def _highlighted(self) -> str | None:
        listed = self.query_one(OptionList)
        if listed.highlighted is None or not listed.option_count:
            return None
        return listed.get_option_at_index(listed.highlighted).id

    def _choice(self, option_id: str | None = None) -> Choice | None:
        wanted = option_id or self._highlighted()
        return next((choice for choice in self._choices if _id(choice) == wanted), None)

    # -- the address

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        """Say of what kind the address is, as far as it goes; what is not finished is not called wrong."""
        source = event.value.strip()
        try:
            kind = kind_of(source) if source else None
        except SourceError as error:
            self._judge(source, Content.styled(f"… {plain(str(error))}", "$text-muted"), probe=False)
            return
        if kind is None:
            self._judge("", Content(""), probe=False)
            return
        masked = redact(source)
        shown = f"  shown as {plain(masked)}" if masked != source else ""
        said = Content.assemble((f"✓ {kind.about}", "$text-success"), (shown, "$text-muted"))
        self._judge(source, said, probe=source != self._source)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        source = event.value.strip()
        if not source:
            return
        try:
            kind_of(source)
        except SourceError as error:
            self._judge(source, Content.styled(f"✗ {plain(str(error))}", "$text-error"), probe=False)
            return
        chosen = Choice("recent", source, redact(source))
        if (before := self._editing) is not None:
            if before.kind == "recent":
                self.post_message(Remove(before))
            elif before.kind == "stream" and before.asked != source:
                chosen = replace(chosen, replaces=before.value)
        self.dismiss(chosen)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        if (choice := self._choice(event.option_id)) is not None:
            self.dismiss(choice)

    # -- keys

    def action_cancel(self) -> None:
        """Out of an edit, then out of the picker."""
        if self._editing is None:
            self.dismiss(None)
            return
        self._editing = None
        address = self.query_one(Input)
        address.password, address.value = False, ""

    def action_to_list(self) -> None:
        """Down from the address goes to the list."""
        listed = self.query_one(OptionList)
        if listed.display:
            listed.focus()
            if listed.highlighted is None:
                listed.action_first()

    def action_edit(self) -> None:
        """The address of the highlighted entry goes into the field; one that holds a secret is not to be read there."""
        choice = self._choice()
        source = choice.asked if choice is not None and choice.kind == "stream" else choice and choice.value
        if choice is None or not source:
            return
        self._editing = choice
        address = self.query_one(Input)
        address.password = redact(source) != source
        address.value, address.cursor_position = source, len(source)
        address.focus()

    def action_remove(self) -> None:
        choice = self._choice()
        if choice is not None and choice.kind != "configured":
            self._gone.add(choice.value)
            self._choices = [each for each in self._choices if each != choice]
            self._addresses = [each for each in self._addresses if each != choice]
            self._fill()
            self.post_message(Remove(choice))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the field letters are letters; what is typed there is probed by itself."""
        return not (action.startswith("probe") and self.query_one(Input).has_focus)

    def action_probe(self) -> None:
        """Probe the highlighted address, or stop that."""
        choice = self._choice()
        if choice is None:
            return
        if choice.kind == "stream":
            self.notify("It is open: its state stands beside it.", markup=False, timeout=3)
        elif self._probes.is_running(choice.value):
            self._probes.cancel(choice.value)
        else:
            self._probes.ask(choice.value)

    def action_probe_all(self) -> None:
        """Probe all addresses of the list, or stop that."""
        if self._probes.running:
            self._probes.cancel()
        else:
            self._probes.ask(*(choice.value for choice in self._addresses))

    def action_reconnect(self) -> None:
        choice = self._choice()
        if choice is not None and choice.kind == "stream":
            self.post_message(Reconnect(choice.value))

    def action_options(self) -> None:
        choice = self._choice()
        if choice is not None and choice.kind == "stream":
            self.post_message(ChangeOptions(choice.value))


def _id(choice: Choice) -> str:
    return f"{choice.kind}:{choice.value}"
