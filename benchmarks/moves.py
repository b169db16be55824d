"""The move classifier against the same n-grams through scikit-learn, in alternate blocks of one run.

    uv pip install scikit-learn
    python benchmarks/moves.py [DATA_DIR]

The utterances are the chat turns of the test part and, with DATA_DIR, those of `moves_test.tsv.gz`. The peer hashes the
words (1 to 3) and bytes (3 to 5) of the utterance and the words of the previous one with `HashingVectorizer` and scores
them with a linear model of as many rows; it is timed only, not trained. Target: at most 50 us at 43 characters.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import harness  # noqa: F401  pins every thread pool to one thread

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "analysis"), str(ROOT / "analysis" / "training")]

import numpy as np  # noqa: E402
from move_data import read_chat, read_corpus  # noqa: E402

from midstream_analysis.moves import LABELS, MoveClassifier  # noqa: E402
from midstream_analysis.moves_features import ROWS, features  # noqa: E402


def peer() -> object:
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    words = HashingVectorizer(n_features=ROWS, ngram_range=(1, 3), alternate_sign=False)
    letters = HashingVectorizer(n_features=ROWS, analyzer="char", ngram_range=(3, 5), alternate_sign=False)
    before = HashingVectorizer(n_features=ROWS, ngram_range=(1, 2), alternate_sign=False)
    weights = np.random.default_rng(0).normal(size=(3 * ROWS, len(LABELS)))

    def score(text: str, previous: str) -> np.ndarray:
        parts = [words.transform([text]), letters.transform([text]), before.transform([previous])]
        return hstack(parts, format="csr") @ weights

    return score


def main() -> None:
    turns = read_chat("test")
    if len(sys.argv) > 1:
        turns += read_corpus(Path(sys.argv[1]) / "moves_test.tsv.gz")
    start = time.perf_counter()
    classifier = MoveClassifier.load()
    print(f"load: {(time.perf_counter() - start) * 1e3:.1f} ms")
    contenders = {
        "MoveClassifier.classify": lambda t: classifier.classify(t.text, t.previous, t.speaker, t.position),
        "  of it the features": lambda t: features(t.text, t.previous, t.speaker, t.position),
    }
    try:
        score = peer()
        contenders["HashingVectorizer + matrix product"] = lambda t: score(t.text, t.previous or "")
    except ImportError as error:
        print(f"no peer ({error}): uv pip install scikit-learn")
    parts = {
        "all": turns,
        "with previous": [t for t in turns if t.previous],
        "38 to 48 characters": [t for t in turns if 38 <= len(t.text) <= 48],
        "over 400 characters": [t._replace(text=t.text * (400 // len(t.text) + 1)) for t in turns[:200]],
    }
    for title, part in parts.items():
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for block in range(
            0, min(len(part), 600), 25
        ):  # by turns, in blocks: the caches are the contender's own
            for name, call in contenders.items():
                for turn in part[block : block + 25] * 2:
                    begin = time.perf_counter()
                    call(turn)
                    times[name].append(time.perf_counter() - begin)
        length = statistics.median(len(t.text) for t in part)
        print(f"{title}: {len(part)} utterances, median {length:.0f} characters")
        ours = statistics.median(times["MoveClassifier.classify"])
        for name, values in times.items():
            middle = statistics.median(values)
            print(f"  {name:36} {middle * 1e6:8.1f} us  {middle / ours:6.1f}x")


if __name__ == "__main__":
    main()
