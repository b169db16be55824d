"""`screen.graphics`: refused in one line before the screen opens, where the terminal can't."""

from __future__ import annotations

from dataclasses import replace

import pytest

from midstream_tui.commands import Refusal
from midstream_tui.commands.watch import _check_screen
from midstream_tui.settings import Settings
from midstream_widgets.charts import VideoPreview


def asked(graphics: str) -> Settings:
    settings = Settings()
    return replace(settings, screen=replace(settings.screen, graphics=graphics))


def test_off_needs_nothing_and_auto_without_a_terminal_is_refused() -> None:
    _check_screen(asked("off"))
    with pytest.raises(
        Refusal, match=r"screen\.graphics: (this terminal told of neither|terminal graphics need)"
    ):
        _check_screen(asked("auto"))
    assert VideoPreview.painter is None
