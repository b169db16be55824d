"""Text over a WebSocket (RFC 6455)."""

from __future__ import annotations

import asyncio
import ssl
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from .base import Adapter, Interrupted, Options, Sink, StreamInfo
from .events import BytesReceived, Dropped, Kind, Provenance, State, StateChanged
from .lines import BATCH
from .net import is_loopback, located
from .payload import PayloadReader
from .redact import redact

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_MESSAGE = 1 << 20
"""Bytes of one message, as sent and as inflated."""
PING_EVERY = 10.0
CLOSE_WITHIN = 0.1


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """Return the adapter for ``ws://`` or ``wss://``.

    Raises:
        SourceError: the address has no host, or its port is none.
    """
    url = urldefrag(source).url
    located(url, source)
    return [WebSocketAdapter(url, stream_id, options)]


class WebSocketAdapter:
    """Reads text messages; binary ones only count as bytes. A close with code 1000 is the end, any other a loss."""

    def __init__(self, url: str, stream: str, options: Options) -> None:
        self.info = StreamInfo(stream, redact(url), frozenset({Kind.TEXT}), Provenance.LIVE)
        self._url = url
        self._options = options
        self._connection: ClientConnection | None = None

    @property
    def latency(self) -> float | None:
        """Seconds of the last ping's round trip, ``None`` before the first."""
        return (self._connection.latency or None) if self._connection else None

    async def run(self, sink: Sink) -> None:
        """Emit messages until the server closes the connection well (1000), else raise."""
        connection = self._connection = await self._connect()
        stream, clock = self.info.stream, self._options.clock
        from websockets.exceptions import ConnectionClosed  # loaded by now, in a thread

        reader = PayloadReader(stream, clock)
        try:
            sink.emit(StateChanged(stream, clock(), State.LIVE))
            for n in count(1):
                message = await connection.recv()
                if isinstance(message, str):
                    nbytes = len(message) if message.isascii() else len(message.encode())
                    for event in reader.read(message, nbytes):
                        sink.emit(event)
                else:
                    sink.emit(BytesReceived(stream, clock(), Kind.TEXT, len(message)))
                await sink.drain()
                if n % BATCH == 0:  # what has been received already is given out without a pause
                    await asyncio.sleep(0)
        except ConnectionClosed as closed:
            from .ws_failures import closing

            code, reason = closing(closed, MAX_MESSAGE)
            if code == 1009 and closed.rcvd is None:
                sink.emit(Dropped(stream, clock(), Kind.TEXT, 1, "limit"))
            for event in reader.lost(reason):
                sink.emit(event)
            if code != 1000:
                raise Interrupted(reason) from None
        finally:
            self._connection = None
            await _close(connection)

    async def _connect(self) -> ClientConnection:
        await asyncio.to_thread(
            import_module, "websockets.asyncio.client"
        )  # a quarter of a second, the first time
        from websockets.asyncio.client import connect

        from .ws_failures import unopened

        class Connect(connect):
            def process_redirect(self, exc: Exception) -> Exception | str:
                before = urlsplit(self.uri)
                found = super().process_redirect(exc)
                if isinstance(found, str):
                    after = urlsplit(found)
                    if (before.scheme, before.netloc) != (after.scheme, after.netloc):
                        self.additional_headers = None  # they may hold keys that are not for another host
                return found

        options = self._options
        secure = self._url[:4].lower() == "wss:"
        tls: dict[str, Any] = {"ssl": await asyncio.to_thread(ssl.create_default_context)} if secure else {}
        try:
            return await Connect(
                self._url,
                additional_headers=dict(options.headers),
                proxy=None if is_loopback(urlsplit(self._url).hostname) else True,
                open_timeout=options.connect_timeout,
                ping_interval=PING_EVERY,
                ping_timeout=PING_EVERY,
                close_timeout=CLOSE_WITHIN,
                max_size=MAX_MESSAGE,
                **tls,
            )
        except Exception as error:
            raise unopened(error, options.connect_timeout) from None


async def _close(connection: ClientConnection) -> None:
    """Say goodbye where the server listens, and be gone soon in any case."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            await connection.close()
    except TimeoutError:
        pass
    finally:
        connection.transport.abort()
