"""One chart in an app, and what it shows read back: dots from braille, text from rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from textual.app import App, ComposeResult

from midstream_tui.themes import THEMES
from midstream_widgets.charts import ChartPanel
from midstream_widgets.charts.pixels import Cells
from midstream_widgets.lines import Row

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def text_of(rows: Sequence[Row]) -> list[str]:
    """The rows as text, pictures with their characters."""
    return [
        "".join(text for text, _ in row.spans) + (row.key.text if isinstance(row.key, Cells) else "")
        for row in rows
    ]


def dots_of(rows: Sequence[Row], width: int) -> npt.NDArray[np.bool_]:
    """The braille dots, bool (4 rows, 2 width); whatever is no braille has none."""
    found = np.zeros((4 * len(rows), 2 * width), np.bool_)
    for y, line in enumerate(text_of(rows)):
        for x, character in enumerate(line):
            code = ord(character) - 0x2800
            if 0 <= code < 256:
                for dy, pair in enumerate(_DOTS):
                    for dx, bit in enumerate(pair):
                        found[4 * y + dy, 2 * x + dx] = bool(code & bit)
    return found


def centre(rows: Sequence[Row]) -> list[Row]:
    """The rows without the line above and the one below."""
    return list(rows[1:-1])


class Alone(App[None]):
    """One chart."""

    def __init__(self, chart: ChartPanel[Any], theme: str = "midstream") -> None:
        super().__init__()
        for each in THEMES:
            self.register_theme(each)
        self.theme, self.chart = theme, chart
        self.zooms: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.chart

    def on_mount(self) -> None:
        self.chart.focus()

    def on_chart_panel_zoomed(self, message: ChartPanel.Zoomed) -> None:
        assert message.control is self.chart
        self.zooms.append(message.chart.zoom)
