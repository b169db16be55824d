"""Faults of Textual that would end the app, mended here until they are there."""

from __future__ import annotations

from typing import Any

from textual.widgets import OptionList


def mend() -> None:
    """Page keys in a list without room (as in a tiny terminal) do nothing: Textual 8.2 raises `KeyError` there.

    The lines of an `OptionList` are only known once it has a region to show them in. The lists within a `Select` and
    the command palette are Textual's own, so that no subclass of ours could reach them.
    """
    move: Any = OptionList._move_page
    if getattr(move, "mended", False):
        return

    def _move_page(self: OptionList, direction: Any) -> None:
        if self.scrollable_content_region:
            move(self, direction)

    _move_page.mended = True  # type: ignore[attr-defined]
    OptionList._move_page = _move_page  # type: ignore[method-assign]
