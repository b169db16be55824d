"""The command palette: streams, panels and layouts, themes, exports, and whatever a key does, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.command import Command as Row
from textual.command import (
    CommandInput,
    CommandList,
    CommandPalette,
    DiscoveryHit,
    Hit,
    Hits,
    Provider,
    SearchIcon,
)
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.style import Style
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
    """Textual's, but that it opens with its list, and its sign: a lens two cells wide that some terminals have not.

    Textual 8.2 opens an empty palette, gathers commands in a task, and then styles, lays out and paints it twice more.
    """

    DEFAULT_CSS = """
    Palette SearchIcon { color: $text-muted; }
    """
    SIGN = "›"

    def __init__(self) -> None:
        super().__init__(classes="-ready")

    def compose(self) -> ComposeResult:
        self.set_reactive(CommandPalette._list_visible, True)
        sign = SearchIcon()
        sign.icon = self.SIGN
        with Vertical(id="--container"):
            with Horizontal(id="--input", classes="--list-visible"):
                yield sign
                yield CommandInput(placeholder=self._placeholder, select_on_focus=False)
            with Vertical(id="--results"):
                yield CommandList(classes="--visible")
                yield LoadingIndicator()

    def _gather_commands(self, search_value: str) -> Any:
        """What is offered before anything was typed is there at once; a search goes on in a task."""
        if search_value:
            return super()._gather_commands(search_value)
        dim = Style.from_styles(self.get_component_styles("command-palette--help-text"))
        commands = (each for kind in self._providers if isinstance(kind, Commands) for each in kind.offered())
        rows = [
            Row(
                Content.assemble(command.name, "\n", Content(command.about).stylize_before(dim)),
                DiscoveryHit(command.name, command.run, command.name, command.about),
                id=str(number),
            )
            for number, command in enumerate(commands)
        ]
        self._show_busy = False
        self._refresh_command_list(self.query_one(CommandList), rows, True)
        return None

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

    def offered(self) -> Iterator[Command]:
        """What is listed before anything was typed."""
        return (command for command in self._all() if command.first)

    async def discover(self) -> Hits:
        for command in self.offered():
            yield DiscoveryHit(Content(command.name), command.run, command.name, command.about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._all():
            score = matcher.match(command.name)
            if score > 0:
                yield Hit(score, matcher.highlight(command.name), command.run, command.name, command.about)
