"""The panels in a running app: what is repainted, how they scroll, themes, and that stream text stays text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual import events
from textual.containers import Container
from textual.strip import Strip
from textual.widget import Widget

from midstream_widgets import LinePanel, RecentMessages, SystemMetrics, TemporalAnalysis
from midstream_widgets.views import MessageLine, MessagesView, TemporalView
from tests.widgets.gallery import PANELS, SYSTEM, TEMPORAL, Gallery
from tests.widgets.panel_reading import Alone, counted

# Repaint


async def test_only_rows_that_differ_are_repainted() -> None:
    panel = SystemMetrics(SYSTEM)
    app = Alone(panel, 40, 16)
    async with app.run_test() as pilot:
        await pilot.pause()
        calls = counted(panel)
        panel.view = replace(SYSTEM)
        await pilot.pause()
        assert calls == [], "an equal view costs nothing"
        panel.view = replace(SYSTEM, fps=59.0)
        await pilot.pause()
        assert calls == [2]
        assert app.lines[2].strip() == "FPS: 59"
        calls.clear()
        panel.view = replace(SYSTEM, messages=151, tokens=2350, fps=59.0, refresh_ms=100)
        await pilot.pause()
        assert sorted(calls) == [0, 1, 11]
        assert app.lines[11].strip() == "Refresh: 100ms"


@pytest.mark.parametrize("no_color", [False, True])
@pytest.mark.parametrize("theme", ["midstream", "ansi-dark"])
@pytest.mark.parametrize(("kind", "view"), PANELS)
async def test_a_row_repainted_alone_is_as_textual_paints_it(
    kind: type[LinePanel[Any]], view: object, theme: str, no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    panel = kind()
    app = Alone(panel, 60, 16, theme)
    async with app.run_test() as pilot:
        await pilot.pause()
        for shown in (view, kind().view, view):
            panel.view = shown
            await pilot.pause()
            region = panel.outer_size.region
            panel.render_lines(region)
            before = panel._painted_crop
            panel.refresh(panel.size.region)  # every row, but not the borders
            assert panel._painted_crop == before
            assert panel._paint_rows(region) == []
            quick = [list(strip) for strip in panel.render_lines(region)]
            panel.refresh()
            assert quick == [list(strip) for strip in panel.render_lines(region)]


async def test_rows_that_moved_and_words_in_the_border_are_as_textual_paints_them() -> None:
    messages = tuple(MessageLine(n, "12:00:00", "s", "user", "word " * (n * 7 % 23)) for n in range(40))
    panel = RecentMessages()
    app = Alone(panel, 60, 16)
    async with app.run_test() as pilot:
        fresh = counted(panel)
        moved = 0
        for end in (1, 3, 4, 9, 20, 21, 22, 22, 40):
            panel.view = MessagesView(messages[max(0, end - 12) : end], end)
            fresh.clear()
            await pilot.pause()
            moved += len(fresh) < 14
            region = panel.outer_size.region
            quick = [list(strip) for strip in panel.render_lines(region)]
            panel._styles_cache.clear()
            assert quick == [list(strip) for strip in Widget.render_lines(panel, region)]
        assert panel.border_subtitle == "12 of 40"
        assert moved > 5  # else nothing was kept
        fresh.clear()
        panel.view = replace(panel.view, total=41)
        await pilot.pause()
        assert fresh == []
        assert "12 of 41" in app.screen._compositor.render_strips()[15].text


async def test_a_panel_paints_what_it_was_given_before_it_was_mounted_and_while_it_was_hidden() -> None:
    panel = SystemMetrics()
    panel.view = SYSTEM
    app = Alone(panel, 40, 16)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.lines[0] == "Messages Processed: 150"
        panel.display = False
        await pilot.pause()
        panel.view = replace(SYSTEM, messages=999)
        panel.display = True
        await pilot.pause()
        assert app.lines[0] == "Messages Processed: 999"


async def test_a_new_size_lays_the_rows_out_anew() -> None:
    panel = SystemMetrics(SYSTEM)
    app = Alone(panel, 40, 7)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.lines[0].endswith("FPS: 60")
        app.query_one(Container).styles.height = 16
        app.outer = (40, 16)
        await pilot.pause()
        assert app.lines[0] == "Messages Processed: 150"
        panel.view = replace(SYSTEM, messages=151)
        await pilot.pause()
        assert app.lines[0] == "Messages Processed: 151"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(PANELS), st.integers(1, 160), st.integers(1, 30))
def _every_strip_is_as_wide_as_its_panel(panels: Any, data: Any, each: Any, width: int, height: int) -> None:
    kind, example = each
    view = data.draw(st.from_type(type(example)))
    panel = panels[kind]
    rows = panel.window(panel.rows(view, width, height), width, height)
    assert len(rows) <= height
    for row in rows:
        strip = panel._strip(row, width)
        assert Strip(list(strip)).cell_length == width
        strip.text.encode()
        assert not set(strip.text) & set("\x1b\x9b\n\r\t\u202e")


async def test_any_view_at_any_size_fills_its_lines_exactly() -> None:
    app = Gallery()
    async with app.run_test():
        _every_strip_is_as_wide_as_its_panel(app.panels)


# Hostile text


async def test_markup_from_a_stream_is_text() -> None:
    hostile = "[/bold][@click=app.quit]x[/]"
    panel = RecentMessages(MessagesView((MessageLine(1, "12:00:00", hostile, "", hostile),), 1))
    app = Alone(panel, 78, 8)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert hostile in "".join(app.lines)
        await pilot.click(RecentMessages, offset=(70, 1))
        await pilot.pause()
        assert app.is_running


async def test_markup_and_escapes_in_a_badge_are_text() -> None:
    panel = TemporalAnalysis()
    app = Alone(panel, 60, 8)
    async with app.run_test() as pilot:
        for name in ("[/bold]", "[@click=app.quit]x[/]", "a\x1b]52;c;eA==\x07b", "\n", "\ud800"):
            panel.view = TemporalView(stream=name, observable="reward", provenance="live")
            await pilot.pause()
        panel.view = TemporalView(stream="[@click=app.quit]x[/]", observable="reward", provenance="simulated")
        await pilot.pause()
        bottom = app.screen._compositor.render_strips()[7]
        assert "reward · [@click=app.quit]x[/] · simulated" in bottom.text
        assert not any(segment.style and segment.style.meta.get("@click") for segment in bottom)


async def test_the_badge_tells_the_provenance() -> None:
    panel = SystemMetrics(replace(SYSTEM, simulated=True))
    app = Alone(panel)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert panel.border_subtitle == "simulated"
        assert panel.has_class("-untrue")
        panel.view = SYSTEM
        await pilot.pause()
        assert panel.border_subtitle is None
        assert not panel.has_class("-untrue")


# Scrolling


async def test_what_does_not_fit_is_told_and_reached_by_keys() -> None:
    panel = TemporalAnalysis(replace(TEMPORAL, reason="word " * 60))
    app = Alone(panel, 40, 7)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert len(panel._all) == 10
        assert app.lines[-1] == "… 6 more"
        await pilot.press("down")
        assert app.lines[0].startswith("Lyapunov")
        assert app.lines[-1] == "… 5 more"
        await pilot.press("end")
        assert not app.lines[-1].startswith("… ")
        await pilot.press("pageup")
        assert app.lines[-1] == "… 5 more"
        await pilot.press("home")
        assert app.lines[0].startswith("Attractor")
        await pilot.press("pagedown", "up")
        assert app.lines[0].startswith("Avg Reward")


async def test_the_wheel_scrolls() -> None:
    panel = TemporalAnalysis(replace(TEMPORAL, reason="word " * 60))
    app = Alone(panel, 40, 7)
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot._post_mouse_events([events.MouseScrollDown], TemporalAnalysis, offset=(3, 3))
        await pilot.pause()
        assert app.lines[0].startswith("Avg Reward")
        await pilot._post_mouse_events([events.MouseScrollUp], TemporalAnalysis, offset=(3, 3))
        await pilot.pause()
        assert app.lines[0].startswith("Attractor")


async def test_a_panel_that_shows_all_leaves_the_arrows_to_the_app() -> None:
    class Listening(Alone):
        BINDINGS = [("down", "heard", "")]  # noqa: RUF012
        heard = False

        def action_heard(self) -> None:
            self.heard = True

    app = Listening(SystemMetrics(SYSTEM), 40, 16)
    async with app.run_test() as pilot:
        await pilot.press("down")
        assert app.heard


def test_every_binding_has_an_id_and_a_tooltip() -> None:
    seen: list[str] = []
    for kind in {LinePanel, *(kind for kind, _ in PANELS)}:
        for binding in vars(kind).get("BINDINGS", ()):
            assert binding.id
            assert binding.tooltip
            seen.append(binding.id)
    assert len(seen) == len(set(seen)) == 9


# Themes


def colours(panel: LinePanel[Any], y: int) -> set[str]:
    return {
        str(segment.style.color.name)
        for segment in panel.render_line(y)
        if segment.style and segment.style.color
    }


@pytest.mark.parametrize("theme", ["midstream-light", "midstream-cvd", "nord", "ansi-dark", "ansi-light"])
async def test_another_theme_colours_every_row_anew(theme: str) -> None:
    panel = SystemMetrics(SYSTEM)
    app = Alone(panel, 40, 16)
    async with app.run_test() as pilot:
        await pilot.pause()
        before = colours(panel, 2)
        app.theme = theme
        await pilot.pause()
        after = colours(panel, 2)
        assert before.isdisjoint(after)
        painted = app.screen._compositor.render_strips()[3]
        if not theme.startswith("ansi"):
            assert after <= {
                str(segment.style.color.name) for segment in painted if segment.style and segment.style.color
            }


async def test_without_colour_the_words_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Gallery()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert app.no_color
        text = ""
        for strip in app.screen._compositor.render_strips():
            text += strip.text
            for segment in strip.apply_filter(app._filters[-1], app.screen.background_colors[1]):
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    triplet = colour.get_truecolor() if colour else None
                    assert triplet is None or triplet.red == triplet.green == triplet.blue
        for word in ("● live", "◐ stalled", "✗ failed", "▲ LOOP", "STABLE", "▸ audio-stream-1", "simulated"):
            assert word in text
