"""A small HTTP/1.1 server on asyncio and h11, for endpoints with short requests and short answers (WHIP's), or with
bodies that are read as they come.

Everything is bounded: connections, header, body, and the time that each may take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Protocol

import h11

from .connections import LIMIT, Connections

MAX_HEADER = 16 << 10
REQUEST_WITHIN = 10.0
"""Seconds from a request's first byte to its last, and that a connection may be idle."""


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request. Names of ``headers`` are in lower case; ``path`` has no ``query``; ``peer`` is an IP address."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: str
    query: str = ""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; Content-Length is added."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def text(cls, status: int, body: str, headers: Mapping[str, str] | None = None) -> Response:
        """An answer in words."""
        return cls(
            status, {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}, f"{body}\n".encode()
        )


Handler = Callable[[Request], Awaitable[Response]]


class BodyReader(Protocol):
    """Takes the body of one request piece by piece; it may go on for as long as pieces come."""

    async def feed(self, data: bytes) -> Response | None:
        """Take a piece; an answer ends the request before its body does."""

    async def end(self) -> Response:
        """The body is complete."""

    def lost(self) -> None:
        """The client went away, or fell silent, before either."""


Reads = Callable[[Request], "BodyReader | None"]
"""Asked with a request whose body is yet to come: who reads it; None leaves it to be collected for the handler."""


class _TooLarge(Exception):
    pass


class HttpServer(Connections):
    """Serves `handler`, which must not raise; a refusal made here is passed through `finish` (for CORS headers)."""

    def __init__(
        self,
        handler: Handler,
        *,
        max_body: int,
        finish: Callable[[Mapping[str, str], Response], Response] = lambda headers, response: response,
        reads: Reads = lambda request: None,
        max_connections: int = 64,
        within: float = REQUEST_WITHIN,
    ) -> None:
        super().__init__(self._serve, 2 * max_connections)  # beyond politeness
        self._handler, self._finish, self._reads = handler, finish, reads
        self._max_body, self._most, self._within = max_body, max_connections, within

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str((writer.get_extra_info("peername") or ["?"])[0])
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER)
        headers: dict[str, str] = {}
        try:
            while True:
                refusal: Response | None = None
                request: Request | Response | None = None
                headers = {}
                try:
                    async with asyncio.timeout(self._within) as deadline:
                        request = await self._receive(connection, reader, writer, headers, peer, deadline)
                    if request is None:
                        return
                    if len(self) > self._most:
                        refusal = Response.text(503, "too many connections", {"Retry-After": "5"})
                except _TooLarge:
                    refusal = Response.text(413, f"over {self._max_body >> 10} KiB")
                except h11.RemoteProtocolError as error:
                    refusal = Response.text(error.error_status_hint, "not a request that is understood here")
                except TimeoutError:
                    if connection.their_state is h11.IDLE and not connection.trailing_data[0]:
                        return
                    refusal = Response.text(408, "the request took too long")
                if isinstance(request, Response):
                    if connection.their_state is not h11.DONE:
                        refusal = request
                    else:
                        request = self._finish(headers, request)
                if refusal is None and request is not None:
                    answer = request if isinstance(request, Response) else await self._handler(request)
                    await self._send(connection, writer, answer)
                    if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                        return
                    connection.start_next_cycle()
                elif refusal is not None:
                    await self._send(connection, writer, self._finish(headers, refusal), close=True)
                    await self._linger(reader, writer)
                    return
        except (OSError, h11.LocalProtocolError):
            pass  # the client is gone
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _receive(
        self,
        connection: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        headers: dict[str, str],
        peer: str,
        deadline: asyncio.Timeout,
    ) -> Request | Response | None:
        body = b""
        request: Request | None = None
        consumer: BodyReader | None = None
        try:
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    if connection.they_are_waiting_for_100_continue:
                        go_on = h11.InformationalResponse(status_code=100, headers=[])
                        writer.write(connection.send(go_on) or b"")
                    connection.receive_data(await reader.read(LIMIT))
                elif isinstance(event, h11.Request):
                    request = self._begun(event, headers, peer)
                    consumer = self._reads(request)
                    if consumer is None and int(headers.get("content-length", "0")) > self._max_body:
                        raise _TooLarge  # h11 has seen to it that it is a number
                elif isinstance(event, h11.Data) and consumer is not None:
                    deadline.reschedule(asyncio.get_running_loop().time() + self._within)
                    if (answer := await consumer.feed(bytes(event.data))) is not None:
                        consumer = None
                        return answer
                elif isinstance(event, h11.Data):
                    body += event.data
                    if len(body) > self._max_body:
                        raise _TooLarge
                elif isinstance(event, h11.EndOfMessage):
                    if consumer is not None:
                        last, consumer = consumer, None
                        return await last.end()
                    return None if request is None else replace(request, body=body)
                else:  # closed, or an event that no client sends
                    return None
        finally:
            if consumer is not None:
                consumer.lost()

    @staticmethod
    def _begun(event: h11.Request, headers: dict[str, str], peer: str) -> Request:
        method, target = event.method.decode("ascii"), event.target.decode("latin-1")
        if sum(len(k) + len(v) for k, v in event.headers) + len(target) > MAX_HEADER:  # came in one piece
            raise h11.RemoteProtocolError("header too large", error_status_hint=431)
        headers.update({k.decode("latin-1"): v.decode("latin-1") for k, v in event.headers})
        path, _, query = target.partition("?")
        return Request(method, path, headers, b"", peer, query)

    async def _send(
        self,
        connection: h11.Connection,
        writer: asyncio.StreamWriter,
        response: Response,
        close: bool = False,
    ) -> None:
        if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        headers = [*response.headers.items()]
        if response.status != 204:
            headers.append(("Content-Length", str(len(response.body))))
        if close:
            headers.append(("Connection", "close"))
        reason = HTTPStatus(response.status).phrase.encode()
        data = (
            connection.send(h11.Response(status_code=response.status, headers=headers, reason=reason)) or b""
        )
        if response.body:
            data += connection.send(h11.Data(data=response.body)) or b""
        data += connection.send(h11.EndOfMessage()) or b""
        writer.write(data)
        async with asyncio.timeout(self._within):
            await writer.drain()

    @staticmethod
    async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read on a little, or the client that still sends would get a reset instead of the refusal."""
        if writer.can_write_eof():
            writer.write_eof()
        left = 4 << 20
        try:
            async with asyncio.timeout(1.0):
                while left > 0 and (data := await reader.read(LIMIT)):
                    left -= len(data)
        except TimeoutError:
            pass
