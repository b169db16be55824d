"""``http+listen://``: programs POST text, and it shows while the request still goes on.

``text/plain`` is lines; ``application/x-ndjson`` an object a line; ``text/event-stream`` server-sent events;
``application/json`` one object or a list of them. To ``/ingest/NAME`` (or ``?stream=NAME``) posts belong to one stream.

    some-program | curl -sN -T - -H 'Content-Type: text/plain' http://127.0.0.1:8788/ingest/program
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from .base import Adapter, Options, Sink, SourceError, explain
from .events import BytesReceived, Kind
from .http_server import HttpServer, Request, Response
from .ingest import MAX_MESSAGE, MOST, PENALTY, Door, Doorkeeper, Guest, RateLimited
from .lines import BATCH, LineSplitter
from .sse import ServerEvent, SSEDecoder, pump

PORT = 8788
POSTS = "posts"
"""The stream of those who name none."""
IDLE = 60.0
"""Seconds between two pieces of a body."""
KINDS = ("text/plain", "application/x-ndjson", "application/json", "text/event-stream")
_LINES = (
    "text/plain",
    "application/x-ndjson",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "",
)


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``http+listen://[host][:port][/path]``. Raises `SourceError` as `Door.of` does."""
    return [HttpListener(Door.of(source, stream_id, options, PORT))]


class HttpListener(Doorkeeper):
    """Waits for posts at one address; `run` goes on until it is cancelled. Port 0 lets the system choose."""

    def __init__(self, door: Door, idle: float = IDLE) -> None:
        super().__init__(door)
        self._idle = idle

    async def run(self, sink: Sink) -> None:
        """Listen until cancelled; every sender's stream then ends.

        Raises:
            SourceError: the address can't be listened on.
        """
        door = self._door

        async def handle(request: Request) -> Response:
            return _refusal(405, "POST text here", {"Allow": "POST, PUT"})

        def reads(request: Request) -> _Post:
            return _Post(door, sink, request)

        server = HttpServer(handle, max_body=0, reads=reads, max_connections=MOST, within=self._idle)
        try:
            await server.start(door.host, door.port)
        except OSError as error:
            raise SourceError(f"can't listen on {door.address}: {explain(error)}") from None
        door.port = server.port
        door.tell(sink)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await server.close()
            door.close(sink)


class _Post:
    """One request: its body becomes events as it comes."""

    def __init__(self, door: Door, sink: Sink, request: Request) -> None:
        self._door, self._sink, self._request = door, sink, request
        self._guest: Guest | None = None
        self._denied = self._admit(request)
        self._kind = request.content_type
        self._lines = LineSplitter(MAX_MESSAGE)
        self._sse = SSEDecoder()
        self._whole = b""
        self._bytes = self._accepted = self._taken = 0
        length = request.headers.get("content-length", "")
        self._length = int(length) if length.isdecimal() else 0

    def _admit(self, request: Request) -> Response | None:
        if request.method not in ("POST", "PUT"):
            return _refusal(405, "POST text here", {"Allow": "POST, PUT"})
        try:
            query = parse_qs(request.query, max_num_fields=16)
        except ValueError:
            return _refusal(400, "too many parameters")
        name = self._door.name_of(request.path, query)
        if name is None:
            return _refusal(404, f"send to {self._door.path} or {self._door.path}/NAME")
        if (why := self._door.refusal(request.headers, query)) is not None:
            self._door.turn_away(self._sink, request.peer, why[1])
            return _refusal(*why, {"WWW-Authenticate": 'Bearer realm="ingest"'} if why[0] == 401 else {})
        if request.content_type not in (*_LINES, *KINDS):
            return _refusal(415, f"one of {', '.join(KINDS)} is wanted")
        agent = request.headers.get("user-agent", "")[:60]
        self._guest = self._door.enter(
            self._sink, name or POSTS, f"{agent or 'sender'} at {request.peer}", alone=False
        )
        if self._guest is None:
            self._door.turn_away(self._sink, request.peer, "no room")
            return _refusal(503, "no room: too many send here already", {"Retry-After": "10"})
        return None

    async def feed(self, data: bytes) -> Response | None:
        """Take a piece of the body. What a sink can't take yet makes the sender wait."""
        if self._denied is not None:
            return await self._deny(self._denied)
        self._bytes += len(data)
        try:
            if self._kind == "application/json":
                self._whole += data
                if len(self._whole) > MAX_MESSAGE:
                    return self._over(413, f"a JSON body over {MAX_MESSAGE >> 10} KiB: send NDJSON")
                return None
            if self._kind == "text/event-stream":
                await self._events(self._sse.feed(data))
            else:
                await self._texts([(line.data, line.nbytes) for line in self._lines.feed(data)])
        except RateLimited as slow:
            return self._slow(slow)
        return None

    async def end(self) -> Response:
        """The body is complete: say what was taken."""
        if self._denied is not None:
            return await self._deny(self._denied)
        assert self._guest is not None
        try:
            if self._kind == "application/json":
                await self._json()
            elif self._kind == "text/event-stream":
                if rest := self._sse.flush():
                    self._sink.emit(BytesReceived(self._guest.stream, self._now, Kind.TEXT, rest))
            else:
                await self._texts([(line.data, line.nbytes) for line in self._lines.flush()])
        except RateLimited as slow:
            return self._slow(slow)
        except ValueError as error:
            return self._over(400, f"not JSON: {error}")
        self._leave()
        return _answer(200, {"accepted": self._accepted, "bytes": self._bytes})

    def lost(self) -> None:
        """The sender broke off; what it sent stays."""
        if self._guest is not None:
            for event in self._guest.reader.lost("the sender broke off"):
                self._sink.emit(event)
        self._leave()

    @property
    def _now(self) -> float:
        return self._door.options.clock()

    async def _deny(self, denied: Response) -> Response:
        if denied.status == 401:
            await self._door.options.sleep(PENALTY)
        return denied

    async def _events(self, events: list[ServerEvent]) -> None:
        assert self._guest is not None
        left = sum(event.data is not None and not event.dropped for event in events)
        for event in events:
            if event.data is not None and not event.dropped:
                self._door.admit(self._sink, self._guest, left)
                self._accepted += 1
                left -= 1
            self._taken += event.nbytes
            await pump([event], self._guest.reader, self._sink)

    async def _texts(self, texts: list[tuple[bytes, int]]) -> None:
        """Take texts with their sizes, those that are empty only by size; all that follow one too many are refused."""
        assert self._guest is not None
        empty = 0
        left = sum(bool(data.strip()) for data, _ in texts)
        for n, (data, nbytes) in enumerate(texts, 1):
            if not data or data.isspace():
                empty += nbytes
                self._taken += nbytes
                continue
            self._door.take(self._sink, self._guest, data.decode("utf-8", "replace"), nbytes, left)
            self._accepted += 1
            self._taken += nbytes
            left -= 1
            if n % BATCH == 0:
                await self._sink.drain()
                await asyncio.sleep(0)
        if empty:
            self._sink.emit(BytesReceived(self._guest.stream, self._now, Kind.TEXT, empty))
        await self._sink.drain()

    async def _json(self) -> None:
        value = json.loads(self._whole)
        items = value if isinstance(value, list) else [value]
        share = len(self._whole) // max(1, len(items))
        texts = (item if isinstance(item, str) else json.dumps(item) for item in items)
        await self._texts([(text.encode("utf-8", "surrogatepass"), share) for text in texts])

    def _leave(self) -> None:
        if self._guest is not None:
            self._door.leave(self._sink, self._guest, None)
            self._guest = None

    def _slow(self, slow: RateLimited) -> Response:
        return self._over(429, str(slow), {"Retry-After": str(math.ceil(slow.wait))})

    def _over(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
        assert self._guest is not None
        refused = max(self._length, self._bytes) - self._taken
        self._door.refuse(self._sink, self._guest, refused)
        self._leave()
        return _refusal(
            status, why, headers, accepted=self._accepted, bytes=self._bytes, refused_bytes=refused
        )


def _answer(status: int, value: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(value).encode() + b"\n"
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, body)


def _refusal(status: int, why: str, headers: Mapping[str, str] | None = None, **more: int) -> Response:
    return _answer(status, {"error": why, **more}, headers)
