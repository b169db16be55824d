"""What is painted once for a change: whole frames less what stands there, screens below dialogs, lines that stay."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console, RenderableType
from rich.segment import Segment
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from midstream_tui.app import MidStreamApp
from midstream_tui.screens.help import HelpScreen
from midstream_tui.whole_frames import AGAIN, WholeFrames
from midstream_widgets import RecentMessages, StreamMetrics
from midstream_widgets.charts.latency import LatencyHistogram
from tests.app.shell_pilot import app_of
from tests.app.test_screens_snapshots import made
from tests.app.two_streams import settle, two_streams

CONSOLE = Console(color_system=None, force_terminal=True)


def frame(*lines: str) -> LayoutUpdate:
    strips: list[Iterable[Strip]] = [[text(line)] for line in lines]
    return LayoutUpdate(strips, Region(0, 0, 8, len(lines)))


def text(line: str) -> Strip:
    return Strip([Segment(line)])


def still(app: MidStreamApp) -> None:
    """Let no tick paint."""
    assert app.painter is not None
    app.painter.pause()


def written(update: RenderableType | None) -> str:
    return "" if update is None else update.render_segments(CONSOLE)  # type: ignore[union-attr]


def test_a_whole_frame_is_written_without_the_lines_that_stand_there() -> None:
    now = 0.0
    frames = WholeFrames(lambda: now)
    assert written(frames.less(frame("one", "two", "three"))).count("\x1b") == 3
    assert frames.less(frame("one", "two", "three")) is None
    assert written(frames.less(frame("one", "2", "three"))) == "\x1b[2;1H2"
    frames.less(ChopsUpdate([{}, {}, {0: text("3")}], [(2, 0, 8)], [[], [], [8]]))
    assert written(frames.less(frame("one", "2", "three"))) == "\x1b[3;1Hthree"
    now = AGAIN + 0.1  # others may have written there
    assert written(frames.less(frame("one", "2", "three"))).count("\x1b") == 3
    frames.forget()
    assert written(frames.less(frame("one", "2", "three"))).count("\x1b") == 3
    wider = LayoutUpdate(frame("one", "2", "three").strips, Region(0, 0, 9, 3))
    assert written(frames.less(wider)).count("\x1b") == 3  # a terminal of another size
    assert frames.less(None) is None


async def test_another_size_of_the_terminal_leaves_nothing_that_is_known_of_it(tmp_path: Path) -> None:
    async with two_streams(tmp_path) as pilot:
        app = app_of(pilot)
        still(app)
        assert app._frames.less(frame("one", "two")) is not None
        assert app._frames.less(frame("one", "two")) is None
        await pilot.resize_terminal(100, 30)
        await pilot.resize_terminal(120, 40)
        assert app._frames.less(frame("one", "two")) is not None


async def test_the_screen_below_a_dialog_tells_it_what_changed_and_no_more(tmp_path: Path) -> None:
    app = made(tmp_path, "midstream")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        still(app)
        await pilot.press("question_mark")
        await settle(pilot)
        dialog = app.screen
        assert isinstance(dialog, HelpScreen)
        below = app.live_screen
        told: list[Region] = []
        refresh = dialog.refresh

        def noted(*regions: Region, **settings: bool) -> Widget:
            told.extend(regions or [dialog.region])
            return refresh(*regions, **settings)

        dialog.refresh = noted  # type: ignore[method-assign, assignment]
        for clock in ("11:11:11", "11:11:12", "11:11:13"):
            below.title_line.clock = clock
            await pilot.pause(0.1)
            assert {region.bottom for region in told} == {1}, "the title line alone"
            assert clock in app.screen._compositor.render_strips()[0].text
            told.clear()


async def test_a_screen_is_painted_once_for_a_layout_and_a_repaint(tmp_path: Path) -> None:
    async with two_streams(tmp_path) as pilot:
        app = app_of(pilot)
        still(app)
        screen = app.screen
        paints: list[Screen[object]] = []
        display = app._display

        def noted(of: Screen[object], update: RenderableType | None) -> None:
            if update is not None:
                paints.append(of)
            display(of, update)

        app._display = noted  # type: ignore[method-assign, assignment]
        app.live_screen.panel("status").display = False
        screen.refresh()
        screen._layout_required = True
        screen._on_timer_update()
        assert len(paints) == 1
        assert not screen._repaint_required


async def test_lines_that_stay_are_those_that_textual_would_paint(tmp_path: Path) -> None:
    async with two_streams(tmp_path) as pilot:
        app = app_of(pilot)
        still(app)
        title = app.live_screen.title_line
        region = title.outer_size.region
        first = title.render_lines(region)
        assert title.render_lines(region) is first
        title.clock = "11:11:11"
        await pilot.pause()
        assert "11:11:11" in title.render_lines(region)[0].text
        app.theme = "midstream-light"
        await pilot.pause(0.1)
        for kept_one in (title, app.live_screen, *app.screen.query("KeyLine, PanelGrid")):
            region = kept_one.outer_size.region
            kept = [list(strip) for strip in kept_one.render_lines(region)]
            kept_one._styles_cache.clear()
            assert kept == [list(strip) for strip in Widget.render_lines(kept_one, region)], kept_one


async def test_a_chart_shows_what_comes_after_its_styles_were_looked_at(tmp_path: Path) -> None:
    """Styles are told though none of them changed; a chart that forgot its rows then stood still for good."""
    async with two_streams(tmp_path) as pilot:
        app = app_of(pilot)
        app.select("two")
        await pilot.press("d")
        await settle(pilot)
        still(app)
        chart = app.screen.query_one(LatencyHistogram)
        chart.notify_style_update()
        before = chart.render_lines(chart.outer_size.region)
        chart.view = LatencyHistogram().view
        await pilot.pause()
        after = [strip.text for strip in chart.render_lines(chart.outer_size.region)]
        assert after != [strip.text for strip in before]
        assert after == [strip.text for strip in Widget.render_lines(chart, chart.outer_size.region)]


async def test_a_key_speaks_of_the_stream_that_the_key_before_it_went_to(tmp_path: Path) -> None:
    async with two_streams(tmp_path) as pilot:
        app = app_of(pilot)
        table = app._screen.query_one(StreamMetrics)
        table.focus()
        app.select("one")
        await settle(pilot)
        table.action_move(1)  # its message is on the way
        assert app.hub.session.selected == "one"
        assert app.selected() == "two"
        await settle(pilot)
        assert app.hub.session.selected == "two"
        app.select("one")  # and what is chosen after it counts
        assert app.selected() == "one"


async def test_bases_before_a_widgets_class_take_nothing_of_its_styles(tmp_path: Path) -> None:
    async with two_streams(tmp_path) as pilot:
        app = app_of(pilot)
        still(app)
        for key, kind in (
            ("1", "DashboardScreen"),
            ("d", "DetailScreen"),
            ("a", "OverviewScreen"),
            ("L", "LogScreen"),
        ):
            await pilot.press(key)
            await settle(pilot)
            screen = app.screen
            assert {kind, "LiveScreen", "Screen"} <= screen._css_type_names
            assert set(screen._component_styles) >= Screen.COMPONENT_CLASSES
        await pilot.press("escape", "escape", "escape")
        messages = app._screen.query_one(RecentMessages)
        await pilot.mouse_down(messages, offset=(2, 1))
        await pilot.hover(messages, offset=(30, 1))
        await pilot.mouse_up(messages, offset=(30, 1))
        await pilot.pause()
        assert app.screen.get_selected_text()
        panel = messages.outer_size.region
        assert any(strip.text.strip("│ ") for strip in messages.render_lines(panel))
