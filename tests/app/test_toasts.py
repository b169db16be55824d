"""Toasts: two at most on a small screen, the gravest stay, and the others are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.command import SearchIcon
from textual.events import MouseDown
from textual.widgets._toast import Toast

from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.deeds.toasts import MOST, MOST_SMALL
from midstream_tui.hub import Hub


@pytest.fixture
def app(tmp_path: Path) -> MidStreamApp:
    return MidStreamApp(Hub(engine=False), recent=RecentSources(tmp_path))


@pytest.mark.parametrize(
    ("size", "most"), [((80, 24), MOST_SMALL), ((120, 24), MOST_SMALL), ((120, 40), MOST)]
)
async def test_no_more_toasts_than_there_is_room_for(
    app: MidStreamApp, size: tuple[int, int], most: int
) -> None:
    async with app.run_test(size=size, notifications=True) as pilot:
        for n in range(7):
            app.tell(f"stream {n} is lost", title="Alert", severity="warning")
        await pilot.pause()
        await pilot.pause()
        toasts = [str(toast.render()) for toast in app.screen.query(Toast)]
        assert len(toasts) == most
        assert [toast.splitlines()[-1] for toast in toasts] == [
            f"stream {n} is lost" for n in range(7 - most, 7)
        ]
        assert toasts[-1].startswith(f"Alert · {7 - most} more, A lists alerts")
        covered = sum(toast.outer_size.height for toast in app.screen.query(Toast))
        assert covered <= size[1] // 3


async def test_the_grave_ones_stay(app: MidStreamApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        for text, severity in (("grave", "error"), ("usual", "warning"), ("done", "information")):
            app.tell(text, severity=severity)
        await pilot.pause()
        assert [each.message for each in app._notifications] == ["grave", "done"]
        assert [each.title for each in app._notifications] == ["", "1 more"]
        app.tell("again", severity="information")
        await pilot.pause()
        assert [each.message for each in app._notifications] == ["grave", "again"]


async def test_one_alone_says_nothing_of_others(app: MidStreamApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        app.tell("one", title="Alert")
        await pilot.pause()
        assert [each.title for each in app._notifications] == ["Alert"]


async def test_the_palette_has_a_sign_of_one_cell(app: MidStreamApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert str(app.screen.query_one(SearchIcon).render()) == "›"
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert len(app.screen_stack) == 2


async def test_a_click_on_a_toast_that_has_just_left_does_nothing(app: MidStreamApp) -> None:
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        app.tell("a stream is lost")
        await pilot.pause()
        toast = app.screen.query_one(Toast)
        at = toast.content_region.offset
        parent, toast._parent = toast._parent, None  # it has left, and the next layout has not come yet
        click = MouseDown(None, at.x, at.y, 0, 0, 1, False, False, False, screen_x=at.x, screen_y=at.y)
        await app.on_event(click)
        toast._parent = parent
        assert app._exception is None
