"""SPRING against the distances of all subsequences."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis import Spring, dtw, find_subsequence
from midstream_analysis.reference import sequences as oracle
from tests.analysis.inputs import BAD, JIT, forms

QUICK = settings(max_examples=60 if JIT else 15, deadline=None)
WHOLE = st.integers(-4, 4)


@QUICK
@given(st.lists(WHOLE, min_size=1, max_size=14), st.lists(WHOLE, min_size=1, max_size=5))
def test_the_best_match_is_the_best_of_all_subsequences(x: list[int], query: list[int]) -> None:
    (match,) = find_subsequence(x, query)
    assert match.distance == pytest.approx(oracle.closest_subsequence(x, query), abs=1e-12)
    assert match.distance == pytest.approx(dtw(x[match.start : match.end + 1], query), abs=1e-12)


@QUICK
@given(
    st.lists(WHOLE, min_size=1, max_size=14),
    st.lists(WHOLE, min_size=1, max_size=4),
    st.floats(0, 6),
    st.data(),
)
def test_matches_are_disjoint_true_and_complete(
    x: list[int], query: list[int], threshold: float, data: st.DataObject
) -> None:
    matches = find_subsequence(x, query, threshold)
    for match in matches:
        assert match.distance <= threshold
        assert match.distance == pytest.approx(dtw(x[match.start : match.end + 1], query), abs=1e-12)
    for one, other in pairwise(matches):
        assert one.end < other.start
    best = oracle.closest_subsequence(x, query)
    if best <= threshold - 1e-9:
        assert min(match.distance for match in matches) == pytest.approx(best, abs=1e-12)
    elif best > threshold + 1e-9:
        assert matches == []
    spring, cut = Spring(query, threshold), data.draw(st.integers(0, len(x)))
    streamed = [*(m for v in x[:cut] if (m := spring.update(v))), *spring.extend(x[cut:]), spring.flush()]
    assert [m for m in streamed if m] == matches
    assert spring.count == len(x)


def test_it_reports_as_soon_as_it_is_settled_whatever_the_tempo() -> None:
    query = np.sin(np.arange(40) / 5)
    x = np.full(400, 5.0)
    x[50:90], x[200:280] = query, np.repeat(query, 2)
    spring = Spring(query, 0.5)
    seen = {place: match for place, value in enumerate(x) if (match := spring.update(value))}
    assert [m.distance for m in seen.values()] == [0.0, 0.0]
    (first, second) = seen.values()
    assert (first.start, first.end) == (50, 89)
    assert second.start in (200, 201)  # the query's ends are there twice
    assert second.end in (278, 279)
    assert all(m.end < place <= m.end + 3 for place, m in seen.items())
    assert spring.flush() is None


def test_huge_values_match_nothing() -> None:
    spring = Spring([0.0, 1.0], 1.0)
    assert [spring.update(v) for v in (1e300, -1e300, 1e300)] == [None] * 3
    assert spring.extend([0.0, 1.0, 1e300])[0].distance == 0.0


def test_every_form_of_a_series_gives_the_same() -> None:
    x = np.random.default_rng(4).integers(-9, 9, 80)
    for form in forms(x).values():
        assert find_subsequence(form, form[10:20]) == find_subsequence(x.tolist(), x[10:20].tolist())


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_series(bad: object) -> None:
    for call in (
        lambda: find_subsequence(bad, [1.0]),
        lambda: find_subsequence([1.0], bad),
        lambda: find_subsequence([1.0], bad, 1.0),
    ):
        with pytest.raises(ValueError):
            call()


def test_bad_arguments() -> None:
    for threshold in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="threshold"):
            Spring([1.0], threshold)
    with pytest.raises(ValueError, match="finite"):
        Spring([1.0], 1.0).update(math.nan)


def test_the_query_is_its_own_copy() -> None:
    query = np.array([1.0, 2.0])
    spring = Spring(query, 0.1)
    query[:] = 9.0
    assert spring.extend([1.0, 2.0, 50.0])[0].start == 0
