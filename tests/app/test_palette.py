"""The palette: what it knows, run by keys, opened again and closed while it searches."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import OptionList

from midstream_tui.palette import Commands
from midstream_tui.screens.detail import DetailScreen
from midstream_tui.screens.overview import OverviewScreen
from tests.app.shell_pilot import app_of


async def commands(pilot: Pilot[None], query: str = "") -> dict[str, Any]:
    """Names of what the palette offers, with what it does."""
    provider = Commands(pilot.app.screen)
    hits = provider.search(query) if query else provider.discover()
    return {str(hit.text): hit.command async for hit in hits}  # type: ignore[union-attr]


async def test_the_palette_knows_streams_panels_layouts_themes_keys_and_jobs(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    offered = await commands(pilot)
    assert {"Stream: good", "Stream: bad", "Export", "Freeze", "Layout", "Help", "Quit"} <= set(offered)
    themes = await commands(pilot, "theme")
    assert {"Theme: midstream-cvd", "Theme: textual-light"} <= set(themes)
    themes["Theme: textual-light"]()
    assert app.theme == "textual-light"
    (await commands(pilot, "Panel: hide Recent"))["Panel: hide Recent Messages"]()
    assert not app.live_screen.panel("messages").display
    (await commands(pilot, "Layout: analysis"))["Layout: analysis"]()
    assert app.live_screen.grid.lines.name == "analysis"
    ended: list[int] = []
    app.progress.begin("a long export", lambda: ended.append(1))
    (await commands(pilot, "Cancel"))["Cancel: a long export"]()
    assert ended == [1]
    await (await commands(pilot, "Freeze"))["Freeze"]()
    assert app.paused_at is not None
    (await commands(pilot, "bad"))["Stream: bad"]()
    await pilot.pause()
    assert isinstance(app.screen, DetailScreen)
    assert app.screen.stream == "bad"


async def test_the_palette_opens_again_while_the_one_before_is_still_leaving(pilot: Pilot[None]) -> None:
    app = pilot.app
    await app.run_action("command_palette")
    for _ in range(9):
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        app.screen.dismiss(None)
        await app.run_action("command_palette")  # by a quick hand
    await pilot.pause()
    await pilot.press("escape")
    assert not isinstance(app.screen, CommandPalette)


@pytest.mark.parametrize("turns", [0, 3, 8])
async def test_a_key_waits_until_the_screen_that_gets_it_is_mounted(pilot: Pilot[None], turns: int) -> None:
    """Keys go to the focused widget first: one that comes back from there may meet a screen that is newer."""
    app = pilot.app
    for key in ("z", "v", "escape"):
        app.push_screen(OverviewScreen())
        for _ in range(turns):
            await asyncio.sleep(0)
        event = Key(key, None)
        event._set_forwarded()
        await app.on_event(event)
    await pilot.pause()
    assert [type(screen) for screen in app.screen_stack].count(OverviewScreen) == 2


async def test_a_search_that_ends_after_its_palette_was_closed_does_nothing(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+p")
    await pilot.pause()
    palette = pilot.app.screen
    assert isinstance(palette, CommandPalette)
    await palette.query("*").remove()
    palette._list_visible = not palette._list_visible
    palette._show_busy = not palette._show_busy
    await pilot.pause()
    assert pilot.app._exception is None


async def test_a_command_is_run_from_the_palette_by_keys(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+p")
    await pilot.pause()
    await pilot.press(*"stream bad")
    for _ in range(100):
        await pilot.pause(0.05)
        listed = pilot.app.screen.query(OptionList)
        if listed and listed.first().option_count == 1:
            break
    await pilot.press("enter")
    await pilot.pause()
    await pilot.press("enter")
    await pilot.pause()
    assert isinstance(app_of(pilot).live_screen, DetailScreen)
