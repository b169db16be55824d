"""The move classifier: its figures on real labelled turns, its features held still, hostile input."""

from __future__ import annotations

import importlib.resources
import os
import subprocess
import sys
import threading
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.moves import LABELS, MoveClassifier
from midstream_analysis.moves_features import GROUPS, ROWS, features, speaker_code

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "analysis" / "training"))

from chat_grammar import expand, read_grammar  # noqa: E402
from move_data import Turn, calibration_error, f1_table, read_chat, read_corpus  # noqa: E402

CLASSIFIER = MoveClassifier.load()
# The folder of moves_test.tsv.gz, whose rows are not ours to ship.
DATA = Path(os.environ.get("MIDSTREAM_MOVES_DATA", "/work/shared/data"))


def scores(turns: list[Turn]) -> tuple[float, float, float]:
    """Accuracy, macro-F1 and expected calibration error."""
    p = np.array(
        [list(CLASSIFIER.probabilities(t.text, t.previous, t.speaker, t.position).values()) for t in turns]
    )
    truth = np.array([LABELS.index(t.label) for t in turns])
    guess = p.argmax(1)
    return (
        (guess == truth).mean(),
        np.mean([row[3] for row in f1_table(truth, guess)]),
        calibration_error(p, truth),
    )


def test_chat_turns_of_the_test_part_are_told_apart() -> None:
    turns = read_chat("test")
    assert len(turns) > 350
    assert {t.label for t in turns} == set(LABELS)
    accuracy, macro_f1, error = scores(turns)
    assert accuracy >= 0.85
    assert macro_f1 >= 0.85
    assert error <= 0.08


def test_corpora_of_the_issue() -> None:
    path = DATA / "moves_test.tsv.gz"
    if not path.is_file():
        pytest.skip(f"{path} is not at hand: set MIDSTREAM_MOVES_DATA to the folder that holds it")
    turns = read_corpus(path)
    assert len(turns) == 2974
    _, macro_f1, error = scores(turns)
    assert macro_f1 >= 0.87
    assert error <= 0.03


def test_chat_split_keeps_conversations_whole() -> None:
    train, test = read_chat("train"), read_chat("test")
    assert len(train) > 1000
    assert not {t.conversation for t in train} & {t.conversation for t in test}
    assert {t.label for t in train} == set(LABELS)


@pytest.mark.parametrize(
    ("text", "previous", "speaker", "label"),
    [
        ("Write a Python function that reverses a list", None, "user", "request"),
        ("lol", "Why did the chicken cross the road? To get to the other side.", "user", "acknowledgment"),
        ("ok thx", "It is 42.", "user", "thanks"),
        ("bye!", "You're welcome!", "user", "closing"),
        ("hello", None, "user", "greeting"),
        ("Hello! How can I help you today?", "hi", "assistant", "greeting"),
        ("what is the capital of France?", None, "user", "question"),
        ("def f(x):\n    return x + 1", "write a function that adds one", "assistant", "answer"),
        ("uh-huh", "so we went to the lake and had lunch there", None, "acknowledgment"),
        ("and in Rust?", "def f(x):\n    return x + 1", "user", "follow_up"),
    ],
)
def test_plain_cases(text: str, previous: str | None, speaker: str | None, label: str) -> None:
    assert CLASSIFIER.classify(text, previous, speaker, 0 if previous is None else 3).label == label


def test_context_changes_the_verdict() -> None:
    after_question = CLASSIFIER.probabilities("yes", "Do you want fries with that?", "user", 5)
    after_answer = CLASSIFIER.probabilities("yes", "The total comes to 12 dollars.", "user", 5)
    assert after_question["answer"] > after_answer["answer"]


def test_hit_and_probabilities_agree() -> None:
    for turn in read_chat("test")[:60]:
        hit = CLASSIFIER.classify(turn.text, turn.previous, turn.speaker, turn.position)
        p = CLASSIFIER.probabilities(turn.text, turn.previous, turn.speaker, turn.position)
        assert list(p) == list(LABELS)
        assert sum(p.values()) == pytest.approx(1.0)
        assert hit.label == max(p, key=p.__getitem__)
        assert hit.confidence == pytest.approx(p[hit.label], rel=1e-5)


def test_only_head_and_tail_of_a_long_text_count() -> None:
    head, tail = "Please fix the parser. " * 30, "it fails on empty input. " * 20
    short = CLASSIFIER.probabilities(f"{head}{'x' * 10}{tail}")
    long = CLASSIFIER.probabilities(f"{head}{'y ' * 500_000}{tail}")
    assert short == long


def test_features_are_the_same_everywhere() -> None:
    """Golden values: whoever changes them raises VERSION and trains again."""
    cases = {
        ("Hello, world!", None, None, 0): 0x3AD9006,
        ("¿Qué tal? İstanbul’a gidiyor 👋🏽", "What's up?", "user", 3): 0xB13DB6FD,
        ("", None, "assistant", 99): 0x37876B60,
    }
    for arguments, golden in cases.items():
        rows, _ = features(*arguments)
        assert crc32(rows.astype("<u4").tobytes()) == golden, arguments


def test_features_do_not_depend_on_the_process() -> None:
    code = "from midstream_analysis.moves_features import *; print(features('Abc def?', 'x', 'user', 2)[0].tolist())"
    for seed in ("0", "1"):
        env = {**os.environ, "PYTHONPATH": str(ROOT / "analysis"), "PYTHONHASHSEED": seed}
        out = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        ).stdout
        assert out.strip() == str(features("Abc def?", "x", "user", 2)[0].tolist())


HOSTILE = st.one_of(
    st.text(max_size=600),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Co", "Mn", "Zl", "So"]), max_size=600),
    st.sampled_from(
        [
            "",
            " ",
            "\0",
            "\n" * 900,
            "?" * 5000,
            "\ud800",
            "İ" * 300,
            "ﷺ" * 700,
            "\x1b[31m",
            "[/bold]",
            "👋" * 999,
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(HOSTILE, st.one_of(st.none(), HOSTILE), st.one_of(st.none(), HOSTILE), st.integers(-(2**70), 2**70))
def test_any_text_gets_a_verdict(text: str, previous: str | None, speaker: str | None, position: int) -> None:
    rows, starts = features(text, previous, speaker, position)
    assert len(starts) == GROUPS
    assert starts[0] == 0 < starts[1] < starts[2] < len(rows) <= 12_000
    assert rows.max() < ROWS
    hit = CLASSIFIER.classify(text, previous, speaker, position)
    assert hit.label in LABELS
    assert 1 / len(LABELS) <= hit.confidence <= 1.0


def test_roles_map_to_speakers() -> None:
    assert [speaker_code(s) for s in ("user", "Human", " customer ")] == [1] * 3
    assert [speaker_code(s) for s in ("assistant", "AGENT", "system")] == [2] * 3
    assert [speaker_code(s) for s in ("martian", "", None)] == [0] * 3


def test_threads_share_one_classifier() -> None:
    turns = read_chat("test")[:80]
    expected = [CLASSIFIER.classify(t.text, t.previous, t.speaker, t.position) for t in turns]
    got: list[list[object]] = []

    def work() -> None:
        mine = MoveClassifier.load()
        assert mine is CLASSIFIER
        got.append([mine.classify(t.text, t.previous, t.speaker, t.position) for t in turns])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [expected] * 4


def test_shipped_weights_are_small_and_plain() -> None:
    data = importlib.resources.files("midstream_analysis") / "data"
    assert len((data / "moves.npz").read_bytes()) <= 500_000
    with (data / "moves.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        assert arrays["weights"].dtype == np.int8
    card = (data / "MODEL_CARD.md").read_text()
    for credit in (
        "Schema-Guided Dialogue",
        "MultiWOZ",
        "MultiDoGO",
        "CLINC150",
        "CC BY-SA 4.0",
        "CDLA-Permissive-1.0",
    ):
        assert credit in card


def test_misfit_weights_are_refused() -> None:
    good = (
        np.zeros((ROWS, len(LABELS)), np.int8),
        np.ones(GROUPS, np.float32),
        np.zeros(len(LABELS), np.float32),
    )
    MoveClassifier(*good)
    with pytest.raises(ValueError, match="shapes"):
        MoveClassifier(good[0][:-1], good[1], good[2])
    with pytest.raises(ValueError, match="NaN"):
        MoveClassifier(good[0], good[1] * np.float32("nan"), good[2])


def test_phrase_book_expands() -> None:
    import random

    slots, rules = read_grammar(ROOT / "analysis" / "training" / "chat_grammar.txt")
    assert {r.label for r in rules} == set(LABELS)
    rng = random.Random(1)
    for rule in rules:
        assert set(rule.after) <= {"-", "*", *LABELS}, rule
        for _ in range(5):
            text = expand(rule.template, slots, rng)
            assert not any(mark in text for mark in ("|", "~")) or rule.label in ("answer", "request"), text
