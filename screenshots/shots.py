"""Every picture by name: which screen, how big, in which theme, and the keys that lead there."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from scenes import Scene
from textual.pilot import Pilot

from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.screens.live import LiveScreen

Size = tuple[int, int]
SIZES: tuple[Size, ...] = ((80, 24), (120, 40), (200, 60))
USUAL: Size = (120, 40)
THEMES = {"": "midstream", "light": "midstream-light", "cvd": "midstream-cvd"}
"""Themes by what they are called in the name of a picture."""
RECENT = ("https://studio.example/live.m3u8", "openai:gpt-4o-mini", "wss://news.example/feed")


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen: the scene it is of, the stream selected, and the keys pressed (``"text:..."`` is typed)."""

    scene: str = "watch"
    stream: str = "sim:text"
    keys: tuple[str, ...] = ()
    later: float = 0.0
    """Seconds that pass after the keys."""


SCREENS = {
    "dashboard": Screen(),
    "overview": Screen(keys=("a",)),
    "text": Screen(keys=("d",)),
    "audio": Screen(stream="reading.wav", keys=("d",)),
    "video": Screen(stream="photographs.mp4", keys=("d",)),
    "log": Screen(keys=("L", "slash", "text:role:assistant /\\b(image|package|check)s?\\b/", "enter")),
    "alerts": Screen("alerts", "door-camera", ("A",)),
    "picker": Screen(keys=("s", "text:wss://news.example/feed?token=1a2b3c4d5e6f")),
    "options": Screen(stream="sim:video", keys=("i",)),
    "help": Screen(keys=("question_mark",)),
    "export": Screen(keys=("E",)),
    "palette": Screen(keys=("ctrl+p",)),
    "freeze": Screen(keys=("space",), later=6.0),
    "trouble": Screen("trouble", "door-camera", ("a",)),
}


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture."""

    screen: str
    theme: str
    size: Size

    @property
    def name(self) -> str:
        """As ``video-120x40``, or ``video-light-120x40``."""
        return "-".join(filter(None, (self.screen, self.theme, f"{self.size[0]}x{self.size[1]}")))

    @property
    def kept(self) -> bool:
        """Whether it is kept in the repository: all screens once, and some in every size and theme."""
        if self.screen == "dashboard":
            return not self.theme or self.size == USUAL
        if self.screen in ("video", "overview") and self.size == USUAL:
            return True
        return not self.theme and self.size == USUAL


SHOTS = {
    shot.name: shot
    for screen in SCREENS
    for theme in THEMES
    for size in SIZES
    for shot in [Shot(screen, theme, size)]
}


async def take(shot: Shot, scene: Scene) -> str:
    """Show `scene`, which ends with it, in the real app; return the screen as SVG."""
    screen = SCREENS[shot.screen]
    with tempfile.TemporaryDirectory() as folder:
        recent = RecentSources(Path(folder))
        for source in RECENT:
            recent.add(source)
        app = MidStreamApp(scene.hub, recent=recent)
        app.theme = THEMES[shot.theme]
        app.watchman.alerts = scene.alerts
        # How late this machine's event loop wakes up is nothing that a picture could tell.
        app.pulse.p99 = lambda: None  # type: ignore[method-assign]
        async with app.run_test(size=shot.size) as pilot:
            app.select(screen.stream)
            app.paint()
            await pilot.pause()
            for key in screen.keys:
                if key.startswith("text:"):
                    await pilot.press(*key.removeprefix("text:"))
                else:
                    await pilot.press(key)
                await pilot.pause()
            if screen.later:
                await scene.play(screen.later)
            await _still(app, pilot)
            return app.export_screenshot(title="MidStream")


async def _still(app: MidStreamApp, pilot: Pilot[None]) -> None:
    """Wait until nothing on the screen changes any more."""
    before = None
    for _ in range(40):
        app.clear_notifications()
        if isinstance(app.live_screen, LiveScreen):
            app.paint()
        await pilot.pause(0.1)
        now = app.export_screenshot(title="MidStream")
        if now == before:
            return
        before = now
    raise RuntimeError("the screen does not come to rest")
