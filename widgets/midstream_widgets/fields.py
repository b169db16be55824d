"""Labelled figures: "Label: value" with the colons in a column, as the dashboard's specification words them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from midstream_widgets import formats, glyphs
from midstream_widgets.lines import Row, Span, justify


class Field(NamedTuple):
    """A label, its figure and style, and a muted note behind it."""

    label: str
    value: str
    style: str = "value"
    note: str = ""


INSUFFICIENT = "insufficient data"
SHORT_LABELS = {
    "Messages Processed": "Messages",
    "Total Tokens": "Tokens",
    "Attractor Type": "Attractor",
    "Lyapunov Exp": "Lyapunov",
    "Avg Reward": "Reward",
    "Token Rate": "Tok rate",
}
PAIR_WIDTH = 52  # further apart the eye no longer takes two figures for one line
UNKNOWN = (formats.DASH, INSUFFICIENT)


def labelled(field: Field, width: int, label_width: int = 0) -> Row:
    """A row "Label: value note", the label right-aligned in ``label_width`` cells so that colons stand in a column.

    A label that pushes its figure out of ``width`` gives way to a short one.
    """
    value = (field.value, "muted" if field.value in UNKNOWN else field.style)
    note = ((f" {field.note}", "muted"),) if field.note else ()
    label = f"{field.label.rjust(label_width)}: "
    if len(label) + cell_len(field.value) > width:
        label = f"{SHORT_LABELS.get(field.label, field.label)}: "
    return Row(((label, "label"), value, *note))


def aligned(fields: Sequence[Field], width: int) -> list[Row]:
    """One field a row, the colons in one column."""
    label_width = max((len(field.label) for field in fields), default=0)
    if any(label_width + 2 + cell_len(field.value) > width for field in fields):
        label_width = 0
    return [labelled(field, width, label_width) for field in fields]


def beside(left: Field, right: Field, width: int) -> list[Row]:
    """Both on one line, the second at its right edge; on two lines when they do not fit."""
    one, other = labelled(left, width), labelled(right, width)
    both = justify(one, other, min(width, PAIR_WIDTH))
    return [one, other] if both is one else [both]


def sections(groups: Iterable[Sequence[Row]], height: int) -> list[Row]:
    """The groups one below the other, with a blank line between them when there is room for all."""
    filled = [group for group in groups if group]
    roomy = sum(map(len, filled)) + len(filled) - 1 <= height
    rows: list[Row] = []
    for group in filled:
        rows += [Row(), *group] if rows and roomy else group
    return rows


def warming_row(share: float, width: int) -> Row:
    """The share of the kernels' warm-up that is done: "warming up 40 % ███▊░░░░"."""
    text = f"warming up {round(100 * min(1.0, max(0.0, share)))} % "
    cells = min(width - len(text), 24)
    drawn: tuple[Span, ...] = ((glyphs.bar(share, cells), "title"),) if cells > 2 else ()
    return Row(((text, "warning"), *drawn))


def failed_row(reason: str) -> Row:
    """Why the analysis cannot work."""
    return Row(((f"{glyphs.STATES['failed'].text} ", "error"), (reason, "error")))
