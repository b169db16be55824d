"""What a Realtime source asks: the questions it began with, then those of whoever watches it, one after the other."""

from __future__ import annotations

import asyncio
from collections import deque

from .base import Options

MAX_BROKEN = 3
"""Answers that may break off one after another; each was paid for, so this is not tried for ever."""
MOST_WAITING = 100
"""Questions that may wait for their turn, beside those the source began with."""


class Questions:
    """A queue whose front stays until it is answered: what breaks off is asked again, when there is a session again."""

    def __init__(self, options: Options) -> None:
        self.given = options.prompts or ((options.prompt,) if options.prompt else ())
        self.shown = False
        """Whether the one in front has been shown."""
        self.turn: str | None = None
        """The turn in which the one in front is being answered."""
        self.answered = False
        """Whether something of that answer has come."""
        self._options = options
        self._left: deque[str] = deque(self.given)
        self._broken = 0
        self._due: float | None = None
        self._news = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether the source has asked what it was to ask. One that began without questions goes on listening."""
        return bool(self.given) and not self._left

    def add(self, text: str) -> None:
        """Ask `text` after all others.

        Raises:
            ValueError: `text` is empty, or over `MOST_WAITING` questions wait already.
        """
        if not text.strip():
            raise ValueError("a question has words")
        if len(self._left) >= max(MOST_WAITING, len(self.given)):
            raise ValueError(f"{len(self._left)} questions wait already")
        self._left.append(text)
        self._news.set()

    def begin(self) -> None:
        """A session is about to be opened. With nothing left to ask, all begins anew."""
        if not self._left:
            self._left.extend(self.given)
        self.turn, self.answered = None, False

    async def next(self) -> str:
        """The question to ask now; waits for one, for the answer to the one before, and for `Options.rate`."""
        while not self._left or self.turn is not None:
            self._news.clear()
            await self._news.wait()
        rate, clock = self._options.rate, self._options.clock
        if rate is not None and len(self.given) > 1:
            now = clock()
            due = now if self._due is None else self._due
            if due > now:
                await self._options.sleep(due - now)
            self._due = max(due, now) + 60.0 / rate  # one that is late holds up none behind it
        return self._left[0]

    def done(self) -> None:
        """The one in front has its answer, or can't have one."""
        if self._left:
            self._left.popleft()
        self.shown, self.turn, self.answered, self._broken = False, None, False, 0
        self._news.set()

    def broke(self) -> bool:
        """The answer broke off; false when that has been often enough."""
        self._broken += self.answered
        return self._broken < MAX_BROKEN
