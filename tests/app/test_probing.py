"""Probes in the stream picker, against real servers on loopback: what is shown, and that they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.containers import Vertical
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub
from midstream_tui.reach import Reach
from midstream_tui.screens.picker import PickerScreen
from midstream_tui.screens.probing import AT_ONCE, MOST_KEPT, Probes
from midstream_tui.screens.prompt import PromptScreen
from tests.adapters.servers import Request, free_port, raw_http

from .conftest import FakeClock
from .test_reach import HERE, talk, wait

# -- many at once, and their end


async def test_four_at_once_and_no_more_is_kept_than_said() -> None:
    busy = most = 0
    gate = asyncio.Event()

    async def find(_source: str) -> Reach:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await gate.wait()
        busy -= 1
        return Reach("good", "reachable", "x")

    probes = Probes(find, lambda: None)
    probes.ask(*(f"s{n}" for n in range(10)))
    await asyncio.sleep(0.01)
    assert (busy, probes.running, probes.progress()) == (AT_ONCE, 10, "probed 0 of 10")
    assert str(probes.shown("s9")) == "◌ waits for its turn"
    gate.set()
    await asyncio.sleep(0.01)
    assert (most, probes.running, probes.progress()) == (AT_ONCE, 0, "")
    probes.ask(*(f"t{n}" for n in range(MOST_KEPT)))
    await asyncio.sleep(0.01)
    assert probes.shown("s0") is None
    assert probes.shown("t0") is not None
    await probes.close()


async def test_a_result_has_its_age_and_a_fault_is_told() -> None:
    clock = FakeClock()

    async def find(_source: str) -> Reach:
        raise ZeroDivisionError("password=hunter2")

    probes = Probes(find, lambda: None, clock)
    probes.ask("x")
    await asyncio.sleep(0.01)
    assert str(probes.shown("x")) == "✗ failed: ZeroDivisionError: password=***"
    for after, age in ((25, "20 s ago"), (100, "2 min ago")):
        clock.advance(after)
        assert str(probes.shown("x")).startswith(f"✗ failed, {age}: ")
    await probes.close()


async def test_what_was_cancelled_shows_nothing_and_can_be_asked_again() -> None:
    gate = asyncio.Event()

    async def find(_source: str) -> Reach:
        await gate.wait()
        return Reach("good", "reachable", "x")

    probes = Probes(find, lambda: None)
    probes.ask(*"abcdef")
    await asyncio.sleep(0.01)
    probes.cancel()
    assert probes.running == 0
    assert probes.shown("a") is None
    probes.ask("f")  # it had not had its turn
    gate.set()
    await asyncio.sleep(0.01)
    assert "reachable" in str(probes.shown("f"))
    await probes.close()


# -- in the picker


@pytest.fixture
async def pilot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pilot[None]]:
    monkeypatch.setattr("midstream_tui.screens.picker.PROBE_AFTER", 0.1)
    app = MidStreamApp(Hub(HERE, engine=False), recent=RecentSources(tmp_path / "state"))
    async with app.run_test(size=(80, 24)) as pilot:
        yield pilot


def recent(pilot: Pilot[None], *sources: str) -> None:
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    for source in reversed(sources):
        app.recent.add(source)


def said(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#said", Static).render())


def rows(pilot: Pilot[None]) -> list[str]:
    return [str(option.prompt) for option in pilot.app.screen.query_one(OptionList).options]


def running() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "probe" or "source" in task.get_name()]


async def typed(pilot: Pilot[None], start: str, *keys: str) -> None:
    """Put `start` into the field, then press `keys`."""
    address = pilot.app.screen.query_one(Input)
    address.value, address.cursor_position = start, len(start)
    await pilot.press(*keys)


async def until(pilot: Pilot[None], text: str, seconds: float = 8.0) -> None:
    """Wait until the picker says `text`, of what is typed or in its list."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause(0.02)
        if text in said(pilot) or any(text in row for row in rows(pilot)):
            return
    pytest.fail(f"{text!r} is not in {said(pilot)!r} nor in {rows(pilot)}")


async def test_what_is_typed_is_probed_when_typing_pauses(pilot: Pilot[None]) -> None:
    async def late(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        await talk(request, writer)

    async with raw_http(late) as url:
        await pilot.press("s")
        await typed(pilot, f"{url}/feed?token=hunter", "2")
        await until(pilot, "probing…")
        await until(pilot, "✓ reachable: SSE, first event 0.")
        assert "server-sent events  shown as" in said(pilot)
        assert "hunter2" not in said(pilot)


async def test_an_edit_ends_the_probe(pilot: Pilot[None]) -> None:
    async with raw_http(wait) as url:
        await pilot.press("s")
        await typed(pilot, f"{url}/", "a")
        await until(pilot, "probing…")
        before = running()
        assert before
        await pilot.press("b")
        await pilot.pause()
        assert not any(task in running() for task in before)
        await typed(pilot, "")
        await pilot.pause(0.3)
        assert running() == []


async def test_an_unfinished_address_is_not_probed(pilot: Pilot[None]) -> None:
    await pilot.press("s", *"nosuch://x")
    await pilot.pause(0.3)
    assert running() == []
    assert said(pilot).startswith("… no source of kind 'nosuch'")
    assert "wrong" not in said(pilot)


@pytest.mark.parametrize("leave", ["escape", "enter", "another screen"])
async def test_leaving_ends_the_probes(leave: str, pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    async with raw_http(wait) as url:
        recent(pilot, f"{url}/a", "sim:text")
        await pilot.press("s", "down")
        await pilot.press("P")
        await until(pilot, "probing…")
        assert running()
        if leave == "enter":
            await pilot.press("end")
        if leave == "another screen":
            app.push_screen(PromptScreen("openai:gpt"))
        else:
            await pilot.press(leave)
        for _ in range(100):
            await pilot.pause(0.02)
            left = [task for task in running() if "sim" not in task.get_name()]
            if not left:
                break
        assert left == []
        assert not isinstance(app.screen, PickerScreen)


async def test_the_list_is_probed_with_progress_and_can_be_stopped(pilot: Pilot[None]) -> None:
    closed = f"127.0.0.1:{free_port()}"
    async with raw_http(wait) as url:
        recent(pilot, f"ws://{closed}/", *(f"{url}/{name}" for name in "abcde"))
        await pilot.press("s", "down", "P")
        await until(pilot, f"refused: nothing listens on {closed}")
        box = pilot.app.screen.query_one(Vertical)
        assert str(box.border_subtitle) == "probed 1 of 6 · P stops"
        await pilot.press("P")
        await pilot.pause()
        assert str(box.border_subtitle) == ""
        assert not any("probing" in row or "waits" in row for row in rows(pilot))
        assert any("refused" in row for row in rows(pilot))  # what was found stays
        await pilot.press("home", "down", "p")
        await until(pilot, "probing…")
        await pilot.press("p")
        await pilot.pause()
        assert not any("probing" in row for row in rows(pilot))


async def test_a_masked_address_is_probed_unseen(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> None:
    where = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("MIDSTREAM_SOURCES", f"ws://user:hunter2@{where}/feed?token=swordfish")
    await pilot.press("s", "down", "p")
    await until(pilot, f"refused: nothing listens on {where}")
    shown = pilot.app.export_screenshot()
    assert "hunter2" not in shown
    assert "swordfish" not in shown


async def test_what_does_not_fit_ends_in_an_ellipsis(pilot: Pilot[None]) -> None:
    long = f"ws://127.0.0.1:{free_port()}/" + "long/" * 30
    recent(pilot, long)
    await pilot.press("s", "down", "p")
    await until(pilot, "refused")
    listed = pilot.app.screen.query_one(OptionList)
    lines = [listed.render_line(y).text for y in range(listed.size.height)]
    address = next(line for line in lines if "long/" in line)
    assert address.rstrip().endswith("…")
    assert any("refused: nothing listens" in line for line in lines)
    screen = pilot.app.screen
    inner = screen.query_one(Vertical).content_region
    for name in ("#address", "#said", "#choices", "#kinds"):
        if (part := screen.query_one(name)).display and part.region.height:
            assert part.region.bottom <= inner.bottom, name


async def test_in_the_field_letters_are_letters(pilot: Pilot[None]) -> None:
    recent(pilot, "sim:text")
    await pilot.press("s", "p", "P")
    assert pilot.app.screen.query_one(Input).value == "pP"
    assert not any("probed" in row for row in rows(pilot))
