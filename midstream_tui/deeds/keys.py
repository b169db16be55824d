"""Keys and clicks of a quick hand."""

from __future__ import annotations

import asyncio

from textual.errors import NoWidget
from textual.events import Event, Key, MouseDown

from .base import Deeds

PATIENCE = 1.0
"""Seconds that a key waits for its screen."""
ANSWERED = 0.1
"""Seconds after a key in which what it changes comes first."""
SHORT = 200
"""Milliseconds between two ticks, at most, for one to be left out."""
AT_ONCE = 2
"""Paints for a key that wait for nothing: what it moves, and the screen that this opens or leaves."""


class KeyDeeds(Deeds):
    """A key waits until the screen that it is meant for is mounted: what its action works on is not there before.

    A key goes to the focused widget first. Under load it comes back to the app's bindings after the next screen was
    pushed, and would call an action of that one before it stands, which ends the app. So would a click on what has
    left but is still painted (a toast).
    """

    _key_at = -ANSWERED
    _haste = 0
    _spared = False

    def take_haste(self) -> bool:
        """Whether to paint now, for a key; so many times for each."""
        if not self._haste or asyncio.get_running_loop().time() - self._key_at > ANSWERED:
            return False
        self._haste -= 1
        return True

    def spare(self) -> bool:
        """Whether a tick of the painter leaves the loop to a key; never two ticks in a row."""
        fresh = asyncio.get_running_loop().time() - self._key_at < ANSWERED
        self._spared = fresh and self.refresh_ms <= SHORT and not self._spared
        return self._spared

    def look_again(self) -> None:
        super().look_again()
        self._spared = True  # the next tick paints what a key changed

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key):
            loop = asyncio.get_running_loop()
            if not event._forwarded:
                self._key_at, self._haste = loop.time(), AT_ONCE
                self.collector.hold(loop.call_later)
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
