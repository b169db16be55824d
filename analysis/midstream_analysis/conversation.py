"""The moves of one conversation as it goes: what was said last, how often, and which moves recur in the same order."""

from __future__ import annotations

from collections import deque

from .moves import MoveClassifier
from .report import PatternHit

ARROW = " → "
_KEPT = 512  # code points of the previous utterance that are kept (the classifier looks at 200 of them)


class ConversationTracker:
    """Bounded state of one stream's conversation. Not thread-safe: one owner a stream.

    Holds the moves of the last `window` utterances and the end of the last utterance, no other text.
    """

    def __init__(self, window: int = 200, classifier: MoveClassifier | None = None) -> None:
        """Raises ValueError when `window` is below 1. Without a `classifier` the shipped one is loaded."""
        if window < 1:
            raise ValueError(f"window must be at least 1 utterance, not {window}")
        self._classifier = classifier or MoveClassifier.load()
        self._recent: deque[PatternHit] = deque(maxlen=window)
        self._previous: str | None = None
        self.utterances = 0

    def feed(self, utterance: str, speaker: str | None = None) -> PatternHit:
        """Classify the next whole utterance in its context; `last` of the hit is its index in the conversation.

        A blank utterance is classified (as `other`, mostly) but does not become the context of the next one.
        """
        guess = self._classifier.classify(utterance, self._previous, speaker, self.utterances)
        move = PatternHit(guess.label, guess.confidence, 1, self.utterances)
        self._recent.append(move)
        self.utterances += 1
        if utterance and not utterance.isspace():
            self._previous = (
                utterance if len(utterance) <= _KEPT else utterance[: _KEPT // 2] + utterance[-_KEPT // 2 :]
            )
        return move

    @property
    def symbols(self) -> tuple[str, ...]:
        """The labels of the last `window` utterances, oldest first."""
        return tuple(hit.label for hit in self._recent)

    def moves(self) -> tuple[PatternHit, ...]:
        """Return one hit for each label in the window: mean confidence, count, latest index; latest label first."""
        totals: dict[str, tuple[int, float, int | None]] = {}
        for hit in reversed(self._recent):
            count, confidence, last = totals.get(hit.label, (0, 0.0, hit.last))
            totals[hit.label] = (count + 1, confidence + hit.confidence, last)
        return tuple(PatternHit(label, total / n, n, last) for label, (n, total, last) in totals.items())

    def sequences(
        self,
        *,
        min_length: int = 2,
        max_length: int = 4,
        min_count: int = 2,
        min_confidence: float = 0.3,
        limit: int = 10,
    ) -> tuple[PatternHit, ...]:
        """Return the move sequences that recur in the window ("greeting → question → answer"), most support first.

        `confidence` is how often the last move came when the ones before it had (see `recurring_patterns`), `last` the
        index of the utterance that ended the latest occurrence.
        """
        from .symbols import recurring_patterns

        found = recurring_patterns(
            self.symbols,
            min_length=min_length,
            max_length=max_length,
            min_count=min_count,
            min_confidence=min_confidence,
            limit=limit,
        )
        first = self.utterances - len(self._recent)
        return tuple(
            PatternHit(
                ARROW.join(map(str, p.pattern)),
                p.confidence,
                p.count,
                first + p.positions[-1] + len(p.pattern) - 1,
            )
            for p in found
        )

    def reset(self) -> None:
        """Forget the conversation."""
        self._recent.clear()
        self._previous = None
        self.utterances = 0
