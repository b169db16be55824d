"""One stream's text: moves in context, what recurs, what is learnt; and words that come in pieces."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.dialogue import ARROW, MOST, MOST_ROLES, WINDOW, Dialogue
from midstream_analysis.jobs import Utterance

EXCHANGE = [
    ("user", "Hello there!"),
    ("assistant", "Hello! How can I help you today?"),
    ("user", "What is the capital of France?"),
    ("assistant", "The capital of France is Paris."),
    ("user", "Thank you so much!"),
    ("assistant", "You're welcome. Goodbye!"),
]


def heard(turns: list[tuple[str, str]], **options: int) -> Dialogue:
    dialogue = Dialogue("s", **options)
    for role, text in turns:
        dialogue.hear(Utterance("s", text, role))
    return dialogue


def test_what_recurs_is_found_with_its_place_and_confidence() -> None:
    report = heard(EXCHANGE * 5).report()
    assert report.utterances == 30
    assert {hit.label for hit in report.moves} >= {"greeting", "question", "answer", "thanks"}
    assert all(0.0 < hit.confidence <= 1.0 and 0 <= (hit.last or 0) < 30 for hit in report.moves)
    assert [hit.count for hit in report.moves] == sorted((hit.count for hit in report.moves), reverse=True)
    found = next(hit for hit in report.sequences if f"question{ARROW}answer" in hit.label)
    assert found.count >= 4
    assert found.confidence > 0.7
    assert report.learning is not None
    assert report.learning.log_loss is not None
    assert report.learning.baseline_log_loss is not None
    assert report.learning.log_loss < report.learning.baseline_log_loss


def test_chance_is_no_pattern() -> None:
    turns = [turn for turn in EXCHANGE for _ in range(30)]
    random.Random(1).shuffle(turns)
    structured, shuffled = heard(EXCHANGE * 30).report(), heard(turns).report()
    assert structured.sequences[0].count >= 29
    assert shuffled.sequences == ()
    assert shuffled.learning is not None
    assert structured.learning is not None
    assert shuffled.learning.log_loss is not None
    assert structured.learning.log_loss is not None
    assert structured.learning.log_loss < 0.5 * shuffled.learning.log_loss


def test_it_is_bounded_and_counts_all() -> None:
    report = heard([("user", f"What is {i}?") for i in range(WINDOW + 50)]).report()
    assert report.utterances == WINDOW + 50
    assert sum(hit.count for hit in report.moves) <= WINDOW
    assert len(report.sequences) <= MOST
    assert sum(hit.count for hit in heard(EXCHANGE * 5, max_history=4).report().moves) <= 4


def test_a_piece_is_no_utterance() -> None:
    dialogue = Dialogue("s")
    assert dialogue.hear(Utterance("s", "What is", "user", complete=False)) is None
    assert dialogue.report().utterances == 0
    assert dialogue.report().learning is None


def test_a_loop_is_caught_while_the_message_goes_on_and_is_over_with_the_next() -> None:
    dialogue = Dialogue("s")
    heard_after = None
    for i in range(400):
        dialogue.hear(
            Utterance(
                "s",
                "I am sorry, but I can not do th" if i % 2 else "at for you today. ",
                "assistant",
                complete=False,
            )
        )
        if dialogue.report().repetition is not None:
            heard_after = i
            break
    assert heard_after is not None
    assert heard_after < 20
    loop = dialogue.report().repetition
    assert loop is not None
    assert (loop.period, loop.count) == (14, 3)
    dialogue.hear(Utterance("s", "Stop it, please.", "user"))
    assert dialogue.report().repetition == loop  # the user ends it, the finding stands
    dialogue.hear(Utterance("s", "all of it again", "assistant"))
    assert dialogue.report().repetition is not None
    dialogue.hear(Utterance("s", "Of course, I stopped.", "assistant"))
    assert dialogue.report().repetition is None


def test_lines_of_a_pipe_are_one_generation_and_those_of_a_speaker_are_not() -> None:
    line = "the quick brown fox jumps over the lazy dog"
    for role, expected in [(None, True), ("assistant", False)]:
        dialogue = Dialogue("s")
        for _ in range(6):
            dialogue.hear(Utterance("s", line, role))
        assert (dialogue.report().repetition is not None) is expected
    dialogue = Dialogue("s")
    dialogue.hear(Utterance("s", "", "assistant", tokens=tuple("abcdefghij" * 5)))
    loop = dialogue.report().repetition
    assert loop is not None
    assert loop.period == 10


def test_ordinary_talk_is_no_loop() -> None:
    assert heard(EXCHANGE).report().repetition is None


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([None, "user", "x", "y"]), st.text(max_size=40), st.booleans()), max_size=15
    )
)
def test_whatever_comes_is_survived(turns: list[tuple[str | None, str, bool]]) -> None:
    dialogue = Dialogue("s")
    for role, text, complete in turns:
        dialogue.hear(Utterance("s", text, role, complete=complete))
    assert dialogue.report().utterances == sum(complete for _, _, complete in turns)


def test_speakers_are_bounded() -> None:
    dialogue = heard([(f"speaker {i}", "hello") for i in range(100)])
    assert len(dialogue._voices) <= MOST_ROLES + 1
