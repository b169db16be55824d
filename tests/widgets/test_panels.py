"""The panels in a running app: what is repainted, what keys do, and that stream text stays text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Container
from textual.geometry import Size
from textual.strip import Strip

from midstream_tui.themes import THEMES
from midstream_widgets import LinePanel, RecentMessages, StreamMetrics, SystemMetrics, TemporalAnalysis
from midstream_widgets.views import MessageLine, MessagesView, MetricsRow, MetricsView, TemporalView
from tests.widgets.gallery import MESSAGES, METRICS, PANELS, SYSTEM, TEMPORAL, Gallery


class Alone(App[None]):
    """One panel of a given outer size, and the messages it posted."""

    def __init__(
        self, panel: LinePanel[Any], width: int = 40, height: int = 8, theme: str = "midstream"
    ) -> None:
        super().__init__()
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme
        self.panel, self.outer = panel, (width, height)
        self.said: list[tuple[str, bool]] = []

    def compose(self) -> ComposeResult:
        with Container() as box:
            yield self.panel
        box.styles.width, box.styles.height = self.outer

    def on_mount(self) -> None:
        self.panel.focus()

    def on_stream_metrics_stream_selected(self, message: StreamMetrics.StreamSelected) -> None:
        assert message.control is self.panel
        self.said.append((message.stream, message.chosen))

    @property
    def lines(self) -> list[str]:
        """What the panel shows inside its border."""
        width, height = self.outer
        rows = self.screen._compositor.render_strips()[1 : height - 1]
        return [row.text[2 : width - 2].rstrip() for row in rows]


def counted(panel: LinePanel[Any]) -> list[int]:
    """The lines that `panel` renders from now on."""
    calls: list[int] = []
    render_line = panel.render_line

    def spy(y: int) -> Strip:
        calls.append(y)
        return render_line(y)

    panel.render_line = spy  # type: ignore[method-assign]
    return calls


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
            assert all(panel._paint_row(y, region) for y in range(1, region.height - 1))
            quick = [list(strip) for strip in panel.render_lines(region)]
            panel.refresh()
            assert quick == [list(strip) for strip in panel.render_lines(region)]


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


# Stream Metrics


async def test_keys_move_the_cursor_and_say_so() -> None:
    panel = StreamMetrics(replace(METRICS, selected=""))
    app = Alone(panel, 60, 9)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert panel.selected == "chat-1"
        assert app.lines[0].startswith("▸ chat-1")
        await pilot.press("down", "j", "k", "end")
        assert app.lines[4].startswith("▸ wss-feed")
        await pilot.press("down", "enter", "home", "up")
        assert app.said == [
            ("audio-stream-1", False),
            ("video-stream-1", False),
            ("audio-stream-1", False),
            ("wss-feed", False),
            ("wss-feed", True),
            ("chat-1", False),
        ]


async def test_the_cursor_stays_with_its_stream() -> None:
    panel = StreamMetrics(METRICS)
    app = Alone(panel, 60, 9)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert panel.selected == "audio-stream-1", "the app's choice is adopted"
        await pilot.press("down")
        assert panel.selected == "video-stream-1"
        panel.view = replace(
            METRICS, rows=METRICS.rows[::-1]
        )  # still says audio-stream-1: it was made before the key
        await pilot.pause()
        assert panel.selected == "video-stream-1"
        assert app.lines[2].startswith("▸ video-stream-1")
        panel.view = replace(METRICS, selected="sim")
        await pilot.pause()
        assert panel.selected == "sim", "a new choice of the app moves it"
        panel.view = replace(METRICS, rows=METRICS.rows[:2], selected="sim")
        await pilot.pause()
        assert panel.selected == "chat-1", "a stream that went leaves the cursor to one that is there"
        panel.view = MetricsView()
        await pilot.press("down", "enter")
        assert panel.selected == ""


async def test_only_the_two_rows_of_a_cursor_move_are_repainted() -> None:
    panel = StreamMetrics(METRICS)
    app = Alone(panel, 60, 9)
    async with app.run_test() as pilot:
        await pilot.pause()
        calls = counted(panel)
        await pilot.press("down")
        await pilot.pause()
        assert sorted(calls) == [1, 2]


async def test_the_cursor_is_always_in_sight() -> None:
    rows = tuple(MetricsRow(f"s{k:02}", "text", "live", "live", k, k) for k in range(30))
    panel = StreamMetrics(MetricsView(rows))
    app = Alone(panel, 60, 8)
    async with app.run_test() as pilot:
        await pilot.pause()
        for key in ["down"] * 12 + ["pagedown"] * 6 + ["up"] * 9 + ["home", "end"]:
            await pilot.press(key)
            assert sum(line.startswith(f"▸ {panel.selected}") for line in app.lines) == 1
        assert panel.selected == "s29"


async def test_a_click_selects_a_row() -> None:
    panel = StreamMetrics(METRICS)
    app = Alone(panel, 60, 9)
    async with app.run_test() as pilot:
        await pilot.click(StreamMetrics, offset=(10, 4))
        await pilot.pause()
        assert app.said == [("sim", False)]


async def test_text_is_selected_with_the_mouse_and_copied_as_shown() -> None:
    panel = StreamMetrics(METRICS)
    app = Alone(panel, 60, 9)
    async with app.run_test() as pilot:
        await pilot.hover(StreamMetrics, offset=(4, 1))
        await pilot.mouse_down(StreamMetrics, offset=(4, 1))
        await pilot.hover(StreamMetrics, offset=(17, 2))
        await pilot.mouse_up(StreamMetrics, offset=(17, 2))
        await pilot.pause()
        assert app.screen.get_selected_text() == (
            "chat-1 (text): 412 chunks, 18.4 KB, 812 B/s\n▸ audio-stream-1"
        )
        assert all("chat-1" not in line or "412" in line for line in app.lines)


# Recent Messages


def messages(first: int, last: int) -> MessagesView:
    return MessagesView(
        tuple(MessageLine(k, "12:00:00", "chat", "user", f"message {k}") for k in range(first, last + 1)),
        last,
    )


async def test_messages_follow_the_end_until_the_reader_scrolls_up() -> None:
    panel = RecentMessages(messages(1, 20))
    app = Alone(panel, 40, 7)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.lines[-1].endswith("message 20")
        panel.view = messages(1, 21)
        await pilot.pause()
        assert app.lines[-1].endswith("message 21")
        await pilot.press("up", "up")
        assert app.lines[0].endswith("message 15")
        held = app.lines[:4]
        panel.view = messages(4, 25)  # older ones went, newer ones came
        await pilot.pause()
        assert app.lines[:4] == held
        assert app.lines[-1] == "↓ 4 new · end follows again"
        await pilot.press("end")
        assert app.lines[-1].endswith("message 25")
        panel.view = messages(4, 26)
        await pilot.pause()
        assert app.lines[-1].endswith("message 26")


async def test_messages_held_until_they_leave_the_buffer_show_the_oldest_left() -> None:
    panel = RecentMessages(messages(1, 20))
    app = Alone(panel, 40, 7)
    async with app.run_test() as pilot:
        await pilot.press("home")
        assert app.lines[0].endswith("message 1")
        panel.view = messages(100, 120)
        await pilot.pause()
        assert app.lines[0].endswith("message 100")
        assert app.lines[-1] == "↓ 100 new · end follows again"


async def test_the_end_of_messages_in_a_panel_without_height_is_no_fault() -> None:
    panel = RecentMessages(messages(1, 20))
    app = Alone(panel, 40, 7)
    async with app.run_test() as pilot:
        await pilot.press("home")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RecentMessages, "size", Size(36, 0))  # in a terminal that has become tiny
            for key in ("end", "home", "end"):
                await pilot.press(key)
        await pilot.press("home", "end")
        assert app.lines[-1].endswith("message 20")


async def test_growing_text_repaints_its_last_row_only() -> None:
    panel = RecentMessages(MESSAGES)
    app = Alone(panel, 78, 24)
    async with app.run_test(size=(80, 30)) as pilot:
        await pilot.pause()
        calls = counted(panel)
        *rest, last = MESSAGES.messages
        panel.view = replace(MESSAGES, messages=(*rest, replace(last, text=last.text + " gap")))
        await pilot.pause()
        assert len(calls) == 1
        assert "when the gap▌" in app.lines[calls[0]]


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
