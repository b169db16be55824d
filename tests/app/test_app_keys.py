"""Every binding does what its tooltip says, and no binding is without a test here."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.binding import Binding
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Select

from midstream_adapters.base import Options
from midstream_adapters.events import State, StateChanged, TextChunk
from midstream_tui import bindings, layouts
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub, Source
from midstream_tui.screens.alerts import AlertsScreen
from midstream_tui.screens.detail import DetailScreen
from midstream_tui.screens.export import ExportScreen
from midstream_tui.screens.help import HelpScreen
from midstream_tui.screens.log import LogScreen
from midstream_tui.screens.options import OptionsScreen
from midstream_tui.screens.overview import OverviewScreen
from midstream_tui.screens.picker import PickerScreen
from midstream_tui.screens.prompt import PromptScreen
from midstream_widgets.charts.base import ChartPanel
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.stream_table import StreamTable

from .conftest import frame, live, opened

Keys = Pilot[None]
PANELS = ["system", "temporal", "patterns", "status", "streams", "messages"]


@pytest.fixture
async def pilot(tmp_path: Path) -> AsyncIterator[Keys]:
    """The real app with two streams pushed in, without the engine (its panels have their own tests)."""
    app = MidStreamApp(Hub(engine=False), recent=RecentSources(tmp_path / "state"))
    async with app.run_test(size=(120, 40)) as pilot:
        now = app.hub.options.clock()
        for stream in ("one", "two"):
            app.bus.emit(opened(stream, now))
            app.bus.emit(live(stream, now))
            app.bus.emit(TextChunk(stream, now, f"hello from {stream}", reward=0.5))
            app.bus.emit(TextChunk(stream, now + 0.01, f"and again from {stream}", reward=0.6))
        app.bus.emit(frame("two", now))
        await settle(pilot)
        yield pilot


async def settle(pilot: Keys) -> None:
    """Let a bus tick, its fold and a paint pass."""
    app = app_of(pilot)
    for _ in range(100):
        await pilot.pause(0.02)
        if app.bus.idle:
            break
    app.paint()
    await pilot.pause()


def app_of(pilot: Keys) -> MidStreamApp:
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    return app


def text_of(pilot: Keys, panel: str) -> str:
    """What a panel of the dashboard shows, as plain text."""
    return panel_text(app_of(pilot)._screen.panel(panel))


def panel_text(panel: LinePanel[Any]) -> str:
    return "\n".join(panel.render_line(y).text for y in range(panel.size.height))


def shown(pilot: Keys) -> list[str | None]:
    """The panels to be seen on the screen of now, in order."""
    return [panel.id for panel in app_of(pilot).live_screen.all_panels() if panel.display]


def tiled(pilot: Keys) -> None:
    """The panels that are shown fill the room between title and footer, and none lies over another."""
    screen = app_of(pilot).live_screen
    regions = [panel.region for panel in screen.all_panels() if panel.display]
    assert sum(region.area for region in regions) == screen.grid.region.area
    assert not any(a.overlaps(b) for a in regions for b in regions if a is not b)


def focused(pilot: Keys) -> str | None:
    return pilot.app.focused.id if pilot.app.focused else None


async def quits(pilot: Keys) -> None:
    await pilot.press("q")
    assert not pilot.app.is_running or pilot.app._exit


async def quits_on_interrupt(pilot: Keys) -> None:
    await pilot.press("ctrl+c")
    assert not pilot.app.is_running or pilot.app._exit


async def stops_for_the_shell(pilot: Keys) -> None:
    sent: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(pilot.app._driver), "can_suspend", True)  # a real terminal can
        patch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
        await pilot.press("ctrl+z")
        await pilot.pause()
        assert sent == [(os.getpid(), signal.SIGTSTP)]
        await pilot.press("s")  # in a dialog, whose field would take keys, as well
        await pilot.pause()
        await pilot.press("ctrl+z")
        await pilot.pause()
    assert sent == [(os.getpid(), signal.SIGTSTP)] * 2
    assert pilot.app.is_running


async def opens_the_picker(pilot: Keys) -> None:
    await pilot.press("s")
    await pilot.pause()
    assert isinstance(pilot.app.screen, PickerScreen)
    options = pilot.app.screen.query_one(OptionList)
    shown = [str(options.get_option_at_index(n).prompt) for n in range(options.option_count)]
    assert any("one" in prompt and "live" in prompt for prompt in shown)


async def exports(pilot: Keys) -> None:
    await pilot.press("e")
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    folder = Path(os.environ["MIDSTREAM_EXPORT_DIR"])
    json_file, report, svg_file = sorted(folder.iterdir())
    assert (json_file.suffix, report.suffix, svg_file.suffix) == (".json", ".md", ".svg")
    assert {oct(path.stat().st_mode & 0o777) for path in (json_file, report, svg_file)} == {"0o600"}
    state = json.loads(json_file.read_text())
    assert state["schema"] == 2
    assert state["message_count"] == 4
    assert "System" in svg_file.read_text()
    toast = next(iter(pilot.app._notifications))
    assert json_file.name in toast.message
    assert svg_file.name in toast.message


async def chooses_what_to_export(pilot: Keys) -> None:
    await pilot.press("E")
    assert isinstance(pilot.app.screen, ExportScreen)
    await pilot.press("escape")
    assert not isinstance(pilot.app.screen, ExportScreen)
    assert not Path(os.environ["MIDSTREAM_EXPORT_DIR"]).exists()


async def pauses_the_view_but_not_the_ingest(pilot: Keys) -> None:
    app = app_of(pilot)
    await pilot.press("space")
    app.bus.emit(TextChunk("one", app.hub.options.clock(), "while frozen"))
    await settle(pilot)
    assert app.hub.session.transcript.total == 5
    assert "while frozen" not in text_of(pilot, "messages")
    assert "PAUSED" in app._screen.title_line.paused
    assert "1 events" in app._screen.title_line.paused
    await pilot.press("space")
    await settle(pilot)
    assert "while frozen" in text_of(pilot, "messages")
    assert app._screen.title_line.paused == ""


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


async def goes_back(pilot: Keys) -> None:
    home = pilot.app.screen
    await pilot.press("a", "d", "escape")
    assert isinstance(pilot.app.screen, OverviewScreen)
    await pilot.press("escape")
    assert pilot.app.screen is home
    await pilot.press("escape")
    assert pilot.app.screen is home
    await pilot.press("z")
    assert shown(pilot) == ["streams"]
    await pilot.press("escape")
    assert shown(pilot) == PANELS


async def toggles_panels(pilot: Keys) -> None:
    for key, name in zip("123456", PANELS, strict=True):
        await pilot.press(key)
        await settle(pilot)
        assert name not in shown(pilot)
        await pilot.press(key)
        assert shown(pilot) == PANELS
    await pilot.press(*"7890")  # there are six
    assert shown(pilot) == PANELS
    await pilot.press(*"123456")  # one stays
    assert shown(pilot) == ["messages"]
    tiled(pilot)


async def gives_a_panel_all_the_room(pilot: Keys) -> None:
    for key in ("z", "M"):
        await pilot.press("tab", key)
        name = focused(pilot)
        assert shown(pilot) == [name]
        tiled(pilot)
        await pilot.press(key)
        assert shown(pilot) == PANELS


async def changes_the_layout(pilot: Keys) -> None:
    seen = []
    for _ in layouts.DASHBOARD:
        seen.append(tuple(shown(pilot)))
        tiled(pilot)
        await pilot.press("v")
        await settle(pilot)
    assert len(set(seen)) == len(layouts.DASHBOARD)
    assert shown(pilot) == PANELS


async def switches_the_mouse(pilot: Keys) -> None:
    app = app_of(pilot)
    written: list[str] = []
    assert app._driver is not None
    app._driver.write = written.append  # type: ignore[method-assign,assignment]
    await pilot.press("m")
    assert not app.mouse
    assert any("?1000l" in text and "?1006l" in text for text in written)
    await pilot.press("m")
    assert app.mouse
    assert any("?1000h" in text for text in written)


async def opens_the_palette(pilot: Keys) -> None:
    for key in ("ctrl+p", "colon"):
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(pilot.app.screen, CommandPalette)
        await pilot.press("escape")
        await pilot.pause()


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


async def asks(pilot: Keys) -> None:
    app = app_of(pilot)
    await pilot.press("p")
    assert any("takes no questions" in toast.message for toast in app._notifications)
    asked: list[str] = []
    adapter: Any = SimpleNamespace(ask=asked.append, info=SimpleNamespace(stream="one"))
    app.hub.sources["one"] = Source("openai:test", adapter, app.hub.options)
    await pilot.press("p")
    await pilot.pause()
    assert isinstance(app.screen, PromptScreen)
    await pilot.press(*"why", "enter")
    await pilot.pause()
    assert asked == ["why"]
    app.hub.sources.clear()


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


async def looks_at_the_next_observable(pilot: Keys) -> None:
    app = app_of(pilot)
    app.hub.session.tick = lambda now: None  # type: ignore[method-assign]  # else a token rate is there after half a second
    for tally in app.hub.session.streams.values():
        tally.series.pop("token rate", None)
    before = app.hub.session.focus()
    await pilot.press("o")
    after = app.hub.session.focus()
    assert before is not None
    assert after is not None
    assert before[1] == "reward"
    assert after[1] == "interval"
    await settle(pilot)
    subtitle = app._screen.query_one("#temporal", LinePanel).border_subtitle
    assert "interval" in str(subtitle)


async def refreshes_slower(pilot: Keys) -> None:
    await pilot.press("right_square_bracket")
    assert app_of(pilot).refresh_ms == 100
    for _ in range(10):
        await pilot.press("right_square_bracket")
    assert app_of(pilot).refresh_ms == 5000


async def refreshes_faster(pilot: Keys) -> None:
    await pilot.press("left_square_bracket")
    assert app_of(pilot).refresh_ms == 50
    await pilot.press("left_square_bracket")
    assert app_of(pilot).refresh_ms == 50


async def changes_the_theme(pilot: Keys) -> None:
    before = pilot.app.theme
    seen = {before}
    for _ in range(4):
        await pilot.press("t")
        seen.add(pilot.app.theme)
    assert len(seen) == 4
    assert pilot.app.theme == before


async def connects_anew(pilot: Keys) -> None:
    app = app_of(pilot)
    app.open_source("sim:text")
    app.select("sim-text" if "sim-text" in app.hub.sources else next(iter(app.hub.sources)))
    held = next(iter(app.hub.sources.values()))
    before = held.task
    await settle(pilot)
    await pilot.press("c")
    await app.workers.wait_for_complete()
    assert held.task is not before
    assert before is not None
    assert before.cancelled()
    assert not held.task.done()  # type: ignore[union-attr]


async def closes_a_stream(pilot: Keys) -> None:
    app = app_of(pilot)
    app.select("two")
    await pilot.press("x")
    await app.workers.wait_for_complete()
    assert list(app.hub.session.streams) == ["one"]
    assert app.hub.session.transcript.total == 4  # its messages stay


async def walks_forward(pilot: Keys) -> None:
    seen = []
    for key in ("tab", "right", "l") * 2:
        await pilot.press(key)
        seen.append(focused(pilot))
    assert sorted(map(str, seen)) == sorted(PANELS)


async def walks_backward(pilot: Keys) -> None:
    seen = []
    for key in ("shift+tab", "left", "h") * 2:
        await pilot.press(key)
        seen.append(focused(pilot))
    assert sorted(map(str, seen)) == sorted(PANELS)


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


async def closes_dialogs(pilot: Keys) -> None:
    await pilot.press("i")
    await pilot.pause()
    assert isinstance(pilot.app.screen, OptionsScreen)
    await pilot.press("escape")
    await pilot.pause()
    assert not isinstance(pilot.app.screen, OptionsScreen)
    assert app_of(pilot).refresh_ms == 67


TESTS: dict[str, Callable[[Keys], Awaitable[None]]] = {
    "app.quit": quits,
    "app.interrupt": quits_on_interrupt,
    "app.suspend": stops_for_the_shell,
    "app.palette": opens_the_palette,
    "app.mouse": switches_the_mouse,
    "screen.overview": opens_the_overview,
    "screen.detail": opens_the_detail,
    "screen.log": opens_the_log,
    "log.filter": filters_the_log,
    "screen.alerts": opens_the_alerts,
    "screen.back": goes_back,
    **{f"panel.{number}": toggles_panels for number in range(1, 11)},
    "view.maximise": gives_a_panel_all_the_room,
    "view.layout": changes_the_layout,
    "streams.options": opens_the_options,
    "streams.ask": asks,
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
    "export.snapshot": exports,
    "export.choose": chooses_what_to_export,
    "view.pause": pauses_the_view_but_not_the_ingest,
    "analysis.observable": looks_at_the_next_observable,
    "view.slower": refreshes_slower,
    "view.faster": refreshes_faster,
    "view.theme": changes_the_theme,
    "streams.reconnect": connects_anew,
    "streams.close": closes_a_stream,
    "focus.next": walks_forward,
    "focus.previous": walks_backward,
    "help.show": shows_help,
    "help.close": closes_help,
    "picker.cancel": cancels_the_picker,
    "picker.list": goes_from_the_address_to_the_list,
    "picker.remove": closes_a_stream_from_the_picker,
}

ALL = [
    binding
    for group in (
        bindings.APP,
        bindings.LIVE,
        bindings.LOG,
        bindings.DETAIL,
        bindings.PICKER,
        bindings.MODAL,
        bindings.HELP,
    )
    for binding in group
    if isinstance(binding, Binding)
]
UNIQUE = {test: name for name, test in reversed(TESTS.items())}


def test_every_binding_has_an_id_a_tooltip_and_a_test() -> None:
    assert all(binding.id and binding.tooltip for binding in ALL)
    assert {binding.id for binding in ALL} == set(TESTS)


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


async def test_the_footer_tells_the_keys(pilot: Keys) -> None:
    keys = {active.binding.action for active in pilot.app.screen.active_bindings.values()}
    assert {"app.streams", "app.export", "app.pause", "app.help", "quit"} <= keys


async def test_an_unwritable_folder_is_told_not_raised(pilot: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDSTREAM_EXPORT_DIR", "/proc/nowhere")
    await pilot.press("e")
    await pilot.app.workers.wait_for_complete()
    assert any("Export failed" in toast.message for toast in pilot.app._notifications)
    assert pilot.app.is_running


async def test_below_the_least_size_it_says_so(tmp_path: Path) -> None:
    app = MidStreamApp(Hub(engine=False), recent=RecentSources(tmp_path))
    async with app.run_test(size=(60, 18)) as pilot:
        await pilot.pause()
        notice = app.screen.query_one("#too-small")
        assert notice.display
        assert "60x18" in str(notice.render())
        assert "80x24" in str(notice.render())
    app = MidStreamApp(Hub(engine=False), recent=RecentSources(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert not app.screen.query_one("#too-small").display


async def test_hostile_text_is_shown_as_text(pilot: Keys) -> None:
    app = app_of(pilot)
    now = app.hub.options.clock()
    app.bus.emit(TextChunk("one", now, "[/bold] and [@click=app.quit]quit[/]"))
    await settle(pilot)
    assert "[/bold] and [@click=app.quit]quit[/]" in text_of(pilot, "messages")


async def test_the_simulator_reaches_every_panel(tmp_path: Path) -> None:
    app = MidStreamApp(Hub(Options(), engine=False), ["sim:all"], recent=RecentSources(tmp_path))
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(100):
            await asyncio.sleep(0.05)
            state = app.hub.state()
            if state.message_count >= 2 and state.audio_active and state.video_active and state.fps:
                break
        await settle(pilot)
        assert "● ACTIVE" in text_of(pilot, "status")
        assert "simulated" in text_of(pilot, "streams")
        assert "user" in text_of(pilot, "messages")
        assert {stream.provenance for stream in app.hub.state().streams.values()} == {"simulated"}
        assert "3 simulated" in app._screen.title_line.streams


async def test_a_source_that_cannot_start_is_a_failed_stream_beside_the_others(tmp_path: Path) -> None:
    """And it is not remembered as one that was opened."""
    recent = RecentSources(tmp_path)
    app = MidStreamApp(Hub(Options(env={}), engine=False), ["openai:gpt-x", "sim:text"], recent=recent)
    async with app.run_test(size=(100, 30)) as pilot:
        for _ in range(100):
            streams = app.hub.state().streams
            if len(streams) == 2 and streams["openai:gpt-x"].state == "failed":
                break
            await pilot.pause(0.02)
        assert streams["openai:gpt-x"].state == "failed"
        assert "OPENAI_API_KEY is not set" in streams["openai:gpt-x"].reason
        assert recent.load() == ["sim:text"]
