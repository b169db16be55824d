"""Temporal Analysis: the verdict on one observable of one stream, with what it rests on."""

from __future__ import annotations

from textual.reactive import var

from midstream_analysis.report import Attractor
from midstream_widgets import formats as f
from midstream_widgets import glyphs
from midstream_widgets.fields import (
    INSUFFICIENT,
    Field,
    aligned,
    beside,
    failed_row,
    labelled,
    sections,
    warming_row,
)
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, justify, wrap
from midstream_widgets.views import TemporalView

REASON_LINES = 6
NO_EXPONENT = "none"
STABILITY = {True: ("STABLE", "good"), False: ("UNSTABLE", "error"), None: (f.DASH, "muted")}
CHAOS = {True: ("CHAOTIC", "error"), False: ("ORDERED", "good"), None: (f.DASH, "muted")}


def _exponent(view: TemporalView) -> str:
    """The exponent with its unit; where there is none, whether for want of data or because the series has none."""
    if f.known(view.exponent):
        return f"{f.exponent(view.exponent)} {view.exponent_unit}"
    return INSUFFICIENT if view.label in (None, Attractor.UNKNOWN) else NO_EXPONENT


def _fields(view: TemporalView) -> tuple[list[Field], list[Field]]:
    """The specification's five, and what they rest on."""
    verdict = glyphs.ATTRACTORS[view.label] if view.label is not None else None
    told = view.label not in (None, Attractor.UNKNOWN) and view.confidence is not None
    sure = f"({f.percent(view.confidence)})" if told else ""
    word, style = (INSUFFICIENT, "muted") if verdict is None else (verdict.word, verdict.style)
    exponent = _exponent(view)
    return [
        Field("Attractor Type", word, style, sure),
        Field("Lyapunov Exp", exponent, "muted" if exponent == NO_EXPONENT else "value"),
        Field("Stability", *STABILITY[view.stable]),
        Field("Chaos", *CHAOS[view.chaotic]),
        Field("Avg Reward", f.decimal(view.average_reward)),
    ], [Field("Period", view.period or f.DASH), Field("Samples", f.count(view.n))]


def temporal_rows(view: TemporalView, width: int, height: int) -> list[Row]:
    """One field a row with the reason below; on fewer lines pairs. The first layout that fits, else the densest."""
    head: list[Row] = []
    if view.failed is not None:
        head.append(failed_row(view.failed))
    elif view.warming is not None:
        head.append(warming_row(view.warming, width))
    spec, more = _fields(view)
    reason = (
        [Row(((line, "muted"),)) for line in wrap(view.reason, width, REASON_LINES)] if view.reason else []
    )
    if height >= len(head) + len(spec) + len(more) + len(reason):
        return sections([head, aligned(spec + more, width), reason], height)
    if height >= len(head) + len(spec) + len(reason):
        rows = aligned(spec, width)
        for index, field in enumerate(more, 2):  # beside the short ones: stability and chaos
            rows[index] = justify(rows[index], labelled(field, width), width)
        return [*head, *rows, *reason]
    attractor, exponent, stability, chaos, reward = spec
    dense = [*beside(stability, chaos, width), *beside(reward, more[1], width)]
    return [*head, labelled(attractor, width), labelled(exponent, width), *dense, *reason]


class TemporalAnalysis(LinePanel[TemporalView]):
    """Attractor, Lyapunov exponent, stability, chaos and reward of the selected observable."""

    TITLE = "Temporal Analysis"
    view = var(TemporalView(), init=False)

    def rows(self, view: TemporalView, width: int, height: int) -> list[Row]:
        return temporal_rows(view, width, height)

    def badge(self, view: TemporalView) -> tuple[str, str]:
        return " · ".join(filter(None, (view.observable, view.stream))), view.provenance
