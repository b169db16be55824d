"""The picker and a source's options: addresses judged as they are typed, secrets unseen, streams replaced."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Checkbox, Input, OptionList

from midstream_adapters.events import State, StateChanged
from midstream_tui.hub import Source
from midstream_tui.models import SPEECH, has
from midstream_tui.screens.options import OptionsScreen
from midstream_tui.screens.picker import PickerScreen
from tests.app.shell_pilot import app_of

from .conftest import FakeClock


async def test_the_address_is_judged_as_it_is_typed(pilot: Pilot[None]) -> None:
    await pilot.press("s")
    await pilot.pause()
    screen = pilot.app.screen
    address, note = screen.query_one(Input), screen.query_one("#said")
    for value, told in (
        ("nosuch://x", "no source of kind 'nosuch'"),
        ("wss://user:hunter2@host/feed", "✓ text over a WebSocket  shown as wss://***@host/feed"),
        ("sim:all", "✓ the simulator"),
        ("", ""),
    ):
        address.value = value
        await pilot.pause()
        assert told in str(note.render())
        assert "hunter2" not in str(note.render())


async def test_states_are_live_in_the_picker(pilot: Pilot[None], clock: FakeClock) -> None:
    app = app_of(pilot)
    await pilot.press("s")
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, PickerScreen)
    app.hub.session.apply(StateChanged("bad", clock.now, State.RECONNECTING, "503 Service Unavailable", 3.0))
    screen._look()
    listed = screen.query_one(OptionList)
    prompts = [str(listed.get_option_at_index(n).prompt) for n in range(listed.option_count)]
    assert any("↻ reconnecting" in text and "503 Service Unavailable" in text for text in prompts)


async def test_an_address_with_a_secret_is_edited_unseen(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    adapter: Any = None
    app.hub.sources["bad"] = Source("wss://user:hunter2@host/feed", adapter, app.hub.options)
    await pilot.press("s", "down", "down", "ctrl+e")
    await pilot.pause()
    address = app.screen.query_one(Input)
    assert address.value == "wss://user:hunter2@host/feed"
    assert address.password
    assert "hunter2" not in pilot.app.export_screenshot()
    await pilot.press("escape")  # out of the edit first
    assert isinstance(app.screen, PickerScreen)
    assert address.value == ""
    assert not address.password
    app.hub.sources.clear()


async def test_an_edited_stream_takes_the_place_of_the_one_before(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    app.open_source("sim:text")
    await asyncio.sleep(0.1)
    await pilot.press("s", "down", "end", "up", "ctrl+e")
    await pilot.pause()
    address = app.screen.query_one(Input)
    if address.value != "sim:text":
        pytest.fail(f"the list is not as expected: {address.value!r}")
    address.value = "sim:audio"
    await pilot.press("enter")
    await app.workers.wait_for_complete()
    await pilot.pause()
    assert [held.asked for held in app.hub.sources.values()] == ["sim:audio"]


async def test_options_of_a_source_connect_it_anew(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    app.open_source("sim:audio")
    (name, held), before = next(iter(app.hub.sources.items())), next(iter(app.hub.sources.values())).task
    app.change_options(name)
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, OptionsScreen)
    box = screen.query_one("#speech", Checkbox)
    assert str(box.label) == "off"
    box.toggle()
    await pilot.pause()
    assert str(box.label) == "on"
    await pilot.click("#apply")
    await app.workers.wait_for_complete()
    assert has(held.options, SPEECH)
    assert held.task is not before
    assert list(app.hub.sources) == [name]
