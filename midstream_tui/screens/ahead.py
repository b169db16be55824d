"""What screens need is loaded while nobody waits for it: the first key that opens one is as quick as the next."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from midstream_tui.config import REFRESH_MS

if TYPE_CHECKING:
    from textual.app import App

SCREENS = ("help", "detail", "overview", "log", "alerts", "picker", "options", "export", "prompt")


def _imports() -> None:
    for name in SCREENS:
        import_module(f"midstream_tui.screens.{name}")
    import_module("midstream_tui.palette")


async def load_ahead(app: App[None]) -> None:
    """Import the screens in a thread, then have the styles of their widgets parsed, one widget at a time."""
    await asyncio.to_thread(_imports)
    from textual.containers import Horizontal, Vertical, VerticalScroll
    from textual.widget import Widget
    from textual.widgets import Button, Checkbox, Input, Label, OptionList, Select, Static

    from midstream_tui.screens.help import HelpScreen
    from midstream_tui.screens.options import OptionsScreen

    with_a_file = OptionsScreen("", None, [], None, REFRESH_MS[0])  # of styles, which several dialogs share
    app._load_screen_css(with_a_file)
    await asyncio.sleep(0.05)
    made: list[Widget] = [HelpScreen(app.screen), Select[str](())]
    made += [kind() for kind in (Horizontal, Vertical, VerticalScroll)]
    made += [kind() for kind in (Static, Label, Button, Checkbox, Input, OptionList)]
    for widget in made:
        widget._post_register(app)
        assert app.stylesheet.rules is not None  # parses what is new
        await asyncio.sleep(0.05)
