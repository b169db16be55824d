"""The message log: all messages over the full width, with a cursor, and what a filter found marked."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import var

from midstream_widgets.cursor_panel import CursorPanel
from midstream_widgets.lines import Row, Span
from midstream_widgets.recent_messages import message_rows
from midstream_widgets.views import MessageLine

Mark = Callable[[str], Iterable[tuple[int, int]]]
"""Text of a row -> (start, end) of the places to mark, in order, none empty."""


@dataclass(frozen=True, slots=True)
class LogView:
    """What passes the filter, oldest first, of ``kept`` messages in memory and ``total`` that there ever were.

    What ``mark`` finds is marked; ``unsearched`` messages were not looked at yet; ``note`` is trouble with the filter.
    """

    messages: tuple[MessageLine, ...] = ()
    kept: int = 0
    total: int = 0
    mark: Mark | None = None
    filtered: bool = False
    unsearched: int = 0
    note: str = ""


def marked(row: Row, mark: Mark | None) -> Row:
    """``row`` with what ``mark`` finds in the message's own text styled as selected."""
    if mark is None:
        return row
    spans: list[Span] = []
    for text, style in row.spans:
        if style != "value":
            spans.append((text, style))
            continue
        at = 0
        for start, end in mark(text):
            spans += [(text[at:start], style), (text[start:end], "found")]
            at = end
        spans.append((text[at:], style))
    return row._replace(spans=tuple(span for span in spans if span[0]))


@lru_cache(maxsize=2048)
def _laid_out(
    message: MessageLine, width: int, whole: bool, mixed: bool, mark: Mark | None
) -> tuple[Row, ...]:
    return tuple(marked(row, mark) for row in message_rows(message, width, whole, mixed))


def log_rows(view: LogView, width: int, whole: bool, cursor: Hashable) -> list[Row]:
    """All rows, oldest message first; the message under the ``cursor`` (its serial) is shown as selected."""
    if not view.messages:
        if not view.filtered:
            return [Row((("no messages yet", "muted"),))]
        some = f"none of {view.kept:,} messages passes the filter" if view.kept else "no messages yet"
        return [Row(((some, "warning"), (" · escape clears it", "muted")))]
    mixed = len({message.simulated for message in view.messages}) > 1
    rows: list[Row] = []
    for message in view.messages:
        lay_out = _laid_out.__wrapped__ if message.open else _laid_out
        own = lay_out(message, width, whole, mixed, view.mark)
        base = "selected" if message.serial == cursor else ""
        rows += [row._replace(base=base, key=message.serial) for row in own]
    return rows


class MessageLog(CursorPanel[LogView]):
    """The cursor follows the newest message until it is moved away; at the end it follows again."""

    TITLE = "Messages"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"panel--found"}
    DEFAULT_CSS = """
    MessageLog > .panel--found { background: $warning-muted; color: $text-warning; text-style: bold underline; }
    """
    view = var(LogView(), init=False)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow", id="log.follow", tooltip="Follow the newest message, or hold still"),
        Binding("w", "wrap", "Wrap", id="log.wrap", tooltip="Messages whole, or one a line"),
        Binding("y", "copy", "Copy", id="log.copy", tooltip="Copy the selected text, else the message"),
    ]

    whole = var(True, init=False)
    """Whether messages are wrapped, or cut to a line each."""
    following = var(True, init=False)

    class Copied(Message):
        """The user wants `text` in the clipboard; `what` says in a word what it is."""

        def __init__(self, text: str, what: str) -> None:
            super().__init__()
            self.text, self.what = text, what

    def keys(self) -> list[Hashable]:
        return [message.serial for message in self.view.messages]

    def rows(self, view: LogView, width: int, height: int) -> list[Row]:
        if view.messages:
            serials = {message.serial for message in view.messages}
            if self.following or self.cursor is None:
                self.cursor = view.messages[-1].serial
            elif self.cursor not in serials:
                # what was read left the buffer, or the filter: the nearest that is still here
                here = self.cursor if isinstance(self.cursor, int) else 0
                self.cursor = min(serials, key=lambda serial: abs(serial - here))
        return log_rows(view, width, self.whole, self.cursor)

    def window(self, rows: list[Row], width: int, height: int) -> list[Row]:
        if self.following:
            self._top = max(0, len(rows) - height)
            return rows[self._top : self._top + height]
        return super().window(rows, width, height)

    def badge(self, view: LogView) -> tuple[str, str]:
        shown = f"{len(view.messages):,} of {view.kept:,}" if view.filtered else f"{view.kept:,}"
        if view.total > view.kept:
            shown += f" kept of {view.total:,}"
        if view.unsearched:
            shown += f", {view.unsearched:,} still to search"
        held = "" if self.following else "held"
        simulated = view.messages and all(message.simulated for message in view.messages)
        return " · ".join(filter(None, [view.note, shown, held])), "simulated" if simulated else ""

    def select(self, key: Hashable, *, told: bool = False) -> None:
        # Before the rows are made anew: while the end is followed, they put the cursor there.
        newest = bool(self.view.messages) and key == self.view.messages[-1].serial
        self.set_reactive(MessageLog.following, newest)
        super().select(key, told=told)
        self._update_badge()

    def watch_following(self) -> None:
        self.update_rows()

    def watch_whole(self) -> None:
        self.update_rows()

    def scroll_rows(self, by: int) -> None:
        """The wheel moves the cursor, so that what is in sight can be copied."""
        self.action_move(by)

    def action_follow(self) -> None:
        self.following = not self.following

    def action_wrap(self) -> None:
        self.whole = not self.whole

    def action_copy(self) -> None:
        if self.text_selection is not None and (found := self.get_selection(self.text_selection)) is not None:
            self.post_message(self.Copied(found[0], "selection"))
            return
        message = next((message for message in self.view.messages if message.serial == self.cursor), None)
        if message is None:
            raise SkipAction
        self.post_message(self.Copied(message.text, "message"))

    def action_page(self, pages: int) -> None:
        """By what is in sight, in messages."""
        seen = len({row.key for row in self._shown})
        self.action_move(pages * max(1, seen - 1))
