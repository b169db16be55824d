"""Stream Metrics: keys and clicks move the cursor, it stays with its stream, and text is copied as shown."""

from __future__ import annotations

from dataclasses import replace

from midstream_widgets import StreamMetrics
from midstream_widgets.views import MetricsRow, MetricsView
from tests.widgets.gallery import METRICS
from tests.widgets.panel_reading import Alone, counted


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


async def test_a_choice_of_before_does_not_undo_a_key_that_the_app_has_not_heard_of() -> None:
    panel = StreamMetrics(replace(METRICS, selected=""))
    app = Alone(panel, 60, 9)
    async with app.run_test() as pilot:
        await pilot.pause()
        panel.action_move(1)
        panel.action_move(1)
        panel.view = replace(METRICS, selected="audio-stream-1")  # the app has heard of the first move alone
        assert (panel.selected, panel.unheard) == ("video-stream-1", "video-stream-1")
        await pilot.pause()
        assert panel.unheard is None
        panel.view = replace(METRICS, selected="video-stream-1")
        panel.view = replace(METRICS, selected="audio-stream-1")
        assert panel.selected == "audio-stream-1"


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
