"""The fold of what models and meters say: transcripts, detections, impairments, speech."""

from __future__ import annotations

import pytest

from midstream_adapters.events import (
    Blame,
    Box,
    Detections,
    Impairment,
    Kind,
    SpeechActivity,
    TextChunk,
    Transcript,
)
from midstream_tui.session import Session
from midstream_tui.transcript import Message


@pytest.fixture
def said() -> list[Message]:
    return []


@pytest.fixture
def session(said: list[Message]) -> Session:
    return Session(clock=lambda: 10.0, wall=lambda: 0.0, on_message=said.append)


def heard(segment: int, text: str, *, final: bool = False) -> Transcript:
    return Transcript("a", 1.0, segment, text, 0.0, 1.0, final)


def test_a_better_hearing_replaces_the_one_before(session: Session, said: list[Message]) -> None:
    for event in (
        heard(1, "hell"),
        heard(1, "hello wor"),
        heard(2, "next"),
        heard(1, "hello world", final=True),
    ):
        session.apply(event)
    assert [(m.shown, m.open) for m in session.transcript.messages] == [
        ("hello world", False),
        ("next", True),
    ]
    assert [m.text for m in said] == ["hello world"]  # pattern detection sees a segment once it is final
    assert session.streams["a"].messages == 2


def test_a_hearing_of_the_same_length_is_shown(session: Session) -> None:
    session.apply(heard(1, "wreck a nice"))
    assert session.transcript.messages[0].shown == "wreck a nice"
    session.apply(heard(1, "recognise it"))
    assert session.transcript.messages[0].shown == "recognise it"


def black(began: float, ended: float | None, *, level: float = 3.0) -> Impairment:
    return Impairment("a", 1.0, "black", Kind.VIDEO, began, ended, Blame.SOURCE, {"luma": level})


def test_an_impairment_is_open_until_it_ends_and_counted_once(session: Session) -> None:
    session.apply(black(5.0, None))
    session.apply(black(5.0, None, level=2.0))
    impairments = session.streams["a"].impairments
    assert [event.figures["luma"] for event in impairments.open.values()] == [2.0]
    session.apply(black(5.0, 9.5))
    assert not impairments.open
    assert [event.ended for event in impairments.past] == [9.5]
    assert (impairments.counts["black"].times, impairments.counts["black"].seconds) == (1, 4.5)


def test_impairments_without_end_stay_bounded(session: Session) -> None:
    for n in range(1000):
        session.apply(black(float(n), None))
    impairments = session.streams["a"].impairments
    assert (len(impairments.open), len(impairments.past)) == (64, 64)
    assert impairments.counts["black"].times == 1000


def test_objects_are_counted_by_label(session: Session) -> None:
    cat, cup = (Box(label, 0.9, 0.0, 0.0, 1.0, 1.0) for label in ("cat", "cup"))
    session.apply(Detections("a", 1.0, 0.0, (cat, cup), 0.02))
    session.apply(Detections("a", 1.1, 0.1, (cat, cat), 0.02))
    tally = session.streams["a"]
    assert tally.seen == {"cat": 3, "cup": 1}
    assert tally.detections is not None
    assert [box.label for box in tally.detections.boxes] == ["cat", "cat"]


def test_who_speaks_is_kept(session: Session) -> None:
    session.apply(SpeechActivity("a", 1.0, "user", True))
    assert session.streams["a"].speaking == {"user": True}
    session.apply(SpeechActivity("a", 2.0, "user", False))
    assert session.streams["a"].speaking == {"user": False}


def test_arguments_of_a_tool_are_a_message_of_their_own_and_no_conversation(
    session: Session, said: list[Message]
) -> None:
    def chunk(text: str, tool: str | None) -> TextChunk:
        return TextChunk("a", 1.0, text, "assistant", "t", 1, final=False, tool=tool)

    for piece in (
        chunk("Let me ", None),
        chunk('{"city":', "weather"),
        chunk("look.", None),
        chunk('"Bonn"}', "weather"),
    ):
        session.apply(piece)
    assert [(m.text, m.tool) for m in session.transcript.messages] == [
        ("Let me look.", None),
        ('{"city":"Bonn"}', "weather"),
    ]
