"""Pattern Detection: moves of the conversation, recurring sequences, degenerate loops, and what was learnt."""

from __future__ import annotations

from textual.reactive import var

from midstream_analysis.report import LearningStatus, PatternHit, Repetition
from midstream_widgets import formats as f
from midstream_widgets import glyphs
from midstream_widgets.fields import PAIR_WIDTH, Field, beside, failed_row, sections, warming_row
from midstream_widgets.line_panel import LinePanel
from midstream_widgets.lines import Row, cut, flow, grid, justify
from midstream_widgets.views import PatternView


def _spoken(label: str) -> str:
    """A label as a person writes it."""
    return label.replace("_", "-")


def _move(hit: PatternHit, counted: bool = True) -> Row:
    """A move as "• greeting (95%)", and how often when more than once."""
    times = ((f" ×{hit.count:,}", "muted"),) if counted and hit.count > 1 else ()
    return Row(
        (
            (f"{glyphs.BULLET} {_spoken(hit.label)}", "pattern"),
            (f" ({f.percent(hit.confidence)})", "value"),
            *times,
        )
    )


def _sequence(hit: PatternHit, width: int) -> Row:
    """A sequence as "greeting → question → answer ×4 (80%)": the moves are cut, never the figures."""
    figures = f" ×{hit.count:,} ({f.percent(hit.confidence)})"
    return Row(((cut(_spoken(hit.label), max(1, width - len(figures))), "pattern"), (figures, "value")))


def _loop(found: Repetition, width: int) -> Row:
    """A generation that repeats itself: an alert, said by glyph, word and colour."""
    text = f"{glyphs.ALERT} LOOP: {found.period:,} tokens ×{found.count:,} ({f.percent(found.confidence)})"
    where = Row(((f"from token {found.start:,}", "muted"),))
    return justify(Row(((text, "error"),)), where, min(width, PAIR_WIDTH))


def _learning(learnt: LearningStatus, width: int) -> list[Row]:
    """Next move and level; losses; counts."""
    sure = "" if learnt.predicted_probability is None else f"({f.percent(learnt.predicted_probability)})"
    following = Field(
        "Next", _spoken(learnt.predicted_next or f.DASH), "pattern", sure if learnt.predicted_next else ""
    )
    rows = beside(following, Field("Level", f.count(learnt.level)), width)
    baseline = learnt.baseline_log_loss
    worse = learnt.log_loss is not None and baseline is not None and learnt.log_loss > baseline
    against = "" if baseline is None else f"vs {f.decimal(baseline, 2)} baseline"
    loss = Field("Log-loss", f.decimal(learnt.log_loss, 2), "warning" if worse else "good", against)
    rows += beside(loss, Field("Regret", f.decimal(learnt.regret, 2)), width)
    known = Field("Learnt", f"{learnt.knowledge:,} patterns, {learnt.transitions:,} transitions")
    return rows + beside(
        known, Field("Drifts", f.count(learnt.drifts), "warning" if learnt.drifts else "value"), width
    )


def pattern_rows(view: PatternView, width: int, height: int) -> list[Row]:
    """Alerts, moves, sequences, learning; moves share lines when one a line would push the others out."""
    head: list[Row] = []
    if view.failed is not None:
        head.append(failed_row(view.failed))
    elif view.warming is not None:
        head.append(warming_row(view.warming, width))
    if view.repetition is not None:
        head.append(_loop(view.repetition, width))
    if view.unread:
        head.append(Row(((f"{view.unread:,} messages and pieces not analysed: too fast", "warning"),)))
    if not head and not view.moves and not view.sequences:
        heard = f"{view.utterances:,} messages read, " if view.utterances else ""
        head.append(Row(((f"{heard}no patterns yet", "muted"),)))
    sequences = [_sequence(hit, width) for hit in view.sequences]
    learnt = _learning(view.learning, width) if view.learning is not None else []
    others = len(head) + len(sequences) + len(learnt)
    moves = grid([_move(hit) for hit in view.moves], width, max(height - others, 1))
    if len(moves) + others > height:
        moves = flow([_move(hit, counted=False) for hit in view.moves], width)
    return sections([head, moves, sequences, learnt], height)


class PatternDetection(LinePanel[PatternView]):
    """Conversational moves with their confidence, what recurs, what loops, and what comes next."""

    TITLE = "Pattern Detection"
    view = var(PatternView(), init=False)

    def rows(self, view: PatternView, width: int, height: int) -> list[Row]:
        return pattern_rows(view, width, height)

    def badge(self, view: PatternView) -> tuple[str, str]:
        return view.stream, view.provenance
