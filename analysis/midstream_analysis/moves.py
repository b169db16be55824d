"""Conversational moves: what an utterance does (greets, asks, answers, thanks ...), with calibrated confidence.

A multinomial logistic regression on hashed n-grams of the utterance and its context (`moves_features`), int8 weights
shipped in `data/moves.npz`, scored by one gather and one grouped sum. `data/MODEL_CARD.md` says what it was trained on,
how well it does, and where it does not.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

from .moves_features import GROUPS, ROWS, VERSION, features
from .report import PatternHit

FloatArray = npt.NDArray[np.float32]

LABELS: Final = (
    "greeting", "question", "request", "answer", "acknowledgment", "follow_up", "thanks", "closing", "other",
)  # fmt: skip


class MoveClassifier:
    """Labels one utterance at a time; immutable, hence safe to share between threads.

    Only the first 240 and the last 160 characters of an utterance are looked at (60 and 140 of the previous one), so
    that a pasted book costs what a paragraph does.
    """

    def __init__(self, weights: npt.NDArray[np.int8], scale: FloatArray, bias: FloatArray) -> None:
        """`weights` (ROWS, 9), `scale` (3,): real weight of one int8 step for each feature group, `bias` (9,).

        Raises:
            ValueError: an array of another shape, or a number that is not finite.
        """
        if weights.shape != (ROWS, len(LABELS)) or scale.shape != (GROUPS,) or bias.shape != (len(LABELS),):
            raise ValueError(
                f"weights of shapes {weights.shape}, {scale.shape}, {bias.shape} do not fit the features"
            )
        if not (np.isfinite(scale).all() and np.isfinite(bias).all()):
            raise ValueError("move weights hold a NaN or infinite value")
        self._weights = np.ascontiguousarray(weights, dtype=np.int8)  # 0.6 MB: stays in a core's cache
        self._scale = tuple(map(float, scale))
        self._bias = bias.astype(np.float32)

    @staticmethod
    def load() -> MoveClassifier:
        """Return the classifier that ships with the package; read from disk once and shared.

        Raises:
            ValueError: the weights were made for other features than this code's.
        """
        return _shipped()

    def classify(
        self, utterance: str, previous: str | None = None, speaker: str | None = None, position: int = 0
    ) -> PatternHit:
        """Return the likeliest move and its calibrated probability.

        Args:
            utterance: any text; a blank one is `other`.
            previous: what was said right before, by whomever, or None.
            speaker: "user", "assistant" or a like role ("human", "agent" ...); None or any other is unknown.
            position: index of the utterance in its conversation; 0 beside a `previous` means unknown.
        """
        z = self._logits(utterance, previous, speaker, position)
        best = int(z.argmax())
        top = float(z[best])
        return PatternHit(LABELS[best], 1.0 / sum([math.exp(v - top) for v in z.tolist()]))

    def probabilities(
        self, utterance: str, previous: str | None = None, speaker: str | None = None, position: int = 0
    ) -> dict[str, float]:
        """Return the probability of every label; they sum to 1. Arguments as for `classify`."""
        z = self._logits(utterance, previous, speaker, position)
        p = np.exp(z - z.max(), dtype=np.float64)
        return dict(zip(LABELS, (p / p.sum()).tolist(), strict=True))

    def _logits(self, utterance: str, previous: str | None, speaker: str | None, position: int) -> FloatArray:
        rows, starts = features(utterance, previous, speaker, position)
        sums = np.add.reduceat(self._weights.take(rows, axis=0), starts, axis=0, dtype=np.int32)
        _, second, third = starts
        sizes = (second, third - second, len(rows) - third)
        factors = np.array(
            [s / math.sqrt(n) for s, n in zip(self._scale, sizes, strict=True)], dtype=np.float32
        )
        logits: FloatArray = factors @ sums + self._bias
        return logits


@cache
def _shipped() -> MoveClassifier:
    with (
        files(__package__).joinpath("data/moves.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as data,
    ):
        if int(data["version"]) != VERSION or tuple(data["labels"].tolist()) != LABELS:
            raise ValueError(
                f"data/moves.npz was not trained on version {VERSION} of the features: train it again"
            )
        return MoveClassifier(data["weights"], data["scale"], data["bias"])
