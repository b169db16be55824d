"""Labelled figures: "Label: value" with the colons in a column, as the dashboard's specification words them."""

from __future__ import annotations

from rich.cells import cell_len

from midstream_widgets import formats, glyphs
from midstream_widgets.lines import Row, Span

Field = tuple[str, str, str]
"""Label, value, style of the value."""

INSUFFICIENT = "insufficient data"
UNKNOWN = (formats.DASH, INSUFFICIENT)


def field(label: str, value: str, style: str = "value", label_width: int = 0) -> Row:
    """ "Label: value", the label right-aligned in ``label_width`` cells so that colons stand in a column."""
    shown = "muted" if value in UNKNOWN else style
    blank = " " * (label_width - cell_len(label))
    return Row(((f"{blank}{label}: ", "label"), (value, shown)))


def aligned(fields: list[Field]) -> list[Row]:
    """One field a row, the colons in one column."""
    width = max((cell_len(label) for label, _, _ in fields), default=0)
    return [field(label, value, style, width) for label, value, style in fields]


def warming_row(share: float, width: int) -> Row:
    """The share of the kernels' warm-up that is done: "warming up 40 % ███▊░░░░"."""
    text = f"warming up {round(100 * min(max(share, 0.0), 1.0))} % "
    cells = min(width - len(text), 24)
    drawn: tuple[Span, ...] = ((glyphs.bar(share, cells), "title"),) if cells > 2 else ()
    return Row(((text, "warning"), *drawn))


def failed_row(reason: str) -> Row:
    """Why the analysis cannot work."""
    return Row(((f"{glyphs.STATES['failed'].text} ", "error"), (reason, "error")))
