"""The shell: trouble, progress, glossary, palette, picker, freezing, and what is not seen costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Checkbox, Input, OptionList

from midstream_adapters.base import Options
from midstream_adapters.events import (
    Blame,
    Dropped,
    Figures,
    Impairment,
    Kind,
    Provenance,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
)
from midstream_analysis.report import AnalysisReport, Attractor, Classification, SeriesReport
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.glossary import GLOSSARY, terms
from midstream_tui.hub import Hub, Source
from midstream_tui.models import SPEECH, VISION, has, loading, with_models
from midstream_tui.palette import Commands
from midstream_tui.present import metrics_view, status_view
from midstream_tui.present_overview import facts_view, overview_view
from midstream_tui.progress import MOST, Progress, position
from midstream_tui.screens.detail import DetailScreen
from midstream_tui.screens.live import LiveScreen
from midstream_tui.screens.options import OptionsScreen
from midstream_tui.screens.overview import OverviewScreen
from midstream_tui.screens.picker import PickerScreen
from midstream_tui.session import Session
from midstream_tui.trouble import Level, headline, troubles, worst
from midstream_widgets.stream_table import StreamTable

from .conftest import FakeClock, audio, frame, live, opened


def watched(clock: FakeClock, stream: str = "s", *kinds: Kind) -> Session:
    session = Session(clock, lambda: 1_790_000_000.0)
    session.apply(opened(stream, clock.now, Provenance.LIVE, *kinds))
    session.apply(live(stream, clock.now))
    return session


def said(session: Session, clock: FakeClock, stream: str = "s") -> list[tuple[Level, str]]:
    return [(found.level, found.text) for found in troubles(session, session.streams[stream], clock.now)]


# -- trouble


def test_a_stream_that_is_well_has_none(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    assert said(session, clock) == []
    assert worst(session, session.streams["s"], clock.now).level is Level.OK
    assert headline(session, clock.now) == (Level.OK, "")


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (
            StateChanged("s", 1000.0, State.FAILED, "401 Unauthorized"),
            Level.ERROR,
            "failed: 401 Unauthorized",
        ),
        (StateChanged("s", 1000.0, State.RECONNECTING, "503", 4.0), Level.ERROR, "lost: 503, retry in 4 s"),
        (
            Impairment("s", 1000.0, "freeze", Kind.VIDEO, 1.0, None, Blame.NETWORK, {}),
            Level.WARNING,
            "freeze for 0.0 s (blame: network)",
        ),
        (Dropped("s", 1000.0, Kind.VIDEO, 12, "queue"), Level.NOTE, "12 dropped (queue)"),
    ],
)
def test_what_is_wrong_is_told(clock: FakeClock, event: Any, level: Level, text: str) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    session.apply(event)
    assert said(session, clock)[0][0] is level
    assert said(session, clock)[0][1].startswith(text)


def test_silence_is_told_with_its_length(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    clock.advance(7)
    assert said(session, clock) == [(Level.WARNING, "silent for 7 s")]
    session.apply(frame("s", clock.now))
    assert said(session, clock) == []


def test_an_impairment_that_lasts_is_told_with_its_length(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now, 10.0))
    session.apply(Impairment("s", clock.now, "freeze", Kind.VIDEO, 8.0, None, Blame.SOURCE, {}))
    for pts, told in ((11.2, "3.2"), (17.94, "9.9"), (17.96, "10"), (50.0, "42")):
        session.apply(frame("s", clock.advance(1.0), pts))
        assert said(session, clock)[0] == (Level.WARNING, f"freeze for {told} s (blame: source)")


def test_an_impairment_that_is_over_is_none(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    for ended in (None, 3.0):
        session.apply(Impairment("s", clock.now, "black", Kind.VIDEO, 1.0, ended, Blame.SOURCE, {}))
    assert said(session, clock) == []


def test_a_failed_turn_is_told_until_one_ends_well(clock: FakeClock) -> None:
    session = watched(clock)
    for turn, error in (("1", "429 Too Many Requests"), ("2", None)):
        session.apply(TurnStarted("s", clock.now, turn))
        session.apply(TextChunk("s", clock.now, "x", "assistant", turn, final=False))
        session.apply(TurnEnded("s", clock.now, turn, error=error))
        told = [(Level.WARNING, "last turn failed: 429 Too Many Requests")] if error else []
        assert said(session, clock) == told


def test_what_a_source_says_of_itself_is_no_trouble(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(StateChanged("s", clock.now, State.LIVE, "h264 1280x720"))
    session.apply(frame("s", clock.now))
    assert said(session, clock) == []
    facts = {fact.label: fact.value for group in facts_view(session, "s", clock.now).groups for fact in group}
    assert facts["It says"] == "h264 1280x720"


def verdict(label: Attractor, confidence: float, stable: bool = True) -> AnalysisReport:
    result = Classification(label, confidence, stable, label is Attractor.CHAOTIC, None, None, 640, 1.0, "")
    return AnalysisReport({("s", "luma"): SeriesReport("s", "luma", result, None, (), None, 0.0)}, {}, None)


def test_chaos_is_told_when_it_is_sure_and_instability(clock: FakeClock) -> None:
    session = watched(clock)
    session.apply(frame("s", clock.now))
    session.take(verdict(Attractor.CHAOTIC, 0.7))
    assert said(session, clock) == []
    session.take(verdict(Attractor.CHAOTIC, 0.93))
    assert said(session, clock) == [(Level.NOTE, "chaotic luma (93%)")]
    session.take(verdict(Attractor.STOCHASTIC, 0.9, stable=False))
    assert said(session, clock) == [(Level.NOTE, "unstable luma")]
    assert headline(session, clock.now).level is Level.OK  # a note does not shout
    assert overview_view(session, clock.now).rows[0].attractor is Attractor.STOCHASTIC


def test_a_listener_that_waits_is_no_trouble(clock: FakeClock) -> None:
    session = Session(clock)
    session.apply(opened("in", clock.now))
    session.apply(StateChanged("in", clock.now, State.LISTENING, "listening on ws+listen://127.0.0.1:8787"))
    assert headline(session, clock.now).level is Level.OK
    assert status_view(session, clock.now).lines[0].state == "listening"


def test_what_is_over_has_no_rate_of_now(clock: FakeClock) -> None:
    session = Session(clock)
    for _ in range(20):
        session.apply(TextChunk("s", clock.advance(0.1), "word", nbytes=1000))
    session.apply(StateChanged("s", clock.now, State.ENDED))
    assert [row.bytes_per_s for row in metrics_view(session, clock.now).rows] == [None]
    assert [row.bytes_per_s for row in overview_view(session, clock.now).rows] == [None]


def test_the_headline_names_the_worst_and_counts_the_others(clock: FakeClock) -> None:
    session = watched(clock, "slow")
    session.apply(frame("slow", clock.now))
    session.apply(opened("dead", clock.now))
    session.apply(StateChanged("dead", clock.now, State.FAILED, "no such host"))
    clock.advance(9)
    assert headline(session, clock.now) == (Level.ERROR, "dead failed: no such host (+1 more)")


# -- progress


def test_jobs_are_told_newest_first_bounded_and_cancelled(clock: FakeClock) -> None:
    session, progress, ended = Session(clock), Progress(), []
    assert progress.text(session) == ""
    first = progress.begin("exporting", lambda: ended.append(1))
    first.share = 0.5
    assert progress.text(session) == "exporting 50% ████░░░░"
    second = progress.begin("reading")
    assert progress.text(session) == "reading … (+1)"
    progress.cancel(second)  # can't be
    progress.cancel(first)
    assert ended == [1]
    progress.end(first)
    progress.cancel(first)
    assert ended == [1]
    for _ in range(100):
        progress.begin("x")
    assert len(progress.jobs) == MOST


def test_warm_up_is_progress(clock: FakeClock) -> None:
    session, progress = Session(clock), Progress()
    session.take(AnalysisReport({}, {}, 0.25))
    assert progress.text(session) == "warming up 25% ██░░░░░░"
    session.take(AnalysisReport({}, {}, None))
    assert progress.text(session) == ""


def test_a_file_has_a_position(clock: FakeClock) -> None:
    session = Session(clock)
    session.apply(opened("f.mp4", clock.now, Provenance.FILE))
    for n in range(31):
        session.apply(frame("f.mp4", clock.now, n / 10))
    assert position(session.streams["f.mp4"]) is None
    session.apply(Figures("f.mp4", clock.now, {"duration_s": 12.0}))
    assert position(session.streams["f.mp4"]) == (pytest.approx(3.0), 12.0)
    session.streams["f.mp4"].provenance = Provenance.LIVE
    assert position(session.streams["f.mp4"]) is None


def test_models_are_added_and_taken_away_and_told_while_they_load(clock: FakeClock) -> None:
    def other(stream: str, sink: Any, options: Options) -> Any: ...

    plain = Options(models=(other,), clock=clock)
    wanted = with_models(plain, transcribe=True, detect=True)
    assert has(wanted, SPEECH)
    assert has(wanted, VISION)
    assert with_models(wanted, transcribe=True, detect=True) is wanted
    assert with_models(wanted, transcribe=False, detect=False).models == (other,)
    session = watched(clock)
    adapter: Any = None
    sources = {"s": Source("x", adapter, wanted)}
    assert loading(sources, session) == set()  # nothing to listen to yet
    session.apply(audio("s", clock.now))
    assert loading(sources, session) == {"speech"}
    assert Progress().text(session, loading(sources, session)) == "loading the speech model …"
    session.apply(Figures("s", clock.now, {"speech": "moonshine"}))
    assert loading(sources, session) == set()


# -- glossary


def test_the_glossary_is_whole_and_unambiguous() -> None:
    assert len({term.name for term in GLOSSARY}) == len(GLOSSARY)
    assert all(term.meaning and term.panels for term in GLOSSARY)
    assert [term.name for term in terms(["recurrence"])] == ["Delay embedding", "Recurrence plot"]
    assert len(terms()) == len(GLOSSARY)


# -- the app


@pytest.fixture
async def pilot(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Pilot[None]]:
    """Two streams on a clock that stands still; painted when a test says so."""
    hub = Hub(Options(clock=clock), engine=False)
    for stream in ("good", "bad"):
        hub.session.apply(opened(stream, clock.now))
        hub.session.apply(live(stream, clock.now))
        hub.session.apply(frame(stream, clock.now))
        hub.session.apply(TextChunk(stream, clock.now, f"hello from {stream}"))
    app = MidStreamApp(hub, recent=RecentSources(tmp_path), refresh_ms=5000)
    async with app.run_test(size=(120, 40)) as pilot:
        await painted(pilot)
        yield pilot


async def painted(pilot: Pilot[None]) -> None:
    app_of(pilot).paint()
    await pilot.pause()


def app_of(pilot: Pilot[None]) -> MidStreamApp:
    assert isinstance(pilot.app, MidStreamApp)
    return pilot.app


SCREENS = {"dashboard": [], "overview": ["a"], "detail": ["d"]}


@pytest.mark.parametrize("keys", SCREENS.values(), ids=SCREENS)
async def test_every_screen_freezes_and_counts(pilot: Pilot[None], clock: FakeClock, keys: list[str]) -> None:
    app = app_of(pilot)
    await pilot.press(*keys)
    await painted(pilot)
    screen = app.live_screen
    await pilot.press("space")
    before = {panel.id: panel.view for panel in screen.all_panels()}
    clock.advance(3)
    app.hub.session.apply(StateChanged("good", clock.now, State.FAILED, "cut"))
    app.hub.session.apply(TextChunk("good", clock.now, "last words"))
    app.look_again()
    await painted(pilot)
    assert {panel.id: panel.view for panel in screen.all_panels()} == before
    assert screen.title_line.paused == "PAUSED 3 s · 2 events came"
    await pilot.press("space")
    await painted(pilot)
    assert {panel.id: panel.view for panel in screen.all_panels()} != before
    assert "good failed: cut" in screen.title_line.trouble.text


async def test_a_screen_opened_while_frozen_is_filled_once(pilot: Pilot[None], clock: FakeClock) -> None:
    app = app_of(pilot)
    await pilot.press("space", "a")
    await painted(pilot)
    table = app.screen.query_one(StreamTable)
    assert [row.stream for row in table.view.rows] == ["good", "bad"]
    assert "PAUSED" in app.live_screen.title_line.paused
    app.hub.session.apply(StateChanged("good", clock.now, State.FAILED, "cut"))
    app.look_again()
    await painted(pilot)
    assert table.view.rows[0].state == "live"


async def test_what_is_not_seen_costs_nothing(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """No view is built for a hidden panel, nor for any panel of a screen that lies under another."""
    from midstream_tui import present

    built: list[str] = []
    for name in ("system_view", "temporal_view", "messages_view", "status_view"):
        real = getattr(present, name)
        monkeypatch.setattr(
            present, name, lambda *a, _name=name, _real=real, **k: built.append(_name) or _real(*a, **k)
        )
    app = app_of(pilot)
    await pilot.press("6")  # messages
    app.look_again()
    built.clear()
    await painted(pilot)
    assert "messages_view" not in built
    assert {"system_view", "status_view"} <= set(built)
    await pilot.press("a")
    app.look_again()
    built.clear()
    await painted(pilot)
    assert built == []  # the overview shows the table and the facts
    await pilot.press("escape")
    built.clear()
    await pilot.press("6")
    await pilot.pause()
    assert "messages_view" in built  # at once, not at the next paint


async def test_trouble_is_in_the_title_of_every_screen(pilot: Pilot[None], clock: FakeClock) -> None:
    app = app_of(pilot)
    app.hub.session.apply(StateChanged("bad", clock.now, State.FAILED, "401"))
    for keys in SCREENS.values():
        await pilot.press(*keys)
        clock.advance(1)
        await painted(pilot)
        assert "✗ bad failed: 401" in str(app.live_screen.title_line.render())
        while len(app.screen_stack) > 1:
            await pilot.press("escape")


async def test_the_overview_puts_trouble_on_top_and_shows_its_facts(
    pilot: Pilot[None], clock: FakeClock
) -> None:
    app = app_of(pilot)
    app.hub.session.apply(StateChanged("bad", clock.now, State.FAILED, "401"))
    await pilot.press("a")
    await painted(pilot)
    screen = app.screen
    assert isinstance(screen, OverviewScreen)
    table = screen.query_one(StreamTable)
    assert table.cursor == "bad"
    facts = screen.panel("facts")
    assert "✗ failed: 401" in facts.render_line(0).text
    await pilot.press("j")
    await painted(pilot)
    assert app.hub.session.selected == "good"
    assert "nothing is wrong" in facts.render_line(0).text


async def test_a_detail_is_made_anew_when_the_stream_turns_out_to_carry_more(
    pilot: Pilot[None], clock: FakeClock
) -> None:
    app = app_of(pilot)
    app.hub.session.apply(opened("late", clock.now))
    app.select("late")
    await pilot.press("d")
    await painted(pilot)
    assert isinstance(app.screen, DetailScreen)
    assert app.screen.query("#video")  # all charts, as long as nobody knows
    app.hub.session.apply(audio("late", clock.now))
    await painted(pilot)
    await painted(pilot)
    screen = app.screen
    assert isinstance(screen, DetailScreen)
    assert not screen.query("#video")
    assert screen.query("#waveform")
    assert len(app.screen_stack) == 2


async def test_a_detail_of_a_closed_stream_says_so(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    await pilot.press("d")
    await painted(pilot)
    app.close("good")
    await app.workers.wait_for_complete()
    for _ in range(3):
        await painted(pilot)
    assert isinstance(app.screen, DetailScreen)
    assert "no stream" in app.screen.panel("facts").render_line(0).text
    await pilot.press("n")
    await painted(pilot)
    assert isinstance(app.screen, DetailScreen)
    assert app.screen.stream == "bad"


# -- palette


async def commands(pilot: Pilot[None], query: str = "") -> dict[str, Any]:
    """Names of what the palette offers, with what it does."""
    provider = Commands(pilot.app.screen)
    hits = provider.search(query) if query else provider.discover()
    return {str(hit.text): hit.command async for hit in hits}  # type: ignore[union-attr]


async def test_the_palette_knows_streams_panels_layouts_themes_keys_and_jobs(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    offered = await commands(pilot)
    assert {"Stream: good", "Stream: bad", "Export", "Freeze", "Layout", "Help", "Quit"} <= set(offered)
    themes = await commands(pilot, "theme")
    assert {"Theme: midstream-cvd", "Theme: textual-light"} <= set(themes)
    themes["Theme: textual-light"]()
    assert app.theme == "textual-light"
    (await commands(pilot, "Panel: hide Recent"))["Panel: hide Recent Messages"]()
    assert not app.live_screen.panel("messages").display
    (await commands(pilot, "Layout: analysis"))["Layout: analysis"]()
    assert app.live_screen.grid.lines.name == "analysis"
    ended: list[int] = []
    app.progress.begin("a long export", lambda: ended.append(1))
    (await commands(pilot, "Cancel"))["Cancel: a long export"]()
    assert ended == [1]
    await (await commands(pilot, "Freeze"))["Freeze"]()
    assert app.paused_at is not None
    (await commands(pilot, "bad"))["Stream: bad"]()
    await pilot.pause()
    assert isinstance(app.screen, DetailScreen)
    assert app.screen.stream == "bad"


async def test_the_palette_opens_again_while_the_one_before_is_still_leaving(pilot: Pilot[None]) -> None:
    app = pilot.app
    await app.run_action("command_palette")
    for _ in range(9):
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        app.screen.dismiss(None)
        await app.run_action("command_palette")  # by a quick hand
    await pilot.pause()
    await pilot.press("escape")
    assert not isinstance(app.screen, CommandPalette)


@pytest.mark.parametrize("turns", [0, 3, 8])
async def test_a_key_waits_until_the_screen_that_gets_it_is_mounted(pilot: Pilot[None], turns: int) -> None:
    """Keys go to the focused widget first: one that comes back from there may meet a screen that is newer."""
    app = pilot.app
    for key in ("z", "v", "escape"):
        app.push_screen(OverviewScreen())
        for _ in range(turns):
            await asyncio.sleep(0)
        event = Key(key, None)
        event._set_forwarded()
        await app.on_event(event)
    await pilot.pause()
    assert [type(screen) for screen in app.screen_stack].count(OverviewScreen) == 2


async def test_a_search_that_ends_after_its_palette_was_closed_does_nothing(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+p")
    await pilot.pause()
    palette = pilot.app.screen
    assert isinstance(palette, CommandPalette)
    await palette.query("*").remove()
    palette._list_visible = not palette._list_visible
    palette._show_busy = not palette._show_busy
    await pilot.pause()
    assert pilot.app._exception is None


async def test_a_command_is_run_from_the_palette_by_keys(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+p")
    await pilot.pause()
    await pilot.press(*"stream bad")
    for _ in range(100):
        await pilot.pause(0.05)
        listed = pilot.app.screen.query(OptionList)
        if listed and listed.first().option_count == 1:
            break
    await pilot.press("enter")
    await pilot.pause()
    await pilot.press("enter")
    await pilot.pause()
    assert isinstance(app_of(pilot).live_screen, DetailScreen)


# -- picker and options


async def test_the_address_is_judged_as_it_is_typed(pilot: Pilot[None]) -> None:
    await pilot.press("s")
    await pilot.pause()
    screen = pilot.app.screen
    address, note = screen.query_one(Input), screen.query_one("#said")
    for value, told in (
        ("nosuch://x", "no source of kind 'nosuch'"),
        ("wss://user:hunter2@host/feed", "✓ text over a WebSocket  shown as wss://***@host/feed"),
        ("sim:all", "✓ the simulator"),
        ("", ""),
    ):
        address.value = value
        await pilot.pause()
        assert told in str(note.render())
        assert "hunter2" not in str(note.render())


async def test_states_are_live_in_the_picker(pilot: Pilot[None], clock: FakeClock) -> None:
    app = app_of(pilot)
    await pilot.press("s")
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, PickerScreen)
    app.hub.session.apply(StateChanged("bad", clock.now, State.RECONNECTING, "503 Service Unavailable", 3.0))
    screen._look()
    listed = screen.query_one(OptionList)
    prompts = [str(listed.get_option_at_index(n).prompt) for n in range(listed.option_count)]
    assert any("↻ reconnecting" in text and "503 Service Unavailable" in text for text in prompts)


async def test_an_address_with_a_secret_is_edited_unseen(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    adapter: Any = None
    app.hub.sources["bad"] = Source("wss://user:hunter2@host/feed", adapter, app.hub.options)
    await pilot.press("s", "down", "down", "ctrl+e")
    await pilot.pause()
    address = app.screen.query_one(Input)
    assert address.value == "wss://user:hunter2@host/feed"
    assert address.password
    assert "hunter2" not in pilot.app.export_screenshot()
    await pilot.press("escape")  # out of the edit first
    assert isinstance(app.screen, PickerScreen)
    assert address.value == ""
    assert not address.password
    app.hub.sources.clear()


async def test_an_edited_stream_takes_the_place_of_the_one_before(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    app.open_source("sim:text")
    await asyncio.sleep(0.1)
    await pilot.press("s", "down", "end", "up", "ctrl+e")
    await pilot.pause()
    address = app.screen.query_one(Input)
    if address.value != "sim:text":
        pytest.fail(f"the list is not as expected: {address.value!r}")
    address.value = "sim:audio"
    await pilot.press("enter")
    await app.workers.wait_for_complete()
    await pilot.pause()
    assert [held.asked for held in app.hub.sources.values()] == ["sim:audio"]


async def test_options_of_a_source_connect_it_anew(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    app.open_source("sim:audio")
    (name, held), before = next(iter(app.hub.sources.items())), next(iter(app.hub.sources.values())).task
    app.change_options(name)
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, OptionsScreen)
    box = screen.query_one("#speech", Checkbox)
    assert str(box.label) == "off"
    box.toggle()
    await pilot.pause()
    assert str(box.label) == "on"
    await pilot.click("#apply")
    await app.workers.wait_for_complete()
    assert has(held.options, SPEECH)
    assert held.task is not before
    assert list(app.hub.sources) == [name]


async def test_page_keys_in_a_list_without_room(pilot: Pilot[None]) -> None:
    await pilot.press("i")
    await pilot.pause()
    await pilot.resize_terminal(15, 4)
    await pilot.pause()
    for listed in app_of(pilot).screen.query(OptionList):
        listed.highlighted = 0
        listed.action_page_up()
        listed.action_page_down()
    await pilot.resize_terminal(120, 40)
    assert app_of(pilot).return_code is None


async def test_a_panel_stays_when_a_narrow_layout_lists_only_those_switched_off(pilot: Pilot[None]) -> None:
    screen = app_of(pilot).screen
    assert isinstance(screen, LiveScreen)
    for layout, lines in enumerate(screen.grid.layouts):
        screen.use_layout(layout)
        screen.grid.switched = set(lines.panels("narrow"))
        await pilot.resize_terminal(60, 18)
        await pilot.press("z", "z", "1")
        await pilot.pause()
        assert [panel for panel in screen.all_panels() if panel.display]
        await pilot.resize_terminal(120, 40)


async def test_a_live_screen_fits_every_breakpoint_while_it_is_resized(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    for keys in SCREENS.values():
        await pilot.press(*keys)
        for size in ((80, 24), (120, 40), (200, 60), (60, 18), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            screen = app.screen
            assert isinstance(screen, LiveScreen)
            regions = [panel.region for panel in screen.all_panels() if panel.display]
            assert sum(region.area for region in regions) == screen.grid.region.area
        await pilot.press("escape")
