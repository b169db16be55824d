"""The top line: name and place, the worst trouble, progress, whether the view is frozen, streams, time."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from midstream_tui.trouble import Level, Trouble
from midstream_widgets.lines import plain
from midstream_widgets.stream_table import LEVELS

from .still import Still

_COLOURS = {Level.WARNING: "$text-warning", Level.ERROR: "$text-error"}


class TitleLine(Still, Widget):
    """One line that repaints when what it says changes. What matters most is said first and cut last."""

    DEFAULT_CSS = """
    TitleLine { height: 1; dock: top; background: $panel; color: $foreground; padding: 0 1; }
    """

    place: reactive[str] = reactive("")
    """Which screen this is; "" for the dashboard."""
    streams: reactive[str] = reactive("")
    trouble: reactive[Trouble] = reactive(Trouble(Level.OK))
    progress: reactive[str] = reactive("")
    paused: reactive[str] = reactive("")
    link: reactive[str] = reactive("")
    """What is to be said of the way to the terminal."""
    clock: reactive[str] = reactive("")

    def render(self) -> Content:
        left = Content.styled("MidStream", "bold $text-primary")
        if self.place:
            left += Content.assemble((" › ", "$text-muted"), (plain(self.place), "bold"))
        if self.paused:
            left += Content.assemble("  ", (f" {self.paused} ", "reverse $text-warning"))
        if self.progress:
            left += Content.assemble("  ", (plain(self.progress), "$text-warning"))
        if self.link:
            left += Content.assemble("  ", (f"{LEVELS[Level.WARNING].sign} {self.link}", "$text-warning"))
        if self.trouble.level >= Level.WARNING:
            sign = LEVELS[self.trouble.level].sign
            left += Content.assemble(
                "  ", (f"{sign} {plain(self.trouble.text)}", _COLOURS[self.trouble.level])
            )
        room = max(0, self.size.width - len(self.clock) - 1)
        if self.streams and left.cell_length + len(self.streams) + 2 <= room:
            left += Content.styled("  " + self.streams, "$text-muted" if self.trouble.text else "")
        return left.truncate(room, ellipsis=True, pad=True) + Content.styled(f" {self.clock}", "$text-muted")
