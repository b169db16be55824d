"""What a cursor tells its app, and whether that has heard it: keys are quicker than messages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from textual.widget import Widget as Base
else:
    Base = object  # styles are inherited from the first base that is a widget

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


class Tells(Base):
    """Goes before the class of what tells where its cursor is."""

    _told: Telling | None = None

    @property
    def unheard(self) -> str | None:
        """The stream that the cursor has moved to, while the app has not heard of that."""
        return self._told.stream if self._told is not None and self._told.waits else None

    def tell(self, telling: Telling) -> None:
        """Post it, and mind whether it is heard."""
        self._told = telling
        self.post_message(telling)
