"""A long text of many lines of which few are seen: those alone are styled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widgets import Static


class Page(Static):
    """Looks like a `Static` of the same ``lines``, which wraps and styles all of them three times as it opens."""

    def __init__(self, lines: Sequence[Content]) -> None:
        super().__init__(Content("\n").join(lines))
        self._lines = lines
        self._rows: list[
            Any
        ] = []  # formatted lines, as Textual makes them; None where a line of the text fits whole
        self._numbers: list[int] = []  # of each row's line of the text
        self._width = 0
        self._strips: dict[int, Strip] = {}

    def _wrap(self, width: int) -> None:
        if width == self._width:
            return
        self._width = width
        self._rows, self._numbers = [], []
        self._strips.clear()
        for number, line in enumerate(self._lines):
            rows = [None] if line.cell_length <= width else self._formatted(line, number)
            self._rows += rows
            self._numbers += [number] * len(rows)

    def _formatted(self, line: Content, number: int) -> list[Any]:
        rows = line._wrap_and_format(self._width, get_style=self._get_style)
        for row in rows:
            row.y = number
        return rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        if not width:
            return 0
        self._wrap(width)
        return len(self._rows)

    def render_line(self, y: int) -> Strip:
        if self.text_selection is not None:
            return super().render_line(y)
        self._wrap(self.size.width)
        if y >= len(self._rows):
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        if (strip := self._strips.get(y)) is None:
            number = self._numbers[y]
            row = self._rows[y] or self._formatted(self._lines[number], number)[0]
            segments: list[Segment]
            segments, length = row.to_strip(self.visual_style)
            strip = self._strips[y] = Strip(segments, length)
        return strip

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()
