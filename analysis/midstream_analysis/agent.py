"""MidStreamAgent: one conversation, its moves, patterns, rewards and what is learnt from them, behind one object."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from midstream_analysis.checks import as_series
from midstream_analysis.dialogue import Dialogue
from midstream_analysis.jobs import Policy, Utterance
from midstream_analysis.report import (
    AnalysisReport,
    Attractor,
    BehaviorAnalysis,
    LearningStatus,
    PatternHit,
    Repetition,
)
from midstream_analysis.similarity import Algorithm, occurrences, similarity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from midstream_analysis.engine import Engine


@dataclass(frozen=True, slots=True)
class ConversationAnalysis:
    """What was made of a conversation. ``moves`` has one entry a message (None where the classifier is not to be had)
    with its own confidence; ``patterns`` sums them up; ``sequences`` are the moves that recur together.
    """

    messages: int
    moves: tuple[PatternHit | None, ...]
    patterns: tuple[PatternHit, ...]
    sequences: tuple[PatternHit, ...]
    repetition: Repetition | None
    learning: LearningStatus | None


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """The agent's own figures. ``messages`` counts all, ``history`` those still remembered."""

    messages: int
    history: int
    max_history: int
    embedding_dim: int
    scheduling_policy: Policy
    rewards: int
    average_reward: float | None
    learning: LearningStatus


class MidStreamAgent:
    """Analyses one conversation as it comes, and sequences on request. Thread-safe; bounded by `max_history`.

    Args:
        max_history: the messages, rewards and learnt contents remembered; the oldest make room.
        embedding_dim: dimension of `phase_portrait`.
        scheduling_policy: "EDF", "FIFO" or "priority": the order of the engine that `engine` makes.
        rng: for Thompson sampling.

    Raises:
        ValueError: a bound below 1, or an unknown policy.
    """

    def __init__(
        self,
        max_history: int = 1000,
        embedding_dim: int = 3,
        scheduling_policy: Policy = "EDF",
        *,
        rng: random.Random | None = None,
    ) -> None:
        if max_history < 1 or embedding_dim < 1:
            raise ValueError("max_history and embedding_dim must be at least 1")
        if scheduling_policy not in get_args(Policy):
            raise ValueError(
                f"scheduling_policy must be one of {', '.join(get_args(Policy))}, not {scheduling_policy!r}"
            )
        self.max_history, self.embedding_dim = max_history, embedding_dim
        self.scheduling_policy: Policy = scheduling_policy
        self._rng = rng
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._dialogue = Dialogue("agent", max_history=self.max_history, rng=self._rng)
            self._moves: deque[PatternHit | None] = deque(maxlen=self.max_history)
            self._rewards: deque[float] = deque(maxlen=self.max_history)

    def process_message(
        self, message: str, role: str | None = None, reward: float | None = None
    ) -> PatternHit | None:
        """Take in the next message of the conversation; return its move, with the calibrated confidence.

        Raises:
            ValueError: `message` is not text, or the reward is not finite.
        """
        utterance = Utterance("agent", _text(message), role, reward=_finite(reward))
        with self._lock:
            move = self._dialogue.hear(utterance)
            self._moves.append(move)
            if utterance.reward is not None:
                self._rewards.append(utterance.reward)
            return move

    def analyze_conversation(self, messages: Iterable[str] | None = None) -> ConversationAnalysis:
        """Analyse `messages`, apart from what the agent heard; with None, what it heard (`max_history` at most).

        Raises:
            ValueError: a message is not text.
        """
        if messages is not None:
            other = MidStreamAgent(self.max_history, self.embedding_dim, rng=self._rng)
            for message in [messages] if isinstance(messages, str) else messages:
                other.process_message(message)
            return other.analyze_conversation()
        with self._lock:
            report = self._dialogue.report()
            return ConversationAnalysis(
                messages=report.utterances,
                moves=tuple(self._moves),
                patterns=report.moves,
                sequences=report.sequences,
                repetition=report.repetition,
                learning=report.learning,
            )

    def detect_pattern(self, sequence: Sequence[Any], pattern: Sequence[Any]) -> list[int]:
        """Return every index at which `pattern` begins in `sequence`; occurrences may overlap. See `occurrences`.

        Raises:
            ValueError: the pattern is empty.
        """
        return occurrences(sequence, pattern)

    def compare_sequences(self, a: Sequence[Any], b: Sequence[Any], algorithm: Algorithm = "dtw") -> float:
        """Return how alike two sequences of numbers or hashables are, in [0, 1]; `similarity` says how.

        Raises:
            ValueError: see `similarity`.
        """
        return similarity(a, b, algorithm)

    def analyze_behavior(self, rewards: Sequence[float] | None = None) -> BehaviorAnalysis:
        """Say what a series of rewards does (None: those the agent was given). Too few are "unknown", with the reason.

        Raises:
            ValueError: the rewards are not a finite one-dimensional series.
        """
        if rewards is None:
            with self._lock:
                rewards = list(self._rewards)
        x = as_series(rewards, name="rewards")
        if not x.size:
            return BehaviorAnalysis(Attractor.UNKNOWN, None, None, False, 0.0, None, 0, "no rewards yet")
        from midstream_analysis.classifier import classify

        verdict = classify(x)
        return BehaviorAnalysis(
            attractor_type=verdict.label,
            lyapunov_exponent=verdict.lyapunov.exponent if verdict.lyapunov else None,
            is_stable=verdict.stable,
            is_chaotic=verdict.chaotic,
            confidence=verdict.confidence,
            average_reward=float(x.mean()),
            n=x.size,
            reason=verdict.reason,
        )

    def phase_portrait(self, rewards: Sequence[float] | None = None) -> npt.NDArray[np.float64]:
        """Delay embedding of rewards in `embedding_dim` dimensions, shape (m, embedding_dim).

        Raises:
            ValueError: too few rewards, or not a finite series.
        """
        from midstream_analysis.embedding import embed

        if rewards is None:
            with self._lock:
                rewards = list(self._rewards)
        return embed(rewards, self.embedding_dim)

    def learn(self, content: Hashable, reward: float) -> None:
        """Learn what `content` was worth. Text counts for its move, anything else (a tuple of moves, say) for itself.

        Raises:
            ValueError: the reward is not finite, or `content` not hashable.
        """
        _finite(reward)
        try:
            hash(content)
        except TypeError:
            raise ValueError(f"content must be hashable, not {type(content).__name__}") from None
        with self._lock:
            self._dialogue.learn(content, reward)
            self._rewards.append(reward)

    @property
    def meta_learning(self) -> LearningStatus:
        """Level, knowledge, average reward, predicted next move, log-loss, regret, weights, drifts."""
        with self._lock:
            return self._dialogue.learner.status()

    @property
    def status(self) -> AgentStatus:
        """The agent's own figures."""
        with self._lock:
            return AgentStatus(
                messages=self._dialogue.utterances,
                history=len(self._moves),
                max_history=self.max_history,
                embedding_dim=self.embedding_dim,
                scheduling_policy=self.scheduling_policy,
                rewards=len(self._rewards),
                average_reward=sum(self._rewards) / len(self._rewards) if self._rewards else None,
                learning=self.meta_learning,
            )

    def engine(self, on_report: Callable[[AnalysisReport], None], **options: Any) -> Engine:
        """Make an engine that schedules by the agent's policy. `options` are those of `Engine`."""
        from midstream_analysis.engine import Engine

        return Engine(on_report, policy=self.scheduling_policy, **options)


def _text(message: object) -> str:
    if not isinstance(message, str):
        raise ValueError(f"a message must be text, not {type(message).__name__}")
    return message


def _finite(reward: float | None) -> float | None:
    if reward is None:
        return None
    return float(as_series([reward], name="reward")[0])
