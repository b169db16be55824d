"""Recent Messages: follow the end until the reader scrolls up, and repaint what grows only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.geometry import Size

from midstream_widgets import RecentMessages
from midstream_widgets.views import MessageLine, MessagesView
from tests.widgets.gallery import MESSAGES
from tests.widgets.panel_reading import Alone, counted


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
