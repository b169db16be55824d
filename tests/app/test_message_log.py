"""The message log: what a filter keeps and marks, the cursor, copying, and the keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input

from midstream_adapters.events import TextChunk
from midstream_analysis.report import AnalysisReport, ConversationReport, PatternHit
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub
from midstream_tui.message_filter import MessageFilter, of_stream
from midstream_tui.present_log import BUDGET, SEARCHING, LogFeed
from midstream_tui.screens.log import LogScreen
from midstream_tui.session import Session
from midstream_tui.transcript import KEEP
from midstream_widgets.message_log import LogView, MessageLog, log_rows

from .conftest import live, opened


def keeps(query: str, text: str, stream: str = "cam", role: str = "user") -> bool:
    return MessageFilter.of(query).keeps(stream, role, text)


@pytest.mark.parametrize(
    ("query", "text", "kept"),
    [
        ("", "anything", True),
        ("timeout", "a Timeout came", True),
        ("Timeout", "a timeout came", False),  # an upper-case letter means it
        ("a.c", "abc", False),  # text is text
        ("/a.c/", "xABCx", True),
        ("/a.c", "xabcx", True),
        ("/^b/", "abc", False),
        ("!timeout", "all well", True),
        ("!timeout", "timeout", False),
        ("!/^a/", "abc", False),
        ("stream:ca", "x", True),
        ("stream:dog", "x", False),
        ('stream:"ca" x', "x", True),
        ('stream:"c a" x', "x", False),
        ('!stream:"dog"', "x", True),
        ("stream:cam role:user x", "a x", True),
        ("role:assistant x", "a x", False),
        ("!stream:cam", "x", False),
        ("!stream:dog", "x", True),
        ("!stream:cam x", "y", True),
        ("!stream:cam x", "x", False),
        ("/", "x", True),
    ],
)
def test_filters(query: str, text: str, kept: bool) -> None:
    assert keeps(query, text) is kept


@pytest.mark.parametrize("name", ["cam", "tap/other requests", "a  b.mp4", 'say "hi" twice', '"quoted"'])
def test_the_log_of_a_stream_holds_its_messages(name: str) -> None:
    assert keeps(of_stream(name), "anything", name)
    assert keeps(f"{of_stream(name)}any", "anything", name)
    if '"' not in name:
        assert not keeps(of_stream(name), "anything", "another")


@pytest.mark.parametrize(
    "query", ["/(/", "/[b-a]/", f"/{'(' * 499}", "/a{,99999999999999999999}/", "/(?P<n/"]
)
def test_what_is_no_regular_expression_is_told(query: str) -> None:
    with pytest.raises(ValueError, match=r"no regular expression: |counts in") as caught:
        MessageFilter.of(query)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("query", ["/((a{999}){999}){999}/", "/(?:x{1,40}){40,}/"])
def test_an_expression_that_would_fill_the_memory_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="over 1,000 when multiplied"):
        MessageFilter.of(query)


HOSTILE = "a" * 60 + "!"  # (a|aa)+$ tries 10^12 ways to end it


@pytest.mark.parametrize("query", ["/(a|aa)+$/", "!/(a|aa)+$/"])
def test_a_pattern_that_a_message_makes_slow_is_stopped_and_hides_nothing_any_more(query: str) -> None:
    session = filled(3)
    session.apply(TextChunk("s", 0.0, "aa", "user"))
    session.apply(TextChunk("t", 0.0, "aaa", "user"))
    feed = LogFeed()
    feed.seek(MessageFilter.of(f"!stream:s {query[1:]}" if query[0] == "!" else f"stream:s {query}"))
    assert len(feed.view(session).messages) == (1 if query[0] == "/" else 3)
    session.apply(TextChunk("s", 0.0, HOSTILE, "user"))
    view = feed.view(session)
    assert [m.text for m in view.messages] == ["message 0", "message 1", "message 2", "aa", HOSTILE]
    assert "too slow: pattern stopped after 50 ms" in view.note
    assert not [
        text for row in log_rows(view, 100, False, None) for text, style in row.spans if style == "found"
    ]
    feed.seek(MessageFilter.of("/a$/"))
    view = feed.view(session)
    assert [(m.text, view.note) for m in view.messages] == [("aa", ""), ("aaa", "")]


def test_a_row_that_makes_a_pattern_slow_is_not_marked_and_the_filter_goes_on() -> None:
    found = MessageFilter.of("/a(a|aa)+$|m/")  # what it seeks comes before what makes it slow
    assert found.keeps("s", "user", f"m {HOSTILE}")
    assert found.mark is not None
    assert found.mark.places(f"m {HOSTILE}") == [(0, 1)]
    assert found.note == "too slow to mark what is found"
    assert (found.keeps("s", "user", "no"), found.stopped) == (False, False)


def test_slow_searches_are_spread_over_the_paints() -> None:
    ticks = iter(range(1000))
    feed, session = LogFeed(lambda: next(ticks) * SEARCHING * 0.4), filled(9)
    feed.seek(MessageFilter.of("/./"))
    left = []
    while not left or left[-1]:
        left.append(feed.view(session).unsearched)
    assert left == [6, 3, 0]


@given(st.text(max_size=40), st.text(max_size=80))
def test_any_text_is_a_filter_or_an_error_and_its_inverse_keeps_the_rest(query: str, text: str) -> None:
    query = query.replace(":", "").lstrip("! ")
    try:
        found = MessageFilter.of(query)
    except ValueError:
        assert query.startswith("/")
        return
    if found.pattern is not None:
        assert found.keeps("s", "r", text) is not MessageFilter.of(f"!{query}").keeps("s", "r", text)
    else:
        assert found.everything


def filled(count: int) -> Session:
    session = Session(clock=lambda: 0.0, wall=lambda: 0.0)
    for n in range(count):
        session.apply(TextChunk("s", 0.0, f"message {n}", "user"))
    return session


def test_a_long_log_is_searched_in_parts_and_says_so() -> None:
    feed, session = LogFeed(clock=lambda: 0.0), filled(KEEP)
    feed.seek(MessageFilter.of("/[05]$/"))
    sizes = []
    while True:
        view = feed.view(session)
        sizes.append(len(view.messages))
        if not view.unsearched:
            break
        assert view.unsearched == KEEP - BUDGET * len(sizes)
    assert sizes == [80, 160, 200]
    assert [m.text for m in view.messages[:2]] == ["message 0", "message 5"]


def test_what_was_searched_is_not_searched_again_unless_it_grows() -> None:
    feed, session = LogFeed(), filled(3)
    session.apply(TextChunk("s", 0.0, "gro", "user", "t", final=False))
    feed.seek(MessageFilter.of("grown"))
    assert not feed.view(session).messages
    session.apply(TextChunk("s", 0.0, "wn", "user", "t", final=False))
    assert [m.text for m in feed.view(session).messages] == ["grown"]


def test_what_has_left_the_transcript_is_forgotten() -> None:
    feed, session = LogFeed(clock=lambda: 0.0), filled(0)
    for n in range(4 * KEEP):
        session.apply(TextChunk("s", 0.0, f"message {n}", "user"))
        if n % 50 == 0:
            feed.view(session)
    assert KEEP <= len(feed._kept) <= 2 * KEEP + 64
    assert [m.text for m in feed.view(session).messages[-1:]] == [f"message {4 * KEEP - 1}"]


def test_moves_of_the_report_stand_with_their_messages() -> None:
    session = filled(KEEP + 10)
    moves = {5: "greeting", KEEP + 9: "question", KEEP + 99: "answer"}
    hits = tuple((serial, PatternHit(label, 0.9)) for serial, label in moves.items())
    feed = LogFeed()
    while feed.view(session).unsearched:
        pass
    said = ConversationReport("s", (), (), None, None, 3, hits)
    session.take(AnalysisReport({}, {"s": said}, None))
    found = {m.serial: m.move for m in feed.view(session).messages if m.move}
    assert found == {KEEP + 9: "question"}  # the others are gone, or not there yet


def test_the_transcript_is_bounded_by_characters_too() -> None:
    session = Session(clock=lambda: 0.0, wall=lambda: 0.0)
    for _ in range(900):
        session.apply(TextChunk("s", 0.0, "x" * 65_000))
    assert sum(m.chars for m in session.transcript.messages) <= 8_000_000 + 256 * 65_000
    assert session.transcript.total == 900


def test_rows_mark_what_was_found_in_the_text_and_nowhere_else() -> None:
    feed, session = LogFeed(), filled(2)
    feed.seek(MessageFilter.of("s"))  # also in "user", and in the stream's name
    rows = log_rows(feed.view(session), 100, False, None)
    assert ["".join(text for text, style in row.spans if style == "found") for row in rows] == ["ss", "ss"]
    assert (
        log_rows(LogView(kept=7, filtered=True), 80, True, None)[0].spans[0][0]
        == "none of 7 messages passes the filter"
    )


# -- the screen


@pytest.fixture
async def pilot(tmp_path: Path) -> AsyncIterator[Pilot[None]]:
    app = MidStreamApp(Hub(engine=False), recent=RecentSources(tmp_path / "state"))
    async with app.run_test(size=(120, 40)) as pilot:
        for stream in ("one", "two"):
            app.bus.emit(opened(stream, 0.0))
            app.bus.emit(live(stream, 0.0))
            for n in range(40):
                app.bus.emit(TextChunk(stream, 0.0, f"line {n} of {stream}", "user"))
        for _ in range(100):
            await pilot.pause(0.02)
            if app.bus.idle:
                break
        yield pilot


async def log_of(pilot: Pilot[None]) -> MessageLog:
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    app.paint()
    await pilot.pause()
    assert isinstance(app.screen, LogScreen)
    panel = app.screen.panel("log")
    assert isinstance(panel, MessageLog)
    return panel


async def test_the_log_opens_follows_and_is_filtered_as_one_types(pilot: Pilot[None]) -> None:
    await pilot.press("L")
    log = await log_of(pilot)
    assert len(log.view.messages) == 80
    assert log.cursor == 80
    await pilot.press("slash", *"stream:two 3")
    log = await log_of(pilot)
    assert [m.text for m in log.view.messages][:2] == ["line 3 of two", "line 13 of two"]
    assert len(log.view.messages) == 13
    await pilot.press("enter", "escape")
    assert len((await log_of(pilot)).view.messages) == 80
    await pilot.press("escape")
    assert not isinstance(pilot.app.screen, LogScreen)


async def test_a_wrong_expression_is_told_and_changes_nothing(pilot: Pilot[None]) -> None:
    await pilot.press("L", "slash", "slash", *"ne 3(")
    entry = pilot.app.screen.query_one("#filter", Input)
    assert entry.has_class("-wrong")
    assert "no regular expression" in str(entry.border_subtitle)
    assert {m.text for m in (await log_of(pilot)).view.messages} == {
        f"line {n} of {s}" for n in (3, *range(30, 40)) for s in ("one", "two")
    }


async def test_a_pattern_that_is_too_slow_is_told_in_its_frame(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    app.bus.emit(TextChunk("one", 0.0, HOSTILE, "user"))
    await pilot.pause(0.3)
    await pilot.press("L", "slash", "slash", *"(a|aa)+$")
    assert len((await log_of(pilot)).view.messages) == 81
    entry = app.screen.query_one("#filter", Input)
    assert entry.has_class("-wrong")
    assert "pattern stopped after 50 ms" in str(entry.border_subtitle)
    await pilot.press("backspace")
    assert len((await log_of(pilot)).view.messages) == 1
    assert not entry.has_class("-wrong")


async def test_keys_of_the_log(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(pilot.app, "copy_to_clipboard", copied.append)
    await pilot.press("L")
    log = await log_of(pilot)
    await pilot.press("k", "up")
    assert (log.cursor, log.following) == (78, False)
    await pilot.press("y")
    assert copied == ["line 37 of two"]
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    app.bus.emit(TextChunk("one", 0.0, "newer", "user"))
    await pilot.pause(0.3)
    assert (await log_of(pilot)).cursor == 78  # it holds still
    await pilot.press("j", "j", "j")
    assert (log.cursor, log.following) == (81, True)
    await pilot.press("f")
    assert log.following is False
    await pilot.press("f", "w")
    assert (log.following, log.whole) == (True, False)
    await pilot.press("home")
    assert log.cursor == 1
    await pilot.press("pagedown")
    assert isinstance(log.cursor, int)
    assert log.cursor > 10
    await pilot.press("end")
    assert log.following


async def test_secrets_are_not_copied(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(pilot.app, "copy_to_clipboard", copied.append)
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    app.bus.emit(TextChunk("one", 0.0, "key sk-abcdefghijklmnopqrstuvwx1234", "user"))
    await pilot.pause(0.3)
    await pilot.press("L")
    await log_of(pilot)
    await pilot.press("y")
    assert copied
    assert "abcdefghijklmnop" not in copied[0]


def test_a_line_follows_every_change_of_its_message() -> None:
    feed, session = LogFeed(), filled(2)
    first = feed.view(session).messages
    assert feed.view(session).messages[0] is first[0]
    message = session.transcript.messages[0]
    message.move = "follow_up"
    assert feed.view(session).messages[0].move == "follow-up"
    message.tokens = 77
    assert feed.view(session).messages[0].tokens == 77
    message.replace("heard better")
    message.open = True
    line = feed.view(session).messages[0]
    assert (line.text, line.open, line.tokens) == ("heard better", True, 77)
    assert feed.view(session).messages[1] is first[1]
