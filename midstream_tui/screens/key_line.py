"""The bottom line: the keys of the moment. One widget of one line, where Textual's Footer makes a widget a key.

Measured on Textual 8.2.8: Footer is composed anew, and the screen laid out, at every change of focus.
"""

from __future__ import annotations

from textual import events, on
from textual.binding import Binding
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget

from midstream_widgets.lines import ELLIPSIS

from .still import Still

_GAP = 2


class KeyLine(Still, Widget):
    """Shows the bindings that want to be shown, as many as fit whole, and does what is clicked."""

    DEFAULT_CSS = """
    KeyLine { height: 1; dock: bottom; background: $footer-background; color: $footer-description-foreground;
        padding: 0 1; }
    """

    keys: reactive[tuple[tuple[str, Binding], ...]] = reactive(())
    """What can be pressed: the key as it is shown, and its binding."""

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, Binding]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._look)
        self._look(self.screen)

    def _look(self, screen: Screen[object]) -> None:
        if not self.is_attached or not self.screen.is_active:
            return
        shown: dict[str, tuple[str, Binding]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled:
                shown.setdefault(binding.action, (self.app.get_key_display(binding), binding))
        # What holds everywhere stands last, so that what this panel and this screen can do is never cut.
        self.keys = tuple(sorted(shown.values(), key=lambda each: each[1].action == "quit"))

    def render(self) -> Content:
        room = self.size.width
        said = Content("")
        self._places = []
        last = len(self.keys) - 1
        for index, (key, binding) in enumerate(self.keys):
            item = Content.assemble((key, "bold $footer-key-foreground"), f" {binding.description}")
            more = 0 if index == last else _GAP + len(ELLIPSIS)
            if said.cell_length + item.cell_length + more > room:
                return said + Content.styled(ELLIPSIS, "$text-muted")
            self._places.append((said.cell_length, said.cell_length + item.cell_length, binding))
            said += item + " " * _GAP
        return said

    @on(events.Click)
    async def _click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        for start, end, binding in self._places:
            if start <= at.x < end:
                await self.run(binding)

    async def run(self, binding: Binding) -> None:
        """Do what the key would: on the focused panel, else on the screen or the app, whoever has the binding."""
        for active in self.screen.active_bindings.values():
            if active.binding is binding:
                await self.app.run_action(binding.action, default_namespace=active.node)
                return
