"""Token timeline: a waterfall of turns on one time axis, each from the request over thinking to the last token."""

from __future__ import annotations

import math
from typing import NamedTuple

from textual.reactive import var

from midstream_widgets import formats
from midstream_widgets.chart_views import TimelineView, TurnBar
from midstream_widgets.charts.axes import seconds, time_axis
from midstream_widgets.charts.base import HEADED, ChartPanel
from midstream_widgets.charts.windows import zoomed
from midstream_widgets.lines import Row, Span, pad

USUAL = 30.0
LEAST_SPAN, MOST_SPAN = 1.0, 3600.0
WAIT, THINK, FAILED, OPEN = "░", "▒", "✗", "▸"
LEVELS = "▂▃▄▅▆▇█"
LEGEND = ((WAIT, "muted", "waiting", "wait"), (THINK, "pattern", "thinking", "think"),
          ("▆", "good", "answer", "answer"), (FAILED, "error", "failed", "fail"),
          (OPEN, "warning", "open", "open"))  # fmt: skip
WIDE = 72
"""Cells from which on every figure of a turn has a column."""


class Columns(NamedTuple):
    """Cells of the name on the left and of the figures on the right."""

    name: int
    figures: int


class TokenTimeline(ChartPanel[TimelineView]):
    """One line a turn, the newest at the bottom; older ones that find no room are told."""

    TITLE = "Token Timeline"
    view = var(TimelineView(), init=False)

    def zooms(self, view: TimelineView) -> tuple[int, int]:
        return -math.floor(math.log2(MOST_SPAN / USUAL)), math.floor(math.log2(USUAL / LEAST_SPAN))

    def draw(self, view: TimelineView, width: int, height: int) -> list[Row]:
        span = zoomed(USUAL, view.zoom, LEAST_SPAN, MOST_SPAN)
        end = view.now
        columns = (
            Columns(14, 25) if width >= WIDE else Columns(7 if width >= 36 else 0, 7 if width >= 30 else 0)
        )
        across = max(1, width - columns.name - columns.figures)
        seen = [turn for turn in view.turns if _over(turn, end) > end - span]
        legend = height >= HEADED
        room = max(1, height - (2 if legend else 1 if height >= 3 else 0))
        older = len(view.turns) - len(seen)
        hidden = max(0, len(seen) - room)
        rows = [
            Row(
                (
                    *named(turn, columns.name),
                    *bar(turn, end - span, end, across),
                    *figures(turn, columns.figures, width >= WIDE),
                )
            )
            for turn in seen[hidden:]
        ]
        if not rows:
            last = view.now - max(_over(turn, end) for turn in view.turns) if view.turns else 0.0
            rows = [
                Row(((f"no turn in the last {seconds(span)}; the last ended {seconds(last)} ago", "muted"),))
            ]
        rows = [Row()] * (room - len(rows)) + rows
        if height >= 3:
            titles = (
                f"{'TTFT':>8}{'E2E':>8}{'tokens':>9}" if width >= WIDE else f"{'TTFT':>{columns.figures}}"
            )
            edges = (" " * columns.name, ""), (titles if columns.figures else "", "label")
            rows.append(Row((edges[0], *time_axis(across, span), edges[1])))
        if legend:
            rows.append(legend_row(older + hidden, width))
        return rows


def _over(turn: TurnBar, now: float) -> float:
    """When the turn ended; while it lasts, now."""
    return now if turn.ended is None else turn.ended


def bar(turn: TurnBar, start: float, end: float, width: int) -> tuple[Span, ...]:
    """The phases of a turn on an axis of ``width`` cells from ``start`` to ``end``, each phase with a sign of its own.

    The answer's height is its chunk rate against its own fastest cell; where no chunk times are known it is level.
    A phase shorter than a cell still gets one where no later phase needs it.
    """
    scale = width / (end - start)

    def cell(at: float) -> int:
        return math.floor(min(max((at - start) * scale, -1.0), width + 1.0))

    over = _over(turn, end)
    cells = [" "] * width
    inks = [""] * width

    def fill(since: float, until: float, sign: str, ink: str) -> None:
        for at in range(max(0, cell(since)), min(width - 1, max(cell(until), cell(since))) + 1):
            cells[at], inks[at] = sign, ink

    first = over if turn.first is None else turn.first
    answer = over if turn.first_answer is None else turn.first_answer
    fill(turn.started, first, WAIT, "muted")
    if turn.first is not None:
        fill(first, answer, THINK, "pattern")
    if turn.first_answer is not None:
        last = turn.last if turn.last is not None and turn.ended is not None else over
        heights = _rates([at for at in turn.chunks if at >= answer], cell, width)
        for at in range(max(0, cell(answer)), min(width - 1, max(cell(last), cell(answer))) + 1):
            level = heights.get(at, 0.0) if heights else 0.7
            cells[at], inks[at] = LEVELS[min(len(LEVELS) - 1, int(level * len(LEVELS)))], "good"
        if heights and turn.ended is None:
            for at in range(max(heights) + 1, width):
                cells[at], inks[at] = LEVELS[0], "warning"  # nothing has come since
    if turn.ended is not None and turn.error:
        at = cell(over)
        if 0 <= at < width:
            cells[at], inks[at] = FAILED, "error"
    elif turn.ended is None:
        cells[-1], inks[-1] = OPEN, "warning"
    spans: list[Span] = []
    for character, ink in zip(cells, inks, strict=True):
        if spans and spans[-1][1] == ink:
            spans[-1] = (spans[-1][0] + character, ink)
        else:
            spans.append((character, ink))
    return tuple(spans)


def _rates(chunks: list[float], cell: object, width: int) -> dict[int, float]:
    """Chunks in each cell against the fullest one."""
    assert callable(cell)
    counts: dict[int, int] = {}
    for at in chunks:
        place = cell(at)
        if 0 <= place < width:
            counts[place] = counts.get(place, 0) + 1
    most = max(counts.values(), default=1)
    return {place: count / most for place, count in counts.items()}


def named(turn: TurnBar, cells: int) -> tuple[Span, ...]:
    if not cells:
        return ()
    name = turn.model or turn.turn
    return ((pad(name, cells - 1) + " ", "error" if turn.error else "label"),)


def figures(turn: TurnBar, cells: int, wide: bool) -> tuple[Span, ...]:
    if not cells:
        return ()
    ttft = seconds(turn.first - turn.started) if turn.first is not None else formats.DASH
    if not wide:
        return ((pad(ttft, cells, True), "value"),)
    took = seconds(_over(turn, turn.last or turn.started) - turn.started) if turn.ended else "open"
    tokens = formats.count(turn.tokens, turn.estimated)
    return (
        (pad(ttft, 8, True), "title"),
        (pad(took, 8, True), "value" if turn.ended else "warning"),
        (pad(tokens, 9, True), "label"),
    )


def legend_row(more: int, width: int) -> Row:
    """What the signs mean, in whole words where all of them fit; and how many turns are not seen."""
    told = f"… {more} older" if more else ""
    room = width - len(told) - 2 * bool(told)
    whole = sum(len(word) + 4 for _, _, word, _ in LEGEND) - 2 <= room
    spans: list[Span] = []
    used = 0
    for sign, ink, word, short in LEGEND:
        label = f" {word if whole else short}"
        if used + 2 * bool(spans) + 1 + len(label) > room:
            break
        used += 2 * bool(spans) + 1 + len(label)
        spans += [(f"  {sign}" if spans else sign, ink), (label, "label")]
    if told and width - used - len(told) >= 0:
        spans += [(" " * (width - used - len(told)), ""), (told, "muted")]
    return Row(tuple(spans))
