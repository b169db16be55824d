"""Train the move classifier: hashed features, multinomial logistic regression, int8 weights.

    uv pip install scikit-learn
    python analysis/training/train_moves.py DATA_DIR

DATA_DIR holds `moves_train.tsv.gz` and `moves_test.tsv.gz` (SGD, MultiWOZ, MultiDoGO, CLINC150, relabelled; the model
card has their licences); the project's own chat turns lie beside this script. Writes `moves.npz` and prints the figures
of the model card. The same data, seed and library versions give the same weights.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
from chat_grammar import Rule, expand, read_grammar
from move_data import HERE, LABELS, Turn, calibration_error, f1_table, read_chat, read_corpus
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(HERE.parent))
from midstream_analysis.moves_features import GROUPS, ROWS, VERSION, features

# Chosen on held-out conversations; the test figures were seen meanwhile, as the model card says.
SEED, FITS = 7, 2  # models to average; their augmentation differs by the seed
C, CHAT_WEIGHT, BALANCE = 2.0, 4.0, 0.15
WEIGHTS = HERE.parent / "midstream_analysis" / "data" / "moves.npz"


def invent(seed: int, turns: list[Turn], per_rule: int = 150) -> list[Turn]:
    """Expansions of the phrase book, each after a turn of a fitting label (taken from `turns` and from each other)."""
    rng = random.Random(seed)
    slots, rules = read_grammar(HERE / "chat_grammar.txt")
    said: list[tuple[Rule, str]] = [
        (r, expand(r.template, slots, rng))
        for r in rules
        for _ in range(int(per_rule * (40 + len(r.template) / 6) / 100))
    ]
    before: dict[str, list[str]] = {name: [t.text for t in turns if t.label == name] for name in LABELS}
    for rule, text in said:
        before[rule.label].append(text)
    blank = Rule("other", "-", ("*",), "")
    said += [(blank, rng.choice(("", " ", "\n", "  "))) for _ in range(per_rule)]
    out = []
    for rule, text in said:
        after = rng.choice(rule.after)
        after = rng.choice(LABELS) if after == "*" else after
        previous = None if after == "-" or rng.random() < 0.3 else rng.choice(before[after])
        position = rng.choice((0, rng.randrange(1, 16))) if previous else 0
        speaker = {"u": "user", "a": "assistant"}.get(rule.speaker) or rng.choice(("user", "assistant"))
        text = misspell(text, rng) if rng.random() < 0.08 else text
        out.append(Turn("phrase book", position, speaker, previous, text, rule.label, "phrases"))
    return out


def misspell(text: str, rng: random.Random) -> str:
    """Drop, double or swap one letter."""
    spots = [i for i in range(1, len(text) - 1) if text[i].isalpha()]
    if not spots:
        return text
    i = rng.choice(spots)
    kind = rng.randrange(3)
    wrong = ("", text[i] * 2, text[i + 1] + text[i])[kind]
    return text[:i] + wrong + text[i + 1 + (kind == 2) :]


def punctuate(turn: Turn, rng: random.Random) -> str:
    """Take the marks away, or, where the corpus never had any, put the final one."""
    text = turn.text
    if re.search(r"[.!?]$", text):
        return re.sub(r"[.!?,;]+(?=\s|$)", "", text) or text
    return text + ("?" if turn.label == "question" else rng.choice(".!") if turn.label != "other" else ".")


def augment(turns: Iterable[Turn], seed: int) -> Iterator[Turn]:
    """Every turn, and copies without context, without (or with) punctuation, misspelt."""
    rng = random.Random(seed)
    for turn in turns:
        yield turn
        if turn.previous and rng.random() < 0.35:
            yield turn._replace(previous=None, position=0, speaker=rng.choice((None, turn.speaker)))
        if rng.random() < 0.3:
            turn = turn._replace(text=punctuate(turn, rng), position=rng.choice((0, turn.position)))
            yield turn._replace(text=misspell(turn.text, rng)) if rng.random() < 0.3 else turn


def matrix(turns: list[Turn]) -> csr_matrix:
    """Shape (turns, ROWS): each group's rows weigh 1 / sqrt(group size), as the classifier weighs them."""
    ids, values, ends = [], [], [0]
    for t in turns:
        row, starts = features(t.text, t.previous, t.speaker, t.position)
        sizes = np.diff((*starts, len(row)))
        ids.append(row)
        values.append(np.repeat(1 / np.sqrt(sizes), sizes))
        ends.append(ends[-1] + len(row))
    m = csr_matrix(
        (np.concatenate(values), np.concatenate(ids).astype(np.int32), np.array(ends)),
        shape=(len(turns), ROWS),
    )
    m.sum_duplicates()
    return m


def codes(turns: Iterable[Turn]) -> np.ndarray:
    return np.array([LABELS.index(t.label) for t in turns])


def report(name: str, logits: np.ndarray, truth: np.ndarray, table: bool = True) -> None:
    p = np.exp(log_softmax(logits, axis=1))
    rows = f1_table(truth, p.argmax(1))
    macro = np.mean([r[3] for r in rows])
    accuracy, error = (p.argmax(1) == truth).mean(), calibration_error(p, truth)
    print(f"{name}: n {len(truth)}, accuracy {accuracy:.4f}, macro-F1 {macro:.4f}, ECE {error:.4f}")
    if table:
        for label, precision, recall, f1, n in rows:
            print(f"  {label:15} precision {precision:.3f}  recall {recall:.3f}  F1 {f1:.3f}  n {n}")


def fit(turns: list[Turn], seed: int, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients (ROWS, 9) and intercepts (9,), trained on the turns, their copies and the phrase book."""
    own = [t for t in turns if t.source == "chat"]
    seen = [*augment(turns, seed), *augment(invent(seed, own), seed + 1)]
    counts = Counter(t.label for t in seen)
    weight = [counts[t.label] ** -BALANCE * (CHAT_WEIGHT if t.source == "chat" else 1.0) for t in seen]
    weight = np.array(weight) / np.mean([counts[t.label] ** -BALANCE for t in seen])
    model = LogisticRegression(C=C, max_iter=iterations, tol=1e-4)
    model.fit(matrix(seen).astype(np.float32), codes(seen), sample_weight=weight)
    return model.coef_.T, model.intercept_


def temperature(logits: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> float:
    """The temperature that minimises the log-loss (Guo et al. 2017)."""

    def loss(t: float) -> float:
        return float(-(weight * log_softmax(logits / t, axis=1)[np.arange(len(truth)), truth]).sum())

    return float(minimize_scalar(loss, bounds=(0.3, 3.0), method="bounded").x)


def calibrate(turns: list[Turn], iterations: int) -> float:
    """Fit on nine tenths of the conversations; temperature on the rest."""
    held = [t for t in turns if crc32(t.conversation.encode()) % 10 == 0]
    coefficients, intercept = fit([t for t in turns if crc32(t.conversation.encode()) % 10], SEED, iterations)
    chat = np.array([t.source == "chat" for t in held])
    logits, truth = matrix(held) @ coefficients + intercept, codes(held)
    t = temperature(logits, truth, np.where(chat, CHAT_WEIGHT, 1.0))
    report("held-out tenth of the corpora", logits[~chat] / t, truth[~chat], table=False)
    report("held-out tenth of the chat", logits[chat] / t, truth[chat], table=False)
    print(f"temperature {t:.3f}")
    return t


def quantise(coefficients: np.ndarray) -> tuple[np.ndarray, float]:
    """int8 steps and the size of one. Nothing is clipped: the largest weights carry the commonest words ("ok")."""
    step = float(np.abs(coefficients).max()) / 127
    return np.rint(coefficients / step).astype(np.int8), step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="directory of moves_train.tsv.gz and moves_test.tsv.gz")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument(
        "--leave-out", metavar="SOURCE", help="train without this corpus, test on it, and write nothing"
    )
    parser.add_argument("--iterations", type=int, default=200)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # the iterations are limited on purpose
    start = time.perf_counter()
    turns = read_corpus(options.data / "moves_train.tsv.gz")
    if options.leave_out:
        left = [t for t in turns if t.source == options.leave_out]
        rest = [t for t in turns if t.source != options.leave_out] + read_chat("train")
        coefficients, intercept = fit(rest, SEED, options.iterations)
        report(f"without {options.leave_out}", matrix(left) @ coefficients + intercept, codes(left))
        return
    turns += read_chat("train")
    t = calibrate(turns, options.iterations)
    fits = [fit(turns, SEED + k, options.iterations) for k in range(FITS)]
    weights, step = quantise(sum(f[0] for f in fits) / FITS)
    bias = sum(f[1] for f in fits) / FITS
    options.out.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        options.out,
        weights=weights,
        scale=np.full(GROUPS, step / t, dtype=np.float32),
        bias=(bias / t).astype(np.float32),
        labels=np.array(LABELS),
        version=np.int64(VERSION),
    )
    tests = {"moves_test": read_corpus(options.data / "moves_test.tsv.gz"), "chat test": read_chat("test")}
    for name, test in tests.items():
        report(name, (matrix(test) @ weights.astype(np.float32) * step + bias) / t, codes(test))
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.3f} MB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
