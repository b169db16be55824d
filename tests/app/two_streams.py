"""The real app with two streams in it, flown by its keys: what its panels show, once all is folded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from midstream_adapters.events import TextChunk
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub
from midstream_widgets.line_panel import LinePanel
from tests.app.conftest import frame, live, opened
from tests.app.shell_pilot import app_of

Keys = Pilot[None]


@asynccontextmanager
async def two_streams(tmp_path: Path) -> AsyncIterator[Keys]:
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


def text_of(pilot: Keys, panel: str) -> str:
    """What a panel of the dashboard shows, as plain text."""
    return panel_text(app_of(pilot)._screen.panel(panel))


def panel_text(panel: LinePanel[Any]) -> str:
    return "\n".join(panel.render_line(y).text for y in range(panel.size.height))
