"""Turns: a row for every request, its latency at the wire in columns, and what all of them add up to above.

Figures carry their formula where the field has several under one name: ITL = (last - first chunk)/(tokens - 1), ICL is
between chunks, tokens/s come as 1/ITL (a reader), N/E2E (a request) and the sum over 3 s (the stream).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rich.cells import cell_len
from textual.reactive import var

from midstream_widgets import formats as f
from midstream_widgets.glyphs import Glyph
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, Span, flow, pad
from midstream_widgets.views import TurnLine, TurnsView

PHASES = {
    "waiting": Glyph("◌", "waiting", "warning"),
    "streaming": Glyph("●", "streaming", "good"),
    "complete": Glyph("✓", "complete", "muted"),
    "failed": Glyph("✗", "failed", "error"),
}


class Column(NamedTuple):
    """A column: title, what it shows, alignment, and how early it goes when room is short (0 never)."""

    title: str
    text: Callable[[TurnLine], str]
    right: bool
    rank: int
    style: Callable[[TurnLine], str] = lambda turn: "value"


def _phase(turn: TurnLine) -> Glyph:
    return PHASES.get(turn.state) or Glyph("?", turn.state, "muted")


def _verdict(turn: TurnLine) -> str:
    return "" if turn.good is None else "✓ kept" if turn.good else "✗ missed"


COLUMNS = (
    Column("Time", lambda turn: turn.clock, False, 5, lambda turn: "muted"),
    Column("State", lambda turn: _phase(turn).text, False, 0, lambda turn: _phase(turn).style),
    Column("Model", lambda turn: turn.model, False, 7),
    Column("TTFT", lambda turn: f.milliseconds(turn.ttft_ms), True, 0),
    Column("TTFAT", lambda turn: f.milliseconds(turn.ttfat_ms), True, 9),
    Column("Thinking", lambda turn: f.milliseconds(turn.thinking_ms), True, 10),
    Column("ITL", lambda turn: _estimate(turn, f.milliseconds(turn.itl_ms)), True, 1),
    Column("ICL p50", lambda turn: f.milliseconds(turn.icl_p50_ms), True, 11),
    Column("p90", lambda turn: f.milliseconds(turn.icl_p90_ms), True, 13),
    Column("p99", lambda turn: f.milliseconds(turn.icl_p99_ms), True, 8),
    Column("E2E", lambda turn: f.milliseconds(turn.e2e_ms), True, 2),
    Column("Tokens", lambda turn: f.count(turn.tokens, turn.tokens_estimated), True, 3),
    Column("1/ITL", lambda turn: f.rate(turn.user_rate, estimated=turn.tokens_estimated), True, 12),
    Column("N/E2E", lambda turn: f.rate(turn.request_rate, estimated=turn.tokens_estimated), True, 14),
    Column(
        "Stalls",
        lambda turn: f.count(turn.stalls),
        True,
        6,
        lambda turn: "warning" if turn.stalls else "muted",
    ),
    Column("Goal", _verdict, False, 4, lambda turn: "good" if turn.good else "warning"),
)
_WIDEST = 24
"""Cells of a model's name."""
_LAST = 20
"""Cells for the prompt or the error, at least, where columns can give way to them."""


def _estimate(turn: TurnLine, text: str) -> str:
    return f"~{text}" if turn.tokens_estimated and text != f.DASH else text


def _layout(turns: tuple[TurnLine, ...], width: int) -> list[tuple[Column, int]]:
    """The columns that say something and fit, with their widths."""
    wanted: list[tuple[Column, int]] = []
    for column in COLUMNS:
        texts = [column.text(turn) for turn in turns]
        if not column.rank or any(text not in ("", f.DASH) for text in texts):
            wanted.append((column, min(max(map(cell_len, [*texts, column.title])), _WIDEST)))
    room = width - _LAST if width >= 3 * _LAST else width
    while sum(cells + 1 for _, cells in wanted) - 1 > room:
        last = max(wanted, key=lambda each: each[0].rank)
        if not last[0].rank:
            break
        wanted.remove(last)
    return wanted


def summary_rows(view: TurnsView, width: int) -> list[Row]:
    """What all turns add up to: latency, the three kinds of tokens/s, goodput against its objectives."""
    approx = view.rates_estimated
    itl = f.milliseconds(view.itl_ms)
    cells = [
        _pair("TTFT", f"{f.milliseconds(view.ttft_ms)} p99 {f.milliseconds(view.ttft_p99_ms)}"),
        _pair("ITL", f"~{itl}" if approx and itl != f.DASH else itl),
        _pair(
            "ICL p50/90/99",
            "/".join(map(f.milliseconds, (view.icl_p50_ms, view.icl_p90_ms, view.icl_p99_ms))),
        ),
        _pair(
            "Tokens/s",
            f"{f.rate(view.user_rate, '', approx)} 1/ITL, {f.rate(view.request_rate, '', approx)} N/E2E, "
            f"{f.rate(view.total_rate, '', approx)} in all",
        ),
        _pair(
            "Goodput",
            f"{f.decimal(view.goodput_per_s, 2)}/s, {view.good} of {view.completed} kept "
            f"TTFT {f.milliseconds(view.ttft_objective_ms)}, ITL {f.milliseconds(view.itl_objective_ms)}",
        ),
        _pair("Errors", f.count(view.errors), "error" if view.errors else "muted"),
        _pair("Stalls", f.count(view.stalls), "warning" if view.stalls else "muted"),
    ]
    return flow(cells, width)


def _pair(label: str, value: str, style: str = "value") -> Row:
    return Row(((f"{label} ", "label"), (value, style)))


def turn_rows(view: TurnsView, width: int, height: int) -> list[Row]:
    """The summary where there is room for it, a header, and a row a turn, newest first; what is left over tells why."""
    if not view.turns:
        return [Row((("no turn yet: a turn begins when a request is written", "muted"),))]
    layout = _layout(view.turns, width)
    used = sum(cells for _, cells in layout)
    gap = " " * (2 if used + 2 * len(layout) + _LAST <= width else 1)
    rows: list[Row] = []
    summary = summary_rows(view, width)
    if height >= len(summary) + 4:
        rows += [*summary, Row()]
    header = [(pad(column.title, cells, column.right) + gap, "title") for column, cells in layout]
    rows.append(Row((*header, ("Prompt, or error", "title")), key="header"))
    for turn in view.turns:
        spans: list[Span] = [
            (pad(column.text(turn), cells, column.right) + gap, column.style(turn))
            for column, cells in layout
        ]
        bad = turn.state == "failed"
        spans.append((turn.note, "error") if bad and turn.note else (turn.prompt, "muted"))
        rows.append(Row(tuple(spans), key=turn.turn))
    return rows


class TurnTable(LinePanel[TurnsView]):
    """The turns of one stream."""

    TITLE = "Turns"
    view = var(TurnsView(), init=False)

    def rows(self, view: TurnsView, width: int, height: int) -> list[Row]:
        return turn_rows(view, width, height)

    def badge(self, view: TurnsView) -> tuple[str, str]:
        return view.stream, view.provenance
