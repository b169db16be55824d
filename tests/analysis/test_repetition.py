"""Loops are found within about three periods; prose, verse, lists, tables and code are left alone."""

from __future__ import annotations

import argparse
import inspect
import random
import textwrap
from collections.abc import Hashable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis import Repetition, RepetitionDetector
from midstream_analysis.reference import sequences as oracle

WORDS = "the a of in cat dog runs sat on mat big small red and then it was not so very odd , .".split()


def first(tokens: Iterable[Hashable], **options: int) -> tuple[int, Repetition] | None:
    """Tokens read when the first loop was reported, and the loop."""
    detector = RepetitionDetector(**options)
    for token in tokens:
        if loop := detector.update(token):
            return detector.count, loop
    return None


def reads(text: str, size: int = 7) -> Repetition | None:
    """The last loop seen when `text` comes in pieces of `size` characters."""
    detector, loop = RepetitionDetector(), None
    for start in range(0, len(text), size):
        loop = detector.feed(text[start : start + size]) or loop
    return detector.flush() or loop


def prose(n: int, seed: int = 0) -> list[str]:
    return random.Random(seed).choices(WORDS, k=n)


@pytest.mark.parametrize("piece", ["the", " the", "the ", "The"])
def test_one_word_over_and_over(piece: str) -> None:
    assert first([*prose(50), *[piece] * 20]) == (58, Repetition(1, 50, 8, pytest.approx(0.9)))


@pytest.mark.parametrize("size", [2, 3, 5, 13, 40, 200, 256])
def test_a_phrase_a_sentence_a_paragraph(size: int) -> None:
    start = [*prose(30, 1), "!"]
    period = ["So", *random.Random(size).choices(WORDS[1:-2], k=size - 1)]
    read, loop = first([*start, *period * 12])  # type: ignore[misc]
    assert loop.period == size
    assert loop.start == len(start)
    assert read - loop.start == max(3 * size, 12)


def test_it_goes_on_counts_and_ends() -> None:
    sentence = "I am sorry , but I can not help with that .".split()
    detector = RepetitionDetector()
    loops = [detector.update(token) for token in sentence * 30]
    assert [loop.count for loop in loops if loop][:: len(sentence)] == list(range(3, 31))
    confidence = [loop.confidence for loop in loops if loop]
    assert confidence == sorted(confidence)
    assert 0.9 <= confidence[0] < confidence[-1] < 1.0
    assert detector.current == loops[-1]
    assert detector.update("Well") is None
    assert detector.current is None
    detector.reset()
    assert (detector.count, detector.current) == (0, None)
    assert detector.update("that") is None


def test_repeats_within_the_period_do_not_hide_it() -> None:
    for period in (
        "a b b a c a b".split(),
        "no no yes no no no maybe".split(),
        ["ha"] * 6 + ["!"],
        list("abcabdabcabe"),
    ):
        read, loop = first([*period * 12])  # type: ignore[misc]
        assert loop.period == len(period)
        assert read <= max(3 * len(period), 24 + len(period))


def test_tokens_need_not_be_text() -> None:
    assert first([5] * 30) == (16, Repetition(1, 0, 16, pytest.approx(0.9)))
    assert first([*range(500), *[(1, None), b"x", 2.5] * 9]) == (
        518,
        Repetition(3, 500, 6, pytest.approx(0.9)),
    )
    assert first([float("nan")] * 3 + [1, 2] * 3) is None
    detector = RepetitionDetector()
    with pytest.raises(TypeError):
        detector.update([1])  # type: ignore[arg-type]
    assert detector.count == 0


def test_periods_beyond_the_longest_are_not_seen() -> None:
    assert first(list(range(65)) * 5, max_period=64) is None
    assert first(list(range(64)) * 5, max_period=64)
    with pytest.raises(ValueError):
        RepetitionDetector(0)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "I think that " * 8,
        "no " * 20,
        "ha" * 400,
        "我喜欢你。" * 10,
        "The same sentence, word for word, costs 5 dollars.\n" * 4,
        "```\nresult = compute(result, 1)\n```\n" * 9,
        "0.333" + "3" * 900,
        "\n" * 300,
        "- [ ] TODO\n" * 12,
    ],
)
def test_text_cut_anywhere(text: str, size: int) -> None:
    lead = "Here is what you asked for: "
    assert reads(lead + text, size) is not None
    assert reads(lead + text, size) == reads(lead + text, 3)
    assert reads(lead + text[: len(text) // 8], size) is None


RAVEN = """Once upon a midnight dreary, while I pondered, weak and weary,
Over many a quaint and curious volume of forgotten lore,
While I nodded, nearly napping, suddenly there came a tapping,
As of some one gently rapping, rapping at my chamber door.
"'Tis some visitor," I muttered, "tapping at my chamber door;
Only this, and nothing more."
"""
BELLS = """How it swells! How it dwells on the Future! how it tells
Of the rapture that impels To the swinging and the ringing
Of the bells, bells, bells, Of the bells, bells, bells, bells, Bells, bells, bells -
To the rhyming and the chiming of the bells!
"""
VERSE = [
    RAVEN,
    RAVEN.replace("dreary", "stormy") + RAVEN,
    BELLS + BELLS.upper(),
    "Row, row, row your boat,\nGently down the stream,\nMerrily, merrily, merrily, merrily,\nLife is but a dream.\n"
    * 2,
    "Half a league, half a league,\nHalf a league onward,\nAll in the valley of Death\nRode the six hundred.\n",
    "Tomorrow, and tomorrow, and tomorrow,\nCreeps in this petty pace from day to day",
    "Never, never, never, never, never! Pray you, undo this button.",
    "A rose is a rose is a rose is a rose.",
    "And miles to go before I sleep,\nAnd miles to go before I sleep.",
    "London Bridge is falling down,\nFalling down, falling down,\nLondon Bridge is falling down,\nMy fair lady.\n"
    * 2,
]
LISTS = [
    "\n".join(f"- item number {k}" for k in range(200)),
    "\n".join(f"{k}. Wash the {w}." for k, w in enumerate(["cup", "plate", "fork", "knife"] * 20, 1)),
    "\n".join(f"* [ ] buy {w}" for w in prose(90)),
    "| --- " * 14 + "|\n" + "".join(f"| row {k} | yes | yes | no | n/a | n/a |\n" for k in range(60)),
    "| yes " * 10 + "|",
    "0, " * 60,
    "[" + ", ".join(["null"] * 10) + "]",
    "".join(f'{{"id": {k}, "ok": true, "tags": []}},\n' for k in range(80)),
    "\n".join("0 0 0 0 1 0 0 0".split(" ") * 6),
    "-" * 80 + "\nTitle\n" + "=" * 80,
    "<td></td>" * 3 + "</div></div></div></div>",
]
CODE = [
    "\n".join(f"    assert f({k}) == {k * k}" for k in range(100)),
    "\n".join(f"case {w!r}: return {w}_handler(event)" for w in sorted(set(WORDS))),
    "x = 0\ny = 0\nz = 0\nw = 0\n" + "        }\n      }\n    }\n  }\n}\n" + "end\n" * 4,
    "print(x)\nprint(x)\nprint(x)\n",
    inspect.getsource(argparse),
    inspect.getsource(textwrap),
    inspect.getsource(random),
]
PROSE = [
    " ".join(prose(5000, 3)),
    "It was very, very, very good. No, no, no! Well, well. Ha ha ha ha! Bye bye bye.",
    argparse.ArgumentParser.format_help(argparse.ArgumentParser("x")),
    inspect.getdoc(inspect) or "",
    inspect.cleandoc(str(argparse.__doc__) + str(random.__doc__)),
]


@pytest.mark.parametrize("text", [*VERSE, *LISTS, *CODE, *PROSE], ids=lambda text: repr(text[:25]))
def test_what_people_and_programs_write_is_left_alone(text: str) -> None:
    assert reads(text) is None
    assert first(text.split()) is None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=60), st.integers(1, 12))
def test_what_is_reported_is_so(tokens: list[int], longest: int) -> None:
    detector = RepetitionDetector(longest)
    for k, token in enumerate(tokens, 1):
        loop = detector.update(token)
        if loop:
            assert loop.period <= longest
            assert loop.count * loop.period >= 16
            assert loop.start + loop.count * loop.period <= k < loop.start + (loop.count + 1) * loop.period
            assert (loop.period, k - loop.start) in oracle.tail_period(tokens[:k], longest)


def test_cost_and_memory_are_bounded_whatever_comes() -> None:
    detector = RepetitionDetector(64)
    nasty = "a" * 40 + "b" + "a" * 41 + "c"  # every token begins and ends candidates
    for token in nasty * 60:
        detector.update(token)
        assert len(detector._runs) <= 8
        assert all(len(table) <= 65 for table in detector._last)
    assert len(detector._keys) <= 64
    detector.feed(" " * 10_000)
    detector.feed("x" * 10_000)
    assert len(detector._rest) < 40
