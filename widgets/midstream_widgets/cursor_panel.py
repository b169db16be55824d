"""A panel of things one of which is selected: a cursor that stays with its thing when rows come, go or change order."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, TypeVar

from textual import events, on
from textual.actions import SkipAction
from textual.binding import Binding, BindingType

from midstream_widgets.line_panel import LinePanel, at_key
from midstream_widgets.lines import Row

V = TypeVar("V")


class CursorPanel(LinePanel[V]):
    """Rows carry the key of the thing that they show (`Row.key`); rows without one can't be selected.

    A subclass says in which order the things stand (`keys`), makes its rows with `cursor` marked, and is told of moves
    by `moved` and of enter by `chosen`. Moving at an end of the list does nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open", id="table.choose", tooltip="Open what the cursor is on"),
    ]

    cursor: Hashable = None

    def keys(self) -> list[Hashable]:
        """What can be selected, from the top to the bottom."""
        raise NotImplementedError

    def moved(self, key: Hashable) -> None:
        """The cursor is on another thing."""

    def chosen(self, key: Hashable) -> None:
        """Enter was pressed, or the thing was clicked twice."""

    def place(self) -> Hashable:
        """The cursor's thing if it is still there, else the first one; call it before the rows are made."""
        keys = self.keys()
        if self.cursor not in keys:
            self.cursor = keys[0] if keys else None
        return self.cursor

    def select(self, key: Hashable, *, told: bool = False) -> None:
        """Put the cursor on ``key``; `moved` is called unless the one who asks knows it already (``told``)."""
        if key == self.cursor:
            return
        self.cursor = key
        self.update_rows()
        if not told:
            self.moved(key)

    def window(self, rows: list[Row], width: int, height: int) -> list[Row]:
        index = at_key(rows, self.cursor) if self.cursor is not None else None
        if index is not None and len(rows) > height:
            last = height - 2 if height > 1 else 0  # the line below tells what is further down
            if index >= len(rows) - 1:
                self._top = len(rows) - height
            self._top = min(max(self._top, index - last), index)
            if keys := self.keys():
                self._top = 0 if self.cursor == keys[0] else self._top  # the header comes with the first row
        return super().window(rows, width, height)

    def action_move(self, by: int) -> None:
        keys = self.keys()
        if not keys:
            raise SkipAction
        here = keys.index(self.cursor) if self.cursor in keys else 0
        self.select(keys[max(0, min(here + by, len(keys) - 1))])

    def action_choose(self) -> None:
        if self.cursor is None:
            raise SkipAction
        self.chosen(self.cursor)

    def clicked(self, x: int, y: int) -> None:
        """A click on the cell at column ``x`` of line ``y`` that shows no thing (a header)."""

    @on(events.Click)
    def _click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y >= len(self._shown):
            return
        key = self._shown[offset.y].key
        if key is None:
            self.clicked(offset.x, offset.y)
            return
        self.select(key)
        if event.chain == 2:
            self.chosen(key)
