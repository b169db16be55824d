"""What a key changes is painted at once.

Textual 8.2 paints on a grid of 60 Hz that begins with a screen's first paint, and misses one point of it where a paint
took its time: a key waits up to 33 ms for it while nothing is done.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from textual.screen import Screen


@runtime_checkable
class Hasty(Protocol):
    """An app that knows of keys that are not answered yet."""

    def take_haste(self) -> bool: ...


def paint_at_once(screen: Screen[Any]) -> None:
    """Lay out and paint what waits for it, where a key does."""
    waits = screen._layout_required or screen._scroll_required or screen._repaint_required
    app = screen.app
    if not (waits or screen._dirty_widgets) or app._batch_count or not screen.is_current:
        return
    if isinstance(app, Hasty) and app.take_haste():
        screen._on_timer_update()
