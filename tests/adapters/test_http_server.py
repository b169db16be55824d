"""The small HTTP server against raw sockets: limits, timeouts, and nonsense."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from midstream_adapters.http_server import HttpServer, Request, Response


@asynccontextmanager
async def serving(**options: float) -> AsyncGenerator[int]:
    async def echo(request: Request) -> Response:
        return Response.text(
            200, f"{request.method} {request.path} {len(request.body)} {request.content_type}"
        )

    server = HttpServer(echo, max_body=1000, **options)  # type: ignore[arg-type]
    await server.start("127.0.0.1", 0)
    try:
        yield server.port
    finally:
        await server.close()


async def talk(port: int, data: bytes, eof: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if eof:
        writer.write_eof()
    async with asyncio.timeout(5.0):
        try:
            return await reader.read(1 << 16) if not eof else await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


async def test_requests() -> None:
    async with serving() as port:
        head = b"POST /a?q=1 HTTP/1.1\r\nHost: h\r\nContent-Type: text/x; a=b\r\n"
        assert (await talk(port, head + b"Content-Length: 3\r\n\r\nabc")).endswith(b"POST /a 3 text/x\n")
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        assert (await talk(port, chunked)).endswith(b"POST /a 5 text/x\n")
        expecting = head + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        assert (await talk(port, expecting)).startswith(b"HTTP/1.1 100")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):  # one connection, several requests
            writer.write(b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n")
            assert b"GET /b 0" in await reader.readuntil(b"GET /b 0 \n")
        writer.close()


async def test_limits() -> None:
    async with serving(max_connections=2) as port:
        head = b"POST / HTTP/1.1\r\nHost: h\r\n"
        assert b" 413 " in await talk(port, head + b"Content-Length: 1001\r\n\r\n")
        big = b"".join(b"64\r\n" + b"x" * 100 + b"\r\n" for _ in range(11))
        assert b" 413 " in await talk(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + big)
        assert b" 431 " in await talk(port, head + b"x: " + b"y" * 17_000 + b"\r\n\r\n")
        assert b" 431 " in await talk(port, head + b"x: " + b"y" * 70_000)
        assert b" 400 " in await talk(port, b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        assert b" 400 " in await talk(port, head + b"Content-Length: -1\r\n\r\n")
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        assert b" 503 " in await talk(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        for _, writer in idle:
            writer.close()


async def test_slow_clients_are_shown_out() -> None:
    async with serving(within=0.3) as port:
        began = time.monotonic()
        assert b" 408 " in await talk(port, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab")
        assert await talk(port, b"") == b""  # not a word
        assert time.monotonic() - began < 4.0


async def test_nonsense() -> None:
    rng = random.Random(11)
    good = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello"
    answered = 0
    async with serving(within=0.5) as port:
        for _ in range(60):
            data = bytearray(good)
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            answer = await talk(port, bytes(data), eof=True)
            assert not answer or answer.startswith(b"HTTP/1.1 ")
            answered += bool(answer)
        assert answered > 40
        assert b" 200 " in await talk(port, good)
