"""The text of one stream, heard in order: moves, recurring sequences, loops and what is learnt. No numba."""

from __future__ import annotations

from midstream_analysis.jobs import Utterance
from midstream_analysis.report import ConversationReport


class Dialogue:
    """Running analysis of one stream's conversation. Not thread-safe: the engine's thread (or a lock) owns it."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self._utterances = 0

    def hear(self, utterance: Utterance) -> None:
        """Take in the next utterance, or a piece of one (see `Utterance.complete`)."""
        self._utterances += utterance.complete

    def report(self) -> ConversationReport:
        """Say what is known so far."""
        return ConversationReport(self.stream, (), (), None, None, self._utterances)
