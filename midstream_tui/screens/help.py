"""Help on the screen below: its keys with their ids, and every figure it shows, with formula, unit and source."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen

from midstream_tui.bindings import HELP
from midstream_tui.glossary import PROVENANCE, terms
from midstream_widgets.line_panel import LinePanel

from .dialog import Dialog
from .page import Page

_KEYS = 20
_NAME = 20
_DIGITS = "panel."
_WIDTH = 110


class HelpScreen(Dialog[None]):
    """A scrolling page about ``about``, the screen below; Escape closes it."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 110; max-width: 96%; height: auto; max-height: 92%;
        border: round $border; background: $surface; padding: 1 2; scrollbar-gutter: stable;
        border-title-color: $text-primary;
        border-subtitle-color: $text-muted;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = HELP

    def __init__(self, about: Screen[object]) -> None:
        super().__init__()
        self._about = about
        self._focused = about.focused

    def compose(self) -> ComposeResult:
        place = getattr(self._about, "place", "")
        with VerticalScroll(id="page") as page:
            page.border_title = Content(f"Help: {place}" if place else "Help")
            page.border_subtitle = Content("escape: back")
            yield Page(self._page())

    def action_scroll(self, to: str) -> None:
        """Scroll the page: ``up``, ``down``, ``home``, ``end``, ``page_up`` or ``page_down``."""
        getattr(self.query_one("#page"), f"scroll_{to}")(animate=False)

    def _page(self) -> list[Content]:
        lines: list[Content] = []
        for title, bindings in self._groups():
            lines += [Content.styled(title, "bold $text-primary"), *bindings, Content("")]
        shown = [panel.id for panel in self._about.query(LinePanel) if panel.id and panel.display]
        lines.append(Content.styled("Figures on this screen", "bold $text-primary"))
        for term in terms([*shown, "title"]):
            unit = f" [{term.unit}]" if term.unit else ""
            source = f" ({term.source})" if term.source else ""
            lines.append(
                Content.assemble(
                    (f"{term.name:<{_NAME}} ", "$text-accent"), term.meaning, (unit + source, "$text-muted")
                )
            )
        return [*lines, Content(""), *map(Content, PROVENANCE)]

    def _groups(self) -> list[tuple[str, list[Content]]]:
        """Keys of the focused panel, of the screen and of the program, as they are mapped now."""
        groups: list[tuple[str, list[Content]]] = []
        told: set[str] = set()
        nodes = [self._focused, self._about, self.app]
        for title, node in zip(
            ("Keys of this panel", "Keys of this screen", "Everywhere"), nodes, strict=True
        ):
            if node is None:
                continue
            by_id: dict[str, tuple[Binding, list[str]]] = {}
            for key, binding in node._bindings:
                if binding.tooltip:
                    by_id.setdefault(_topic(binding), (binding, []))[1].append(key)
            lines = [self._line(name, *both) for name, both in by_id.items() if name not in told]
            told |= set(by_id)
            if lines:
                groups.append((title, lines))
        return groups

    def _line(self, name: str, binding: Binding, keys: list[str]) -> Content:
        mapped = self.app._keymap.get(binding.id or "") if binding.id else None
        names = mapped.split(",") if mapped and name != _DIGITS else keys
        shown = " ".join(self.app.get_key_display(Binding(key, "")) for key in names)
        named = "panel.1 to panel.10" if name == _DIGITS else name
        about = "Show or hide the panel of that number" if name == _DIGITS else binding.tooltip
        line = Content.assemble((f"{shown:<{_KEYS}} ", "$text-accent"), about)
        spare = self._width() - line.cell_length - len(named)
        return line + Content.styled(" " * spare + named, "$text-muted") if spare >= 2 else line

    def _width(self) -> int:
        """Cells of a line: the box less its border, padding and scroll bar."""
        return min(_WIDTH, int(self.app.size.width * 0.96)) - 8


def _topic(binding: Binding) -> str:
    """What a line of the list is about: the digits share one."""
    name = binding.id or binding.action
    return _DIGITS if name.startswith(_DIGITS) and name[len(_DIGITS) :].isdecimal() else name
