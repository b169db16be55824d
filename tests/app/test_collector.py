"""Garbage: seldom looked for, and strips leave hardly any."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from midstream_tui.collector import EVERY, THRESHOLDS, Collector
from midstream_tui.textual_speed import hasten


@pytest.fixture
def collector() -> Iterator[tuple[Collector, list[float]]]:
    now = [100.0]
    made = Collector(lambda: now[0])
    yield made, now
    made.end()


def test_thresholds_are_the_process_own_again_at_the_end(collector: tuple[Collector, list[float]]) -> None:
    made, _ = collector
    before = gc.get_threshold()
    made.begin()
    made.begin()
    assert made.begun
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > 0
    made.end()
    assert not made.begun
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_all_is_walked_when_it_is_time_and_no_sooner(collector: tuple[Collector, list[float]]) -> None:
    made, now = collector
    assert not made.look()  # not begun
    made.begin()
    garbage: list[object] = []
    garbage.append(garbage)

    class Held:
        pass

    held = Held()
    garbage.append(held)
    gone = weakref.ref(held)
    del garbage, held
    now[0] += EVERY / 2
    assert not made.look()
    assert gone() is not None
    now[0] += EVERY / 2
    assert made.look()
    assert gone() is None
    assert not made.look()


RED, PLAIN = Style(color="red"), Style()
parts = st.lists(
    st.tuples(st.text(alphabet="ab 漢é", min_size=1, max_size=5), st.sampled_from([RED, PLAIN])), max_size=5
)


class TestStrips:
    """`hasten` is in effect as soon as the app is imported; here it is asked for."""

    def test_none_waits_for_the_collector(self) -> None:
        hasten()

        class Marked(Strip):
            __slots__ = ("__weakref__",)

        gc.disable()
        try:
            strip = Marked([Segment("all of it")])
            gone = weakref.ref(strip)
            assert list(strip.divide([9])) == [strip]
            assert strip.crop_extend(0, 9, None) is strip
            assert strip.crop(0, 9) is strip
            del strip
            assert gone() is None
        finally:
            gc.enable()

    @given(parts, st.lists(st.integers(0, 30), max_size=4), st.integers(0, 12), st.integers(0, 14))
    def test_they_are_what_they_were(
        self, parts: list[tuple[str, Style]], cuts: list[int], start: int, length: int
    ) -> None:
        hasten()
        segments = [Segment(text, style) for text, style in parts]
        strip = Strip(segments)
        cells = [cell for segment in segments for cell in cells_of(segment)]
        at = [0, *sorted(set(cuts) | {strip.cell_length})]
        divided = strip.divide(at[1:])
        assert "".join(part.text for part in divided) == strip.text or any(cells[c] == "" for c in at[1:-1])
        end = start + length
        extended = strip.crop_extend(start, end, RED)
        assert extended.cell_length == max(0, length)
        assert strip.divide(at[1:]) == divided  # a second time as the first


def cells_of(segment: Segment) -> list[str]:
    """A character for its first cell, "" for the others."""
    found: list[str] = []
    for character in segment.text:
        found += [character, *[""] * (Segment(character).cell_length - 1)]
    return found
