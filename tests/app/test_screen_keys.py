"""Keys that open another screen or a dialog, and the keys that hold in there: detail, log, help, picker."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, OptionList, Select

from midstream_adapters.events import State, StateChanged, TextChunk
from midstream_tui.screens.alerts import AlertsScreen
from midstream_tui.screens.detail import DetailScreen
from midstream_tui.screens.help import HelpScreen
from midstream_tui.screens.log import LogScreen
from midstream_tui.screens.options import OptionsScreen
from midstream_tui.screens.overview import OverviewScreen
from midstream_tui.screens.picker import PickerScreen
from midstream_widgets.charts.base import ChartPanel
from midstream_widgets.stream_table import StreamTable
from tests.app.shell_pilot import app_of
from tests.app.two_streams import Keys, panel_text, settle, two_streams


@pytest.fixture
async def pilot(tmp_path: Path) -> AsyncIterator[Keys]:
    async with two_streams(tmp_path) as pilot:
        yield pilot


async def opens_the_overview(pilot: Keys) -> None:
    await pilot.press("a")
    await settle(pilot)
    table = pilot.app.screen.query_one(StreamTable)
    assert isinstance(pilot.app.screen, OverviewScreen)
    assert [row.stream for row in table.view.rows] == ["one", "two"]
    await pilot.press("d", "a")  # from the detail it is the one below, not another
    assert isinstance(pilot.app.screen, OverviewScreen)
    assert len(pilot.app.screen_stack) == 2


async def opens_the_detail(pilot: Keys) -> None:
    await pilot.press("j", "d")
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, DetailScreen)
    assert screen.stream == "two"
    assert "640x360" in panel_text(screen.panel("facts"))
    await pilot.press("escape")
    await settle(pilot)
    app_of(pilot).select("one")
    app_of(pilot).paint()
    await pilot.press("enter")
    await settle(pilot)
    assert isinstance(pilot.app.screen, DetailScreen)
    assert pilot.app.screen.stream == "one"


async def walks_the_details(pilot: Keys) -> None:
    await pilot.press("d")
    await settle(pilot)
    for key, stream in (("n", "two"), ("n", "one"), ("N", "two"), ("N", "one")):
        await pilot.press(key)
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, DetailScreen)
        assert screen.stream == stream
        assert app_of(pilot).hub.session.selected == stream
    assert len(pilot.app.screen_stack) == 2


async def zooms(pilot: Keys) -> None:
    app, now = app_of(pilot), app_of(pilot).hub.options.clock()
    for n in range(500):
        app.bus.emit(TextChunk("one", now + n / 100, "x", reward=math.sin(n)))
    await pilot.press("d")
    await settle(pilot)
    charts = [chart for chart in pilot.app.screen.query(ChartPanel) if chart.display]
    assert charts
    series = pilot.app.screen.query_one("#series", ChartPanel)
    before = series.zoom
    await pilot.press("minus")
    assert series.zoom == before - 1
    await pilot.press("plus")
    assert series.zoom == before


async def opens_the_log(pilot: Keys) -> None:
    await pilot.press("L")
    assert isinstance(app_of(pilot).screen, LogScreen)
    await pilot.press("L")
    assert len(app_of(pilot).screen_stack) == 2  # there is one log


async def filters_the_log(pilot: Keys) -> None:
    await pilot.press("L", "slash", *"and again from two", "enter")
    await settle(pilot)
    shown = panel_text(app_of(pilot).live_screen.panel("log"))
    assert "and again from two" in shown
    assert "hello" not in shown


async def opens_the_alerts(pilot: Keys) -> None:
    app = app_of(pilot)
    app.bus.emit(StateChanged("two", app.hub.options.clock(), State.FAILED, "no such host"))
    await settle(pilot)
    app.watchman.look()
    await pilot.press("A")
    await settle(pilot)
    assert isinstance(app.screen, AlertsScreen)
    shown = panel_text(app.live_screen.panel("alerts"))
    assert "error" in shown
    assert "lost" in shown
    assert "two" in shown
    assert "one" not in shown.replace("no one", "")
    assert any("lost: two" in str(toast.message) for toast in app._notifications)


async def opens_the_options(pilot: Keys) -> None:
    app = app_of(pilot)
    await pilot.press("i")
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, OptionsScreen)
    screen.query_one("#observable", Select).value = "interval"
    screen.query_one("#refresh", Select).value = 200
    await pilot.click("#apply")
    await app.workers.wait_for_complete()
    assert app.hub.session.selected == "one"
    assert app.hub.session.observable == "interval"
    assert app.refresh_ms == 200


async def closes_dialogs(pilot: Keys) -> None:
    await pilot.press("i")
    await pilot.pause()
    assert isinstance(pilot.app.screen, OptionsScreen)
    await pilot.press("escape")
    await pilot.pause()
    assert not isinstance(pilot.app.screen, OptionsScreen)
    assert app_of(pilot).refresh_ms == 67


async def shows_help(pilot: Keys) -> None:
    await pilot.press("question_mark")
    await pilot.pause()
    assert isinstance(pilot.app.screen, HelpScreen)
    await pilot.press("escape")
    await pilot.press("f1")
    await pilot.pause()
    assert isinstance(pilot.app.screen, HelpScreen)


async def closes_help(pilot: Keys) -> None:
    for key in ("escape", "question_mark", "f1", "q"):
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press(key)
        await pilot.pause()
        assert not isinstance(pilot.app.screen, HelpScreen)
    assert pilot.app.is_running


async def scrolls_help(pilot: Keys) -> None:
    await pilot.press("question_mark")
    await pilot.pause()
    page = pilot.app.screen.query_one("#page")
    for keys in (
        ("j", "k"),
        ("down", "up"),
        ("ctrl+d", "ctrl+u"),
        ("pagedown", "pageup"),
        ("G", "g"),
        ("end", "home"),
    ):
        for key, there in zip(keys, (True, False), strict=True):
            await pilot.press(key)
            await pilot.pause()
            assert (page.scroll_offset.y > 0) is there, key


async def opens_the_picker(pilot: Keys) -> None:
    await pilot.press("s")
    await pilot.pause()
    assert isinstance(pilot.app.screen, PickerScreen)
    options = pilot.app.screen.query_one(OptionList)
    shown = [str(options.get_option_at_index(n).prompt) for n in range(options.option_count)]
    assert any("one" in prompt and "live" in prompt for prompt in shown)


async def cancels_the_picker(pilot: Keys) -> None:
    await pilot.press("s", "escape")
    await pilot.pause()
    assert not isinstance(pilot.app.screen, PickerScreen)


async def goes_from_the_address_to_the_list(pilot: Keys) -> None:
    await pilot.press("s")
    await pilot.pause()
    assert isinstance(pilot.app.focused, Input)
    await pilot.press("down")
    assert isinstance(pilot.app.focused, OptionList)
    await pilot.press("down", "enter")
    await pilot.pause()
    assert app_of(pilot).hub.session.selected == "two"


async def closes_a_stream_from_the_picker(pilot: Keys) -> None:
    app = app_of(pilot)
    app.recent.add("sim:video")
    await pilot.press("s", "down", "delete")
    await app.workers.wait_for_complete()
    await pilot.pause()
    assert list(app.hub.session.streams) == ["two"]
    await pilot.press("down", "ctrl+x")
    await pilot.pause()
    assert app.recent.load() == []


async def edits_an_address(pilot: Keys) -> None:
    app = app_of(pilot)
    app.recent.add("sim:video")
    await pilot.press("s", "down", "end", "ctrl+e")
    await pilot.pause()
    address = app.screen.query_one(Input)
    assert address.value == "sim:video"
    assert address.has_focus
    await pilot.press(*["backspace"] * 5, *"text", "enter")
    await pilot.pause()
    assert [held.asked for held in app.hub.sources.values()] == ["sim:text"]
    assert app.recent.load() == ["sim:text"]


async def connects_anew_from_the_picker(pilot: Keys) -> None:
    app = app_of(pilot)
    app.open_source("sim:text")
    held = next(iter(app.hub.sources.values()))
    before = held.task
    await settle(pilot)
    await pilot.press("s", "down", "down", "down", "ctrl+r")
    await app.workers.wait_for_complete()
    assert held.task is not before


async def opens_the_options_from_the_picker(pilot: Keys) -> None:
    await pilot.press("s", "down", "down", "ctrl+o")
    await pilot.pause()
    assert isinstance(pilot.app.screen, OptionsScreen)


async def probes_from_the_picker(pilot: Keys) -> None:
    app = app_of(pilot)
    app.recent.add("sim:video")
    app.recent.add("sim:audio")
    await pilot.press("s", *"p", "backspace", "down", "end", "p")
    for _ in range(100):
        await pilot.pause(0.02)
        if "not probed" in prompts(pilot)["recent:sim:video"]:
            break
    assert "not probed" in prompts(pilot)["recent:sim:video"]
    assert "not probed" not in prompts(pilot)["recent:sim:audio"]
    await pilot.press("P")
    for _ in range(100):
        await pilot.pause(0.02)
        if "not probed" in prompts(pilot)["recent:sim:audio"]:
            break
    assert "not probed" in prompts(pilot)["recent:sim:audio"]


def prompts(pilot: Keys) -> dict[str, str]:
    """The entries of the picker by id, as they read."""
    return {str(option.id): str(option.prompt) for option in pilot.app.screen.query_one(OptionList).options}


TESTS: dict[str, Callable[[Keys], Awaitable[None]]] = {
    "screen.overview": opens_the_overview,
    "screen.detail": opens_the_detail,
    "screen.log": opens_the_log,
    "log.filter": filters_the_log,
    "screen.alerts": opens_the_alerts,
    "streams.options": opens_the_options,
    "detail.next": walks_the_details,
    "detail.previous": walks_the_details,
    "detail.zoom_in": zooms,
    "detail.zoom_out": zooms,
    **{f"help.{key}": scrolls_help for key in ("up", "down", "home", "end", "page_up", "page_down")},
    "modal.close": closes_dialogs,
    "picker.edit": edits_an_address,
    "picker.reconnect": connects_anew_from_the_picker,
    "picker.options": opens_the_options_from_the_picker,
    "picker.probe": probes_from_the_picker,
    "picker.probe_all": probes_from_the_picker,
    "streams.pick": opens_the_picker,
    "help.show": shows_help,
    "help.close": closes_help,
    "picker.cancel": cancels_the_picker,
    "picker.list": goes_from_the_address_to_the_list,
    "picker.remove": closes_a_stream_from_the_picker,
}
UNIQUE = {test: name for name, test in reversed(TESTS.items())}


@pytest.mark.parametrize("binding", sorted(UNIQUE.values()))
async def test_key(binding: str, pilot: Keys) -> None:
    await TESTS[binding](pilot)


async def test_a_source_is_opened_from_the_picker(pilot: Keys) -> None:
    app = app_of(pilot)
    await pilot.press("s", *"sim:text", "enter")
    await pilot.pause()
    assert [held.asked for held in app.hub.sources.values()] == ["sim:text"]
    assert app.recent.load() == ["sim:text"]
    assert app.hub.session.selected in app.hub.sources


async def test_configured_sources_are_offered(pilot: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDSTREAM_SOURCES", "sim:audio wss://user:hunter2@host/feed")
    app = app_of(pilot)
    await pilot.press("s", "down", "down", "down")
    await pilot.pause()
    options = app.screen.query_one(OptionList)
    shown = [str(options.get_option_at_index(n).prompt) for n in range(options.option_count)]
    assert any("Configured" in prompt for prompt in shown)
    assert not any("hunter2" in prompt for prompt in shown)
    await pilot.press("enter")
    await pilot.pause()
    assert [held.asked for held in app.hub.sources.values()] == ["sim:audio"]


async def test_a_wrong_source_is_explained_and_nothing_is_lost(pilot: Keys) -> None:
    await pilot.press("s", *"nosuch://x", "enter")
    await pilot.pause()
    screen: Any = pilot.app.screen
    assert isinstance(screen, PickerScreen)
    assert "nosuch" in str(screen.query_one("#said").render())
    assert screen.query_one(Input).value == "nosuch://x"
    assert app_of(pilot).hub.sources == {}
