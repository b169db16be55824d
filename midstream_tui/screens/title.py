"""The top line: the name, how many streams of which provenance, whether the view is frozen, the time of day."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class TitleLine(Widget):
    """One line that repaints when what it says changes."""

    DEFAULT_CSS = """
    TitleLine { height: 1; dock: top; background: $panel; color: $foreground; padding: 0 1; }
    """

    streams: reactive[str] = reactive("")
    paused: reactive[str] = reactive("")
    clock: reactive[str] = reactive("")

    def render(self) -> Content:
        left = Content.assemble(
            ("MidStream", "bold $text-primary"), ("  " + self.streams if self.streams else "")
        )
        if self.paused:
            left += Content.assemble("  ", (f" {self.paused} ", "reverse $text-warning"))
        room = self.size.width - len(self.clock) - 1
        return left.truncate(max(0, room), ellipsis=True, pad=True) + Content.styled(
            f" {self.clock}", "$text-muted"
        )
