"""Temporal Analysis: the verdict on one observable of one stream, with what it rests on."""

from __future__ import annotations

from textual.reactive import var

from midstream_analysis.report import Attractor
from midstream_widgets import formats as f
from midstream_widgets import glyphs
from midstream_widgets.fields import INSUFFICIENT, Field, aligned, failed_row, field, warming_row
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, justify, wrap
from midstream_widgets.views import TemporalView

REASON_LINES = 6


def _exponent(view: TemporalView) -> str:
    """The exponent with its unit; where there is none, whether for want of data or because the series has none."""
    if f.known(view.exponent):
        return f"{f.exponent(view.exponent)} {view.exponent_unit}"
    return INSUFFICIENT if view.label in (None, Attractor.UNKNOWN) else "none"


def _fields(view: TemporalView) -> tuple[list[Field], list[Field]]:
    """The specification's five, and what they rest on."""
    verdict = glyphs.ATTRACTORS[view.label] if view.label is not None else None
    sure = "" if view.confidence is None else f" ({f.percent(view.confidence)})"
    attractor = (INSUFFICIENT, "muted") if verdict is None else (f"{verdict.word}{sure}", verdict.style)
    stable = {True: ("STABLE", "good"), False: ("UNSTABLE", "error"), None: (f.DASH, "muted")}[view.stable]
    chaos = {True: ("CHAOTIC", "error"), False: ("ORDERED", "good"), None: (f.DASH, "muted")}[view.chaotic]
    exponent = _exponent(view)
    return [
        ("Attractor Type", *attractor),
        ("Lyapunov Exp", exponent, "muted" if exponent in (INSUFFICIENT, "none") else "value"),
        ("Stability", *stable),
        ("Chaos", *chaos),
        ("Avg Reward", f.decimal(view.average_reward), "value"),
    ], [
        ("Period", view.period or f.DASH, "value"),
        ("Samples", f.count(view.n), "value"),
    ]


def temporal_rows(view: TemporalView, width: int, height: int) -> list[Row]:
    """One field a row with the reason below; on few lines pairs, and the reason on what is left."""
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
        return [*head, *aligned(spec + more), *reason]
    if height > len(head) + len(spec) and width >= 34:
        # Room for the five and a line or more: what they rest on goes to the right of them.
        right = [None, None, more[0], more[1], None]
        rows = [
            justify(row, field(*beside), width) if beside else row
            for row, beside in zip(aligned(spec), right, strict=True)
        ]
        return [*head, *rows, *reason]
    attractor, exponent, stability, chaos, reward = (field(*each) for each in spec)
    rest = field(*more[1])
    pairs = [attractor, exponent, justify(stability, chaos, width), justify(reward, rest, width)]
    if justify(stability, chaos, width) is stability:  # too narrow for two
        pairs = [attractor, stability, chaos, exponent, reward]
    return [*head, *pairs, *reason]


class TemporalAnalysis(LinePanel[TemporalView]):
    """Attractor, Lyapunov exponent, stability, chaos and reward of the selected observable."""

    TITLE = "Temporal Analysis"
    view = var(TemporalView(), init=False)

    def rows(self, view: TemporalView, width: int, height: int) -> list[Row]:
        return temporal_rows(view, width, height)

    def badge(self, view: TemporalView) -> tuple[str, str]:
        return " · ".join(filter(None, (view.observable, view.stream))), view.provenance
