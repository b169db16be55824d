"""Deeds on streams: open, select, look into, ask, change, connect anew, close."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on, work

from midstream_adapters.base import SourceError
from midstream_adapters.registry import kind_of
from midstream_adapters.unopened import Unopened
from midstream_tui.config import configured_sources
from midstream_tui.message_filter import of_stream
from midstream_tui.profiles import stream_options
from midstream_tui.screens.choice import ChangeOptions, Choice, Reconnect, Remove
from midstream_tui.screens.live import LiveScreen
from midstream_widgets.stream_metrics import StreamMetrics
from midstream_widgets.stream_table import StreamTable

from .base import Deeds

if TYPE_CHECKING:
    from midstream_adapters.base import Options
    from midstream_tui.reach import Reach
    from midstream_tui.screens.options import Wishes

NONE = "There is no stream yet: s adds one."


class StreamDeeds(Deeds):
    """Screens other than the dashboard are imported when first asked for: the first paint needs none of them."""

    starting = False
    """Whether the sources of the command line are being opened."""

    @property
    def live_screen(self) -> LiveScreen:
        """The screen that shows the session; the app's own."""
        raise NotImplementedError

    # -- open and select

    def open_source(self, source: str, options: Options | None = None) -> bool:
        """Open `source` and look at it (the first leaves that open); a wrong one is told, and nothing else changes.

        Of those that the app was started with, one that can't be used now is a stream that has failed.
        """
        first = not self.hub.sources and not self.hub.session.streams
        try:
            wanted = options or stream_options(source, self.settings, self.hub.options)
            streams = self.hub.add(source, wanted, keep=self.starting)
        except SourceError as error:
            self.tell(f"Can't open this source: {error}", severity="error")
            return False
        if not isinstance(self.hub.sources[streams[0]].adapter, Unopened):
            self.recent.add(source)
        if not first and not self.starting:
            self.select(streams[0])
        return True

    def select(self, stream: str) -> None:
        """Show the analysis of `stream`."""
        session = self.hub.session
        if session.selected != stream:
            session.selected, session.observable = stream, None
            self.look_again()

    def selected(self) -> str | None:
        """The stream that keys speak of: the selected one, else where the cursor is, else the one in focus."""
        session, screen = self.hub.session, self.live_screen
        pointed = (
            (screen.unheard(), session.selected, screen.pointed()) if screen.stands else (session.selected,)
        )
        for name in pointed:
            if name is not None and (name in session.streams or name in self.hub.sources):
                return name
        focus = session.focus()
        return focus[0].stream if focus is not None else next(iter(self.hub.sources), None)

    @on(StreamMetrics.StreamSelected)
    @on(StreamTable.Selected)
    def _stream_selected(self, event: StreamMetrics.StreamSelected | StreamTable.Selected) -> None:
        event.heard = True
        self.select(event.stream)
        if event.chosen:
            self.action_detail()

    @on(LiveScreen.Chosen)
    def _stream_chosen(self, event: LiveScreen.Chosen) -> None:
        self.select(event.stream)

    # -- screens

    def action_overview(self) -> None:
        from midstream_tui.screens.overview import OverviewScreen

        if any(isinstance(screen, OverviewScreen) for screen in self.screen_stack):
            while not isinstance(self.screen, OverviewScreen):
                self.pop_screen()
        else:
            self.push_screen(OverviewScreen())

    def action_log(self) -> None:
        from midstream_tui.screens.detail import DetailScreen
        from midstream_tui.screens.log import LogScreen

        if not isinstance(self.live_screen, LogScreen):
            of = self.live_screen.stream if isinstance(self.live_screen, DetailScreen) else ""
            self.push_screen(LogScreen(of_stream(of) if of else ""))

    def action_alerts(self) -> None:
        from midstream_tui.screens.alerts import AlertsScreen

        if not isinstance(self.live_screen, AlertsScreen):
            self.push_screen(AlertsScreen(self.watchman))

    def action_detail(self) -> None:
        from midstream_tui.screens.detail import DetailScreen

        stream = self.selected()
        if stream is None:
            self.tell(NONE)
        elif not isinstance(self.screen, DetailScreen):
            self.select(stream)
            self.push_screen(DetailScreen(self.hub.session, stream))

    def action_streams(self) -> None:
        from midstream_tui.screens.picker import PickerScreen

        self.push_screen(
            PickerScreen(self._open_streams, self._configured(), self.recent.load(), self._reach),
            self._picked,
        )

    async def _reach(self, source: str) -> Reach:
        """Whether `source` can be reached, as it would be opened."""
        from midstream_tui.reach import reach

        return await reach(source, stream_options(source, self.settings, self.hub.options))

    def _configured(self) -> list[str]:
        return list(dict.fromkeys([*(each.source for each in self.settings.streams), *configured_sources()]))

    def _open_streams(self) -> list[Choice]:
        now, session = self.hub.options.clock(), self.hub.session
        return [
            Choice(
                "stream",
                name,
                f"{name}  {tally.source}",
                str(tally.state(now)),
                self.hub.sources[name].asked if name in self.hub.sources else "",
                tally.reason,
            )
            for name, tally in session.streams.items()
        ]

    def _picked(self, choice: Choice | None) -> None:
        if choice is None:
            return
        if choice.kind == "stream":
            self.select(choice.value)
            return
        if choice.replaces:
            self.close(choice.replaces, quietly=True)
        if kind_of(choice.value).home.startswith("openai_chat:") and not self.hub.options.prompt:
            self._ask_first(choice.value)
        else:
            self.open_source(choice.value)

    # -- questions

    def _ask_first(self, source: str) -> None:
        from midstream_tui.screens.prompt import PromptScreen

        def opened(question: str | None) -> None:
            if question:
                self.open_source(source, replace(self.hub.options, prompt=question))

        self.push_screen(PromptScreen(source), opened)

    def action_ask(self) -> None:
        """Ask the selected model once more."""
        from midstream_tui.screens.prompt import PromptScreen

        stream = self.selected()
        held = self.hub.sources.get(stream) if stream is not None else None
        ask = getattr(held.adapter, "ask", None) if held is not None else None
        if held is None or ask is None:
            self.tell(
                f"{stream} takes no questions: only models (openai:, openai-realtime:) do."
                if stream
                else NONE
            )
            return

        def answered(question: str | None) -> None:
            if not question:
                return
            try:
                ask(question)
            except ValueError as error:
                self.tell(f"Not asked: {error}", severity="warning")
                return
            if held.task is not None and held.task.done():
                self.action_reconnect()

        self.push_screen(PromptScreen(held.asked), answered)

    # -- options

    def action_stream_options(self) -> None:
        stream = self.selected()
        if stream is None:
            self.tell(NONE)
        else:
            self.change_options(stream)

    @on(ChangeOptions)
    def _options_wanted(self, event: ChangeOptions) -> None:
        self.change_options(event.stream)

    def change_options(self, stream: str) -> None:
        from midstream_tui.screens.options import OptionsScreen

        held = self.hub.sources.get(stream)
        tally = self.hub.session.streams.get(stream)

        def changed(wishes: Wishes | None) -> None:
            if wishes is not None:
                self._change(stream, wishes)

        chosen = self.hub.session.observable if self.hub.session.selected == stream else None
        self.push_screen(
            OptionsScreen(
                stream,
                held.options if held is not None else None,
                list(tally.series) if tally is not None else [],
                chosen,
                self.refresh_ms,
            ),
            changed,
        )

    @work
    async def _change(self, stream: str, wishes: Wishes) -> None:
        if wishes.refresh_ms != self.refresh_ms:
            self.set_refresh(wishes.refresh_ms)
        self.select(stream)
        self.hub.session.observable = wishes.observable
        self.look_again()
        held = self.hub.sources.get(stream)
        if held is not None and wishes.options is not None and wishes.options != held.options:
            try:
                await self.hub.change(stream, wishes.options)
            except SourceError as error:
                self.tell(f"Options not changed: {error}", severity="error")
            else:
                self.tell(f"Connecting {stream} anew, with the new options")

    def set_refresh(self, refresh_ms: float) -> None:
        """Repaint every `refresh_ms`; the app's own."""
        raise NotImplementedError

    def action_observable(self) -> None:
        self.hub.session.next_observable()
        self.look_again()

    # -- connect and close

    @on(Remove)
    def _remove(self, event: Remove) -> None:
        if event.choice.kind == "recent":
            self.recent.remove(event.choice.value)
        else:
            self.close(event.choice.value)

    @work
    async def close(self, stream: str, quietly: bool = False) -> None:
        await self.hub.remove(stream)
        self.look_again()
        if not quietly:
            self.tell(f"Closed {stream}")

    def action_close_stream(self) -> None:
        if (stream := self.selected()) is not None:
            self.close(stream)

    @on(Reconnect)
    def _reconnect_wanted(self, event: Reconnect) -> None:
        self.reconnect(event.stream)

    def action_reconnect(self) -> None:
        if (stream := self.selected()) is not None:
            self.reconnect(stream)

    @work
    async def reconnect(self, stream: str) -> None:
        if stream in self.hub.sources:
            await self.hub.restart(stream)
            self.tell(f"Connecting {stream} anew")
        else:
            self.tell(f"{stream} can't be connected anew from here: its data is pushed in.")
