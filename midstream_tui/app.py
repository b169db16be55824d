"""The app: wiring only. Batches from the bus go to the fold, views go to the panels, keys go to deeds."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import App
from textual.binding import BindingType

from midstream_adapters.base import SourceError
from midstream_analysis.report import AnalysisReport
from midstream_widgets.stream_metrics import StreamMetrics

from . import messages, present
from .bindings import APP
from .bus import Bus
from .config import DEFAULT_REFRESH_MS, REFRESH_MS, RecentSources, clamp_refresh, configured_sources
from .export import write_export
from .hub import Hub
from .pulse import Pulse
from .screens.choice import Choice, Remove
from .screens.dashboard import DashboardScreen
from .session import Area
from .themes import DEFAULT_THEME, THEMES

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.timer import Timer

_EVER_CHANGING = frozenset({Area.METRICS, Area.STATUS, Area.STREAMS})
"""Areas that change by time alone: rates, uptime, silence."""


class MidStreamApp(App[None]):
    """The dashboard over a `Hub`. Sources named in `sources` are opened once the screen stands."""

    TITLE = "MidStream"
    CSS_PATH = "screens/dashboard.tcss"  # the default screen's own path is not read
    BINDINGS: ClassVar[list[BindingType]] = APP
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        hub: Hub,
        sources: Sequence[str] = (),
        *,
        refresh_ms: float = DEFAULT_REFRESH_MS,
        duration: float | None = None,
        pick: bool = False,
        recent: RecentSources | None = None,
    ) -> None:
        super().__init__()
        self.hub = hub
        self.bus = Bus(self.post_message, clock=hub.options.clock)
        self.pulse = Pulse(time.perf_counter)
        self.recent = recent or RecentSources()
        self.refresh_ms = clamp_refresh(refresh_ms)
        self.paused_at: tuple[int, float] | None = None
        self.on_ready: Callable[[], None] | None = None
        self._sources = sources
        self._duration = duration
        self._pick = pick
        self._starting = True
        self._frozen = False
        self._dirty: set[Area] = set(Area)
        self._painter: Timer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._screen = DashboardScreen()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DEFAULT_THEME

    def get_default_screen(self) -> Screen[None]:
        return self._screen

    # -- life

    def on_mount(self) -> None:
        self.hub.sink = self.bus
        self.hub.on_report = self._engine_reports
        self._tasks = [asyncio.create_task(self.bus.run()), asyncio.create_task(self.pulse.run())]
        self._painter = self.set_interval(self.refresh_ms / 1000, self.paint)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """First paint is done: now what costs may start."""
        if self.on_ready is not None:
            self.on_ready()
        self.hub.start()
        self.hub.resume()  # the dashboard may have stood before
        before = {held.asked for held in self.hub.sources.values()}
        for source in self._sources:
            if source not in before:
                self.open_source(source)
        self._starting = False
        if self._duration is not None:
            self.set_timer(self._duration, self.exit)
        if self._pick and not self._sources:
            self.action_streams()

    async def on_unmount(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.hub.stop()
        self.hub.sink = self.hub
        self.hub.on_report = None

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
        self._dirty |= self.hub.fold(batch.events)
        self.bus.folded(len(batch.events), time.perf_counter() - began)

    @on(messages.AnalysisReady)
    def _take(self, message: messages.AnalysisReady) -> None:
        self._dirty |= self.hub.take(message.report)
        if message.report.warming is None and not self._frozen:
            # What warm-up loaded stays: else each full collection walks it, and the screen waits 0.1 s and more.
            self._frozen = True
            gc.freeze()

    # -- from the session to the panels

    def paint(self) -> None:
        """Give every panel its newest view; a panel that would look the same does nothing."""
        self.hub.tick()
        if not self._screen.stands:
            return  # the last tick of an app that is leaving
        session, now = self.hub.session, self.hub.options.clock()
        self._paint_title(now)
        if self.paused_at is not None:
            return
        dirty, self._dirty = self._dirty | _EVER_CHANGING, set()
        views: dict[Area, tuple[str, Callable[[], object]]] = {
            Area.METRICS: ("system", lambda: self._system_view(now)),
            Area.TEMPORAL: ("temporal", lambda: present.temporal_view(session)),
            Area.PATTERNS: ("patterns", lambda: present.pattern_view(session, self.hub.unanalysed)),
            Area.STATUS: ("status", lambda: present.status_view(session, now)),
            Area.STREAMS: ("streams", lambda: present.metrics_view(session, now)),
            Area.MESSAGES: ("messages", lambda: present.messages_view(session)),
        }
        for area in dirty:
            name, view = views[area]
            self._screen.panel(name).view = view()

    def _system_view(self, now: float) -> object:
        return present.system_view(
            self.hub.session,
            now,
            queued=len(self.bus),
            refresh_ms=self.refresh_ms,
            loop_lag=self.pulse.p99(),
        )

    def _paint_title(self, now: float) -> None:
        title = self._screen.title_line
        title.clock = f"{self.hub.session.wall(now).astimezone():%H:%M:%S}"
        title.streams = present.summary(self.hub.session)
        if self.paused_at is not None:
            came, since = self.hub.session.events - self.paused_at[0], now - self.paused_at[1]
            title.paused = f"PAUSED {since:.0f} s · {came:,} events came"
        else:
            title.paused = ""

    # -- deeds

    def open_source(self, source: str) -> bool:
        """Open `source` and look at it (the first leaves that open); a wrong one is told, and nothing else changes."""
        first = not self.hub.sources and not self.hub.session.streams
        try:
            streams = self.hub.add(source)
        except SourceError as error:
            self.tell(f"Can't open this source: {error}", severity="error")
            return False
        self.recent.add(source)
        if not first and not self._starting:
            self.select(streams[0])
        return True

    def select(self, stream: str) -> None:
        """Show the analysis of `stream`."""
        self.hub.session.selected = stream
        self.hub.session.observable = None
        self._dirty |= set(Area)

    def tell(self, text: str, *, severity: str = "information") -> None:
        """A toast; never markup, for it may quote what a stream or a user said."""
        level = {"error": "error", "warning": "warning"}.get(severity, "information")
        self.notify(text, severity=level, markup=False, timeout=6)  # type: ignore[arg-type]

    @on(StreamMetrics.StreamSelected)
    def _stream_selected(self, event: StreamMetrics.StreamSelected) -> None:
        self.select(event.stream)

    def action_streams(self) -> None:
        from .screens.picker import PickerScreen  # its widgets are not needed for the first paint

        now = self.hub.options.clock()
        streams = [
            Choice("stream", name, f"{name}  {tally.source}", str(tally.state(now)))
            for name, tally in self.hub.session.streams.items()
        ]
        self.push_screen(PickerScreen(streams, configured_sources(), self.recent.load()), self._picked)

    def _picked(self, choice: Choice | None) -> None:
        if choice is None:
            return
        if choice.kind == "stream":
            self.select(choice.value)
        else:
            self.open_source(choice.value)

    @on(Remove)
    def _remove(self, event: Remove) -> None:
        if event.choice.kind == "recent":
            self.recent.remove(event.choice.value)
        else:
            self._close(event.choice.value)

    @work
    async def _close(self, stream: str) -> None:
        await self.hub.remove(stream)
        self._dirty |= set(Area)
        self.tell(f"Closed {stream}")

    def action_close_stream(self) -> None:
        if (focus := self.hub.session.focus()) is not None:
            self._close(focus[0].stream)

    @work
    async def action_reconnect(self) -> None:
        focus = self.hub.session.focus()
        if focus is not None and focus[0].stream in self.hub.sources:
            await self.hub.restart(focus[0].stream)
            self.tell(f"Connecting {focus[0].stream} anew")

    def action_observable(self) -> None:
        self.hub.session.next_observable()
        self._dirty |= {Area.TEMPORAL}

    def action_pause(self) -> None:
        now = self.hub.options.clock()
        self.paused_at = None if self.paused_at is not None else (self.hub.session.events, now)
        self._dirty |= set(Area)
        self._paint_title(now)

    def action_refresh(self, step: int) -> None:
        at = min(range(len(REFRESH_MS)), key=lambda i: abs(REFRESH_MS[i] - self.refresh_ms))
        self.set_refresh(REFRESH_MS[max(0, min(len(REFRESH_MS) - 1, at + step))])

    def set_refresh(self, refresh_ms: float) -> None:
        """Repaint every `refresh_ms` (50 to 5000); ingest is not slowed by it."""
        self.refresh_ms = clamp_refresh(refresh_ms)
        if self._painter is not None:
            self._painter.stop()
            self._painter = self.set_interval(self.refresh_ms / 1000, self.paint)
            self.paint()

    def action_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]

    def action_help(self) -> None:
        from .screens.help import HelpScreen

        self.push_screen(HelpScreen())

    @work(exclusive=True)
    async def action_export(self) -> None:
        state, svg = self.hub.state(), self.export_screenshot(title="MidStream")
        try:
            paths = await asyncio.to_thread(write_export, state, svg)
        except OSError as error:
            self.tell(
                f"Export failed: {error.strerror}: {error.filename}. Set MIDSTREAM_EXPORT_DIR.",
                severity="error",
            )
            return
        self.notify(
            "\n".join([*(path.name for path in paths), f"in {paths[0].parent}"]),
            title="Exported",
            markup=False,
            timeout=10,
        )
