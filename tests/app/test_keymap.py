"""Keys of the user's own: clashes are found before they are put to use, and the keys as shipped have none."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding

from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub
from midstream_tui.keymap import TAKEN, keymap_clashes, keymap_problems, keys_of
from midstream_tui.scopes import scopes
from midstream_tui.settings import Settings

A = Binding("a,b", "one", id="one")
B = Binding("c", "two", id="two")


def test_keys_are_the_maps_or_the_bindings_own() -> None:
    assert keys_of(A, {}) == ["a", "b"]
    assert keys_of(A, {"one": "x, y"}) == ["x", "y"]


def test_clashes_name_the_key_and_both() -> None:
    assert keymap_clashes([A, B], {}) == []
    assert keymap_clashes([A, B], {"two": "b"}) == ["key 'b' is both one and two"]
    assert keymap_clashes([A, B], {"one": "c", "two": "a"}) == []  # swapped is no clash


def test_the_same_deed_twice_is_no_clash() -> None:
    assert keymap_clashes([A, Binding("a", "one", id="other")], {}) == []


def test_the_keys_as_shipped_have_no_problem() -> None:
    assert keymap_problems(scopes(), {}) == []


@pytest.mark.parametrize("taken", TAKEN)
def test_no_shipped_key_is_one_that_terminals_swallow(taken: str) -> None:
    used = {
        key
        for bindings in scopes().values()
        for b in bindings
        if isinstance(b, Binding)
        for key in keys_of(b, {})
    }
    assert taken not in used


def test_problems_are_told_in_words() -> None:
    found = keymap_problems(
        scopes(), {"no.such": "a", "view.pause": "ctrl+b", "view.theme": "", "view.layout": "q"}
    )
    assert "there is no action 'no.such'" in found
    assert "view.pause: ctrl+b is tmux's prefix" in found
    assert "view.theme has no key" in found
    assert any("'q' is both app.quit and view.layout (the dashboard)" in line for line in found)


def test_a_panels_key_may_not_hide_the_screens() -> None:
    found = keymap_problems(scopes(), {"view.pause": "j"})
    assert any("panel.down" in line and "view.pause" in line for line in found)


async def test_the_app_takes_the_keys_and_the_help_tells_them(tmp_path: Path) -> None:
    app = MidStreamApp(
        Hub(engine=False), recent=RecentSources(tmp_path), settings=Settings(keys={"view.pause": "f"})
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        assert app.paused_at is None
        await pilot.press("f")
        assert app.paused_at is not None
        await pilot.press("question_mark")
        await pilot.pause()
        page = str(app.screen.query_one("#page Static").render())
        assert any(line.split()[0] == "f" and "Freeze" in line for line in page.splitlines() if line.strip())
