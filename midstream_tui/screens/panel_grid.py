"""The container of panels: tiles those that are shown by a `Layout`, for the room there is."""

from __future__ import annotations

from textual.containers import Container
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, WidgetPlacement
from textual.layout import Layout as TextualLayout
from textual.widget import Widget

from midstream_tui.layouts import Layout, arrange, size_class

from .still import StillBlank


class _Tiles(TextualLayout):
    """Textual's side of `midstream_tui.layouts.arrange`."""

    name = "tiles"

    def __init__(self, grid: PanelGrid) -> None:
        self._grid = grid

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        parent.pre_layout(self)
        shown = {child.id: child for child in children if child.id}
        lines = self._grid.lines.lines[size_class(parent.app.size.width)]
        return [
            WidgetPlacement(Region(*box), NULL_OFFSET, NULL_SPACING, shown[name])
            for name, box in arrange(lines, shown, size.width, size.height).items()
        ]


class PanelGrid(StillBlank, Container):
    """Shows the panels of `lines` but the ones switched off, or one alone, over all the room.

    A hidden panel is not displayed at all: it is neither laid out, focused nor fed.
    """

    DEFAULT_CSS = "PanelGrid { height: 1fr; }"

    def __init__(self, layouts: tuple[Layout, ...], *panels: Widget, id: str | None = None) -> None:  # noqa: A002
        super().__init__(*panels, id=id)
        self.layouts = layouts
        self.at = 0
        self.switched: set[str] = set()
        """Panels that the user switched: shown though the layout has them not, or hidden though it has."""
        self.alone: str | None = None
        self._tiles = _Tiles(self)

    @property
    def layout(self) -> TextualLayout:
        return self._tiles  # styles know the built-in layouts only

    @property
    def lines(self) -> Layout:
        return self.layouts[self.at]

    def shown(self) -> list[str]:
        """Names of the panels to be seen now; one at least.

        A layout may list fewer panels when the terminal becomes narrow, and those may be just the ones that the user
        switched off: then they are shown all the same.
        """
        if self.alone is not None:
            return [self.alone]
        listed = self.lines.panels(size_class(self.app.size.width))
        return self._chosen() or [name for child in self.children if (name := child.id) and name in listed]

    def _chosen(self) -> list[str]:
        listed = self.lines.panels(size_class(self.app.size.width))
        return [
            name
            for child in self.children
            if (name := child.id) and (name in listed) != (name in self.switched)
        ]

    def settle(self) -> None:
        """Show what is to be seen, hide the rest, and lay it out."""
        shown = set(self.shown())
        for child in self.children:
            child.display = child.id in shown
        self.refresh(layout=True)

    def switch(self, name: str) -> bool:
        """Show or hide a panel; the last one stays: returns False and changes nothing."""
        self.alone = None
        self.switched ^= {name}
        if not self._chosen():
            self.switched ^= {name}
            return False
        self.settle()
        return True

    def use(self, index: int) -> Layout:
        """Take that layout; what was switched by hand is forgotten."""
        self.at = index
        self.switched.clear()
        self.alone = None
        self.settle()
        return self.lines

    def maximise(self, name: str | None) -> None:
        """Give one panel all the room; None brings the others back."""
        self.alone = name
        self.settle()
