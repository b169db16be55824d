"""Variable-order Markov model that learns online: which symbol comes next, and how surprising each one was.

Every order k has its own predictor, smoothed towards the next shorter context by the escape of PPM's method C, which
is Witten-Bell interpolation (Moffat 1990; Witten and Bell 1991): ``p_k(s) = (n_s + d p_{k-1}(s)) / (n + d)`` with d
distinct symbols in n occurrences of the context. The orders are mixed by how well they have been predicting (fixed
share, Herbster and Warmuth 1998), so that a long context that explains nothing costs next to nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import islice
from math import log

SHARE = (
    0.005  # of the weight that is dealt out evenly after each symbol: an order that fell behind can come back
)
MAX_SYMBOLS = 64  # in one context; the rarest makes room
_RESCALE = 1e100

Context = tuple[Hashable, ...]


@dataclass(slots=True)
class _Counts:
    """Decayed counts after one context: instead of shrinking the old, each new one weighs ``unit``, which grows."""

    unit: float = 1.0
    total: float = 0.0
    of: dict[Hashable, float] = field(default_factory=dict)

    def add(self, symbol: Hashable, decay: float) -> None:
        self.unit /= decay
        if symbol not in self.of and len(self.of) >= MAX_SYMBOLS:
            self.total -= self.of.pop(min(self.of, key=self.of.__getitem__))
        self.of[symbol] = self.of.get(symbol, 0.0) + self.unit
        self.total += self.unit
        if self.unit > _RESCALE:
            self.of = {seen: count / self.unit for seen, count in self.of.items()}
            self.total, self.unit = sum(self.of.values()), 1.0


@dataclass(frozen=True, slots=True)
class Surprise:
    """Log-loss of one symbol in nats: of the mixture, and of each order's own predictor (index 0: order 0)."""

    mixture: float
    orders: tuple[float, ...]


class MarkovModel:
    """Predicts a symbol from up to `order` before it; every count halves in about ``0.69 / (1 - decay)`` occurrences
    of its context. At most `capacity` contexts are held; the one unused longest makes room.

    Raises:
        ValueError: `order` or `capacity` below 1, or `decay` not in (0, 1].
    """

    def __init__(self, order: int = 3, *, decay: float = 0.998, capacity: int = 4096) -> None:
        if order < 1 or capacity < 1 or not 0.0 < decay <= 1.0:
            raise ValueError("order and capacity must be at least 1 and decay in (0, 1]")
        self.order, self.decay, self.capacity = order, decay, capacity
        self._recent: deque[Hashable] = deque(maxlen=order)
        self.reset()

    def reset(self) -> None:
        """Forget all counts and weights; the last symbols stay as the context of the next."""
        self._root = _Counts()
        self._contexts: OrderedDict[Context, _Counts] = OrderedDict()
        self._weights = [1.0 / (self.order + 1)] * (self.order + 1)

    @property
    def transitions(self) -> int:
        """How many distinct (symbol, next symbol) pairs are held."""
        return sum(len(counts.of) for context, counts in self._contexts.items() if len(context) == 1)

    def update(self, symbol: Hashable) -> Surprise:
        """Predict `symbol`, then learn it. Returns how surprising it was before it was learnt."""
        nodes = self._nodes()
        shares = self._shares(nodes, symbol)
        mixture = sum(weight * share for weight, share in zip(self._weights, shares, strict=True))
        even = SHARE / len(shares)
        self._weights = [
            (1.0 - SHARE) * weight * share / mixture + even
            for weight, share in zip(self._weights, shares, strict=True)
        ]
        self._learn(symbol)
        return Surprise(-log(mixture), tuple(-log(share) for share in shares))

    def predict(self) -> dict[Hashable, float]:
        """Return the probability of each known symbol to be next; what is missing to 1 is that of a new one."""
        nodes = self._nodes()
        return {
            symbol: sum(w * p for w, p in zip(self._weights, self._shares(nodes, symbol), strict=True))
            for symbol in self._root.of
        }

    def _context(self, length: int) -> Context:
        return tuple(islice(self._recent, len(self._recent) - length, None))

    def _nodes(self) -> list[_Counts | None]:
        """The counts after the last 0, 1, ... `order` symbols; None where that context is new."""
        known = range(1, len(self._recent) + 1)
        nodes = [self._root, *(self._contexts.get(self._context(length)) for length in known)]
        return [*nodes, *[None] * (self.order + 1 - len(nodes))]

    def _shares(self, nodes: list[_Counts | None], symbol: Hashable) -> list[float]:
        """The probability of `symbol` under each order; below order 0 all known symbols and "new" are alike."""
        share, shares = 1.0 / (len(self._root.of) + 1), []
        for node in nodes:
            if node is not None and node.of:
                total, distinct = node.total / node.unit, len(node.of)
                share = (node.of.get(symbol, 0.0) / node.unit + distinct * share) / (total + distinct)
            shares.append(share)
        return shares

    def _learn(self, symbol: Hashable) -> None:
        self._root.add(symbol, self.decay)
        for length in range(1, len(self._recent) + 1):
            context = self._context(length)
            self._contexts.setdefault(context, _Counts()).add(symbol, self.decay)
            self._contexts.move_to_end(context)
        while len(self._contexts) > self.capacity:
            self._contexts.popitem(last=False)
        self._recent.append(symbol)
