"""Weights that follow rewards: what each pattern has been worth, which to try next, and what the others cost.

Thompson sampling (Thompson 1933; Russo et al. 2018) with a normal likelihood of unknown mean and variance, because
rewards have no known scale: the posterior mean of an arm is a shifted, scaled Student t.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import exp, isfinite, sqrt

PRIOR = 1.0  # the prior of an arm counts as much as this many rewards of the average size


@dataclass(slots=True)
class _Arm:
    """Count, mean and sum of squared deviations (Welford 1962)."""

    n: int = 0
    mean: float = 0.0
    spread: float = 0.0

    def add(self, reward: float) -> None:
        self.n += 1
        delta = reward - self.mean
        self.mean += delta / self.n
        self.spread += delta * (reward - self.mean)


class Bandit:
    """Rewards by arm; at most `capacity` arms, of which the one rewarded longest ago makes room.

    Raises:
        ValueError: `capacity` below 1.
    """

    def __init__(self, rng: random.Random | None = None, *, capacity: int = 64) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self.capacity = capacity
        self._rng = rng or random.Random()
        self.reset()

    def reset(self) -> None:
        """Forget all rewards."""
        self._arms: OrderedDict[Hashable, _Arm] = OrderedDict()
        self._all = _Arm()

    def learn(self, arm: Hashable, reward: float) -> None:
        """Note the `reward` of `arm`. Raises ValueError when it is not finite."""
        if not isfinite(reward):
            raise ValueError(f"a reward must be finite, not {reward!r}")
        self._arms.setdefault(arm, _Arm()).add(reward)
        self._arms.move_to_end(arm)
        self._all.add(reward)
        while len(self._arms) > self.capacity:
            self._arms.popitem(last=False)

    @property
    def weights(self) -> dict[Hashable, float]:
        """Weight of each arm, summing to 1: the softmax of its shrunken mean reward in units of the overall spread."""
        scale = self._scale()
        scores = {arm: (self._mean(seen) - self._all.mean) / scale for arm, seen in self._arms.items()}
        top = max(scores.values(), default=0.0)
        raw = {arm: exp(score - top) for arm, score in scores.items()}
        total = sum(raw.values())
        return {arm: value / total for arm, value in raw.items()}

    @property
    def regret(self) -> float | None:
        """Plug-in estimate of the pseudo-regret, in units of reward: ``sum_a n_a (max_b mean_b - mean_a)``.

        What was missed by not always having used the arm that now looks best (Lattimore and Szepesvari 2020, ch. 4,
        with the estimated means in place of the true ones, shrunken to the average so that one lucky reward does not
        make a best arm). None before any reward.
        """
        if not self._arms:
            return None
        best = max(self._mean(arm) for arm in self._arms.values())
        return sum(arm.n * (best - self._mean(arm)) for arm in self._arms.values())

    def choose(self, candidates: Iterable[Hashable] | None = None) -> Hashable:
        """Return the arm to use next: the best in a draw from the posterior. New candidates are drawn from the prior.

        Raises:
            ValueError: there is nothing to choose from.
        """
        arms = list(self._arms if candidates is None else candidates)
        if not arms:
            raise ValueError("there is nothing to choose from")
        return max(arms, key=lambda arm: self._draw(self._arms.get(arm, _Arm())))

    def _scale(self) -> float:
        n, spread = self._all.n, self._all.spread
        return sqrt(spread / (n - 1)) if n > 1 and spread > 0.0 else 1.0

    def _mean(self, arm: _Arm) -> float:
        return (arm.n * arm.mean + PRIOR * self._all.mean) / (arm.n + PRIOR)

    def _draw(self, arm: _Arm) -> float:
        """A draw of the mean from the normal-gamma posterior (Murphy 2007)."""
        kappa, alpha = PRIOR + arm.n, 1.0 + arm.n / 2
        shift = (arm.mean - self._all.mean) ** 2 if arm.n else 0.0
        beta = self._scale() ** 2 + arm.spread / 2 + PRIOR * arm.n * shift / (2 * kappa)
        precision = self._rng.gammavariate(alpha, 1.0 / beta)
        return self._rng.gauss(self._mean(arm), 1.0 / sqrt(kappa * precision))
