"""A stream's facts: what is wrong with it, then its figures in groups, in as many columns as there is room for."""

from __future__ import annotations

from itertools import zip_longest

from textual.reactive import var

from midstream_widgets.fields import Field, aligned, sections
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, fit, join, width_of, wrap
from midstream_widgets.overview_views import Fact, FactsView
from midstream_widgets.stream_table import LEVELS

COLUMN = 30
"""Cells that a column of figures wants."""
GAP = 2


def facts_rows(view: FactsView, width: int, height: int) -> list[Row]:
    """Alerts over all the width, the groups below them, side by side where they fit."""
    if not view.stream:
        return [Row((("no stream yet", "muted"),))]
    alerts = [
        Row(((line, LEVELS[level].style),))
        for level, text in view.alerts
        for line in wrap(f"{LEVELS[level].sign} {text}", width, 2)
    ] or [Row(((LEVELS[0].sign + " nothing is wrong", "good"),))]
    groups = [group for group in view.groups if group]
    columns = max(1, min(len(groups), (width + GAP) // (COLUMN + GAP)))
    if columns == 1:
        blocks = [aligned(_fields(group), width) for group in groups]
        return sections([alerts, *blocks], height)
    stacks: list[list[Row]] = [[] for _ in range(columns)]
    for group in groups:
        stack = min(stacks, key=len)
        if stack:
            stack.append(Row())
        stack += aligned(_fields(group), width // columns - GAP)
    pitches = _pitches([max(map(width_of, stack)) + GAP for stack in stacks], width)
    beside = [_beside(cells, pitches) for cells in zip_longest(*stacks, fillvalue=Row())]
    return sections([alerts, beside], height)


def _pitches(wanted: list[int], width: int) -> list[int]:
    """Widths of the columns: equal, but that one with room to spare gives of it to one that is too narrow."""
    equal = width // len(wanted)
    lacking = sum(max(0, want - equal) for want in wanted)
    pitches = [max(equal, want) for want in wanted]
    for at in sorted(range(len(wanted)), key=lambda at: wanted[at]):
        given = min(lacking, max(0, equal - wanted[at]))
        pitches[at] -= given
        lacking -= given
    return pitches if not lacking else [equal] * len(wanted)


def _beside(cells: tuple[Row, ...], pitches: list[int]) -> Row:
    parts = [join([fit(cell, pitch - GAP), Row()], pitch) for cell, pitch in zip(cells, pitches, strict=True)]
    return Row(tuple(span for part in parts for span in part.spans))


def _fields(group: tuple[Fact, ...]) -> list[Field]:
    return [Field(fact.label, fact.value, fact.style, fact.note) for fact in group]


class StreamFacts(LinePanel[FactsView]):
    """State, provenance, counts and latencies of one stream."""

    TITLE = "Stream"
    view = var(FactsView(), init=False)

    def rows(self, view: FactsView, width: int, height: int) -> list[Row]:
        return facts_rows(view, width, height)

    def badge(self, view: FactsView) -> tuple[str, str]:
        return view.stream, view.provenance
