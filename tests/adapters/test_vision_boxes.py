"""Overlap, suppression of doubles and tracks, against slow and obvious ways to say the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.events import Box
from midstream_adapters.vision_boxes import MOST_BOXES, iou, suppress, told
from midstream_adapters.vision_tracks import MOST_MISSED, Tracker

edge = st.integers(0, 12)
boxes = st.tuples(edge, edge, st.integers(1, 6), st.integers(1, 6)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


def cells(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
    left, top, right, bottom = box
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


@given(boxes, st.lists(boxes, min_size=1, max_size=6))
def test_overlap_is_that_of_the_cells_they_cover(
    one: tuple[int, int, int, int], others: list[tuple[int, int, int, int]]
) -> None:
    found = iou(np.array(one, np.float32), np.array(others, np.float32))
    expected = [len(cells(one) & cells(o)) / len(cells(one) | cells(o)) for o in others]
    assert found == pytest.approx(expected, abs=1e-6)


def test_boxes_without_area_overlap_nothing() -> None:
    flat = np.array([1, 1, 1, 1], np.float32)
    assert iou(flat, np.array([[1, 1, 1, 1], [0, 0, 2, 2]], np.float32)).tolist() == [0.0, 0.0]


@given(st.lists(st.tuples(boxes, st.integers(1, 99), st.integers(0, 1)), min_size=1, max_size=12))
def test_suppression_keeps_the_surest_of_what_overlaps(
    candidates: list[tuple[tuple[int, int, int, int], int, int]],
) -> None:
    kept: list[int] = []
    for n in sorted(range(len(candidates)), key=lambda n: -candidates[n][1]):  # stable, as numpy's is
        box, _, kind = candidates[n]
        doubles = (
            len(cells(box) & cells(candidates[k][0])) / len(cells(box) | cells(candidates[k][0])) > 0.45
            for k in kept
            if candidates[k][2] == kind
        )
        if not any(doubles):
            kept.append(n)
    edges, scores, classes = (np.array(column) for column in zip(*candidates, strict=True))
    found = suppress(edges.astype(np.float32), (scores / 100).astype(np.float32), classes, 0.45)
    assert found == kept


def test_what_a_hostile_network_says_is_left_out_or_clipped() -> None:
    edges = np.array(
        [
            [-1, -1, 2, 2],
            [0.2, 0.2, 0.1, 0.4],
            [np.nan, 0, 1, 1],
            [0, 0, np.inf, 1],
            [0, 0, 1, 1],
            [0, 0, 1, 1],
        ],
        np.float32,
    )
    scores = np.array([0.9, 0.9, 0.9, 0.9, np.nan, 7.0], np.float32)
    found = told(edges, scores, np.array([0, 0, 0, 0, 0, 0]), ["a"], least=0.5, most_iou=0.45)
    assert [(b.left, b.top, b.right, b.bottom) for b in found] == [(0, 0, 1, 1)]
    for classes in ([9], [-1], [1]):  # beyond the names, and one without
        one = told(edges[:1], scores[:1], np.array(classes), ["a", ""], least=0.5, most_iou=None)
        assert one == ()


def test_a_flood_of_boxes_is_bounded_and_quick() -> None:
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 0.9, (20_000, 2)).astype(np.float32)
    edges = np.hstack([corner, corner + 0.01])
    found = told(
        edges,
        rng.uniform(0.5, 1, 20_000).astype(np.float32),
        np.zeros(20_000, int),
        ["x"],
        least=0.5,
        most_iou=0.45,
    )
    assert len(found) == MOST_BOXES
    assert [b.score for b in found] == sorted((b.score for b in found), reverse=True)


def box(label: str, left: float, top: float = 0.4, size: float = 0.2) -> Box:
    return Box(label, 0.9, left, top, left + size, top + size)


def numbers(found: tuple[Box, ...]) -> list[int | None]:
    return [b.track for b in found]


def test_an_object_that_moves_keeps_its_number_and_a_new_one_gets_the_next() -> None:
    tracker = Tracker()
    for n in range(8):
        moving, still = box("cat", 0.05 * n), box("dog", 0.7)
        given_ = [moving, still] if n % 2 else [still, moving]  # whatever order they come in
        found = {b.label: b.track for b in tracker.follow(given_)}
        assert found == {"dog": 1, "cat": 2}
    assert numbers(tracker.follow([box("dog", 0.7), box("dog", 0.1, 0.0)])) == [1, 3]


def test_unlike_labels_are_never_the_same_object() -> None:
    tracker = Tracker()
    assert numbers(tracker.follow([box("cat", 0.1)])) == [1]
    assert numbers(tracker.follow([box("dog", 0.1)])) == [2]


def test_the_best_overlap_wins_and_no_number_is_given_twice() -> None:
    tracker = Tracker()
    tracker.follow([box("cat", 0.10), box("cat", 0.20)])
    assert numbers(tracker.follow([box("cat", 0.21), box("cat", 0.11), box("cat", 0.15)])) == [2, 1, 3]


def test_an_object_may_be_missed_for_some_pictures_but_not_for_ever() -> None:
    tracker = Tracker()
    tracker.follow([box("cat", 0.1)])
    for _ in range(MOST_MISSED):
        tracker.follow([])
    assert numbers(tracker.follow([box("cat", 0.1)])) == [1]
    for _ in range(MOST_MISSED + 1):
        tracker.follow([])
    assert numbers(tracker.follow([box("cat", 0.1)])) == [2]
