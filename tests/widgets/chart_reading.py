"""Reads charts back from what they show: dots from braille, text from rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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
