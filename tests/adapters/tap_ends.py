"""A tap between scripted ends on raw sockets, and what it told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from midstream_adapters.tap_frames import What
from midstream_adapters.tap_proxy import TapServer, Upstream

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Odd-Case: Kept As Is\r\n"


@dataclass
class Told:
    frames: list[tuple[What, int, float, bytes]] = field(default_factory=list)

    def tell(self, what: What, exchange: int, at: float, data: bytes = b"") -> None:
        self.frames.append((what, exchange, at, data))

    def of(self, *kinds: What) -> list[bytes]:
        return [data for what, _, _, data in self.frames if what in kinds]

    def body(self, kind: What, exchange: int) -> bytes:
        return b"".join(data for what, number, _, data in self.frames if what is kind and number == exchange)

    def kinds(self, exchange: int) -> list[What]:
        kinds = [what for what, number, _, _ in self.frames if number == exchange]
        return [what for what, before in zip(kinds, [None, *kinds], strict=False) if what is not before]


@asynccontextmanager
async def tapped(
    serve: Serve, path: str = "", token: str | None = None
) -> AsyncGenerator[tuple[Told, int, TapServer], None]:
    """A scripted server, a tap before it; gives what the tap tells and its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
            writer.close()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told = Told()
    tap = TapServer(Upstream.of(f"http://127.0.0.1:{port}{path}"), told.tell, token=token)
    await tap.start("127.0.0.1", 0)
    try:
        async with asyncio.timeout(30):
            yield told, tap.port, tap
    finally:
        await tap.close()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def request(body: bytes = b"", *lines: str, target: str = "/v1/chat/completions") -> bytes:
    head = [f"POST {target} HTTP/1.1", "Host: somewhere", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


async def cut(writer: asyncio.StreamWriter, data: bytes, cuts: list[int]) -> None:
    """Send `data` in pieces."""
    at = 0
    for end in [*sorted(c % (len(data) + 1) for c in cuts), len(data)]:
        writer.write(data[at:end])
        await writer.drain()
        await asyncio.sleep(0)
        at = end
