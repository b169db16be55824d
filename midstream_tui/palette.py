"""The command palette: streams, panels and layouts, themes, exports, and whatever a key does, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from textual.binding import Binding
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon
from textual.content import Content
from textual.types import IgnoreReturnCallbackType
from textual.widgets import LoadingIndicator

from midstream_widgets.lines import cut

from .screens.dialog import Backdropped
from .screens.live import LiveScreen

if TYPE_CHECKING:
    from .app import MidStreamApp

_SKIPPED = ("panel.", "focus.", "app.palette", "app.interrupt")
"""Bindings that make no sense without a key, or that are listed by what they show."""


class Palette(Backdropped, CommandPalette):
    """Textual's, but for its sign: a lens two cells wide that some terminals have not."""

    DEFAULT_CSS = """
    Palette SearchIcon { color: $text-muted; }
    """
    SIGN = "›"

    def on_mount(self) -> None:
        for sign in self.query(SearchIcon):  # none where a quick hand has closed it already
            sign.icon = self.SIGN

    # Textual's search may end after its palette was closed, and then looks for parts that have left.

    def _watch__list_visible(self) -> None:
        if self._whole:
            super()._watch__list_visible()

    async def _watch__show_busy(self) -> None:
        if self._whole:
            await super()._watch__show_busy()

    @property
    def _whole(self) -> bool:
        return all(self.query(part) for part in (CommandList, LoadingIndicator, "#--input"))


class Command(NamedTuple):
    """A line of the palette."""

    name: str
    about: str
    run: IgnoreReturnCallbackType
    first: bool = True
    """Whether it is offered before anything was typed."""


class Commands(Provider):
    """Everything that can be done now, on the screen below the palette."""

    @property
    def _app(self) -> MidStreamApp:
        return cast("MidStreamApp", self.app)

    def _all(self) -> Iterator[Command]:
        yield from self._streams()
        yield from self._panels()
        yield from self._keys()
        yield from self._jobs()
        for name in sorted(self.app.available_themes):
            yield Command(f"Theme: {name}", "Change the colours", partial(self._theme, name), first=False)

    def _streams(self) -> Iterator[Command]:
        app = self._app
        now = app.hub.options.clock()
        for name, tally in app.hub.session.streams.items():
            state = tally.state(now)
            yield Command(
                f"Stream: {cut(name, 40)}", f"{state}; open its detail", partial(self._detail, name)
            )
            yield Command(
                f"Reconnect: {cut(name, 40)}", "Connect it anew", partial(app.reconnect, name), first=False
            )
            yield Command(
                f"Close: {cut(name, 40)}", "End it and forget it", partial(app.close, name), first=False
            )
            yield Command(
                f"Options: {cut(name, 40)}",
                "Models, observable, refresh",
                partial(app.change_options, name),
                first=False,
            )

    def _panels(self) -> Iterator[Command]:
        screen = self._app.live_screen
        for number, panel in enumerate(screen.all_panels(), 1):
            deed = "Hide" if panel.display else "Show"
            yield Command(
                f"Panel: {deed.lower()} {panel.TITLE}",
                f"{deed} this panel",
                partial(screen.action_toggle_panel, number),
                first=False,
            )
        for index, layout in enumerate(screen.grid.layouts):
            yield Command(
                f"Layout: {layout.name}", layout.about, partial(screen.use_layout, index), first=False
            )

    def _keys(self) -> Iterator[Command]:
        screen = self._app.live_screen
        seen: set[str] = set()
        for node in (screen, self._app):
            for _, binding in node._bindings:
                name = binding.id or ""
                if not binding.tooltip or name.startswith(_SKIPPED) or name in seen or not name:
                    continue
                seen.add(name)
                yield Command(binding.description, binding.tooltip, partial(self._run, node, binding))

    def _jobs(self) -> Iterator[Command]:
        for job in self._app.progress.jobs.values():
            if job.cancel is not None:
                yield Command(
                    f"Cancel: {job.label}", "End what is being done", partial(self._app.progress.cancel, job)
                )

    async def _run(self, node: LiveScreen | MidStreamApp, binding: Binding) -> None:
        await self.app.run_action(binding.action, default_namespace=node)

    def _detail(self, stream: str) -> None:
        self._app.select(stream)
        self._app.action_detail()

    def _theme(self, name: str) -> None:
        self.app.theme = name

    async def discover(self) -> Hits:
        for command in self._all():
            if command.first:
                yield DiscoveryHit(Content(command.name), command.run, command.name, command.about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._all():
            score = matcher.match(command.name)
            if score > 0:
                yield Hit(score, matcher.highlight(command.name), command.run, command.name, command.about)
