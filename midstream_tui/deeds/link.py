"""Deeds on the way to the terminal: nothing is painted while it lags, and repaints get rarer while it does so often."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from textual import on
from textual.driver import Driver
from textual.events import Resize

from midstream_tui.pace import Pace
from midstream_tui.whole_frames import WholeFrames

from .base import Deeds

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.screen import Screen

    from midstream_tui.outlet import Outlet

_LOOK_EVERY = 0.02
"""Seconds between two looks at a link that lags."""


class LinkDeeds(Deeds):
    """Of a terminal that we write to ourselves; in a browser and in tests without a screen nothing of it happens."""

    _held: ExitStack | None = None
    _torn = False

    def __init__(self) -> None:
        super().__init__()
        self.pace = Pace(time.monotonic)
        self._frames = WholeFrames()

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        if found.__module__ == "textual.drivers.linux_driver" and found.__name__ == "LinuxDriver":
            from midstream_tui.outlet import TerminalDriver

            return TerminalDriver
        return found

    @property
    def outlet(self) -> Outlet | None:
        """The way to the terminal, where there is one of ours."""
        return getattr(self._driver, "outlet", None)

    @property
    def refresh_now(self) -> int:
        """Milliseconds between two repaints, as the link allows."""
        return round(1000 * self.pace.interval(self.refresh_ms / 1000))

    @property
    def slow_link(self) -> str:
        """What to tell of the link; "" while it keeps up."""
        if not self.pace.slowed(self.refresh_ms / 1000):
            return ""
        return f"slow link: every {self.refresh_now} ms, {self.refresh_ms} asked"

    def time_to_paint(self) -> bool:
        """Whether the painter's tick is to paint: the link is free, and it is time at its pace."""
        outlet = self.outlet
        return self.pace.look(outlet is not None and outlet.behind(), self.refresh_ms / 1000)

    def watch_terminal(self) -> None:
        """Leave when the terminal is closed, though nothing be painted; asked once a second."""
        if (outlet := self.outlet) is not None:
            outlet.look()

    @on(Driver.SignalResume)
    def _came_back(self) -> None:
        """After ctrl+z and fg the terminal shows nothing of ours, though nothing of it has changed."""
        self.action_redraw()

    def action_redraw(self) -> None:
        """Write every line of the screen, whatever the terminal may show."""
        self._frames.forget()
        if self.screen_stack:
            self.screen.refresh()

    @on(Resize)
    def _resized(self) -> None:
        """There and back within a second, the size is the one that was, but the terminal has cut or moved its lines."""
        self._frames.forget()

    # -- one frame at a time

    def post_display_hook(self) -> None:
        """After every write of Textual's: ask the terminal how far it is, and hold the next one while it lags."""
        outlet, driver = self.outlet, self._driver
        if outlet is None or driver is None or self._held is not None:
            return
        if question := outlet.question():
            driver.write(question)
        if outlet.behind():
            self._held = ExitStack()
            self._held.enter_context(self.batch_update())
            asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)

    def _look(self) -> None:
        outlet = self.outlet
        if self._held is None:
            return
        if self._running and outlet is not None and self._driver is not None and outlet.behind():
            if question := outlet.again():
                self._driver.write(question)
            asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)
            return
        held, self._held = self._held, None
        with self._context():
            held.close()
            if self._running and self.screen_stack:
                if self._torn:
                    self.screen.refresh()
                self.screen.check_idle()
        self._torn = False

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if self._held is not None and renderable is not None:
            self._torn = True  # Textual forgets what it displays while held: all is painted afterwards
        if self.outlet is not None and not self._batch_count:
            renderable = self._frames.less(renderable)
        super()._display(screen, renderable)
