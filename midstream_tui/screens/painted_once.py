"""Screens are painted once for a change, where Textual 8.2 does it twice or for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.geometry import Size

if TYPE_CHECKING:
    from textual.screen import Screen


class PaintedOnce:
    """Goes before a screen's class. No `Screen`: styles are inherited from the first base that is one."""

    _whole_follows = False

    def _refresh_layout(self, size: Size | None = None, scroll: bool = False) -> None:
        """Where all is to be painted anyway, what the layout moved is not painted before it."""
        self._whole_follows = cast("Screen[Any]", self)._repaint_required
        try:
            super()._refresh_layout(size, scroll)  # type: ignore[misc]
        finally:
            self._whole_follows = False

    def _compositor_refresh(self) -> None:
        """Below a dialog: tell it what changed. Textual marks that as changed below once more, so that it grows for
        ever: after a while all is dimmed and painted anew, fifteen times a second."""
        screen = cast("Screen[Any]", self)
        stack = screen.app.screen_stack
        if self._whole_follows:
            return
        if screen.app.is_inline or not stack or screen is stack[-1] or screen not in stack:
            super()._compositor_refresh()  # type: ignore[misc]
            return
        dirty = screen._compositor._dirty_regions
        if dirty and screen in screen.app._background_screens:
            for above in stack[stack.index(screen) + 1 :]:
                if above is stack[-1]:
                    above.refresh(*dirty)
                else:
                    above._set_dirty(*dirty)
            dirty.clear()
            screen._dirty_widgets.clear()
