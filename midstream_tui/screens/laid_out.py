"""Screens are laid out once for a size."""

from __future__ import annotations

from typing import Any

from textual.events import Resize
from textual.screen import Screen


def skip_if_laid_out(screen: Screen[Any], event: Resize) -> bool:
    """Stop `event` when it tells of the size that `screen` was just laid out for; return whether it did.

    Textual 8.2 sends it after every layout, and lays the screen, and all below it, out once more.
    """
    if event.size != screen._compositor.size:
        return False
    event.stop()
    event.prevent_default()
    return True
