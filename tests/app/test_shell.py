"""The live screens: freezing, trouble in every title, every size, and what is not seen costs nothing."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from midstream_adapters.events import State, StateChanged, TextChunk
from midstream_tui.screens.detail import DetailScreen
from midstream_tui.screens.live import LiveScreen
from midstream_tui.screens.overview import OverviewScreen
from midstream_widgets.stream_table import StreamTable
from tests.app.shell_pilot import app_of, painted

from .conftest import FakeClock, audio, opened

SCREENS = {"dashboard": [], "overview": ["a"], "detail": ["d"]}


@pytest.mark.parametrize("keys", SCREENS.values(), ids=SCREENS)
async def test_every_screen_freezes_and_counts(pilot: Pilot[None], clock: FakeClock, keys: list[str]) -> None:
    app = app_of(pilot)
    await pilot.press(*keys)
    await painted(pilot)
    screen = app.live_screen
    await pilot.press("space")
    before = {panel.id: panel.view for panel in screen.all_panels()}
    clock.advance(3)
    app.hub.session.apply(StateChanged("good", clock.now, State.FAILED, "cut"))
    app.hub.session.apply(TextChunk("good", clock.now, "last words"))
    app.look_again()
    await painted(pilot)
    assert {panel.id: panel.view for panel in screen.all_panels()} == before
    assert screen.title_line.paused == "PAUSED 3 s · 2 events came"
    await pilot.press("space")
    await painted(pilot)
    assert {panel.id: panel.view for panel in screen.all_panels()} != before
    assert "good failed: cut" in screen.title_line.trouble.text


async def test_a_screen_opened_while_frozen_is_filled_once(pilot: Pilot[None], clock: FakeClock) -> None:
    app = app_of(pilot)
    await pilot.press("space", "a")
    await painted(pilot)
    table = app.screen.query_one(StreamTable)
    assert [row.stream for row in table.view.rows] == ["good", "bad"]
    assert "PAUSED" in app.live_screen.title_line.paused
    app.hub.session.apply(StateChanged("good", clock.now, State.FAILED, "cut"))
    app.look_again()
    await painted(pilot)
    assert table.view.rows[0].state == "live"


async def test_what_is_not_seen_costs_nothing(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """No view is built for a hidden panel, nor for any panel of a screen that lies under another."""
    from midstream_tui import present

    built: list[str] = []
    for name in ("system_view", "temporal_view", "messages_view", "status_view"):
        real = getattr(present, name)
        monkeypatch.setattr(
            present, name, lambda *a, _name=name, _real=real, **k: built.append(_name) or _real(*a, **k)
        )
    app = app_of(pilot)
    await pilot.press("6")  # messages
    app.look_again()
    built.clear()
    await painted(pilot)
    assert "messages_view" not in built
    assert {"system_view", "status_view"} <= set(built)
    await pilot.press("a")
    app.look_again()
    built.clear()
    await painted(pilot)
    assert built == []  # the overview shows the table and the facts
    await pilot.press("escape")
    built.clear()
    await pilot.press("6")
    await pilot.pause()
    assert "messages_view" in built  # at once, not at the next paint


async def test_trouble_is_in_the_title_of_every_screen(pilot: Pilot[None], clock: FakeClock) -> None:
    app = app_of(pilot)
    app.hub.session.apply(StateChanged("bad", clock.now, State.FAILED, "401"))
    for keys in SCREENS.values():
        await pilot.press(*keys)
        clock.advance(1)
        await painted(pilot)
        assert "✗ bad failed: 401" in str(app.live_screen.title_line.render())
        while len(app.screen_stack) > 1:
            await pilot.press("escape")


async def test_the_overview_puts_trouble_on_top_and_shows_its_facts(
    pilot: Pilot[None], clock: FakeClock
) -> None:
    app = app_of(pilot)
    app.hub.session.apply(StateChanged("bad", clock.now, State.FAILED, "401"))
    await pilot.press("a")
    await painted(pilot)
    screen = app.screen
    assert isinstance(screen, OverviewScreen)
    table = screen.query_one(StreamTable)
    assert table.cursor == "bad"
    facts = screen.panel("facts")
    assert "✗ failed: 401" in facts.render_line(0).text
    await pilot.press("j")
    await painted(pilot)
    assert app.hub.session.selected == "good"
    assert "nothing is wrong" in facts.render_line(0).text


async def test_a_detail_is_made_anew_when_the_stream_turns_out_to_carry_more(
    pilot: Pilot[None], clock: FakeClock
) -> None:
    app = app_of(pilot)
    app.hub.session.apply(opened("late", clock.now))
    app.select("late")
    await pilot.press("d")
    await painted(pilot)
    assert isinstance(app.screen, DetailScreen)
    assert app.screen.query("#video")  # all charts, as long as nobody knows
    app.hub.session.apply(audio("late", clock.now))
    await painted(pilot)
    await painted(pilot)
    screen = app.screen
    assert isinstance(screen, DetailScreen)
    assert not screen.query("#video")
    assert screen.query("#waveform")
    assert len(app.screen_stack) == 2


async def test_a_detail_of_a_closed_stream_says_so(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    await pilot.press("d")
    await painted(pilot)
    app.close("good")
    await app.workers.wait_for_complete()
    for _ in range(3):
        await painted(pilot)
    assert isinstance(app.screen, DetailScreen)
    assert "no stream" in app.screen.panel("facts").render_line(0).text
    await pilot.press("n")
    await painted(pilot)
    assert isinstance(app.screen, DetailScreen)
    assert app.screen.stream == "bad"


async def test_page_keys_in_a_list_without_room(pilot: Pilot[None]) -> None:
    await pilot.press("i")
    await pilot.pause()
    await pilot.resize_terminal(15, 4)
    await pilot.pause()
    for listed in app_of(pilot).screen.query(OptionList):
        listed.highlighted = 0
        listed.action_page_up()
        listed.action_page_down()
    await pilot.resize_terminal(120, 40)
    assert app_of(pilot).return_code is None


async def test_a_panel_stays_when_a_narrow_layout_lists_only_those_switched_off(pilot: Pilot[None]) -> None:
    screen = app_of(pilot).screen
    assert isinstance(screen, LiveScreen)
    for layout, lines in enumerate(screen.grid.layouts):
        screen.use_layout(layout)
        screen.grid.switched = set(lines.panels("narrow"))
        await pilot.resize_terminal(60, 18)
        await pilot.press("z", "z", "1")
        await pilot.pause()
        assert [panel for panel in screen.all_panels() if panel.display]
        await pilot.resize_terminal(120, 40)


async def test_a_live_screen_fits_every_breakpoint_while_it_is_resized(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    for keys in SCREENS.values():
        await pilot.press(*keys)
        for size in ((80, 24), (120, 40), (200, 60), (60, 18), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            screen = app.screen
            assert isinstance(screen, LiveScreen)
            regions = [panel.region for panel in screen.all_panels() if panel.display]
            assert sum(region.area for region in regions) == screen.grid.region.area
        await pilot.press("escape")
