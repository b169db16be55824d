"""The base of all screens that show the session: a title line, panels that are fed only while seen, and their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Idle, Resize, ScreenResume
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from midstream_tui.bindings import DIGITS, LIVE
from midstream_tui.layouts import Layout, size_class
from midstream_tui.session import Area, Session
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import fit

from .at_once import paint_at_once
from .key_line import KeyLine
from .laid_out import skip_if_laid_out
from .painted_once import PaintedOnce
from .panel_grid import PanelGrid
from .still import StillBlank
from .title import TitleLine

LEAST = (80, 24)
Panel = LinePanel[Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """What views are made from: the session, the time, and the monitor's own health."""

    session: Session
    now: float
    unanalysed: int = 0
    queued: int = 0
    refresh_ms: int = 67
    loop_lag: float | None = None
    asked_ms: int | None = None
    """The refresh that the user wants, where `refresh_ms` is what a slow link allows."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What a panel shows, and the areas of the session whose change calls for a new view."""

    areas: frozenset[Area]
    view: Callable[[Moment], object]

    @classmethod
    def of(cls, view: Callable[[Moment], object], *areas: Area) -> Feed:
        return cls(frozenset(areas), view)


@runtime_checkable
class Feeder(Protocol):
    """An app that gives a screen its views before they are painted."""

    def feed(self, screen: LiveScreen) -> None: ...


class LiveScreen(PaintedOnce, StillBlank, Screen[None]):
    """A subclass gives its panels, their feeds by panel id, and its layouts.

    Keys shared by all of them are in `LIVE`: digits switch panels, z gives one all the room, v changes the layout.
    """

    BINDINGS: ClassVar[list[BindingType]] = LIVE
    LAYOUTS: ClassVar[tuple[Layout, ...]] = ()
    PLACE: ClassVar[str] = ""

    class Shown(Message):
        """Panels came to be seen that were not: they want their views."""

    class Chosen(Message):
        """The user goes on to another stream: what is shown of the selected one is to follow."""

        def __init__(self, stream: str) -> None:
            super().__init__()
            self.stream = stream

    title_line: TitleLine
    grid: PanelGrid

    def __init__(self) -> None:
        super().__init__()
        self._panels: dict[str, Panel] = {}  # found once, used fifteen times a second
        self._feeds: Mapping[str, Feed] = {}
        self._fed: set[str] = set()
        self._fresh = False
        self._settled: Size | None = None
        self.place = self.PLACE

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The layouts that v goes through."""
        return self.LAYOUTS

    def panels(self) -> Iterable[Panel]:
        """The panels, in reading order; the digits count them."""
        raise NotImplementedError

    def feeds(self) -> Mapping[str, Feed]:
        """What each panel shows, by its id."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        self.title_line = TitleLine(id="title")
        self.title_line.place = self.place
        self._panels = {panel.id: panel for panel in self.panels() if panel.id}
        self._feeds = self.feeds()
        self.grid = PanelGrid(self.layouts, *self._panels.values(), id="panels")
        listed = self.grid.lines.panels(size_class(self.app.size.width))
        for number, (name, panel) in enumerate(self._panels.items(), 1):
            panel.display = name in listed
            if number <= len(DIGITS):
                panel.border_title = Content.assemble((f"{number % 10} ", "$text-muted"), panel.TITLE)
        if isinstance(
            self.app, Feeder
        ):  # before they get their styles: the first paint would show empty panels
            self.app.feed(self)
            self._fresh = True
        yield self.title_line
        yield self.grid
        yield Static(id="too-small", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._settle(self.app.size)

    def on_screen_resume(self, event: ScreenResume) -> None:
        if self._fresh:
            self._fresh = event.refresh_styles = False  # it was fed, and got its styles, a moment ago
        else:
            self.post_message(self.Shown())

    def on_idle(self, event: Idle) -> None:
        paint_at_once(self)

    def on_resize(self, event: Resize) -> None:
        if skip_if_laid_out(self, event) and event.size == self._settled:
            return
        self._settle(event.size)
        if self.stands:  # another size class may show other panels
            self.post_message(self.Shown())

    def _settle(self, size: Size) -> None:
        """Show what there is room for."""
        self._settled = size
        small = size.width < LEAST[0] or size.height < LEAST[1]
        self.set_class(small, "-small")
        if small:
            self.query_one("#too-small", Static).update(
                f"{size.width}x{size.height} is too small to show all: "
                f"{LEAST[0]}x{LEAST[1]} is the least. Tab walks through the panels."
            )
        if self.stands:
            self.grid.settle()

    @property
    def stands(self) -> bool:
        """Whether there is a screen to paint on."""
        return bool(self._panels) and self.title_line.is_attached

    def panel(self, name: str) -> Panel:
        """The panel of that id."""
        return self._panels[name]

    def pointed(self) -> str | None:
        """The stream that the cursor is on, or that the screen is about; None when it points at none."""
        return None

    def unheard(self) -> str | None:
        """The stream that the user has gone to on this screen, while the app may not have heard of it."""
        return None

    def progress(self) -> str:
        """How far what the screen is about has come; "" when there is no such thing."""
        return ""

    def all_panels(self) -> list[Panel]:
        """All panels, shown or not, in the order of their digits."""
        return list(self._panels.values())

    def paint(self, dirty: set[Area], moment: Moment, *, frozen: bool = False) -> None:
        """Give the panels that are seen, and whose area is dirty, their newest view.

        While the view is ``frozen`` only panels that came to be seen since are fed, for an empty one says nothing.
        """
        for name, feed in self._feeds.items():
            panel = self._panels[name]
            if not panel.display:
                self._fed.discard(name)
            elif name not in self._fed or not (frozen or dirty.isdisjoint(feed.areas)):
                self._fed.add(name)
                panel.view = feed.view(moment)

    def as_text(self, moment: Moment, width: int = 100, height: int = 200) -> list[tuple[str, str, str]]:
        """Every panel, shown or not, as (name, title, text), as it would look with room enough."""
        found = []
        for name, feed in self._feeds.items():
            panel = self._panels[name]
            rows = panel.rows(feed.view(moment), width, height)[:height]
            text = "\n".join("".join(part for part, _ in fit(row, width).spans).rstrip() for row in rows)
            found.append((name, panel.TITLE, text))
        return found

    # -- keys

    def action_toggle_panel(self, number: int) -> None:
        names = list(self._panels)
        if number > len(names):
            return
        if not self.grid.switch(names[number - 1]):
            self.notify("One panel has to stay.", markup=False, timeout=3)
        self._rearranged()

    def action_maximise(self) -> None:
        focused = self.focused.id if self.focused is not None else None
        name = focused if focused in self._panels else self.grid.shown()[0]
        self.grid.maximise(None if self.grid.alone is not None else name)
        self._rearranged()

    def action_layout(self) -> None:
        self.use_layout((self.grid.at + 1) % len(self.grid.layouts))

    def use_layout(self, index: int) -> None:
        """Arrange the panels by that layout."""
        layout = self.grid.use(index)
        self.notify(f"{layout.name}: {layout.about}", title="Layout", markup=False, timeout=2)
        self._rearranged()

    def action_back(self) -> None:
        """Out of a maximised panel, then out of the screen; the dashboard is where it ends."""
        if self.grid.alone is not None:
            self.grid.maximise(None)
            self._rearranged()
        elif len(self.app.screen_stack) > 1:
            self.dismiss()

    def _rearranged(self) -> None:
        if self.focused is None or not self.focused.display:
            self.set_focus(self._panels[self.grid.shown()[0]])
        if isinstance(self.app, Feeder):  # before they are laid out: they would be painted empty
            self.app.feed(self)
