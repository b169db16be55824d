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
PAIR_WIDTH = 52  # further apart the eye no longer takes two figures for one line
UNKNOWN = (formats.DASH, INSUFFICIENT)


def labelled(field: Field, label_width: int = 0) -> Row:
    """ "Label: value note", the label right-aligned in ``label_width`` cells so that colons stand in a column."""
    blank = " " * (label_width - cell_len(field.label))
    value = (field.value, "muted" if field.value in UNKNOWN else field.style)
    note = ((f" {field.note}", "muted"),) if field.note else ()
    return Row(((f"{blank}{field.label}: ", "label"), value, *note))


def aligned(fields: Sequence[Field]) -> list[Row]:
    """One field a row, the colons in one column."""
    width = max((cell_len(field.label) for field in fields), default=0)
    return [labelled(field, width) for field in fields]


def beside(left: Field, right: Field, width: int) -> list[Row]:
    """Both on one line, the second at its right edge; on two lines when they do not fit."""
    one, other = labelled(left), labelled(right)
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
    text = f"warming up {round(100 * min(max(share, 0.0), 1.0))} % "
    cells = min(width - len(text), 24)
    drawn: tuple[Span, ...] = ((glyphs.bar(share, cells), "title"),) if cells > 2 else ()
    return Row(((text, "warning"), *drawn))


def failed_row(reason: str) -> Row:
    """Why the analysis cannot work."""
    return Row(((f"{glyphs.STATES['failed'].text} ", "error"), (reason, "error")))
