"""From the transcript to the message log: filtered, and worked out once for every message that is complete."""

from __future__ import annotations

from midstream_widgets.message_log import LogView
from midstream_widgets.views import MessageLine

from .message_filter import MessageFilter
from .present import message_line
from .session import Session

BUDGET = 400
"""Messages that a filter looks at in one go; the rest comes with the next paints, and the view says so."""


class LogFeed:
    """Views of the log. A message is made into a line, and looked at by the filter, once unless it still grows."""

    def __init__(self) -> None:
        self.filter = MessageFilter()
        self._lines: dict[int, tuple[str, MessageLine]] = {}
        self._kept: dict[int, bool] = {}

    def seek(self, wanted: MessageFilter) -> None:
        """Look for something else from now on."""
        if wanted != self.filter:
            self.filter = wanted
            self._kept.clear()

    def view(self, session: Session) -> LogView:
        """All messages that pass, oldest first."""
        transcript = session.transcript
        found: list[MessageLine] = []
        left, looked = 0, 0
        for message in reversed(transcript.messages):
            keeps = None if message.open else self._kept.get(message.serial)
            if keeps is None:
                if looked >= BUDGET:
                    left += 1
                    continue
                looked += 1
                line = message_line(session, message)
                keeps = self.filter.everything or self.filter.keeps(line.stream, line.role, line.text)
                if not message.open:
                    self._kept[message.serial] = keeps
            if not keeps:
                continue
            held = self._lines.get(message.serial)
            if held is None or message.open or held[1].open or held[0] != message.move:
                held = message.move, message_line(session, message)
                self._lines[message.serial] = held
            found.append(held[1])
        first = transcript.messages[0].serial if transcript.messages else 0
        if len(self._lines) > 2 * len(transcript.messages) + 64:
            self._lines = {serial: held for serial, held in self._lines.items() if serial >= first}
            self._kept = {serial: kept for serial, kept in self._kept.items() if serial >= first}
        return LogView(
            messages=tuple(reversed(found)),
            kept=len(transcript.messages),
            total=transcript.total,
            mark=self.filter.mark,
            filtered=not self.filter.everything,
            unsearched=left,
        )
