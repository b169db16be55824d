"""From the transcript to the message log: filtered, and worked out once for every message that is complete."""

from __future__ import annotations

import time

from midstream_adapters.base import Clock
from midstream_widgets.message_log import LogView
from midstream_widgets.views import MessageLine

from .message_filter import MessageFilter
from .present import message_line
from .session import Session

BUDGET = 400
"""Messages that a filter looks at in one go; the rest comes with the next paints, and the view says so."""
SEARCHING = 0.02
"""Seconds of processor time that it may take in one go: an expression can be slow without being stopped."""


class LogFeed:
    """Views of the log. A message is made into a line, and looked at by the filter, once unless it still grows."""

    def __init__(self, clock: Clock = time.thread_time) -> None:
        self._clock = clock
        self.filter = MessageFilter()
        self._stopped = False
        self._kept: dict[int, bool] = {}

    def seek(self, wanted: MessageFilter) -> None:
        """Look for something else from now on."""
        if wanted != self.filter:
            self.filter, self._stopped = wanted, False
            self._kept.clear()

    def view(self, session: Session) -> LogView:
        """All messages that pass, oldest first; those that a pattern hid come back when it is stopped."""
        view = self._view(session)
        if self.filter.stopped and not self._stopped:
            self._stopped = True
            self._kept.clear()
            view = self._view(session)
        return view

    def _view(self, session: Session) -> LogView:
        transcript = session.transcript
        found: list[MessageLine] = []
        left, looked, until = 0, 0, self._clock() + SEARCHING
        epoch = session.wall(0.0).timestamp()
        for message in reversed(transcript.messages):
            keeps = None if message.open else self._kept.get(message.serial)
            if keeps is None:
                if looked >= BUDGET or (looked and self._clock() > until):
                    left += 1
                    continue
                looked += 1
                line = message_line(session, message, epoch)
                keeps = self.filter.everything or self.filter.keeps(line.stream, line.role, line.text)
                if not message.open:
                    self._kept[message.serial] = keeps
            if not keeps:
                continue
            found.append(message_line(session, message, epoch))
        first = transcript.messages[0].serial if transcript.messages else 0
        if len(self._kept) > 2 * len(transcript.messages) + 64:
            self._kept = {serial: kept for serial, kept in self._kept.items() if serial >= first}
        return LogView(
            messages=tuple(reversed(found)),
            kept=len(transcript.messages),
            total=transcript.total,
            mark=self.filter.mark.places if self.filter.mark is not None else None,
            filtered=not self.filter.everything,
            unsearched=left,
            note=self.filter.note,
        )
