"""The tap as a source: requests through its real process become turns; answers of every kind, and broken ones."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from midstream_adapters.base import Options, SourceError, supervise
from midstream_adapters.events import (
    Dropped,
    Event,
    State,
    StateChanged,
    StreamOpened,
    TextChunk,
    TurnEnded,
    TurnStarted,
    Usage,
)
from midstream_adapters.payload import PayloadReader
from midstream_adapters.registry import open_source, stream_name
from midstream_adapters.tap import TapListener
from tests.adapters.servers import QUICK, ListSink, Request, answer, free_port, raw_http
from tests.adapters.test_openai_chat import ANSWER, chunk, sse

KEY = "sk-test-0123456789abcdef"
SAID = [{"role": "system", "content": "s"}, {"role": "user", "content": "Why?"}]
PARTS = [{"type": "text", "text": "a"}, {"type": "image_url"}]
ASKED = {"model": "m1", "stream": True, "messages": SAID}


def source(upstream: str, port: int = 0) -> str:
    return f"tap+listen://127.0.0.1:{port}?upstream={upstream}"


@asynccontextmanager
async def tap(upstream: str) -> AsyncGenerator[tuple[ListSink, str, httpx.AsyncClient], None]:
    """A tap before `upstream`; gives what it says, its base URL and a client."""
    options = Options(env={})
    (adapter,) = open_source(source(upstream), options)
    assert isinstance(adapter, TapListener)
    sink = ListSink()
    task = asyncio.create_task(supervise(adapter, sink, options, QUICK))
    try:
        await sink.until(lambda _: any("base URL" in reason for reason in sink.reasons))
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as client:
            yield sink, f"http://127.0.0.1:{adapter.port}", client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def ended(sink: ListSink, count: int = 1) -> list[TurnEnded]:
    return [e for e in sink.events if isinstance(e, TurnEnded)][:count]


async def until_ended(sink: ListSink, count: int = 1) -> list[TurnEnded]:
    await sink.until(lambda _: len(ended(sink, count)) == count)
    return ended(sink, count)


# -- through the real process


async def test_every_request_is_a_turn_of_its_model_and_no_key_is_told() -> None:
    got: list[Request] = []

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        got.append(request)
        writer.write(answer(body=ANSWER) if b"stream" in request.body else answer(kind="application/json"))

    async with raw_http(handler) as url, tap(url) as (sink, base, client):
        reply = await client.post(f"{base}/v1/chat/completions", json=ASKED)
        assert reply.content == ANSWER
        (end,) = await until_ended(sink)
        await client.get(f"{base}/v1/models", params={"key": KEY})
        await until_ended(sink, 2)
    assert got[0].headers["authorization"] == f"Bearer {KEY}"
    (started, other) = (e for e in sink.events if isinstance(e, TurnStarted))
    assert (started.stream, started.model, started.prompt) == ("tap/m1", "m1", "Why?")
    assert (other.stream, other.model, other.prompt) == ("tap/other requests", None, "GET /v1/models")
    said = [(e.text, e.role) for e in sink.events if isinstance(e, TextChunk) and e.stream == "tap/m1"]
    assert said == [("Why?", "user"), ("Be", "assistant"), ("cause.", "assistant")]
    assert (end.turn, end.usage, end.finish_reason, end.error) == (
        started.turn,
        Usage(11, 4, None, 2),
        "stop",
        None,
    )
    opened = [e.stream for e in sink.events if isinstance(e, StreamOpened)]
    assert opened == ["tap", "tap/m1", "tap/other requests"]
    last = {e.stream: e.state for e in sink.events if isinstance(e, StateChanged)}
    assert last["tap/m1"] is State.ENDED
    assert KEY not in repr(sink.events)


async def test_times_lie_between_those_of_the_two_ends() -> None:
    """Chunk for chunk: sent by the server, then seen by the tap, then received by the client, on one clock."""
    sent: list[float] = []

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer())
        for n in range(30):
            sent.append(time.monotonic())
            writer.write(sse(chunk(f"w{n} ")))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(sse(chunk(finish="stop"), "[DONE]"))

    received: list[float] = []
    async with raw_http(handler) as url, tap(url) as (sink, base, client):
        asked = time.monotonic()
        async with client.stream("POST", f"{base}/v1/chat/completions", json=ASKED) as reply:
            seen = b""
            async for piece in reply.aiter_raw():
                seen += piece
                received += [time.monotonic()] * (seen.count(b'"w') - len(received))
        await until_ended(sink)
    started = next(e for e in sink.events if isinstance(e, TurnStarted))
    taps = [e.at for e in sink.events if isinstance(e, TextChunk) and e.turn is not None]
    assert len(sent) == len(taps) == len(received) == 30
    assert asked < started.at < taps[0]
    assert all(s <= t <= r for s, t, r in zip(sent, taps, received, strict=True))


async def test_compressed_websocket_frames_pass_and_are_read() -> None:
    """A real client and server that negotiate permessage-deflate through the tap; turns of Realtime's events."""
    pictures: list[Any] = []

    async def speak(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "session.created", "session": {"model": "rt"}}))
        async for message in socket:
            event = json.loads(message)
            pictures.append(event)
            if event["type"] != "response.create":
                continue
            usage = {
                "input_tokens": 7,
                "output_tokens": 3,
                "input_token_details": {"cached_tokens": 2, "audio_tokens": 5},
            }
            for said in (
                {"type": "response.created", "response": {"id": "resp_1"}},
                {"type": "response.output_audio.delta", "response_id": "resp_1", "delta": "AAAA" * 9000},
                {"type": "response.output_text.delta", "response_id": "resp_1", "delta": "Hel"},
                {"type": "response.output_text.delta", "response_id": "resp_1", "delta": "lo " * 900},
                {
                    "type": "response.done",
                    "response": {"id": "resp_1", "status": "completed", "usage": usage},
                },
                {"type": "rate_limits.updated", "rate_limits": []},
            ):
                await socket.send(json.dumps(said))

    async with serve(speak, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with tap(f"http://127.0.0.1:{port}") as (sink, base, _):
            async with connect(f"ws{base[4:]}/v1/realtime?model=rt", proxy=None) as socket:
                assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]  # type: ignore[union-attr]
                await socket.recv()
                content = [{"type": "input_text", "text": "Say hello"}]
                item = {"type": "message", "role": "user", "content": content}
                await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
                await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 300_000}))
                await socket.send(json.dumps({"type": "response.create"}))
                (end,) = await until_ended(sink)
                await socket.send(json.dumps({"type": "response.create"}))  # and leave
            await asyncio.sleep(0.1)
    assert [p["type"] for p in pictures[:2]] == ["conversation.item.create", "input_audio_buffer.append"]
    started = next(e for e in sink.events if isinstance(e, TurnStarted))
    assert (started.stream, started.turn, started.prompt) == ("tap/rt", "resp_1", "Say hello")
    texts = [e.text for e in sink.events if isinstance(e, TextChunk) and e.role == "assistant"]
    assert texts[:2] == ["Hel", "lo " * 900]
    assert end.usage == Usage(7, 3, None, 2, 5, None)
    assert end.finish_reason == "completed"
    assert not [e for e in sink.events if isinstance(e, Dropped)]


async def test_a_port_that_is_taken_is_final_and_a_killed_process_is_not() -> None:
    async with raw_http(lambda request, writer: asyncio.sleep(0)) as url:
        taken = int(url.rpartition(":")[2])
        sink = ListSink()
        options = Options(env={})
        (adapter,) = open_source(source("http://127.0.0.1:9", taken), options)
        assert await supervise(adapter, sink, options, QUICK) is State.FAILED
        assert "can't listen on tap+listen://127.0.0.1" in sink.reasons[-1]
        async with tap(url) as (sink, _, _):
            children = [int(p) for p in os.listdir("/proc") if p.isdigit() and _parent(p) == os.getpid()]
            for child in children:
                if "tap_process" in _command(child):
                    os.kill(child, 9)
            await sink.until(lambda _: State.RECONNECTING in sink.states)
            assert "process is gone" in sink.reasons[-1]
    assert not [c for c in children if "tap_process" in _command(c)]


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline") as line:
            return line.read()
    except OSError:
        return ""


async def test_a_fault_in_one_exchange_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read = PayloadReader.read

    def broken(self: PayloadReader, data: str, nbytes: int) -> list[Event]:
        if "poison" in data:
            raise RuntimeError("a fault")
        return read(self, data, nbytes)

    monkeypatch.setattr(PayloadReader, "read", broken)
    poison = answer(body=sse(chunk("poison"), chunk(finish="stop"), "[DONE]"))
    replies = iter((poison, answer(body=ANSWER)))

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(next(replies))

    async with raw_http(handler) as url, tap(url) as (sink, base, client):
        assert b"poison" in (await client.post(f"{base}/v1/chat/completions", json=ASKED)).content
        assert (await client.post(f"{base}/v1/chat/completions", json=ASKED)).content == ANSWER
        first, second = await until_ended(sink, 2)
    assert (first.error, second.error) == ("internal error: RuntimeError", None)
    assert State.FAILED not in sink.states


# -- the source string


def test_how_a_tap_is_named() -> None:
    plain = Options(env={})
    (adapter,) = open_source("tap+listen://127.0.0.1:8790?upstream=https://api.openai.com", plain)
    assert adapter.info.stream == "tap"
    open_source("tap+listen://127.0.0.1:8790?upstream=https%3A%2F%2Fapi.openai.com%2Fv1", plain)
    open_source("tap+listen://0.0.0.0:1?upstream=http://h", Options(env={"MIDSTREAM_TAP_TOKEN": "t"}))
    open_source("tap+listen://127.0.0.1", Options(env={"OPENAI_BASE_URL": "http://h/v1"}))
    assert stream_name("tap+listen://h?upstream=http://x", {"tap"}) == "tap#2"
    port = free_port()
    for wrong, why in (
        ("tap+listen://127.0.0.1", "name the upstream"),
        ("tap+listen://0.0.0.0?upstream=http://h", "MIDSTREAM_TAP_TOKEN"),
        ("tap+listen://127.0.0.1?upstream=ftp://h", "not a web address"),
        ("tap+listen://127.0.0.1?upstream=http://u:secret@h", "has no user"),
        ("tap+listen://127.0.0.1/path?upstream=http://h", "neither a path"),
        (f"tap+listen://127.0.0.1:{port}?upstream=http://localhost:{port}", "the tap itself"),
        ("tap+listen://[::1?upstream=http://h", "not an address"),
    ):
        with pytest.raises(SourceError, match=why) as caught:
            open_source(wrong, plain)
        assert "secret" not in str(caught.value)
