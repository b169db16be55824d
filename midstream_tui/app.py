"""The app: wiring only. Batches from the bus go to the fold, views go to the panels, keys go to deeds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType

from midstream_analysis.report import AnalysisReport

from . import messages, present
from .bindings import APP
from .bus import Bus
from .collector import Collector
from .config import DEFAULT_REFRESH_MS, RecentSources, clamp_refresh
from .deeds.export import ExportDeeds
from .deeds.keys import KeyDeeds
from .deeds.link import LinkDeeds
from .deeds.streams import StreamDeeds
from .deeds.toasts import ToastDeeds
from .deeds.view import ViewDeeds
from .event_log import EventLog
from .hub import Hub
from .models import loading
from .progress import Progress
from .pulse import Pulse
from .screens.ahead import load_ahead
from .screens.dashboard import DashboardScreen
from .screens.live import LiveScreen, Moment
from .session import Area
from .settings import Settings
from .textual_faults import mend
from .textual_speed import hasten
from .textual_styles import hasten_styles
from .themes import DEFAULT_THEME, MIDSTREAM_MONO, THEMES
from .trouble import headline
from .watchman import EVERY, Watchman

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.screen import Screen

_EVER_CHANGING = frozenset({Area.METRICS, Area.STATUS, Area.STREAMS})
"""Areas that change by time alone: rates, uptime, silence."""
TROUBLE_EVERY = 0.25
"""Seconds between two looks for trouble over all streams."""


def _commands() -> type[Provider]:
    from .palette import Commands  # loads with the palette

    return Commands


mend()
hasten()
hasten_styles()


class MidStreamApp(KeyDeeds, ViewDeeds, StreamDeeds, ExportDeeds, LinkDeeds, ToastDeeds):
    """The dashboard over a `Hub`. Sources named in `sources` are opened once the screen stands.

    `settings` are the user's; see `keymap.keymap_problems` for what can be wrong with keys.
    """

    TITLE = "MidStream"
    CSS_PATH = "screens/dashboard.tcss"  # the default screen's own path is not read
    BINDINGS: ClassVar[list[BindingType]] = APP
    COMMANDS: ClassVar = {_commands}

    def __init__(
        self,
        hub: Hub,
        sources: Sequence[str] = (),
        *,
        refresh_ms: float = DEFAULT_REFRESH_MS,
        duration: float | None = None,
        pick: bool = False,
        recent: RecentSources | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__()
        self.hub = hub
        self.settings = settings or Settings()
        self.watchman = Watchman(self.settings.alerts, hub.session, self._alarm, self.bell)
        self.bus = Bus(self.post_message, clock=hub.options.clock)
        self.pulse = Pulse(time.perf_counter)
        self.progress = Progress()
        self.collector = Collector()
        self._warm = False
        self.recent = recent or RecentSources()
        self.refresh_ms = clamp_refresh(refresh_ms)
        self.on_ready: Callable[[], None] | None = None
        self.starting = True
        self.dirty: set[Area] = set(Area)
        self._sources = sources
        self._duration = duration
        self._pick = pick
        self._looked = -TROUBLE_EVERY
        self._tasks: list[asyncio.Task[None]] = []
        self._screen = DashboardScreen()
        for each in THEMES:
            self.register_theme(each)
        chosen = self.settings.screen.theme
        self.theme = MIDSTREAM_MONO.name if self.no_color and chosen == DEFAULT_THEME else chosen
        self.mouse = self.settings.screen.mouse
        self.set_keymap(dict(self.settings.keys))

    def get_default_screen(self) -> Screen[None]:
        return self._screen

    # -- life

    def on_mount(self) -> None:
        self.hub.sink = self.bus
        self.hub.on_report = self._engine_reports
        self._tasks = [asyncio.create_task(self.bus.run()), asyncio.create_task(self.pulse.run())]
        self.painter = self.set_interval(self.refresh_ms / 1000, self.tick)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """First paint is done: now what costs may start."""
        if self.on_ready is not None:
            self.on_ready()
        self.hub.session.alerts = self.watchman.alerts
        self.hub.log = EventLog()
        self.set_interval(EVERY, self.watchman.look)
        self.set_interval(1.0, self.watch_terminal)
        self.set_interval(1.0, self.collector.look)
        self.hub.start()
        self.hub.resume()  # the dashboard may have stood before
        before = {held.asked for held in self.hub.sources.values()}
        for source in self._sources:
            if source not in before:
                self.open_source(source)
        self.starting = False
        if self._duration is not None:
            self.set_timer(self._duration, self.exit)
        if self._pick and not self._sources:
            self.action_streams()

    async def on_unmount(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.collector.end()
        await self.watchman.close()
        await self.hub.stop()
        self.hub.sink = self.hub
        self.hub.on_report = None

    def _alarm(self, text: str, title: str, level: str) -> None:
        self.tell(text, title=title, severity=level, seconds=10)

    def _engine_reports(self, report: AnalysisReport) -> None:
        self.post_message(messages.AnalysisReady(report))  # on the engine's thread

    # -- from the bus to the fold

    @on(messages.StreamsOpened)
    @on(messages.TextReceived)
    @on(messages.AudioReceived)
    @on(messages.FramesReceived)
    @on(messages.StreamsChanged)
    def _fold(self, batch: messages.EventBatch) -> None:
        began = time.perf_counter()
        self.dirty |= self.hub.fold(batch.events)
        self.bus.folded(len(batch.events), time.perf_counter() - began)

    @on(messages.AnalysisReady)
    def _take(self, message: messages.AnalysisReady) -> None:
        self.dirty |= self.hub.take(message.report)
        if message.report.warming is None and not self._warm:
            self._warm = True
            self._tasks.append(asyncio.create_task(self._load_ahead()))

    async def _load_ahead(self) -> None:
        await load_ahead(self)
        self.collector.begin()

    # -- from the session to the panels

    @property
    def live_screen(self) -> LiveScreen:
        """The screen that shows the session: the topmost that is not a dialog."""
        found = (screen for screen in reversed(self.screen_stack) if isinstance(screen, LiveScreen))
        return next(found, self._screen)

    def tick(self) -> None:
        """What is due at the refresh rate: the hub's own, and a paint when the link is free for it."""
        self.hub.tick()
        if self.live_screen.stands and not self.spare() and self.time_to_paint():
            self.paint()

    def paint(self) -> None:
        """Give every panel that is seen its newest view; a panel that would look the same does nothing."""
        if not self.live_screen.stands:
            return  # the last tick of an app that is leaving
        now = self.hub.options.clock()
        self.paint_title(now)
        if self.paused_at is None:
            self._paint_panels(now)

    @on(LiveScreen.Shown)
    def _shown(self) -> None:
        """Panels came to be seen: they are fed at once."""
        self.look_again()
        if self.live_screen.stands:
            now = self.hub.options.clock()
            self.paint_title(now)
            self._paint_panels(now)

    def feed(self, screen: LiveScreen) -> None:
        """Give a screen that is about to be painted for the first time its views."""
        now = self.hub.options.clock()
        if screen is self.live_screen:
            self.paint_title(now)
        screen.paint(set(Area), self.moment(now), frozen=self.paused_at is not None)

    def moment(self, now: float) -> Moment:
        """What views are made from."""
        return Moment(
            self.hub.session,
            now,
            self.hub.unanalysed,
            len(self.bus),
            self.refresh_now,
            self.pulse.p99(),
            asked_ms=self.refresh_ms,
        )

    def _paint_panels(self, now: float) -> None:
        dirty = self.dirty | _EVER_CHANGING
        self.dirty = set()
        self.live_screen.paint(dirty, self.moment(now), frozen=self.paused_at is not None)

    def paint_title(self, now: float) -> None:
        title, session = self.live_screen.title_line, self.hub.session
        title.link = self.slow_link
        title.clock = f"{session.wall(now).astimezone():%H:%M:%S}"
        title.progress = (
            self.progress.text(session, loading(self.hub.sources, session)) or self.live_screen.progress()
        )
        if self.paused_at is not None:
            came, since = session.events - self.paused_at[0], now - self.paused_at[1]
            title.paused = f"PAUSED {since:.0f} s · {came:,} events came"
            return
        title.paused = ""
        title.streams = present.summary(session)
        if not 0 <= now - self._looked < TROUBLE_EVERY or not title.trouble.text:
            self._looked = now
            title.trouble = headline(session, now)
