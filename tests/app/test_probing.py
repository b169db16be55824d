"""Probing in the stream picker, against real servers on loopback: what is found, how it is said, and that it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.containers import Vertical
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static
from websockets.asyncio.server import ServerConnection, serve

from midstream_adapters.base import Options
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub
from midstream_tui.reach import Reach, reach
from midstream_tui.screens.picker import PickerScreen
from midstream_tui.screens.probing import AT_ONCE, MOST_KEPT, Probes
from midstream_tui.screens.prompt import PromptScreen
from tests.adapters.clips import make_clip
from tests.adapters.hls_server import listed, make_media, playlist, serving
from tests.adapters.servers import Request, always, answer, free_port, raw_http

from .conftest import FakeClock

HERE = Options(env={})


async def talk(_request: Request, writer: asyncio.StreamWriter) -> None:
    """An event stream that stays open."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: hello\n\n")
    await writer.drain()
    await asyncio.sleep(60)


async def wait(_request: Request, _writer: asyncio.StreamWriter) -> None:
    """Accept and say nothing."""
    await asyncio.sleep(60)


# -- what is found


async def test_server_sent_events() -> None:
    async with raw_http(talk) as url:
        found = await reach(f"{url}/feed?token=hunter2", HERE)
    assert (found.level, found.word) == ("good", "reachable")
    assert found.said.startswith("SSE, first event 0.")
    assert found.said.endswith(" s")


async def test_a_websocket_that_speaks_and_one_that_does_not() -> None:
    async def handler(connection: ServerConnection) -> None:
        if connection.request is not None and connection.request.path == "/loud":
            await connection.send("hello")
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0) as server:
        address = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        loud = await reach(f"{address}/loud", HERE)
        silent = await reach(f"{address}/silent", HERE, seconds=0.6)
    assert loud.text.startswith("reachable: WebSocket, first message 0.")
    assert silent.text == "reachable: WebSocket, nothing came within 0.6 s"


async def test_hls_says_what_it_carries(tmp_path: Path) -> None:
    media = make_media(tmp_path / "hls", seconds=2)
    with serving() as site:
        site.files |= {f"s{n}.ts": segment for n, segment in enumerate(media.segments)}
        site.files["x.m3u8"] = playlist(*listed(media))
        found = await reach(site.url(), HERE)
    assert found.word == "reachable"
    assert "HLS" in found.said
    assert "h264 192x108 30 fps, aac 48 kHz" in found.said
    assert "first frame 0." in found.said or "first sound 0." in found.said


async def test_files(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=30)
    lines = tmp_path / "lines.txt"
    lines.write_text("one\ntwo\n")
    assert "h264 192x108" in (found := await reach(str(clip), HERE)).said
    assert found.word == "readable"
    assert (await reach(str(lines), HERE)).text.startswith("readable: lines, first line 0.")


@pytest.mark.parametrize(
    "address",
    ["http://{}/feed", "ws://{}/", "rtmp://{}/live/hunter2", "http://{}/x.m3u8", "whep+http://{}/x"],
)
async def test_nothing_listens(address: str) -> None:
    where = f"127.0.0.1:{free_port()}"
    found = await reach(address.format(where), HERE)
    assert (found.level, found.text) == ("error", f"refused: nothing listens on {where}")


async def test_a_host_that_is_not_there() -> None:
    found = await reach("https://nosuch.invalid/feed", HERE)
    assert found.word in ("not found", "failed")  # a proxy of this machine may answer in its place
    assert found.level == "error"


@pytest.mark.parametrize("address", ["{}/feed", "{}/x.m3u8"])
async def test_it_accepts_and_says_nothing(address: str) -> None:
    async with raw_http(wait) as url:
        found = await reach(address.format(url), HERE, seconds=0.5)
    assert (found.level, found.text) == ("error", "timed out: no answer within 0.5 s")


async def test_a_key_is_wanted_and_the_refusal_is_one_clean_line() -> None:
    body = b'{"error": {"message": "bad key sk-abcdefghijkl\\u001b]0;owned\\u0007\\nno entry"}}'
    async with raw_http(always(answer("401 Unauthorized", "application/json", body))) as url:
        found = await reach(f"{url}/feed", HERE)
    assert (found.level, found.word) == ("warning", "needs a key")
    assert "HTTP 401" in found.said
    assert "abcdefghijkl" not in found.said
    assert found.said.isprintable()


async def test_no_event_stream_there() -> None:
    async with raw_http(always(answer("404 Not Found", "text/plain", b"gone"))) as url:
        assert (await reach(f"{url}/feed", HERE)).text == "failed: HTTP 404 Not Found: gone"


async def test_a_source_that_breaks_off_is_not_called_good() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.close(1011, "overloaded")

    async with serve(handler, "127.0.0.1", 0) as server:
        found = await reach(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/", HERE)
    assert (found.level, found.word) == ("warning", "reachable")
    assert "breaks off" in found.said
    assert "overloaded" in found.said


# -- what is left alone


async def test_models_are_not_asked() -> None:
    seen: list[str] = []

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        seen.append(request.line)
        writer.write(answer())

    async with raw_http(handler) as url:
        local = replace(HERE, env={"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "sk-abcdefghijkl"})
        for source in ("openai:gpt", "openai-responses:gpt", "openai-realtime:gpt"):
            found = await reach(source, local)
            assert (found.level, found.text) == (
                "muted",
                "not probed: asking costs tokens; OPENAI_API_KEY is set",
            )
            without = await reach(source, HERE)
            assert (without.level, without.word) == ("warning", "needs a key")
            assert "OPENAI_API_KEY is not set" in without.said
    assert seen == []


@pytest.mark.parametrize(
    "address",
    [
        "ws+listen://{}",
        "http+listen://{}",
        "rtmp+listen://{}/live",
        "whip+listen://{}",
        "tap+listen://{}?upstream=http://127.0.0.1:1",
    ],
)
async def test_of_a_listener_whether_its_port_is_free(address: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        found = await reach(address.format(where), HERE)
        assert (found.level, found.word) == ("error", "not free")
        assert where in found.said
    found = await reach(address.format(where), HERE)
    assert (found.level, found.word) == ("muted", "not probed")
    assert f"{where} is free" in found.said


async def test_pipes_and_the_simulator(tmp_path: Path) -> None:
    import os

    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    for source in (str(pipe), "sim:all"):
        assert (await reach(source, HERE)).word == "not probed"
    assert (await reach("nosuch://x", HERE)).word == "wrong"


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
