"""What a key changes comes first: painted at once and whole, with no tick of the painter and no garbage in between."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.command import CommandList
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.events import Key
from textual.widget import Widget

from midstream_tui.app import MidStreamApp
from midstream_tui.collector import HOLD, Collector
from midstream_tui.deeds.keys import ANSWERED, AT_ONCE, SHORT
from midstream_tui.palette import Palette
from midstream_tui.screens.ahead import load_ahead
from midstream_tui.screens.options import OptionsScreen
from tests.app.test_screens_snapshots import made


@pytest.fixture
def app(tmp_path: Path) -> MidStreamApp:
    return made(tmp_path, "midstream")


def painted(app: MidStreamApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def soon(true: Callable[[], bool]) -> bool:
    """Whether it comes true while the event loop has something to do, and a little longer."""
    for _ in range(200):
        if true():
            return True
        await asyncio.sleep(0.002)
    return False


@pytest.mark.parametrize("haste", [True, False])
async def test_a_key_is_painted_without_the_timer_of_textual(
    app: MidStreamApp, monkeypatch: pytest.MonkeyPatch, haste: bool
) -> None:
    shown: list[str] = []
    async with app.run_test(size=(120, 40)) as pilot:
        app.paint()
        await pilot.pause(0.2)
        app.painter.stop()
        await pilot.pause(0.1)
        display = MidStreamApp._display

        def spy(self: MidStreamApp, screen: object, renderable: object) -> None:
            shown.append(painted(app))
            display(self, screen, renderable)  # type: ignore[arg-type]

        monkeypatch.setattr(MidStreamApp, "_display", spy)
        app.screen._update_timer.pause()
        monkeypatch.setattr(app.screen._update_timer, "resume", lambda: None)
        if not haste:
            monkeypatch.setattr(MidStreamApp, "take_haste", lambda self: False)
        app.post_message(Key("space", " "))
        assert await soon(lambda: any("PAUSED" in each for each in shown)) is haste
        monkeypatch.undo()
        app.screen._update_timer.resume()


async def test_haste_ends_by_number_and_by_time(app: MidStreamApp, monkeypatch: pytest.MonkeyPatch) -> None:
    async with app.run_test(size=(120, 40)):
        app.painter.stop()
        app.post_message(Key("space", " "))
        assert await soon(lambda: app.paused_at is not None)
        app._haste = AT_ONCE
        assert [app.take_haste() for _ in range(AT_ONCE + 1)] == [True] * AT_ONCE + [False]
        app._haste = AT_ONCE
        app._key_at -= 2 * ANSWERED
        assert not app.take_haste()


async def test_a_tick_is_left_out_for_a_key_but_never_two_in_a_row(
    app: MidStreamApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app.run_test(size=(120, 40)):
        app.painter.stop()
        loop = SimpleNamespace(time=lambda: 100.0)
        monkeypatch.setattr(
            "midstream_tui.deeds.keys.asyncio", SimpleNamespace(get_running_loop=lambda: loop)
        )
        app._key_at, app._spared = 100.0, False
        assert [app.spare() for _ in range(4)] == [True, False, True, False]
        app.look_again()
        assert not app.spare()  # what the key changed is waited for
        app._spared = False
        app.refresh_ms = SHORT + 1
        assert not app.spare()  # the next one would be long in coming
        app.refresh_ms = 67
        app._key_at -= 2 * ANSWERED
        assert not app.spare()
        monkeypatch.undo()


@pytest.fixture
def held() -> Iterator[tuple[Collector, list[tuple[float, Callable[[], None]]]]]:
    collector = Collector()
    yield collector, []
    collector.end()
    assert gc.isenabled()


def test_nothing_is_walked_while_a_key_is_answered(
    held: tuple[Collector, list[tuple[float, Callable[[], None]]]],
) -> None:
    collector, calls = held

    def later(seconds: float, call: Callable[[], None]) -> None:
        calls.append((seconds, call))

    collector.hold(later)
    assert gc.isenabled()  # the process's own affair before it begins
    collector.begin()
    collector.hold(later)
    collector.hold(later)
    assert not gc.isenabled()
    assert [seconds for seconds, _ in calls] == [HOLD]  # a key held down holds no longer
    calls[0][1]()
    assert gc.isenabled()
    collector.hold(later)
    collector.end()
    assert gc.isenabled()


async def test_the_palette_is_painted_with_its_list_from_the_first_on(
    app: MidStreamApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await load_ahead(app)
        app.paint()
        await pilot.pause()
        app.painter.stop()
        display = MidStreamApp._display

        def spy(self: MidStreamApp, screen: object, renderable: object) -> None:
            if isinstance(screen, Palette):
                seen.append(painted(app))
            display(self, screen, renderable)  # type: ignore[arg-type]

        monkeypatch.setattr(MidStreamApp, "_display", spy)
        await pilot.press("ctrl+p")
        await pilot.pause(0.3)
        listed = app.screen.query_one(CommandList)
        rows = [str(option.prompt).splitlines() for option in listed.options[:6]]
        assert rows[0][1].endswith("open its detail")
        assert all(line in each for each in (seen[0], seen[-1]) for row in rows for line in row)
        assert "CHAOTIC" in seen[0]  # the dashboard shows through
        assert listed.highlighted == 0
        assert listed.option_count > 20
        count = listed.option_count
        await pilot.press(*"theme")
        await pilot.pause(0.3)
        assert 0 < listed.option_count < count
        await pilot.press(*["backspace"] * 5)
        await pilot.pause(0.3)
        assert listed.option_count == count


async def test_parts_of_widgets_have_the_styles_that_textual_works_out(app: MidStreamApp) -> None:
    of_textual = inspect.unwrap(Stylesheet.apply)
    assert of_textual is not Stylesheet.apply
    compared = 0
    async with app.run_test(size=(120, 40)) as pilot:
        app.paint()
        for keys in ("tab", "t", "d", "tab", "t", "escape s", "escape i", "escape ctrl+p", "escape L"):
            await pilot.press(*keys.split())
            await pilot.pause()
            for widget in app.screen.walk_children(Widget, with_self=True):
                for name, styles in widget._component_styles.items():
                    part = DOMNode(classes=name)
                    part._attach(widget)
                    of_textual(app.stylesheet, part)
                    assert styles.base.get_rules() == part.styles.base.get_rules(), (keys, widget, name)
                    compared += 1
    assert compared > 300


async def test_widgets_have_the_styles_that_textual_works_out(app: MidStreamApp) -> None:
    of_textual = inspect.unwrap(Stylesheet.apply)
    compared = 0
    async with app.run_test(size=(120, 40)) as pilot:
        app.paint()
        for keys in (
            "tab",
            "t",
            "d",
            "tab",
            "escape d",
            "escape s",
            "tab",
            "escape i",
            "escape i tab tab",
            "escape E",
        ):
            await pilot.press(*keys.split())
            await pilot.pause(0.2)
            for widget in app.screen.walk_children(Widget, with_self=True):
                ours = {name: str(value) for name, value in widget.styles.base.get_rules().items()}
                of_textual(app.stylesheet, widget)
                theirs = {name: str(value) for name, value in widget.styles.base.get_rules().items()}
                assert ours == theirs, (keys, widget)
                compared += 1
    assert compared > 120
    assert len(app.stylesheet.__dict__["_known_styles"][2]) > 20


async def test_a_dialog_with_a_file_of_styles_gets_them_once(
    app: MidStreamApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        early = OptionsScreen("one", None, [], None, 67)
        await app.push_screen(early)
        assert not early._styled
        assert early.query_one("Vertical").styles.border_top[0] != ""
        early.dismiss(None)
        await pilot.pause()
        await load_ahead(app)
        late = OptionsScreen("one", None, [], None, 67)
        await app.push_screen(late)
        assert late._styled
        assert late.query_one("Vertical").styles.border_top == early_border(app)


def early_border(app: MidStreamApp) -> object:
    """As all styles applied anew have it."""
    app.stylesheet.update(app.screen)
    return app.screen.query_one("Vertical").styles.border_top
