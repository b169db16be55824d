"""The dashboard's keys do what their tooltips say, and no binding of any screen is without a test here or there."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual._compositor import LayoutUpdate
from textual.binding import Binding
from textual.command import CommandPalette

from midstream_adapters.events import TextChunk
from midstream_tui import bindings, layouts
from midstream_tui.hub import Source
from midstream_tui.screens.export import ExportScreen
from midstream_tui.screens.overview import OverviewScreen
from midstream_tui.screens.prompt import PromptScreen
from midstream_widgets.line_panel import LinePanel
from tests.app.shell_pilot import app_of
from tests.app.test_screen_keys import TESTS as SCREEN_TESTS
from tests.app.two_streams import Keys, settle, text_of, two_streams

PANELS = ["system", "temporal", "patterns", "status", "streams", "messages"]


@pytest.fixture
async def pilot(tmp_path: Path) -> AsyncIterator[Keys]:
    async with two_streams(tmp_path) as pilot:
        yield pilot


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


async def paints_anew(pilot: Keys) -> None:
    app, seen = app_of(pilot), list[object]()
    assert app.painter is not None
    app.painter.pause()
    await pilot.pause()
    display = app._display
    app._display = lambda screen, update: (seen.append(update), display(screen, update))[0]  # type: ignore[func-returns-value, method-assign]
    await pilot.press("ctrl+l")
    await pilot.pause(0.05)
    assert [type(update) for update in seen if update is not None] == [LayoutUpdate]


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


async def opens_the_palette(pilot: Keys) -> None:
    for key in ("ctrl+p", "colon"):
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(pilot.app.screen, CommandPalette)
        await pilot.press("escape")
        await pilot.pause()


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


DASHBOARD_TESTS: dict[str, Callable[[Keys], Awaitable[None]]] = {
    "app.quit": quits,
    "app.interrupt": quits_on_interrupt,
    "app.suspend": stops_for_the_shell,
    "app.redraw": paints_anew,
    "app.palette": opens_the_palette,
    "app.mouse": switches_the_mouse,
    "screen.back": goes_back,
    **{f"panel.{number}": toggles_panels for number in range(1, 11)},
    "view.maximise": gives_a_panel_all_the_room,
    "view.layout": changes_the_layout,
    "streams.ask": asks,
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
}
TESTS = DASHBOARD_TESTS | SCREEN_TESTS

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
UNIQUE = {test: name for name, test in reversed(DASHBOARD_TESTS.items())}


def test_every_binding_has_an_id_a_tooltip_and_a_test() -> None:
    assert all(binding.id and binding.tooltip for binding in ALL)
    assert {binding.id for binding in ALL} == set(TESTS)


@pytest.mark.parametrize("binding", sorted(UNIQUE.values()))
async def test_key(binding: str, pilot: Keys) -> None:
    await TESTS[binding](pilot)


async def test_the_footer_tells_the_keys(pilot: Keys) -> None:
    keys = {active.binding.action for active in pilot.app.screen.active_bindings.values()}
    assert {"app.streams", "app.export", "app.pause", "app.help", "quit"} <= keys


async def test_an_unwritable_folder_is_told_not_raised(pilot: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDSTREAM_EXPORT_DIR", "/proc/nowhere")
    await pilot.press("e")
    await pilot.app.workers.wait_for_complete()
    assert any("Export failed" in toast.message for toast in pilot.app._notifications)
    assert pilot.app.is_running
