"""Similarities in [0, 1] for all four measures, and where a pattern occurs, against the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.similarity import Algorithm, occurrences, similarity

numbers = st.lists(st.floats(-1e6, 1e6, width=32), max_size=12)
symbols = st.one_of(st.text("abc", max_size=12), st.lists(st.sampled_from([("a", 1), "b", 3]), max_size=12))
pairs = st.one_of(
    st.tuples(numbers, numbers), st.tuples(st.text("abc", max_size=9), st.text("abc", max_size=9))
)


@settings(max_examples=150, deadline=None)
@given(pairs, st.sampled_from(["dtw", "lcs", "edit", "euclidean"]))
def test_in_0_to_1_symmetric_and_1_for_equal(pair: tuple[Any, Any], algorithm: Algorithm) -> None:
    a, b = pair
    assert similarity(a, a, algorithm) == 1.0
    if algorithm == "euclidean":
        b = (list(b) + list(a))[: len(a)]
        if isinstance(a, str):
            b = "".join(b)
    there, back = similarity(a, b, algorithm), similarity(b, a, algorithm)
    assert 0.0 <= there <= 1.0
    assert there == pytest.approx(back)
    if list(a) != list(b) and algorithm in ("edit", "euclidean"):
        assert there < 1.0


@pytest.mark.parametrize(
    ("a", "b", "algorithm", "expected"),
    [
        ("kitten", "sitting", "edit", 1 - 3 / 7),
        ("kitten", "sitting", "lcs", 4 / 7),
        ("abcd", "abxd", "euclidean", 3 / 4),
        ("aabb", "ab", "dtw", 1.0),
        ("abc", "xyz", "dtw", 0.0),
        (["greeting", "question", "answer"], ["greeting", "answer"], "edit", 2 / 3),
        ([1, 2, 3], [1, 2, 4], "lcs", 2 / 3),
        ([0.0, 0.0], [3.0, 4.0], "euclidean", 1 / (1 + 5 / (np.std([0, 0, 3, 4]) * 2**0.5))),
        ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0, 0.0], "dtw", 1.0),
        ([], [], "dtw", 1.0),
        ([], [1.0], "edit", 0.0),
        ("", "abc", "dtw", 0.0),
    ],
)
def test_known_values(a: Any, b: Any, algorithm: Algorithm, expected: float) -> None:
    assert similarity(a, b, algorithm) == pytest.approx(expected)


def test_similarity_of_numbers_does_not_depend_on_their_unit() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(50), rng.standard_normal(60)
    for scale in (1e-200, 1e-3, 1e200):
        assert similarity(scale * a, scale * b) == pytest.approx(similarity(a, b))
    assert similarity(a, a + 0.01) > 0.9 > similarity(a, b) > 0.0


def test_errors_are_clear() -> None:
    with pytest.raises(ValueError, match="one of dtw, lcs, edit, euclidean"):
        similarity("a", "b", "cosine")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one length, not 1 and 2"):
        similarity([1.0], [1.0, 2.0], "euclidean")
    with pytest.raises(ValueError, match="NaN"):
        similarity([1.0, float("nan")], [1.0, 2.0])
    with pytest.raises(ValueError, match="numbers"):
        similarity([1.0], ["a"])


@given(st.lists(st.integers(0, 1), max_size=30), st.lists(st.integers(0, 1), min_size=1, max_size=4))
def test_occurrences_are_the_definition(sequence: list[int], pattern: list[int]) -> None:
    m = len(pattern)
    assert occurrences(sequence, pattern) == [
        i for i in range(len(sequence) - m + 1) if sequence[i : i + m] == pattern
    ]


def test_occurrences_overlap_and_need_a_pattern() -> None:
    assert occurrences("aaaa", "aa") == [0, 1, 2]
    with pytest.raises(ValueError, match="empty"):
        occurrences("abc", "")
