"""Layouts tile: whatever is shown, in whatever room, every cell belongs to one panel."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_tui.layouts import DASHBOARD, LEAST_ROWS, Layout, Line, arrange, of_detail, size_class

SIX = ["system", "temporal", "patterns", "status", "streams", "messages"]
KINDS = [(), ("text",), ("audio",), ("video",), ("audio", "video"), ("text", "audio", "video")]
ALL = [*DASHBOARD, *(layout for kinds in KINDS for layout in of_detail(kinds))]


def test_a_line_is_read_from_text() -> None:
    assert Line.parse("12 system temporal:2") == Line(12, (("system", 1), ("temporal", 2)))
    assert Line.parse("* messages").rows == 0


@pytest.mark.parametrize(
    ("columns", "name"), [(40, "narrow"), (99, "narrow"), (100, "normal"), (159, "normal"), (160, "wide")]
)
def test_size_classes(columns: int, name: str) -> None:
    assert size_class(columns) == name


def test_a_size_that_is_not_told_is_as_the_one_before() -> None:
    layout = Layout.of("x", "", narrow=("* a",), wide=("* a b",))
    assert layout.lines["normal"] == layout.lines["narrow"]
    assert layout.panels("wide") == ["a", "b"]


@given(
    layout=st.sampled_from(ALL),
    size=st.sampled_from(["narrow", "normal", "wide"]),
    hidden=st.sets(st.integers(0, 12)),
    width=st.integers(20, 220),
    height=st.integers(3, 70),
)
def test_boxes_tile_the_room(layout: Layout, size: str, hidden: set[int], width: int, height: int) -> None:
    names = [name for n, name in enumerate([*layout.panels(size), "another"]) if n not in hidden]
    boxes = arrange(layout.lines[size], names, width, height)
    assert set(boxes) == set(names)
    if not names:
        return
    rows = {(box.y, box.height) for box in boxes.values()}
    bottom = max(y + h for y, h in rows)
    assert bottom == max(height, LEAST_ROWS * len(rows))  # below the least, what does not fit lies outside
    assert sum(box.width * box.height for box in boxes.values()) == width * bottom
    for y, _ in rows:
        line = sorted(box for box in boxes.values() if box.y == y)
        assert line[0].x == 0
        assert all(a.x + a.width == b.x for a, b in pairwise(line))
        assert len({box.height for box in line}) == 1


def test_all_six_have_their_heights_on_a_small_terminal() -> None:
    boxes = arrange(DASHBOARD[0].lines["narrow"], SIX, 80, 22)
    assert [boxes[name].height for name in SIX] == [6, 6, 5, 5, 6, 5]
    assert boxes["messages"].width == 80


def test_turns_have_room_for_some_on_a_low_terminal() -> None:
    glance, *_ = of_detail(["text"])
    for height in (26, 28, 34, 60):
        boxes = arrange(glance.lines["normal"], glance.panels("normal"), 100, height)
        assert boxes["turns"].height >= 6
        assert sum({box.y: box.height for box in boxes.values()}.values()) == height
    low = arrange(glance.lines["normal"], glance.panels("normal"), 100, 11)  # nothing has room here
    assert all(box.height >= LEAST_ROWS for box in low.values())
    assert sum({box.y: box.height for box in low.values()}.values()) == 11


def test_a_hidden_panel_gives_its_room_to_the_others() -> None:
    lines = DASHBOARD[0].lines["normal"]
    boxes = arrange(lines, [name for name in SIX if name != "messages"], 120, 38)
    assert boxes["streams"].y + boxes["streams"].height == 38
    boxes = arrange(lines, [name for name in SIX if name != "status"], 120, 38)
    assert boxes["streams"].width == 120


@pytest.mark.parametrize("kinds", KINDS)
def test_the_detail_has_layouts_for_every_kind(kinds: tuple[str, ...]) -> None:
    layouts = of_detail(kinds)
    assert len({layout.name for layout in layouts}) == len(layouts) >= 3
    assert "facts" in layouts[0].panels("normal")


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        ((), "at a glance, turns, dynamics, words"),
        (("text",), "at a glance, turns, dynamics, words"),
        (("audio",), "at a glance, sound, dynamics"),
        (("video",), "at a glance, picture, dynamics"),
        (("audio", "video"), "at a glance, picture, sound, dynamics"),
        (("audio", "text"), "at a glance, sound, dynamics, turns, words"),
    ],
)
def test_the_detail_has_no_layout_for_what_is_not_carried(kinds: tuple[str, ...], names: str) -> None:
    assert ", ".join(layout.name for layout in of_detail(kinds)) == names
