"""The text of one stream, heard in order: moves, recurring sequences, loops and what is learnt. No numba."""

from __future__ import annotations

import random
from collections.abc import Hashable

from midstream_analysis.jobs import Utterance
from midstream_analysis.learning import MetaLearner
from midstream_analysis.report import ConversationReport, PatternHit


class Dialogue:
    """Running analysis of one stream's conversation. Not thread-safe: the engine's thread (or a lock) owns it."""

    def __init__(self, stream: str, *, max_history: int = 1000, rng: random.Random | None = None) -> None:
        self.stream = stream
        self.utterances = 0
        self.learner = MetaLearner(max_history, rng)

    def hear(self, utterance: Utterance) -> PatternHit | None:
        """Take in the next utterance, or a piece of one (see `Utterance.complete`); return its move."""
        if not utterance.complete:
            return None
        self.utterances += 1
        return None

    def learn(self, content: Hashable, reward: float) -> None:
        """Learn what `content` was worth: text counts for its move, anything else for itself."""
        self.learner.reward(content, reward)
        self.learner.learn(hash(content), reward)

    def report(self) -> ConversationReport:
        """Say what is known so far."""
        return ConversationReport(self.stream, (), (), None, None, self.utterances)
