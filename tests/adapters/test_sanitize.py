"""Nothing a terminal would obey passes; what a person can read does."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from midstream_adapters.events import (
    Event,
    Figures,
    Kind,
    Provenance,
    State,
    StateChanged,
    StreamOpened,
    TextChunk,
    TurnEnded,
    TurnStarted,
)
from midstream_adapters.sanitize import (
    MAX_OPEN,
    MAX_STRING,
    MAX_TEXT,
    CleanSink,
    Sanitizer,
    clean,
    clean_line,
)

HOSTILE = st.text(
    st.sampled_from(
        "\x1b\x1b]\\[P_^X0;amKc\r\n\t\x07\x18\x9c\x9d\x9b\x90\x00 /\x7f\u202e\u2028\ud800é👋\u200d"
    )
)


class Keep:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    async def drain(self) -> None: ...

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, TextChunk))


def is_safe(text: str) -> bool:
    """No control but tab and newline, no surrogate, no line separator, no bidi control, judged by the database."""
    return not any(
        (unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\t\n")
        or unicodedata.bidirectional(c) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
        or c in "\u061c\u200e\u200f\ufeff"
        or 0xE0000 <= ord(c) <= 0xE007F
        for c in text
    )


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x9b2Jgone", "gone"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]52;c;c2VjcmV0\x1b\\x", "x"),
        ("\x9d0;title\x9cx", "x"),
        ("\x1bPq#0;2;0\x1b\\x", "x"),
        ("\x1b_Gf=100;AAAA\x1b\\x", "x"),
        ("\x1b^pm\x1b\\\x1bXsos\x1b\\x", "x"),
        ("\x1b]0;broken\x18x", "x"),
        ("\x1b(0lqk\x1b(B", "lqk"),
        ("\x1bcreset", "reset"),
        ("\x1b[?1049h\x1b[>4;1m\x1b[ qx", "x"),
        ("bell\x07 back\x08 nul\x00 del\x7f", "bell back nul del"),
        ("one\r\ntwo\rthree\u2028four\u2029five\tsix", "one\ntwo\nthree\nfour\nfive\tsix"),
        ("\u202egnp.exe\u202c \u2066x\u2069 \u061c\u200e\u200f", "gnp.exe x "),
        ("lone \ud83d half", "lone  half"),
        ("tag\U000e0041\U000e007f \ufeff\ufff9x\ufffb", "tag x"),
        ("👩\u200d💻 ❤\ufe0f می\u200cخواهم", "👩\u200d💻 ❤\ufe0f می\u200cخواهم"),
        ("[bold]x[/bold] [@click=app.quit]y[/]", "[bold]x[/bold] [@click=app.quit]y[/]"),
        ("unended \x1b]0;it stays", "unended 0;it stays"),
    ],
)
def test_clean(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


@given(HOSTILE | st.text())
@example("\x1b\x9b\x1b]\x1b")
def test_clean_is_safe_and_settles(text: str) -> None:
    once = clean(text)
    assert is_safe(once)
    assert clean(once) == once


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp"))))
def test_readable_text_is_untouched(text: str) -> None:
    assert clean(text) == text


@given(HOSTILE, st.lists(st.integers(0, 40)))
@settings(max_examples=300)
def test_pieces_give_what_the_whole_gives(text: str, cuts: list[int]) -> None:
    pieces, whole = Sanitizer(), Sanitizer()
    ends = [0, *sorted(min(c, len(text)) for c in cuts), len(text)]
    out = [pieces.feed(text[a:b]) for a, b in pairwise(ends)]
    assert all(is_safe(piece) for piece in out)
    assert "".join(out) + pieces.flush() == clean(text)
    assert whole.feed(text) + whole.flush() == clean(text)
    assert pieces.removed == whole.removed


def test_what_was_removed_is_counted() -> None:
    sanitizer = Sanitizer()
    assert sanitizer.feed("a\x1b[31mb\x07c") == "abc"
    assert sanitizer.removed == len("\x1b[31m\x07")


def test_an_unended_string_cannot_swallow_the_text() -> None:
    sanitizer = Sanitizer()
    shown = "".join(sanitizer.feed("\x1b]0;" if i == 0 else "word ") for i in range(2000))
    assert shown.count("word ") > 2000 - MAX_STRING // 5 - 3
    assert (shown + sanitizer.flush()).count("word ") == 1999
    assert sanitizer.removed == len("\x1b]")


def test_crlf_cut_in_two_is_one_newline() -> None:
    sanitizer = Sanitizer()
    assert [sanitizer.feed(x) for x in ("a\r", "\nb\r", "c")] == ["a\n", "b\n", "c"]


@pytest.mark.parametrize(
    "unit", ["\x1b]", "\x9d", "\x1b[1;", "\x1b    ", "\x1b]a\x1b", "\r", "\x1bP" + "q" * 4000], ids=ascii
)
def test_a_large_hostile_text_is_done(unit: str) -> None:
    assert is_safe(clean(unit * (1_000_000 // len(unit))))


def test_clean_line() -> None:
    assert clean_line("a\r\n\tb\x1b[2J  c") == "a b c"
    assert clean_line("x" * 300, limit=10) == "x" * 9 + "…"
    assert clean_line("plain") == "plain"


def test_sink_keeps_clean_events_as_they_are() -> None:
    keep = Keep()
    sink = CleanSink(keep)
    event = TextChunk("s", 1.0, "hello\nworld", "user", nbytes=11)
    sink.emit(event)
    assert keep.events[0] is event


def test_sink_joins_a_sequence_cut_over_chunks_of_a_turn() -> None:
    keep = Keep()
    sink = CleanSink(keep)
    for turn, text in [("1", "a\x1b]0;ti"), ("2", "other"), ("1", "tle\x07b"), ("1", "c\r"), ("1", "\nd")]:
        sink.emit(TextChunk("s", 1.0, text, turn=turn, nbytes=1, final=False))
    assert [e.text for e in keep.events if isinstance(e, TextChunk) and e.turn == "1"] == [
        "a",
        "b",
        "c\n",
        "d",
    ]
    assert sink.removed == len("\x1b]0;title\x07")


def test_sink_shows_what_a_turn_held_when_it_ends() -> None:
    keep = Keep()
    sink = CleanSink(keep)
    sink.emit(TextChunk("s", 1.0, "a\x1b]0;kept", turn="1", nbytes=9, final=False))
    sink.emit(TurnEnded("s", 2.0, "1"))
    assert keep.text == "a0;kept"
    assert isinstance(keep.events[-1], TurnEnded)
    assert sum(e.nbytes for e in keep.events if isinstance(e, TextChunk)) == 9


def test_sink_never_joins_messages_and_bounds_open_turns() -> None:
    keep = Keep()
    sink = CleanSink(keep)
    sink.emit(TextChunk("s", 1.0, "\x1b]52;c;"))
    sink.emit(TextChunk("s", 1.0, "payload\x07"))
    assert [e.text for e in keep.events if isinstance(e, TextChunk)] == ["52;c;", "payload"]
    for i in range(3 * MAX_OPEN):
        sink.emit(TextChunk("s", 1.0, f"\x1b]{i};", turn=str(i), final=False))
    assert len(sink._open) == MAX_OPEN
    assert keep.text.count(";") == 2 + 2 * MAX_OPEN


def test_sink_splits_a_long_text_and_loses_nothing() -> None:
    keep = Keep()
    sink = CleanSink(keep)
    text = "x" * (2 * MAX_TEXT + 5)
    sink.emit(TextChunk("s", 1.0, text, turn="1", tokens=7, nbytes=len(text)))
    pieces = [e for e in keep.events if isinstance(e, TextChunk)]
    assert [len(e.text) for e in pieces] == [MAX_TEXT, MAX_TEXT, 5]
    assert [e.final for e in pieces] == [False, False, True]
    assert sum(e.nbytes for e in pieces) == len(text)
    assert sum(e.tokens or 0 for e in pieces) == 7


BAD = "x\x1b]0;t\x07\n\u202ey"


@pytest.mark.parametrize(
    "event",
    [
        StreamOpened(BAD, 0.0, BAD, frozenset({Kind.TEXT}), Provenance.LIVE),
        StateChanged(BAD, 0.0, State.FAILED, BAD),
        TurnStarted(BAD, 0.0, BAD, BAD, BAD),
        TurnEnded(BAD, 0.0, BAD, None, BAD, BAD),
        TextChunk(BAD, 0.0, BAD, BAD, BAD),
    ],
)
def test_sink_cleans_every_string_of_every_event(event: Event) -> None:
    keep = Keep()
    CleanSink(keep).emit(event)
    found = keep.events[-1]
    for name in type(event).__dataclass_fields__:
        value = getattr(found, name)
        if isinstance(value, str) and not isinstance(value, State):
            assert is_safe(value), name
            assert "\n" not in value or name == "text"


def test_figures_are_cleaned_too() -> None:
    keep = Keep()
    CleanSink(keep).emit(Figures("s", 0.0, {"variant": "7\x1b[2J20p", "loss": 0.5}))
    assert keep.events == [Figures("s", 0.0, {"variant": "720p", "loss": 0.5})]
