"""Text over WebSockets: real servers, real closes, and peers that mean no good."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from midstream_adapters.base import Options, supervise
from midstream_adapters.events import Dropped, State, StateChanged, TextChunk, TurnEnded
from midstream_adapters.registry import open_source
from midstream_adapters.websocket import MAX_MESSAGE, WebSocketAdapter
from tests.adapters import servers
from tests.adapters.servers import QUICK, ListSink, free_port, process, raw_http, watch

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def ws_server(handler: Handler, **options: object) -> AsyncGenerator[str, None]:
    async with serve(handler, "127.0.0.1", 0, **options) as server:  # type: ignore[arg-type]
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def seen(
    handler: Handler, attempts: int = 1, options: Options | None = None, **server: object
) -> ListSink:
    async with ws_server(handler, **server) as url:
        return await watch(open_source(url, options or Options())[0], options or Options(), attempts)


async def test_messages_text_and_binary() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send("grüß\x1b[2J 👋")
        await connection.send(b"\x00" * 100)
        await connection.send('{"text": "hi", "role": "user"}')
        await connection.send(["in ", "three ", "frames"])

    sink = await seen(handler)
    assert sink.texts == ["grüß 👋", "hi", "in three frames"]
    assert sink.nbytes == len("grüß\x1b[2J 👋".encode()) + 100 + 30 + 15
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]  # 1000 is the end


async def test_answers_are_read_as_turns() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send('{"type": "response.created", "response": {"id": "r"}}')
        await connection.send('{"type": "response.text.delta", "response_id": "r", "delta": "Hi"}')
        await connection.send('{"type": "response.done", "response": {"id": "r", "status": "completed"}}')

    sink = await seen(handler)
    (chunk,) = (e for e in sink.events if isinstance(e, TextChunk))
    (end,) = (e for e in sink.events if isinstance(e, TurnEnded))
    assert (chunk.text, chunk.turn, end.turn, end.error) == ("Hi", "r", "r", None)


@pytest.mark.parametrize(
    ("code", "state"), [(1000, State.ENDED), (1001, State.FAILED), (1011, State.FAILED), (4000, State.FAILED)]
)
async def test_close_codes(code: int, state: State) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.close(code, "bye sk-abcdefghijkl\x07")

    sink = await seen(handler)
    assert sink.states[-1] is state
    if state is State.FAILED:  # lost; the one attempt allowed was made
        assert str(code) in sink.reasons[-1]
        assert "abcdefgh" not in sink.reasons[-1]


async def test_a_lost_connection_breaks_off_its_answers() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send('{"id": "c", "choices": [{"delta": {"content": "half"}}]}')
        connection.transport.abort()

    sink = await seen(handler, attempts=2)
    ends = [e for e in sink.events if isinstance(e, TurnEnded)]
    assert len(ends) == 2
    assert all(e.error for e in ends)
    assert sink.states.count(State.LIVE) == 2


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (401, State.FAILED),
        (403, State.FAILED),
        (404, State.FAILED),
        (429, State.RECONNECTING),
        (500, State.RECONNECTING),
    ],
)
async def test_a_refused_handshake(status: int, state: State) -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(HTTPStatus(status), "no entry")
        response.headers["Retry-After"] = "11"
        return response

    async def handler(_connection: ServerConnection) -> None: ...

    async def sleep(_seconds: float) -> None:
        raise asyncio.CancelledError

    sink, options = ListSink(), Options(sleep=sleep)
    async with ws_server(handler, process_request=refuse) as url:
        try:
            await supervise(open_source(url, options)[0], sink, options)
        except asyncio.CancelledError:
            assert state is State.RECONNECTING
    assert sink.states[-1] is state
    assert f"HTTP {status}" in sink.reasons[-1]
    assert "no entry" in sink.reasons[-1]
    waits = [e.retry_in for e in sink.events if isinstance(e, StateChanged) and e.retry_in]
    assert [wait >= 11 for wait in waits] == ([True] if state is State.RECONNECTING else [])


async def test_headers_and_userinfo_are_sent() -> None:
    got: list[str | None] = []

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        got.extend(connection.request.headers.get(name) for name in ("X-Api-Key", "Authorization"))

    options = Options(headers={"X-Api-Key": "k1"})
    async with ws_server(handler) as url:
        (adapter,) = open_source(url.replace("//", "//u:p@") + "#part", options)
        await watch(adapter, options)
    assert got == ["k1", "Basic " + base64.b64encode(b"u:p").decode()]
    assert "u:p" not in adapter.info.source


async def test_a_message_over_the_limit() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send("x" * (MAX_MESSAGE + 1))
        await connection.wait_closed()

    sink = await seen(handler, compression=None)
    assert sink.texts == []
    assert [e.count for e in sink.events if isinstance(e, Dropped)] == [1]
    assert sink.reasons == ["a message over 1024 KiB"]


def upgrade(request: servers.Request, extensions: str = "") -> bytes:
    key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
    more = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    ).encode()


def frame(first: int, payload: bytes) -> bytes:
    return bytes([first, 127]) + struct.pack("!Q", len(payload)) + payload


def deflate(payload: bytes) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize(
    ("extensions", "wire", "said"),
    [
        (
            "permessage-deflate",
            frame(0xC1, deflate(b"x" * 200_000_000)),
            "a message over",
        ),  # 200 MB in 200 kB
        ("", frame(0x81, b"\xff\xfe"), "not UTF-8"),
        ("", b"\x83\x05hello", "the connection was lost"),  # a reserved opcode
        ("", b"\x81\xff" + b"\xff" * 8, "the connection was lost"),  # masked, and of 2^64 - 1 bytes
        ("", b"", "the connection was lost"),
    ],
    ids=["bomb", "utf8", "opcode", "endless", "nothing"],
)
async def test_hostile_frames(extensions: str, wire: bytes, said: str) -> None:
    async def handler(request: servers.Request, writer: asyncio.StreamWriter) -> None:
        writer.write(upgrade(request, extensions) + wire)
        await asyncio.sleep(0.3 if wire else 0)  # so that it is the client who ends it

    async with raw_http(handler) as url:
        sink = await watch(open_source(url.replace("http", "ws"), Options())[0], Options())
    assert sink.texts == []
    assert sink.states[-1] is State.FAILED
    assert said in sink.reasons[-1]
    assert "internal" not in sink.reasons[-1]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (servers.answer(kind="text/html", body=b"<html>hello</html>"), "this is no WebSocket"),
        (b"SSH-2.0-OpenSSH\r\n", "did not answer as a web server"),
        (b"", "did not answer as a web server"),
        (
            b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            "refused",
        ),
    ],
)
async def test_what_is_no_websocket(reply: bytes, said: str) -> None:
    async with raw_http(servers.always(reply)) as url:
        sink = await watch(open_source(url.replace("http", "ws"), Options())[0], Options())
    assert said in sink.reasons[-1]


async def test_nobody_listening_and_a_server_that_never_answers() -> None:
    sink = await watch(open_source(f"ws://127.0.0.1:{free_port()}/?token=abc", Options())[0], Options())
    assert sink.reasons[-1].startswith("cannot connect")
    assert "abc" not in str(sink.events)

    async def silent(_request: servers.Request, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    options = Options(connect_timeout=0.2)
    async with raw_http(silent) as url:
        sink = await watch(open_source(url.replace("http", "ws"), options)[0], options)
    assert sink.reasons == ["no answer within 0.2 s"]


async def test_a_redirect_takes_no_keys_to_another_host() -> None:
    got: list[bool] = []

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        got.append("X-Api-Key" in connection.request.headers)

    options = Options(headers={"X-Api-Key": "k1"})
    async with ws_server(handler) as there:
        reply = f"HTTP/1.1 302 Found\r\nLocation: {there}\r\ncontent-length: 0\r\n\r\n".encode()
        async with raw_http(servers.always(reply)) as here:
            await watch(open_source(here.replace("http", "ws"), options)[0], options)
    assert got == [False]


async def test_cancelling_is_obeyed_at_once_even_where_the_server_does_not_listen() -> None:
    async def deaf(request: servers.Request, writer: asyncio.StreamWriter) -> None:
        writer.write(upgrade(request))
        await asyncio.sleep(60)

    sink = ListSink()
    async with raw_http(deaf) as url:
        (adapter,) = open_source(url.replace("http", "ws"), Options())
        assert isinstance(adapter, WebSocketAdapter)
        task = asyncio.create_task(supervise(adapter, sink, Options()))
        await sink.until(lambda _: State.LIVE in sink.states)
        assert adapter.latency is None
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=1)
        assert done


async def test_a_killed_server_comes_back() -> None:
    port = str(free_port())
    sink = ListSink()
    async with process("tests.adapters.live_server", "ws", "--port", port) as (url, child):
        task = asyncio.create_task(supervise(open_source(url, Options())[0], sink, Options(), QUICK))
        await sink.until(lambda _: len(sink.texts) >= 3)
        child.kill()
        await sink.until(lambda _: sink.states[-1] is State.RECONNECTING)
    before = len(sink.texts)
    async with process("tests.adapters.live_server", "ws", "--port", port):
        await sink.until(lambda _: len(sink.texts) >= before + 3)
        task.cancel()
        await asyncio.wait([task])
    assert sink.states.count(State.LIVE) == 2
    assert sink.texts[before] == "tick 1"
