"""Deeds on the view: freeze, refresh, theme, mouse, help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midstream_tui.config import REFRESH_MS, clamp_refresh
from midstream_tui.themes import CYCLE

from .base import Deeds

if TYPE_CHECKING:
    from textual.timer import Timer

_MOUSE_MODES = ("1000", "1003", "1015", "1006")
"""Clicks, moves, and the two encodings of positions beyond column 223 (xterm control sequences)."""


class ViewDeeds(Deeds):
    """None of these touches a stream: ingest and analysis go on whatever the view does."""

    paused_at: tuple[int, float] | None = None
    """Events and time when the view was frozen."""
    mouse = True
    painter: Timer | None = None

    def tick(self) -> None:
        """What is due at the refresh rate; the app's own."""
        raise NotImplementedError

    def paint(self) -> None:
        """Give every panel its newest view; the app's own."""
        raise NotImplementedError

    def paint_title(self, now: float) -> None:
        """The top line; the app's own."""
        raise NotImplementedError

    def action_pause(self) -> None:
        now = self.hub.options.clock()
        self.paused_at = None if self.paused_at is not None else (self.hub.session.events, now)
        self.look_again()
        self.paint()

    def action_refresh(self, step: int) -> None:
        at = min(range(len(REFRESH_MS)), key=lambda i: abs(REFRESH_MS[i] - self.refresh_ms))
        self.set_refresh(REFRESH_MS[max(0, min(len(REFRESH_MS) - 1, at + step))])

    def set_refresh(self, refresh_ms: float) -> None:
        """Repaint every `refresh_ms` (50 to 5000); ingest is not slowed by it."""
        self.refresh_ms = clamp_refresh(refresh_ms)
        if self.painter is not None:
            self.painter.stop()
            self.painter = self.set_interval(self.refresh_ms / 1000, self.tick)
            self.paint()

    def action_theme(self) -> None:
        at = CYCLE.index(self.theme) if self.theme in CYCLE else -1
        self.theme = CYCLE[(at + 1) % len(CYCLE)]

    def action_mouse(self) -> None:
        """Without reports of the mouse, the terminal's own selecting and pasting works."""
        self.mouse = not self.mouse
        if self._driver is not None:
            self._driver.write("".join(f"\x1b[?{mode}{'h' if self.mouse else 'l'}" for mode in _MOUSE_MODES))
            self._driver.flush()
        self.tell("Mouse on" if self.mouse else "Mouse off: the terminal selects text now", seconds=3)

    def action_command_palette(self) -> None:
        from midstream_tui.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())  # without an id: the one just closed may not have left yet

    def action_help(self) -> None:
        from midstream_tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))
