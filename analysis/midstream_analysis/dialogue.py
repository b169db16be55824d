"""The text of one stream, heard in order: moves, recurring sequences, loops and what is learnt. No numba."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Hashable
from math import exp, prod

from midstream_analysis.jobs import Utterance
from midstream_analysis.learning import MetaLearner
from midstream_analysis.moves import MoveClassifier
from midstream_analysis.repetition import RepetitionDetector
from midstream_analysis.report import ConversationReport, PatternHit, Repetition
from midstream_analysis.symbols import RecurringPattern, recurring_patterns

WINDOW = 200  # messages whose moves are summed up and mined
RECENT = 64  # messages whose moves are reported one by one
LONGEST = 16  # moves in a recurring sequence
CHANCE = 0.05  # that moves in any order would bring about a reported sequence as often
MOST = 8  # sequences reported
MOST_TEXT = 16_384  # characters of one message that are searched for loops, the last ones
MOST_TOKENS = 4096  # likewise, of tokens
MOST_ROLES = 8  # of one stream, whose loops are told apart
ARROW = " → "
OTHER = "other"  # the classifier's word for none of the moves


class Dialogue:
    """Running analysis of one stream's conversation. Not thread-safe: the engine's thread (or a lock) owns it."""

    def __init__(self, stream: str, *, max_history: int = 1000, rng: random.Random | None = None) -> None:
        self.stream = stream
        self.utterances = 0
        self.learner = MetaLearner(max_history, rng)
        self._classifier = MoveClassifier.load()
        self._moves: deque[PatternHit] = deque(maxlen=min(WINDOW, max_history))
        self._said: deque[tuple[int, PatternHit]] = deque(maxlen=RECENT)
        self._previous: str | None = None
        self._voices: dict[str | None, _Voice] = {}

    def hear(self, utterance: Utterance) -> PatternHit | None:
        """Take in the next utterance, or a piece of one (see `Utterance.complete`); return its move.

        Raises:
            ValueError: the reward is not finite.
        """
        self._listen(utterance)
        if not utterance.complete:
            return None
        text = utterance.text
        hit = self._classifier.classify(text, self._previous, utterance.role, self.utterances)
        hit = PatternHit(hit.label, hit.confidence, last=self.utterances)
        self.learner.observe(
            hit.label, utterance.reward, hash(text) if utterance.reward is not None else None
        )
        self._previous = text
        self._moves.append(hit)
        if utterance.serial is not None:
            self._said.append((utterance.serial, hit))
        self.utterances += 1
        return hit

    def learn(self, content: Hashable, reward: float) -> None:
        """Learn what `content` was worth: text counts for the move that it is by itself, anything else for itself."""
        arm = self._classifier.classify(content).label if isinstance(content, str) else content
        self.learner.reward(arm, reward)
        self.learner.learn(hash(content), reward)

    def report(self) -> ConversationReport:
        """Say what is known so far: moves and sequences of the last `WINDOW` messages, the most frequent first."""
        return ConversationReport(
            self.stream,
            moves=self._summary(),
            sequences=self._sequences(),
            repetition=next((voice.loop for voice in reversed(self._voices.values()) if voice.loop), None),
            learning=self.learner.status() if self.utterances else None,
            utterances=self.utterances,
            said=tuple(self._said),
        )

    def _summary(self) -> tuple[PatternHit, ...]:
        """Each move once: how often, how sure on average, and where last. `OTHER` is no pattern."""
        of: dict[str, list[PatternHit]] = {}
        for hit in self._moves:
            if hit.label != OTHER:
                of.setdefault(hit.label, []).append(hit)
        hits = [
            PatternHit(label, sum(hit.confidence for hit in seen) / len(seen), len(seen), seen[-1].last)
            for label, seen in of.items()
        ]
        return tuple(sorted(hits, key=lambda hit: (-hit.count, -(hit.last or 0))))

    def _sequences(self) -> tuple[PatternHit, ...]:
        """Moves that recur together more often than chance would have it, the widest spread first. The confidence is
        that the last of them follows on the others."""
        labels = [hit.label for hit in self._moves]
        frequency = Counter(labels)
        first = self.utterances - len(labels)
        found = [
            PatternHit(
                ARROW.join(map(str, one.pattern)),
                one.confidence,
                one.count,
                first + one.positions[-1] + len(one.pattern) - 1,
            )
            for one in recurring_patterns(labels, max_length=LONGEST)
            if set(one.pattern) != {OTHER} and _chance(one, frequency) < CHANCE
        ]
        return tuple(found[:MOST])

    def _listen(self, utterance: Utterance) -> None:
        """Look for loops. A speaker's every message is a generation of its own; a stream whose speaker is not known
        (the lines of a pipe) is one."""
        role = utterance.role if utterance.role in self._voices or len(self._voices) < MOST_ROLES else None
        voice = self._voices[role] = (
            self._voices.pop(role) if role in self._voices else _Voice()
        )  # the last to speak is last
        detector, going_on = voice.detector, voice.speaking
        if not going_on:
            voice.loop = None
            if role is not None:
                detector.reset()
            elif detector.count:
                detector.update("\n")
        voice.speaking = not utterance.complete
        if going_on and utterance.complete:  # its pieces were heard, and this is all of them again
            found = detector.flush()
        elif utterance.tokens:
            found = [detector.update(token) for token in utterance.tokens[-MOST_TOKENS:]][-1]
        else:
            found = detector.feed(utterance.text[-MOST_TEXT:])
            if utterance.complete:
                found = detector.flush() or found
        voice.loop = found or voice.loop


class _Voice:
    """One speaker's stream of tokens. `speaking` from the first piece of a message until it is complete; `loop` is what
    the present, or else the last, message was caught at."""

    def __init__(self) -> None:
        self.detector = RepetitionDetector()
        self.speaking = False
        self.loop: Repetition | None = None


def _chance(found: RecurringPattern, frequency: Counter[str]) -> float:
    """How likely any sequence of that length would come so often if the moves came in any order.

    The Poisson tail of its count, times the number of sequences that might have (Bonferroni).
    """
    n = frequency.total()
    expected = n * prod(frequency[str(symbol)] / n for symbol in found.pattern)
    term = total = exp(-expected)
    for k in range(1, found.count):
        term *= expected / k
        total += term
    return max(0.0, 1.0 - total) * float(len(frequency)) ** len(found.pattern)
