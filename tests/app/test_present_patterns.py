"""Whose conversation the panel of patterns shows, and what it says before there is one."""

from __future__ import annotations

import pytest

from midstream_adapters.events import TextChunk
from midstream_analysis.report import AnalysisReport, ConversationReport, PatternHit
from midstream_tui.present import pattern_view
from midstream_tui.session import Session


def told(stream: str, utterances: int) -> ConversationReport:
    return ConversationReport(stream, (PatternHit("question", 0.8),), (), None, None, utterances)


def session(*streams: str) -> Session:
    made = Session(clock=lambda: 0.0, wall=lambda: 0.0)
    for stream in streams:
        made.apply(TextChunk(stream, 0.0, "Why?", "user"))
    return made


def test_before_the_first_report_it_warms_up() -> None:
    assert pattern_view(session("a")).warming == 0.0


@pytest.mark.parametrize(
    ("selected", "heard", "shown", "utterances"),
    [
        ("b", {"a": 1, "b": 2}, "b", 2),
        ("a", {"b": 2, "a": 1}, "a", 1),
        ("c", {"b": 2, "a": 1}, "b", 2),  # nothing was said there: the first there is, and whose it is
        ("c", {"gone": 9, "a": 1}, "a", 1),
        ("c", {"gone": 9}, "c", 0),
        (None, {}, "a", 0),
    ],
)
def test_the_selected_streams_conversation_else_the_first_that_is_open(
    selected: str | None, heard: dict[str, int], shown: str, utterances: int
) -> None:
    made = session("a", "b", "c")
    made.selected = selected
    made.take(AnalysisReport({}, {stream: told(stream, n) for stream, n in heard.items()}, None))
    view = pattern_view(made)
    assert (view.stream, view.utterances) == (shown, utterances)
    assert [hit.label for hit in view.moves] == (["question"] if utterances else [])
