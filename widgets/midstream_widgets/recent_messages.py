"""Recent Messages: newest at the bottom; follows the end until the reader scrolls up, then holds still."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from textual.reactive import var

from midstream_widgets import formats as f
from midstream_widgets import glyphs
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, Span, cut, cut_front, pad, wrap
from midstream_widgets.views import MessageLine, MessagesView

WRAP_FROM = 12
"""Rows from which the panel is tall enough to show messages whole."""
MESSAGE_LINES, OPEN_LINES = 40, 12
"""Rows at most of one message, and of one that is still coming."""
LABEL_WIDTH = 12


def _head(message: MessageLine, width: int, mixed: bool) -> tuple[Span, ...]:
    """Time, role, stream and move, as far as ``width`` leaves half of it to the text."""
    role = glyphs.role(message.role)
    parts: list[Span] = []
    if width >= 30:
        parts.append((f"{message.clock} ", "muted"))
    parts.append((f"{role.sign} ", role.style))
    if width >= 60:
        parts.append((f"{pad(role.word if message.role else 'message', 9)} ", role.style))
    if width >= 48:
        parts.append((f"{cut(message.stream, LABEL_WIDTH)} ", "label"))
    if mixed and message.simulated:
        parts.append(("simulated ", "warning"))
    if message.move and width >= 40:
        parts.append((f"[{cut(message.move, LABEL_WIDTH)}] ", "pattern"))
    return tuple(parts)


def _tokens(message: MessageLine, width: int) -> str:
    if message.tokens is None or width < 72:
        return ""
    return f" {f.count(message.tokens, message.tokens_estimated)} tok"


def _one_line(message: MessageLine, head: tuple[Span, ...], width: int) -> Row:
    """The start of a finished message, the end of an open one."""
    tokens = _tokens(message, width)
    room = width - sum(cell_len(text) for text, _ in head) - cell_len(tokens)
    text = cut_front(message.text, room - 1) + glyphs.TYPING if message.open else cut(message.text, room)
    gap = " " * max(0, room - cell_len(text)) if tokens else ""
    return Row((*head, (text, "value"), (gap, ""), (tokens, "muted")), key=(message.serial, 0))


def _wrapped(message: MessageLine, width: int) -> list[str]:
    """The lines of a finished message from its start, of an open one to its end."""
    if not message.open:
        return wrap(message.text, width, MESSAGE_LINES)
    # A growing text is wrapped from a place that seldom moves, so that the lines above its end stay as they are.
    chunk = max(1, width * OPEN_LINES)
    start = max(0, len(message.text) // chunk - 1) * chunk
    lines = wrap(message.text[start:], width, 2 * chunk)
    if start or len(lines) > OPEN_LINES:
        lines = lines[-OPEN_LINES:]
        lines[0] = cut(f"…{lines[0]}", width)
    return [*lines[:-1], lines[-1] + glyphs.TYPING]


def _rows(message: MessageLine, width: int, wrapped: bool, mixed: bool) -> tuple[Row, ...]:
    head = _head(message, width, mixed)
    if not wrapped:
        return (_one_line(message, head, width),)
    used = sum(cell_len(text) for text, _ in head)
    indent = used if used <= width * 2 // 5 else 2
    lines = [] if indent == used else [""]  # a long head has a line of its own
    lines += _wrapped(message, max(1, width - indent - 1))
    first = Row((*head, (lines[0], "value")), key=(message.serial, 0))
    blank = (" " * indent, "")
    rest = (Row((blank, (line, "value")), key=(message.serial, k)) for k, line in enumerate(lines[1:], 1))
    return first, *rest


_rows_once = lru_cache(maxsize=256)(_rows)


def message_rows(message: MessageLine, width: int, wrapped: bool, mixed: bool) -> tuple[Row, ...]:
    """One row, or ``wrapped`` as many as it takes; remembered for a message that will not change any more."""
    return (_rows if message.open else _rows_once)(message, width, wrapped, mixed)


def messages_rows(view: MessagesView, width: int, height: int) -> list[Row]:
    """All rows, oldest first."""
    if not view.messages:
        return [Row((("no messages yet", "muted"),))]
    mixed = len({message.simulated for message in view.messages}) > 1
    wrapped = height >= WRAP_FROM
    return [row for message in view.messages for row in message_rows(message, width, wrapped, mixed)]


class RecentMessages(LinePanel[MessagesView]):
    """The last messages of all streams."""

    TITLE = "Recent Messages"
    view = var(MessagesView(), init=False)

    following = True
    """Whether the newest message is kept in sight."""
    _anchor: object = None
    _seen = -1

    def rows(self, view: MessagesView, width: int, height: int) -> list[Row]:
        return messages_rows(view, width, height)

    def badge(self, view: MessagesView) -> tuple[str, str]:
        shown = f"{len(view.messages):,} of {view.total:,}" if view.total > len(view.messages) else ""
        return shown, "simulated" if view.messages and all(m.simulated for m in view.messages) else ""

    def window(self, rows: list[Row], width: int, height: int) -> list[Row]:
        newest = self.view.messages[-1].serial if self.view.messages else -1
        end = max(0, len(rows) - height)
        if self.following or not end:
            self.following, self._top, self._seen = True, end, newest
            return rows[end : end + height]
        keys = [row.key for row in rows]
        if self._anchor in keys:
            self._top = keys.index(self._anchor)
        else:  # what was being read scrolled out of the buffer, or its lines were laid out anew
            serial = self._anchor[0] if isinstance(self._anchor, tuple) else -1
            self._top = next(
                (i for i, key in enumerate(keys) if isinstance(key, tuple) and key[0] >= serial), end
            )
        self._top = min(self._top, end)
        shown = rows[self._top : self._top + height]
        unseen = newest - self._seen
        if height > 1:
            told = f"↓ {unseen:,} new" if unseen > 0 else "↓ held"
            shown[-1] = Row(((told, "warning"), (" · end follows again", "muted")))
        return shown

    def scroll_rows(self, by: int) -> None:
        top = max(
            0, min(self._top + by, self.overflow, len(self._all) - 1)
        )  # a panel without height shows none
        if top == self._top or not self._all:
            return
        self.following = top >= self.overflow
        self._anchor = self._all[top].key
        self._repaint()
