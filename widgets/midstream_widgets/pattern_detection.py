"""Pattern Detection: moves of the conversation, recurring sequences, degenerate loops, and what was learnt."""

from __future__ import annotations

from textual.reactive import var

from midstream_analysis.report import LearningStatus, PatternHit, Repetition
from midstream_widgets import formats as f
from midstream_widgets import glyphs
from midstream_widgets.fields import failed_row, field, warming_row
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, grid, justify
from midstream_widgets.views import PatternView


def _move(hit: PatternHit) -> Row:
    """ "• greeting (95%)", and how often when more than once."""
    times = ((f" ×{hit.count:,}", "muted"),) if hit.count > 1 else ()
    return Row(
        ((f"{glyphs.BULLET} {hit.label}", "pattern"), (f" ({f.percent(hit.confidence)})", "value"), *times)
    )


def _sequence(hit: PatternHit) -> Row:
    """ "greeting → question → answer ×4 (80%)"."""
    return Row(((hit.label, "pattern"), (f" ×{hit.count:,} ({f.percent(hit.confidence)})", "value")))


def _loop(found: Repetition) -> Row:
    """A generation that repeats itself: an alert, said by glyph, word and colour."""
    text = f"{glyphs.ALERT} LOOP: {found.period:,} tokens ×{found.count:,} ({f.percent(found.confidence)})"
    return Row(((text, "error"), (f" from token {found.start:,}", "muted")))


def _learning(learnt: LearningStatus, width: int) -> list[Row]:
    """Next move, losses, then the counts."""
    rows: list[Row] = []
    level = field("Level", f.count(learnt.level))
    if learnt.predicted_next:
        sure = "" if learnt.predicted_probability is None else f" ({f.percent(learnt.predicted_probability)})"
        rows.append(justify(field("Next", f"{learnt.predicted_next}{sure}", "pattern"), level, width))
    else:
        rows.append(level)
    if learnt.log_loss is not None:
        baseline = learnt.baseline_log_loss
        better = baseline is None or learnt.log_loss <= baseline
        loss = field("Log-loss", f.decimal(learnt.log_loss, 2), "good" if better else "warning")
        against = () if baseline is None else ((f" vs {f.decimal(baseline, 2)} baseline", "muted"),)
        loss = loss._replace(spans=(*loss.spans, *against))
        rows.append(justify(loss, field("Regret", f.decimal(learnt.regret, 2)), width))
    elif learnt.regret is not None:
        rows.append(field("Regret", f.decimal(learnt.regret, 2)))
    known = field("Learnt", f"{learnt.knowledge:,} patterns, {learnt.transitions:,} transitions")
    drifts = field("Drifts", f.count(learnt.drifts), "warning" if learnt.drifts else "value")
    return [*rows, justify(known, drifts, width)]


def pattern_rows(view: PatternView, width: int, height: int) -> list[Row]:
    """Alerts, moves, sequences, learning; moves go side by side when one a row would push the others out."""
    rows: list[Row] = []
    if view.failed is not None:
        rows.append(failed_row(view.failed))
    elif view.warming is not None:
        rows.append(warming_row(view.warming, width))
    if view.repetition is not None:
        rows.append(_loop(view.repetition))
    moves, sequences = [_move(hit) for hit in view.moves], [_sequence(hit) for hit in view.sequences]
    learnt = _learning(view.learning, width) if view.learning is not None else []
    if not moves and not sequences and view.repetition is None and not rows:
        heard = f"{view.utterances:,} messages read, " if view.utterances else ""
        rows.append(Row(((f"{heard}no patterns yet", "muted"),)))
    others = len(rows) + len(sequences) + len(learnt)
    rows += grid(moves, width, max(height - others, 1))
    return [*rows, *sequences, *learnt]


class PatternDetection(LinePanel[PatternView]):
    """Conversational moves with their confidence, what recurs, what loops, and what comes next."""

    TITLE = "Pattern Detection"
    view = var(PatternView(), init=False)

    def rows(self, view: PatternView, width: int, height: int) -> list[Row]:
        return pattern_rows(view, width, height)

    def badge(self, view: PatternView) -> tuple[str, str]:
        return view.stream, view.provenance
