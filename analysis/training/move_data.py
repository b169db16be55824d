"""Labelled turns for the move classifier, and the figures it is judged by. Needs numpy only."""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
LABELS = (
    "greeting",
    "question",
    "request",
    "answer",
    "acknowledgment",
    "follow_up",
    "thanks",
    "closing",
    "other",
)


class Turn(NamedTuple):
    conversation: str
    position: int
    speaker: str | None
    previous: str | None
    text: str
    label: str
    source: str


def read_corpus(path: Path) -> list[Turn]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        return [Turn(c, int(i), s, p or None, u, label, src) for c, i, s, p, u, label, _, src in rows]


def read_chat(split: str, path: Path = HERE / "chat_turns.tsv") -> list[Turn]:
    """The project's own turns; the previous utterance is the row before in the same conversation."""
    turns: list[Turn] = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            text = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), row["utterance"])
            before = turns[-1].text if turns and turns[-1].conversation == row["conversation_id"] else None
            turns.append(
                Turn(
                    row["conversation_id"],
                    int(row["turn_index"]),
                    row["speaker"],
                    before,
                    text,
                    row["label"],
                    row["split"],
                )
            )
    return [t._replace(source="chat") for t in turns if t.source == split]


def f1_table(truth: np.ndarray, guess: np.ndarray) -> list[tuple[str, float, float, float, int]]:
    """(label, precision, recall, F1, support) for every label that occurs."""
    out = []
    for k, name in enumerate(LABELS):
        hit, said, is_ = ((guess == k) & (truth == k)).sum(), (guess == k).sum(), (truth == k).sum()
        if is_:
            out.append((name, hit / max(said, 1), hit / is_, 2 * hit / (said + is_), int(is_)))
    return out


def calibration_error(p: np.ndarray, truth: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error of the top label (Guo et al. 2017), equal-width bins."""
    top, right = p.max(1), p.argmax(1) == truth
    which = np.minimum((top * bins).astype(int), bins - 1)
    return float(sum(abs(top[which == b].sum() - right[which == b].sum()) for b in range(bins)) / len(top))
