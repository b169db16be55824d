"""Whether a source can be reached, against real servers on loopback: what is found, and what is left alone."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from midstream_adapters.base import Options
from midstream_tui.reach import reach
from tests.adapters.clips import make_clip
from tests.adapters.hls_server import listed, make_media, playlist, serving
from tests.adapters.servers import Request, always, answer, free_port, raw_http

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
