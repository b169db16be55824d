"""What a cursor tells its app, and whether that has heard it: keys are quicker than messages."""

from __future__ import annotations

import time

from textual.message import Message

PATIENCE = 1.0
"""Seconds after which the app has heard it, though nobody says so."""


class Telling(Message):
    """The user is on `stream`, or (``chosen``) wants to see it. Who acts on it sets `heard`.

    Until then the app's own choice is of before, and must not move the cursor back.
    """

    def __init__(self, stream: str, chosen: bool) -> None:
        super().__init__()
        self.stream, self.chosen = stream, chosen
        self.heard = False
        self._at = time.monotonic()

    @property
    def waits(self) -> bool:
        """Whether the app may not have heard it yet."""
        return not self.heard and time.monotonic() - self._at < PATIENCE
