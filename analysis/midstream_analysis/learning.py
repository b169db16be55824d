"""Meta-learning: which move comes next in a conversation, which are worth something, what no longer holds."""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Hashable
from math import isfinite, sqrt

from midstream_analysis.bandit import Bandit
from midstream_analysis.drift import DriftDetector
from midstream_analysis.markov import MarkovModel, Surprise
from midstream_analysis.report import LearningStatus

ORDER = 3
MIN_EVIDENCE = 20  # moves before a context order can have earned its keep
SIGNIFICANCE = 2.0  # standard errors by which an order must beat every shorter one
MIN_GAIN = 0.02  # nats a move, likewise


class MetaLearner:
    """Learns from moves and rewards as they come; all it holds is bounded by `max_history`.

    The next move is predicted by a `MarkovModel` of contexts up to 3, the worth of moves by a `Bandit`. When the
    log-loss of the prediction drifts upwards, the transitions are forgotten and learnt again from what was heard
    since; when the rewards drift, their means are. Both are counted in ``LearningStatus.drifts``.

    Not thread-safe. Raises ValueError when `max_history` is below 1.
    """

    def __init__(self, max_history: int = 1000, rng: random.Random | None = None) -> None:
        if max_history < 1:
            raise ValueError(f"max_history must be at least 1, not {max_history}")
        self.max_history = max_history
        decay = 1.0 - 2.0 / max(max_history, 20)  # an order-0 count remembers about max_history / 2 moves
        self._model = MarkovModel(ORDER, decay=decay, capacity=max_history * ORDER)
        self.bandit = Bandit(rng, capacity=min(max_history, 256))
        self._moves: deque[Hashable] = deque(maxlen=max_history)
        self._rewarded: deque[tuple[Hashable, float]] = deque(maxlen=max_history)
        self._known: OrderedDict[Hashable, float | None] = OrderedDict()
        self._surprises: deque[Surprise] = deque(maxlen=max_history)
        self._loss_drift = DriftDetector(side="up", floor=0.1)
        self._reward_drift = DriftDetector()
        self._drifts = 0

    def observe(self, move: Hashable, reward: float | None = None, content: Hashable = None) -> float:
        """Learn from the next `move`; returns how surprising it was, in nats.

        With a `reward` the worth of the move is learnt too, and `content`, when given, is remembered with it.

        Raises:
            ValueError: the reward is not finite (then nothing is learnt).
        """
        _check(reward)
        surprise = self._model.update(move)
        self._moves.append(move)
        self._surprises.append(surprise)
        if (since := self._loss_drift.update(surprise.mixture)) is not None:
            self._drifts += 1
            self._relearn(since)
        if reward is not None:
            self.reward(move, reward)
        if content is not None:
            self.learn(content, reward)
        return surprise.mixture

    def reward(self, move: Hashable, reward: float) -> None:
        """Learn what `move` was worth, apart from when it came."""
        _check(reward)
        self._rewarded.append((move, reward))
        self.bandit.learn(move, reward)
        if (since := self._reward_drift.update(reward)) is not None:
            self._drifts += 1
            self.bandit.reset()
            for arm, value in list(self._rewarded)[-since:]:
                self.bandit.learn(arm, value)

    def learn(self, content: Hashable, reward: float | None = None) -> None:
        """Remember `content` and its latest reward; the content that came up longest ago makes room."""
        _check(reward)
        self._known[content] = reward
        self._known.move_to_end(content)
        while len(self._known) > self.max_history:
            self._known.popitem(last=False)

    def predict(self) -> tuple[Hashable, float] | None:
        """The likeliest next move and its probability, or None before anything was observed."""
        shares = self._model.predict()
        return max(shares.items(), key=lambda item: item[1]) if shares else None

    @property
    def level(self) -> int:
        """The longest context that earns its keep: 0 when nothing beats the bare frequencies, at most 3.

        Order k counts when, over the moves since the last drift, its mean log-loss is below that of every shorter
        one by `MIN_GAIN` nats and by `SIGNIFICANCE` standard errors of the paired difference.
        """
        losses = [surprise.orders for surprise in self._surprises]
        if len(losses) < MIN_EVIDENCE:
            return 0
        return max(
            k for k in range(ORDER + 1) if all(_gains([row[j] - row[k] for row in losses]) for j in range(k))
        )

    def status(self) -> LearningStatus:
        """The figures, of at most the last `max_history` moves and rewards.

        Log-losses are since the last drift, and None before `MIN_EVIDENCE` moves: the first few say nothing.
        """
        n = len(self._surprises)
        known = n >= MIN_EVIDENCE
        forecast = self.predict()
        weights = self.bandit.weights
        rewards = [reward for _, reward in self._rewarded]
        return LearningStatus(
            level=self.level,
            knowledge=len(self._known),
            transitions=self._model.transitions,
            average_reward=sum(rewards) / len(rewards) if rewards else None,
            predicted_next=str(forecast[0]) if forecast else None,
            predicted_probability=forecast[1] if forecast else None,
            log_loss=sum(surprise.mixture for surprise in self._surprises) / n if known else None,
            baseline_log_loss=sum(surprise.orders[0] for surprise in self._surprises) / n if known else None,
            regret=self.bandit.regret,
            drifts=self._drifts,
            weights=tuple((str(arm), w) for arm, w in sorted(weights.items(), key=lambda item: -item[1])),
        )

    def _relearn(self, since: int) -> None:
        """Start again from the last `since` moves, whose losses under the old model say nothing of the new."""
        self._model.reset()
        self._surprises.clear()
        for move in list(self._moves)[-since:]:
            self._surprises.append(self._model.update(move))


def _check(reward: float | None) -> None:
    if reward is not None and not isfinite(reward):
        raise ValueError(f"a reward must be finite, not {reward!r}")


def _gains(differences: list[float]) -> bool:
    n = len(differences)
    mean = sum(differences) / n
    stderr = sqrt(sum((d - mean) ** 2 for d in differences) / (n - 1) / n)
    return mean > max(MIN_GAIN, SIGNIFICANCE * stderr)
