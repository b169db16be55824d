"""Cells, not characters: whatever the text, a line is as wide as it says, and nothing in it can move the cursor."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from midstream_widgets.lines import (
    Row,
    cut,
    cut_front,
    fit,
    grid,
    justify,
    pad,
    plain,
    told_apart,
    width_of,
    wrap,
)

# Everything a stream could carry, lone surrogates included, with what is hard to measure more often than not.
HARD = [
    "日本語",
    "e\u0301",
    "👨‍👩‍👧‍👦",
    "🇩🇪",
    "❤️",
    "\u202e",
    "\x1b[31m",
    "\u200b",
    "\x9b2J",
    "\t",
    "\n",
    "\ud800",
    "[/bold]",
]
TEXTS = st.lists(st.sampled_from(HARD) | st.text(st.characters(), max_size=12), max_size=12).map("".join)
WIDTHS = st.integers(-1, 60)


def test_plain_keeps_one_line_of_printable_text() -> None:
    assert plain("a\tb\nc\u2028d") == "a b c d"
    assert plain("\x1b[31mred\x07\x9b2J\u202eabc\u2066") == "[31mred2Jabc"
    assert plain("\ud800x") == "\ufffdx"
    assert plain("👨‍👩‍👧 नमस्ते e\u0301") == "👨‍👩‍👧 नमस्ते e\u0301"


def test_cut_and_pad() -> None:
    assert cut("stream", 6) == "stream"
    assert cut("streams", 6) == "strea…"
    assert cut("日本語", 4) == "日…"
    assert cell_len(cut("日本語日本", 6)) <= 6
    assert cut("x", 0) == cut("x", -3) == ""
    assert cut_front("growing text", 6) == "…text"
    assert cut_front("grow", 6) == "grow"
    assert pad("ab", 4) == "ab  "
    assert pad("ab", 4, right=True) == "  ab"


def test_texts_cut_to_the_same_are_cut_in_the_middle() -> None:
    assert told_apart(["127.0.0.1/live", "other"], 9) == ["127.0.0.…", "other"]
    assert told_apart(["127.0.0.1/live", "127.0.0.1/live#2"], 12) == ["127.0.…/live", "127.0.…ive#2"]
    assert told_apart(["camera-north-door", "camera-south-door"], 8) == ["…north-…", "…south-…"]
    assert told_apart(["same name", "same name"], 5) == ["same…", "same…"]


@given(st.lists(TEXTS, max_size=4), WIDTHS)
def test_texts_told_apart_fit_and_are_plain(names: list[str], width: int) -> None:
    for shown in told_apart(names, width):
        assert cell_len(shown) <= max(0, width)
        assert shown == plain(shown)


def test_wrap_breaks_at_spaces_and_says_when_there_is_more() -> None:
    assert wrap("the quick brown fox", 9, 5) == ["the quick", "brown fox"]
    assert wrap("the quick brown fox jumps", 9, 2) == ["the quick", "brown fo…"]
    assert wrap("abcdefgh", 3, 9) == ["abc", "def", "gh"]
    assert wrap("one\ntwo", 9, 9) == ["one", "two"]
    assert wrap("日本語", 4, 9) == ["日本", "語"]


@given(TEXTS, WIDTHS)
def test_cut_fits_and_is_plain(text: str, width: int) -> None:
    for shown in (cut(text, width), cut_front(text, width)):
        assert cell_len(shown) <= max(width, 0)
        shown.encode()
        assert not set(shown) & set("\x1b\n\t\r\x9b\u202e\u2066")
    if width > 0:
        assert cell_len(pad(text, width)) == width


@given(TEXTS, st.integers(1, 60), st.integers(1, 6))
def test_wrap_fits(text: str, width: int, limit: int) -> None:
    lines = wrap(text, width, limit)
    assert 1 <= len(lines) <= limit
    assert all(cell_len(line) <= width for line in lines)


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["", "good"])), max_size=4), WIDTHS)
def test_a_fitted_row_has_the_width_or_less_and_tells_of_a_cut(
    spans: list[tuple[str, str]], width: int
) -> None:
    whole = Row(tuple(spans))
    row = fit(whole, width)
    assert width_of(row) <= max(width, 0)
    before = "".join(plain(text) for text, _ in whole.spans)
    after = "".join(text for text, _ in row.spans)
    if sum(cell_len(plain(text)) for text, _ in whole.spans) <= max(width, 0):
        assert after == before
    elif width > 0:
        assert after.endswith("…")


def test_justify_and_grid() -> None:
    left, right = Row((("left", ""),)), Row((("right", ""),))
    assert "".join(text for text, _ in justify(left, right, 12).spans) == "left   right"
    assert justify(left, right, 10) is left
    cells = [Row(((name, ""),)) for name in ("a", "bb", "ccc", "d")]

    def texts(rows: list[Row]) -> list[str]:
        return ["".join(text for text, _ in row.spans).rstrip() for row in rows]

    assert texts(grid(cells, 20, 4)) == ["a", "bb", "ccc", "d"]
    assert texts(grid(cells, 20, 2)) == ["a    ccc", "bb   d"]
    assert texts(grid(cells, 4, 1)) == ["a", "bb", "ccc", "d"]


@settings(max_examples=20)
@given(st.integers(1, 50))
def test_a_huge_text_costs_what_shows_of_it(width: int) -> None:
    text = "日本 " * 100_000
    assert cell_len(cut(text, width)) <= width
    assert cell_len(cut_front(text, width)) <= width
    assert len(wrap(text, width, 3)) == 3
