"""Keys and clicks of a quick hand."""

from __future__ import annotations

import asyncio

from textual.errors import NoWidget
from textual.events import Event, Key, MouseDown

from .base import Deeds

PATIENCE = 1.0
"""Seconds that a key waits for its screen."""


class KeyDeeds(Deeds):
    """A key waits until the screen that it is meant for is mounted: what its action works on is not there before.

    A key goes to the focused widget first. Under load it comes back to the app's bindings after the next screen was
    pushed, and would call an action of that one before it stands, which ends the app. So would a click on what has
    left but is still painted (a toast).
    """

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key):
            loop = asyncio.get_running_loop()
            until = loop.time() + PATIENCE
            # Polled, for the event that tells is Textual's own.
            while loop.time() < until and self.screen_stack and not self.screen_stack[-1].is_mounted:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        elif isinstance(event, MouseDown) and self._has_left(event):
            return
        await super().on_event(event)

    def _has_left(self, event: MouseDown) -> bool:
        try:
            widget, _ = self.get_widget_at(event.x, event.y)
        except NoWidget:
            return False
        return widget.parent is None
