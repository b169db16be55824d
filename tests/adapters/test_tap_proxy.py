"""The tap's proxy on raw sockets: what passes, in which order, and what it tells; scripted ends on both sides."""

from __future__ import annotations

import asyncio
import json
import socket
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midstream_adapters.tap_frames import FrameWriter, What, encode, receive
from midstream_adapters.tap_proxy import SEEN, TAIL, TapServer, Upstream
from tests.adapters.recorder import until
from tests.adapters.servers import free_port
from tests.adapters.tap_ends import SSE, Told, chunked, cut, request, tapped

bodies = st.binary(max_size=3000)
cuts = st.lists(st.integers(0, 1 << 16), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    asked=st.lists(bodies, max_size=4), said=st.lists(bodies, max_size=5), in_chunks=st.booleans(),
    ends=st.sampled_from(["chunks", "length", "close"]), up=cuts, down=cuts,
)  # fmt: skip
def test_bytes_pass_unchanged_however_they_are_framed_and_cut(
    asked: list[bytes], said: list[bytes], ends: str, in_chunks: bool, up: list[int], down: list[int]
) -> None:
    body = chunked(*asked) if in_chunks else b"".join(asked)
    framing = b"Transfer-Encoding: chunked" if in_chunks else b"Content-Length: %d" % len(body)
    head = (
        b"POST /v1/x?a=b HTTP/1.1\r\nHost: app\r\nx-API-key: kEy\r\nX-Two: 1\r\nX-Two: 2\r\n"
        + framing
        + b"\r\n\r\n"
    )
    whole = b"".join(said)
    reply = {
        "chunks": SSE + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(*said),
        "length": SSE + b"Content-Length: %d\r\n\r\n" % len(whole) + whole,
        "close": SSE + b"Connection: close\r\n\r\n" + whole,
    }[ends]
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        got.append(await reader.readexactly(len(body)))
        await cut(writer, reply, down)

    async def main() -> None:
        async with tapped(serve) as (told, port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await cut(writer, head + body, up)
            received = await reader.read(-1) if ends == "close" else await reader.readexactly(len(reply))
            assert received == reply
            writer.close()
            await until(lambda: told.of(What.RESPONSE_END))
            assert told.body(What.REQUEST_BODY, 1) == b"".join(asked)
            assert told.body(What.RESPONSE_BODY, 1) == whole
            assert b"kEy" not in b"".join(told.of(*What))

    asyncio.run(main())
    lines = head.split(b"\r\n")
    assert got[0].split(b"\r\n")[0] == lines[0]
    assert got[0].split(b"\r\n")[1].startswith(b"Host: 127.0.0.1:")
    assert got[0].split(b"\r\n")[2:] == lines[2:]
    assert got[1] == body


async def test_nothing_is_held_back_in_either_direction() -> None:
    """Every piece arrives while the sender waits for its echo before it sends the next."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SSE + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            piece = await reader.readexactly(7)
            writer.write(b"2\r\n" + piece[3:5] + b"\r\n")
            await writer.drain()

    async with tapped(serve) as (_, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        for n in range(20):
            writer.write(b"2\r\n%02d\r\n" % n)
            assert await reader.readexactly(7) == b"2\r\n%02d\r\n" % n
        writer.close()


async def test_pipelined_requests_on_a_kept_connection() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = int(head.lower().partition("content-length:")[2].split("\r\n")[0])
            body = await reader.readexactly(size)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with tapped(serve) as (told, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = [b"one", b"", b"three" * 20_000]
        writer.write(b"".join(request(body) for body in asked))
        for body in asked:
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(body)) == body
        await until(lambda: len(told.of(What.RESPONSE_END)) == 3)
        writer.write(request(b"later"))
        await reader.readuntil(b"later")
        writer.close()
        await until(lambda: len(told.of(What.RESPONSE_END)) == 4)
        for number, body in enumerate([*asked, b"later"], 1):
            assert told.body(What.REQUEST_BODY, number) == told.body(What.RESPONSE_BODY, number) == body
            assert told.kinds(number)[-1] is What.RESPONSE_END
        assert connections == 1
        await asyncio.sleep(0.05)
        assert not told.of(What.LOST)  # an idle connection that is closed loses nothing


async def test_20_mb_stream_through_a_bounded_copy() -> None:
    """The server has the first megabyte before the client has sent the second; the observer sees start and end."""
    size, first = 20 << 20, asyncio.Event()
    got = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await reader.readuntil(b"\r\n\r\n")
        while got < size:
            got += len(await reader.read(1 << 16))
            if got >= 1 << 20:
                first.set()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with tapped(serve) as (told, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b"x" * (size - 5) + b"tail!"
        writer.write(request(body)[: (1 << 20) + 4096])
        await first.wait()
        writer.write(request(body)[(1 << 20) + 4096 :])
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        seen = told.body(What.REQUEST_BODY, 1)
        assert len(seen) == SEEN + TAIL
        assert seen.endswith(b"tail!")
        assert told.of(What.GAP) == [str(size - SEEN - TAIL).encode()]


async def test_a_client_that_waits_to_be_told_to_go_on() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with tapped(serve) as (told, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(b"body", "Expect: 100-continue")[:-4])
        assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"body")
        assert b"204" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await until(lambda: told.of(What.RESPONSE_END))
        assert told.of(What.RESPONSE) == [b'{"status": 204, "headers": {}}']


async def test_a_slow_reader_holds_its_server_up_and_nothing_is_stored() -> None:
    sent, size = 0, 256 << 20

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SSE + b"Content-Length: %d\r\n\r\n" % size)
        writer.transport.set_write_buffer_limits(high=0)
        while sent < size:
            writer.write(bytes(1 << 20))
            await writer.drain()
            sent += 1 << 20

    async with tapped(serve) as (_, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        writer.write(request())
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        while before != sent:  # until nothing moves any more
            before = sent
            await asyncio.sleep(0.3)
        assert (
            sent < 64 << 20
        )  # what the kernel's buffers of three sockets hold, whatever the answer's length
        writer.transport.abort()


async def test_a_client_that_leaves_takes_its_request_along() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SSE + b"Transfer-Encoding: chunked\r\n\r\n" + b"3\r\nabc\r\n")
        try:
            assert await reader.read() == b""
        finally:
            gone.set()

    async with tapped(serve) as (told, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        await reader.readuntil(b"abc\r\n")
        writer.close()
        await asyncio.wait_for(gone.wait(), 5)
        await until(lambda: told.of(What.LOST))
        assert told.of(What.LOST) == [b"the client hung up"]


@pytest.mark.parametrize("abort", [False, True], ids=["closed", "reset"])
async def test_a_server_that_drops_the_connection(abort: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SSE + b"Transfer-Encoding: chunked\r\n\r\n" + b"3\r\nabc\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        if abort:  # a closed socket that does not linger sends a reset
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionResetError

    async with tapped(serve) as (told, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        await reader.readuntil(b"abc\r\n")
        try:
            assert await asyncio.wait_for(reader.read(), 5) == b""
        except ConnectionError:
            assert abort
        writer.close()
        await until(lambda: told.of(What.LOST))
        (why,) = told.of(What.LOST)
        assert b"lost" in why if abort else b"closed the connection before" in why


async def test_an_answer_that_is_no_http_still_passes() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\xff not http at all\r\n\r\n")
        await reader.read()

    async with tapped(serve) as (told, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        assert await reader.readuntil(b"\r\n\r\n") == b"\x00\xff not http at all\r\n\r\n"
        assert b"can't be followed" in told.of(What.LOST)[0]
        writer.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT other:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0),
    ],
    ids=["connect", "smuggling", "nonsense", "endless head", "bad chunk"],
)
async def test_what_is_no_request_does_not_reach_the_server(sent: bytes, status: int) -> None:
    reached = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.extend(await reader.read())

    async with tapped(serve) as (_, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        reply = b""
        try:
            reply = await reader.read()
        except ConnectionError:
            assert not status
        if status:
            assert reply.startswith(b"HTTP/1.1 %d " % status)
            assert json.loads(reply.partition(b"\r\n\r\n")[2])["error"]["type"] == "tap_error"
            assert not reached
        writer.close()
    assert b"zz" not in reached


async def test_where_requests_go() -> None:
    targets: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            targets.append((await reader.readuntil(b"\r\n\r\n")).decode().split()[1])
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with tapped(serve, "/api/v1", token="let me in") as (told, port, _):
        for target in ("/let%20me%20in/models?key=k1", "/let%20me%20in/api/v1/models", "/no/models"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            status = (await reader.readline()).split()[1]
            assert status == (b"403" if target.startswith("/no") else b"204")
            writer.close()
        assert targets == ["/api/v1/models?key=k1", "/api/v1/models"]
        assert b"k1" not in b"".join(told.of(*What))  # a key in a query stays in the proxy


async def test_a_server_that_is_not_there() -> None:
    told = Told()
    tap = TapServer(Upstream.of(f"http://127.0.0.1:{free_port()}"), told.tell)
    await tap.start("127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(request(b"x" * 1_000_000))
        reply = await reader.read()
        assert reply.startswith(b"HTTP/1.1 502 ")
        assert b"can't connect" in told.of(What.LOST)[0]
        writer.close()
    finally:
        await tap.close()


@pytest.mark.parametrize(
    "url", ["ftp://h", "http://", "http://u:p@h", "http://h?x=1", "https://h/ü", "http://h:99999"]
)
def test_what_is_no_upstream(url: str) -> None:
    with pytest.raises(ValueError):
        Upstream.of(url)


class _Pipe(asyncio.WriteTransport):
    def __init__(self) -> None:
        super().__init__()
        self.out = bytearray()
        self.waiting = 0

    def write(self, data: object) -> None:
        self.out += bytes(data)  # type: ignore[call-overload]

    def get_write_buffer_size(self) -> int:
        return self.waiting


async def test_an_observer_that_does_not_keep_up_is_told_of_a_gap() -> None:
    pipe = _Pipe()
    writer = FrameWriter(pipe, most=10)
    writer.tell(What.RESPONSE_BODY, 7, 1.0, b"one")
    pipe.waiting = 11
    writer.tell(What.RESPONSE_BODY, 7, 2.0, b"lost")
    writer.tell(What.RESPONSE_BODY, 7, 3.0, b"too")
    writer.tell(What.RESPONSE_END, 7, 4.0)
    reader = asyncio.StreamReader()
    reader.feed_data(bytes(pipe.out))
    assert await receive(reader) == (What.RESPONSE_BODY, 7, 1.0, b"one")
    assert await receive(reader) == (What.GAP, 7, 4.0, b"7")
    assert await receive(reader) == (What.RESPONSE_END, 7, 4.0, b"")
    reader.feed_data(encode(What.UP, 1, 0.0, b"")[:-4] + b"\xff\xff\xff\xff")
    with pytest.raises(ValueError, match="limit"):
        await receive(reader)


@pytest.mark.parametrize("kept", [True, False])
async def test_a_server_that_closes_between_requests_costs_no_request(kept: bool) -> None:
    """As llama.cpp's does after a stream: a client that asks on the same connection would meet a closed one."""
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await reader.readuntil(b"\r\n\r\n")
        served += 1
        said = b"" if kept else b"Connection: close\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + said + b"Content-Length: 2\r\n\r\nok")
        await writer.drain()

    async with tapped(serve) as (told, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /1 HTTP/1.1\r\nHost: app\r\n\r\n")
        assert (await reader.readuntil(b"ok")).endswith(b"\r\n\r\nok")
        await asyncio.sleep(0.05)  # the server has closed
        if kept:
            writer.write(b"GET /2 HTTP/1.1\r\nHost: app\r\n\r\n")
            assert (await reader.readuntil(b"ok")).endswith(b"\r\n\r\nok")
        else:  # what was announced happens
            assert await reader.read() == b""
        writer.close()
        assert served == 1 + kept
        assert not told.of(What.LOST)
