"""The message log: all messages of all streams, or of one, with a filter that is looked for as it is typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from midstream_adapters.redact import redact
from midstream_adapters.sanitize import clean_line
from midstream_tui.bindings import LOG
from midstream_tui.layouts import Layout
from midstream_tui.message_filter import LONGEST, MessageFilter
from midstream_tui.present_log import LogFeed
from midstream_tui.session import Area
from midstream_widgets.message_log import LogView, MessageLog

from .live import Feed, LiveScreen, Moment, Panel

_MOST_COPIED = 100_000


class LogScreen(LiveScreen):
    """Opened with a `filter` that is in place from the start (``stream:NAME`` from a stream's own screen)."""

    BINDINGS: ClassVar[list[BindingType]] = LOG
    LAYOUTS = (Layout.of("log", "all messages", narrow=("* log",)),)
    PLACE = "messages"
    AUTO_FOCUS = "#log"
    DEFAULT_CSS = """
    LogScreen #filter {
        dock: bottom; height: 3; margin-bottom: 1; border: round $border-blurred; border-title-color: $text-muted;
        display: none;
    }
    LogScreen #filter.-open { display: block; }
    LogScreen #filter.-wrong { border: round $error; }
    """

    def __init__(self, filter: str = "") -> None:  # noqa: A002
        super().__init__()
        self._feed = LogFeed()
        self._start = filter
        self._noted = ""

    def compose(self) -> ComposeResult:
        yield from super().compose()
        entry = Input(
            placeholder="text, /regular expression/, ! for what does not match, stream:NAME, role:NAME",
            id="filter",
            max_length=LONGEST,
        )
        entry.border_title = "Filter"
        yield entry

    def panels(self) -> Iterable[Panel]:
        yield MessageLog(id="log")

    def feeds(self) -> Mapping[str, Feed]:
        return {"log": Feed.of(self._found, Area.MESSAGES, Area.STREAMS)}

    def _found(self, at: Moment) -> LogView:
        view = self._feed.view(at.session)
        if view.note != self._noted:
            self._noted = view.note
            self._tell(view.note)
        return view

    def _tell(self, trouble: str) -> None:
        """Say in the filter's frame what is wrong with it; nothing when `trouble` is empty."""
        self._entry.set_class(bool(trouble), "-wrong")
        self._entry.border_subtitle = clean_line(trouble, 100)

    def on_mount(self) -> None:
        super().on_mount()
        if self._start:
            self._entry.value = self._start
            self._entry.add_class("-open")

    @property
    def _entry(self) -> Input:
        return self.query_one("#filter", Input)

    @on(Input.Changed, "#filter")
    def _seek(self, event: Input.Changed) -> None:
        try:
            self._feed.seek(MessageFilter.of(event.value))
        except ValueError as error:
            self._tell(str(error))
            return
        self._noted = ""
        self._tell("")
        self.post_message(self.Shown())

    @on(Input.Submitted, "#filter")
    def _read(self) -> None:
        self.set_focus(self.panel("log"))

    @on(MessageLog.Copied)
    def _copy(self, event: MessageLog.Copied) -> None:
        """To the terminal's clipboard (OSC 52), encoded by Textual; what is copied was sanitised at ingest."""
        text = redact(event.text[:_MOST_COPIED])
        self.app.copy_to_clipboard(text)
        cut = f" (the first {_MOST_COPIED:,} characters)" if len(event.text) > _MOST_COPIED else ""
        self.notify(f"Copied the {event.what}{cut}", markup=False, timeout=3)

    def action_filter(self) -> None:
        self.run_worker(
            partial(import_module, "regex"), thread=True, exit_on_error=False
        )  # before it is needed
        self._entry.add_class("-open")
        self.set_focus(self._entry)

    def action_back(self) -> None:
        """Out of the filter's line, then out of the filter, then out of the screen."""
        if self.focused is self._entry and self._entry.value:
            self.set_focus(self.panel("log"))
        elif self._entry.has_class("-open"):
            self._entry.value = ""
            self._entry.remove_class("-open")
            self.set_focus(self.panel("log"))
        else:
            super().action_back()
