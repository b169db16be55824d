"""Servers and sinks for the tests of text adapters: raw sockets for hostile bytes, and real servers as processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from midstream_adapters.base import Adapter, Backoff, Options, supervise
from midstream_adapters.events import BytesReceived, Event, State, StateChanged, TextChunk

ROOT = Path(__file__).parents[2]
QUICK = Backoff(first=0.05, most=0.2, settled=60.0)


@dataclass
class ListSink:
    """Keeps every event, and lets a test wait for one."""

    events: list[Event] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def until(self, found: Callable[[list[Event]], bool], timeout: float = 15.0) -> None:
        async with asyncio.timeout(timeout):
            while not found(self.events):
                self._news.clear()
                await self._news.wait()

    @property
    def texts(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, TextChunk)]

    @property
    def states(self) -> list[State]:
        return [e.state for e in self.events if isinstance(e, StateChanged)]

    @property
    def reasons(self) -> list[str]:
        return [e.reason for e in self.events if isinstance(e, StateChanged) and e.reason]

    @property
    def nbytes(self) -> int:
        return sum(e.nbytes for e in self.events if isinstance(e, TextChunk | BytesReceived))

    def of(self, kind: type[Event]) -> list[Event]:
        return [e for e in self.events if isinstance(e, kind)]


async def watch(
    adapter: Adapter, options: Options, attempts: int | None = 1, timeout: float = 20.0
) -> ListSink:
    """Supervise `adapter` to its end, with quick retries; return what it said."""
    sink = ListSink()
    backoff = Backoff(first=0.02, most=0.1, attempts=attempts, settled=60.0)
    async with asyncio.timeout(timeout):
        await supervise(adapter, sink, options, backoff)
    return sink


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_http(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str, None]:
    """A socket that reads one request a connection and lets `handler` write any bytes; gives its address."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await handler(Request(head[0], headers, body), writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, or the test is over
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(
    status: str = "200 OK", kind: str = "text/event-stream", body: bytes = b"", **headers: str
) -> bytes:
    """A whole HTTP/1.1 answer whose end is the connection's."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def always(reply: bytes) -> Handler:
    """A handler that answers every request with `reply`."""

    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)

    return handler


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def process(module: str, *args: str) -> AsyncGenerator[tuple[str, asyncio.subprocess.Process], None]:
    """Run ``python -m module args`` until the block ends; gives the line it prints when it is ready."""
    path = os.pathsep.join(str(ROOT / part) for part in (".", "widgets", "analysis", "adapters"))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *args, cwd=ROOT, env={**os.environ, "PYTHONPATH": path},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        ready = (await asyncio.wait_for(child.stdout.readline(), 60)).decode().strip()
        if not ready:
            raise RuntimeError(f"{module} did not start: {await child.wait()}")
        yield ready, child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGKILL)
        await child.wait()
