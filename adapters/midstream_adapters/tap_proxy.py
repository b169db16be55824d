"""The tap's proxy: bytes from a client to its server and back, unchanged and at once, told to an observer afterwards.

Each client connection has one upstream connection, so that keep-alive, pipelining, closing and back pressure are the
two ends' own affair. Of a request only its head is rewritten (target, Host, proxy headers); bodies keep their framing,
answers pass byte for byte. h11 reads a copy, to find where messages end; trouble there never stops the bytes.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from urllib.parse import parse_qs, unquote, urlsplit

import h11

from .connections import LIMIT, Connections
from .net import bracketed
from .tap_follow import MAX_HEAD, Asked, Follower, told_headers
from .tap_frames import Tell, What, packed

SEEN = 1 << 20
"""Bytes of a request's body that are told from its start; of a longer one the last `TAIL` too."""
TAIL = 1 << 16
MOST = 256
"""Client connections at once."""
PENALTY = 0.5
"""Seconds that a wrong token takes, so that tokens can't be tried out quickly."""
_NOT_PASSED = frozenset({b"host", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate"})


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where requests go. ``path`` is put before every target that does not have it already; "" for none."""

    host: str
    port: int
    tls: bool
    path: str = ""

    @classmethod
    def of(cls, url: str) -> Upstream:
        """From an http(s) or ws(s) address.

        Raises:
            ValueError: it is none, or has a user, a query or a fragment.
        """
        parts = urlsplit(url)
        tls = parts.scheme in ("https", "wss")
        if not parts.hostname or parts.scheme not in ("http", "https", "ws", "wss"):
            raise ValueError("the upstream is not a web address, as in https://api.openai.com")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(
                "the upstream's address has no user, query or fragment: clients bring their own keys"
            )
        if not url.isascii():
            raise ValueError("the upstream's address has letters that no address can have")
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """For the Host header: the port is left out where it is the scheme's own."""
        host = bracketed(self.host)
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    def target(self, asked: str) -> str:
        """The target to ask for, in origin form; an app's base URL may have the upstream's path or not."""
        if not asked.startswith("/"):
            parts = urlsplit(asked)
            asked = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        path = asked.partition("?")[0]
        return asked if path == self.path or path.startswith(f"{self.path}/") else self.path + asked


def _trusting() -> ssl.SSLContext:
    """Certificates that httpx trusts: certifi's, or those of SSL_CERT_FILE; slim containers have none of their own."""
    return import_module("httpx").create_ssl_context()  # type: ignore[no-any-return]


class _Refusal(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class TapServer(Connections):
    """Listens, and serves each client with an upstream connection of its own."""

    def __init__(
        self,
        upstream: Upstream,
        tell: Tell,
        *,
        token: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        connect_timeout: float = 10.0,
        most: int = MOST,
    ) -> None:
        super().__init__(lambda reader, writer: _Connection(self, reader, writer).run(), most)
        self.upstream, self.tell, self.clock = upstream, tell, clock
        self.connect_timeout = connect_timeout
        self.token = token.encode() if token else None
        self.context = _trusting() if upstream.tls else None
        self._exchanges = 0

    def number(self) -> int:
        """The number of the next exchange."""
        self._exchanges += 1
        return self._exchanges


class _Connection:
    """One client, and its connection upstream once it has asked for something."""

    def __init__(self, server: TapServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._tell, self._clock = server, server.tell, server.clock
        self._reader, self._client = reader, writer
        writer.transport.set_write_buffer_limits(high=0)  # drained means handed to the kernel
        self._up: asyncio.StreamWriter | None = None
        self._opening: asyncio.Task[asyncio.StreamWriter] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._rest = b""  # read from the client and not used yet
        self._follower = Follower(server.tell)
        self._why = "the client hung up"

    async def run(self) -> None:
        """Serve until either end is gone."""
        if self._server.token is None:  # while the client still writes, as it would have connected by itself
            self._opening = asyncio.get_running_loop().create_task(self._open())
        try:
            while await self._request():
                pass
        except _Refusal as refusal:
            await self._refuse(refusal)
        except OSError:  # of either end; the other is closed below
            pass
        finally:
            for task in (lambda: self._opening, lambda: self._pump):  # the first makes the second
                if (running := task()) is not None:
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)
            if self._up is not None:
                self._up.transport.abort()  # what was asked for is not wanted any more
            self._client.close()
            for exchange in self._follower.unfinished():
                self._tell(What.LOST, exchange, self._clock(), self._why.encode())

    # -- from the client

    async def _request(self) -> bool:
        """Pass one request on; false when there are no more."""
        head = await self._head()
        if head is None:
            return False
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            parser.receive_data(head)
            request = parser.next_event()
        except h11.RemoteProtocolError as error:
            raise _Refusal(error.error_status_hint, f"not a request that is understood: {error}") from None
        if not isinstance(request, h11.Request):
            raise _Refusal(400, "not a request that is understood")
        names = {name for name, _ in request.headers}
        if request.method == b"CONNECT" or {b"content-length", b"transfer-encoding"} <= names:
            raise _Refusal(400, "CONNECT, or a length beside chunks: not passed on")
        target = await self._admit(request.target.decode("latin-1"))
        up = await self._upstream()
        upgrade = b"upgrade" in names
        exchange = self._server.number()
        self._follower.waiting.append(Asked(exchange, request.method.decode("latin-1"), upgrade))
        self._tell(What.REQUEST, exchange, self._clock(), _described(request, target))
        await self._body(up, parser, exchange, self._rewritten(request, target))
        if upgrade:
            await self._tunnel(up)
        return True

    async def _head(self) -> bytes | None:
        """The head of the next request; None when the client has gone."""
        while True:
            self._rest = self._rest.lstrip(b"\r\n")
            if (end := self._rest.find(b"\r\n\r\n") + 4) > 3:
                head, self._rest = self._rest[:end], self._rest[end:]
                return head
            if len(self._rest) > MAX_HEAD:
                raise _Refusal(431, f"a head over {MAX_HEAD >> 10} KiB")
            data = await self._reader.read(LIMIT)
            if not data:
                return None
            self._rest += data

    async def _admit(self, target: str) -> str:
        """The target without the token that stands before it where one is needed."""
        token = self._server.token
        if token is None:
            return target
        first, _, rest = target.removeprefix("/").partition("/")
        if not hmac.compare_digest(unquote(first).encode("utf-8", "replace"), token):
            await asyncio.sleep(PENALTY)
            raise _Refusal(403, "the path must begin with the token, as in http://HOST:PORT/TOKEN/v1")
        return f"/{rest}"

    async def _upstream(self) -> asyncio.StreamWriter:
        """The connection upstream.

        Raises:
            _Refusal: there is none to be had.
        """
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
        to = self._server.upstream
        try:
            return await self._opening
        except TimeoutError:
            raise _Refusal(504, f"{to.authority} does not answer") from None
        except OSError as error:
            raise _Refusal(502, f"can't connect to {to.authority}: {error.strerror or error}") from None

    async def _open(self) -> asyncio.StreamWriter:
        server, to = self._server, self._server.upstream
        async with asyncio.timeout(server.connect_timeout):
            reader, self._up = await asyncio.open_connection(
                to.host, to.port, ssl=server.context, limit=LIMIT,
                server_hostname=to.host if to.tls else None,
            )  # fmt: skip
        self._up.transport.set_write_buffer_limits(high=0)
        self._pump = asyncio.get_running_loop().create_task(self._answers(reader))
        return self._up

    def _rewritten(self, request: h11.Request, target: str) -> bytes:
        """The head to send: as it came, but for the target, Host and what is meant for a proxy."""
        upstream = self._server.upstream
        lines = [
            b"%s %s HTTP/%s"
            % (request.method, upstream.target(target).encode("latin-1"), request.http_version),
            b"Host: " + upstream.authority.encode("latin-1"),
        ]
        raw = request.headers.raw_items()
        lines += [b"%s: %s" % (name, value) for name, value in raw if name.lower() not in _NOT_PASSED]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    async def _body(
        self, up: asyncio.StreamWriter, parser: h11.Connection, exchange: int, head: bytes
    ) -> None:
        """Pass the body on as it comes, framing and all; the head goes with its first piece."""
        data, self._rest = self._rest, b""
        seen, tail, out = 0, b"", head
        while True:
            body, ended = b"", False
            try:
                if data:
                    parser.receive_data(data)
                while (event := parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                    if isinstance(event, h11.Data):
                        body += event.data
                    elif isinstance(event, h11.EndOfMessage):
                        ended = True
            except h11.RemoteProtocolError as error:
                raise _Refusal(400, f"a body that is not understood: {error}") from None
            if ended:
                self._rest = parser.trailing_data[0]
                data = data[: len(data) - len(self._rest)]
            up.write(out + data)
            out = b""
            if body:
                if told := body[: max(0, SEEN - seen)]:
                    self._tell(What.REQUEST_BODY, exchange, self._clock(), told)
                seen += len(body)
                tail = (tail + body[len(told) :])[-TAIL:]
            await up.drain()
            if ended:
                break
            data = await self._reader.read(LIMIT)
            if not data:
                raise ConnectionResetError("the client hung up within its request")
        at = self._clock()
        if tail:
            self._tell(What.GAP, exchange, at, str(max(0, seen - SEEN - len(tail))).encode())
            self._tell(What.REQUEST_BODY, exchange, at, tail)
        self._tell(What.REQUEST_END, exchange, at, b"")

    async def _tunnel(self, up: asyncio.StreamWriter) -> None:
        """After a request to upgrade: pass on whatever comes, if the server agreed; a client waits for its word."""
        while data := await self._reader.read(LIMIT):
            if (exchange := self._follower.switched) is None:
                self._rest = data
                return
            up.write(data)
            self._tell(What.UP, exchange, self._clock(), data)
            await up.drain()

    async def _refuse(self, refusal: _Refusal) -> None:
        """Answer in the server's stead, where no other answer is on its way."""
        exchange = self._server.number()
        if any(self._follower.unfinished()):
            self._client.transport.abort()
            return
        text = f"midstream tap: {refusal}"
        at = self._clock()
        self._tell(What.RESPONSE, exchange, at, packed(status=refusal.status, headers={}))
        self._tell(What.LOST, exchange, at, text.encode())
        body = packed(error={"message": text, "type": "tap_error", "code": None})
        phrase = HTTPStatus(refusal.status).phrase
        self._client.write(
            f"HTTP/1.1 {refusal.status} {phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(5.0):
                await self._client.drain()
                self._client.write_eof()
                left = 64 << 20  # or a client that still sends would get a reset instead of the refusal
                while left > 0 and (data := await self._reader.read(LIMIT)):
                    left -= len(data)

    # -- from the server

    async def _answers(self, reader: asyncio.StreamReader) -> None:
        """Pass on what the server sends until it closes; the client's connection is closed alike, but for between two
        requests: one that is on its way would be lost, where the server was left with nothing to do."""
        try:
            while data := await reader.read(LIMIT):
                at = self._clock()
                self._client.write(data)
                self._follower.feed(data, at)
                await self._client.drain()
        except OSError as error:
            self._why = f"the connection upstream was lost: {error.strerror or type(error).__name__}"
            self._client.transport.abort()
            return
        if self._follower.idle and self._up is not None:
            self._up.close()
            self._up = self._opening = None  # the next request opens another
            return
        self._why = "the server closed the connection before the answer was complete"
        self._follower.feed(b"", self._clock())
        self._client.close()


def _described(request: h11.Request, target: str) -> bytes:
    """What the observer hears of a request: no query but the model, none of the headers that hold keys."""
    path, _, query = target.partition("?")
    try:
        model = (parse_qs(query, max_num_fields=64).get("model") or [""])[0]
    except ValueError:
        model = ""
    method = request.method.decode("latin-1")
    return packed(method=method, path=path, model=model, headers=told_headers(request.headers))
