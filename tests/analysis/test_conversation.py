"""The conversation tracker: context, bounds, counts and recurring sequences."""

from __future__ import annotations

import pytest

from midstream_analysis.conversation import ConversationTracker
from midstream_analysis.moves import MoveClassifier
from midstream_analysis.report import PatternHit


class Scripted(MoveClassifier):
    """A classifier at the edge that says the utterance itself, and records its context."""

    def __init__(self) -> None:
        self.calls: list[tuple[str | None, str | None, int]] = []

    def classify(
        self, utterance: str, previous: str | None = None, speaker: str | None = None, position: int = 0
    ) -> PatternHit:
        self.calls.append((previous, speaker, position))
        return PatternHit(utterance.strip() or "other", 0.5 + 0.1 * (position % 2))


def test_a_real_conversation_is_followed() -> None:
    tracker = ConversationTracker()
    script = [
        ("hello", "user", "greeting"),
        ("Hi! How can I help you today?", "assistant", "greeting"),
        ("what is the boiling point of water?", "user", "question"),
        ("Water boils at 100 °C at sea level.", "assistant", "answer"),
        ("thanks a lot!", "user", "thanks"),
        ("bye", "user", "closing"),
    ]
    for text, speaker, label in script:
        hit = tracker.feed(text, speaker)
        assert hit.label == label
        assert hit.confidence > 0.4
    assert tracker.symbols == tuple(label for _, _, label in script)
    assert [(m.label, m.count, m.last) for m in tracker.moves()] == [
        ("closing", 1, 5), ("thanks", 1, 4), ("answer", 1, 3), ("question", 1, 2), ("greeting", 2, 1),
    ]  # fmt: skip


def test_context_is_what_came_before() -> None:
    classifier = Scripted()
    tracker = ConversationTracker(classifier=classifier)
    for text, speaker in (("a", "user"), ("  \n", None), ("b", "assistant"), ("c" * 5000, None), ("d", None)):
        tracker.feed(text, speaker)
    assert [(p if p is None else p[:1], s, n) for p, s, n in classifier.calls] == [
        (None, "user", 0), ("a", None, 1), ("a", "assistant", 2), ("b", None, 3), ("c", None, 4),
    ]  # fmt: skip
    assert len(classifier.calls[-1][0] or "") <= 512


def test_window_bounds_counts_and_confidence() -> None:
    tracker = ConversationTracker(window=4, classifier=Scripted())
    for text in ["x", *"abab", "a"]:
        tracker.feed(text)
    assert tracker.symbols == ("b", "a", "b", "a")
    assert tracker.moves() == (
        PatternHit("a", pytest.approx(0.6), 2, 5),
        PatternHit("b", pytest.approx(0.5), 2, 4),
    )


def test_recurring_sequences_are_mined() -> None:
    tracker = ConversationTracker(window=50, classifier=Scripted())
    for _ in range(30):
        for text in ("greeting", "question", "answer"):
            tracker.feed(text)
    best = tracker.sequences(max_length=3)[0]
    assert sorted(best.label.split(" → ")) == ["answer", "greeting", "question"]
    assert best.count >= 16
    assert best.confidence > 0.9
    assert best.last is not None
    assert 87 <= best.last <= 89
    assert ConversationTracker(classifier=Scripted()).sequences() == ()


def test_reset_and_bad_window() -> None:
    tracker = ConversationTracker(classifier=Scripted())
    tracker.feed("a")
    tracker.reset()
    assert (tracker.utterances, tracker.symbols, tracker.moves()) == (0, (), ())
    with pytest.raises(ValueError, match="window"):
        ConversationTracker(window=0)
