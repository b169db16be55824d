"""What the app shows before any key: its sources live, simulated or failed, hostile text, too small a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import TextChunk
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub
from tests.app.shell_pilot import app_of
from tests.app.two_streams import Keys, settle, text_of, two_streams


@pytest.fixture
async def pilot(tmp_path: Path) -> AsyncIterator[Keys]:
    async with two_streams(tmp_path) as pilot:
        yield pilot


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
