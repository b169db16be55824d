"""Recurring patterns: true positions, honest counts, nothing said twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis import recurring_patterns
from midstream_analysis.reference import sequences as oracle

QUICK = settings(max_examples=150, deadline=None)


def texts(symbols: Any, **options: Any) -> list[str]:
    return ["".join(map(str, p.pattern)) for p in recurring_patterns(symbols, **options)]


def test_conversation_moves() -> None:
    moves = ["greeting", *["question", "answer", "thanks"] * 3, "closing"]
    (best,) = recurring_patterns(moves)
    assert best.pattern == ("question", "answer", "thanks")
    assert best.positions == (1, 4, 7)
    assert best.count == 3
    assert best.support == 9 / 11
    assert best.confidence == 1.0
    assert best.lift == pytest.approx(3 / (9 * (3 / 11) ** 3))


def test_confidence_is_that_of_the_rule() -> None:
    found = {p.pattern: p for p in recurring_patterns("qaqaqtqaxqt", max_length=2)}
    assert found["q", "a"].confidence == 3 / 5
    assert found["q", "t"].confidence == 2 / 5
    assert (
        recurring_patterns("qaqaq", max_length=2)[0].confidence == 1.0
    )  # the last "q" was followed by nothing


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ("abababab", ["ab"]),
        ("aaaaaaaa", ["aa"]),
        ("gqagqagqat", ["gqa"]),
        ("abacabacabac", ["abac"]),
        ("abcdeabcxyabcde", ["abcde", "abc"]),
        ("abcdefghijabcdefghij", ["abcdef"]),  # longer than max_length: its beginning, not all its parts
        ("abaxabayabaz", ["aba"]),  # it goes round, but "ab" is no more frequent
        ("abcdef", []),
        ("a", []),
        ("", []),
    ],
)
def test_only_what_says_something_of_its_own(symbols: str, expected: list[str]) -> None:
    assert texts(symbols) == expected


def test_overlapping_occurrences_are_counted_once() -> None:
    (found,) = recurring_patterns("aaaaaaa", min_length=3, max_length=3)
    assert found.positions == (0, 3)
    assert found.count == 2
    assert found.lift == 1.0  # nothing but chance


@QUICK
@given(st.text(alphabet="abc", max_size=40), st.integers(1, 3), st.integers(0, 3), st.integers(2, 4))
def test_every_pattern_is_there_as_said(symbols: str, low: int, more: int, least: int) -> None:
    options = {"min_length": low, "max_length": low + more, "min_count": least}
    found = recurring_patterns(symbols, **options)
    for p in found:
        starts = oracle.pattern_starts(symbols, p.pattern)
        assert low <= len(p.pattern) <= low + more
        assert set(p.positions) <= set(starts)
        assert p.count == len(p.positions) >= least
        assert all(b - a >= len(p.pattern) for a, b in zip(p.positions, p.positions[1:], strict=False))
        assert p.support == p.count * len(p.pattern) / len(symbols) <= 1.0
        before = oracle.pattern_starts(symbols[:-1], p.pattern[:-1])
        assert p.confidence == len(starts) / len(before)
    assert [p.support for p in found] == sorted((p.support for p in found), reverse=True)
    assert recurring_patterns(list(symbols), **options) == found
    # Complete: a pattern that is not given is part of a longer one, or goes round.
    given_ = {"".join(map(str, p.pattern)) for p in found}
    for length in range(low, low + more + 1):
        for i in range(len(symbols) - length + 1):
            one = symbols[i : i + length]
            if one in given_ or _separate(symbols, one) < least:
                continue
            longer = {
                symbols[s - 1 : s + length] if side else symbols[s : s + length + 1]
                for s in oracle.pattern_starts(symbols, one)
                for side in (0, 1)
            }
            count = len(oracle.pattern_starts(symbols, one))
            absorbed = any(
                len(big) == length + 1 and one in big and len(oracle.pattern_starts(symbols, big)) == count
                for big in longer
            )
            assert absorbed or any(one[k:] == one[:-k] for k in range(1, length)), one


def _separate(symbols: str, one: str) -> int:
    return symbols.count(one)  # str.count is greedy from the left and does not overlap


def test_filters() -> None:
    symbols = "abxabyabzcdwcd"
    assert texts(symbols, min_count=3) == ["ab"]
    assert texts(symbols, min_support=0.4) == ["ab"]
    assert texts(symbols, limit=1) == ["ab"]
    assert all(p.confidence >= 0.7 for p in recurring_patterns("abababacacab", min_confidence=0.7))


def test_any_hashable() -> None:
    assert recurring_patterns([(1, 2), None, (1, 2), None])[0].pattern == ((1, 2), None)


def test_long_input_is_quick_and_deterministic() -> None:
    symbols = random.Random(5).choices("abcdefgh", k=5000)
    assert recurring_patterns(symbols) == recurring_patterns(tuple(symbols))
    assert len(recurring_patterns(symbols)) == 100


@pytest.mark.parametrize(
    "call",
    [
        lambda: recurring_patterns("ab", min_length=0),
        lambda: recurring_patterns("ab", min_length=3, max_length=2),
        lambda: recurring_patterns("ab", min_count=1),
        lambda: recurring_patterns("ab", limit=0),
        lambda: recurring_patterns("ab", min_support=2.0),
        lambda: recurring_patterns("ab", min_confidence=float("nan")),
        lambda: recurring_patterns([[1], [1]]),  # type: ignore[list-item]
        lambda: recurring_patterns(iter("ab")),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_a_clear_error(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        call()
