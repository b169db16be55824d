"""What screens need is there before a key asks for it, and screens stand whole at their first paint."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from midstream_tui.app import MidStreamApp
from midstream_tui.screens.ahead import SCREENS, load_ahead
from midstream_tui.screens.detail import DetailScreen
from midstream_tui.screens.help import HelpScreen
from tests.app.test_screens_snapshots import made


@pytest.fixture
def app(tmp_path: Path) -> MidStreamApp:
    return made(tmp_path, "midstream")


async def test_no_style_is_parsed_when_the_help_opens(app: MidStreamApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await load_ahead(app)
        assert all(f"midstream_tui.screens.{name}" in sys.modules for name in SCREENS)
        known = set(app.stylesheet.source)
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        new = [source for source in app.stylesheet.source if source not in known]
        assert not new


async def test_a_detail_is_never_painted_empty(app: MidStreamApp, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    async with app.run_test(size=(120, 40)) as pilot:
        app.select("openai:gpt")
        app.paint()
        await pilot.pause()
        display = MidStreamApp._display

        def spy(self: MidStreamApp, screen: object, renderable: object) -> None:
            if isinstance(screen, DetailScreen):
                seen.append("\n".join(strip.text for strip in screen._compositor.render_strips()))
            display(self, screen, renderable)  # type: ignore[arg-type]

        monkeypatch.setattr(MidStreamApp, "_display", spy)
        await pilot.press("d")
        await pilot.pause()
    assert seen
    assert "CHAOTIC" in seen[0]
    assert "openai:gpt" in seen[0]
