"""RTMP ingest, ``rtmp+listen://``: encoders publish here, each one a stream of its own.

A publisher is let in only with the key (compared in constant time), and nothing that it sends before that is kept. Its
stream is named by the listener's with a number, or with the NAME of ``NAME?key=KEY``; never by the key.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from .base import Adapter, Options, Sink, SourceError, StreamInfo, explain
from .connections import Connections
from .events import Figures, Provenance, State, StateChanged, StreamOpened
from .listener import GRACE, Address, Slot, Slots
from .mediainfo import MediaError, MediaInfo
from .net import bracketed
from .redact import redact
from .rtmp import KEY
from .rtmp_chunks import ProtocolError
from .rtmp_media import Link, decode, single
from .rtmp_session import Asked, Ended, Media, Publishing, Refused
from .sanitize import clean_line

PORT = 1935
MOST = 32
"""Publishers at once."""
ENTRY = 10.0
"""Seconds that a connection has to become a publisher."""
QUIET = 2.5
"""Seconds without media after which a publisher shows as lost."""
GONE = 20.0
"""Seconds without media after which its connection is closed."""
PENALTY = 0.5
"""Seconds that a refusal takes, so that keys can't be tried out quickly."""
_log = logging.getLogger(__name__)


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``rtmp+listen://[host][:port][/app]``; 127.0.0.1, 1935 and ``live`` where it says nothing else.

    Raises:
        SourceError: no address, a key in it, or a host that others can reach and no key set.
    """
    at = Address.of(source, options, PORT, KEY)
    app = at.parts.path.strip("/") or "live"
    if "/" in app:
        raise at.secret_within(KEY)
    return [RTMPListener(at.host, at.port, app, at.secret, stream_id, options)]


class RTMPListener:
    """Waits for publishers at one address; `run` goes on until it is cancelled. ``port`` 0 lets the system choose."""

    def __init__(
        self,
        host: str,
        port: int,
        app: str,
        key: str | None,
        stream: str,
        options: Options,
        *,
        quiet: float = QUIET,
        gone: float = GONE,
        most: int = MOST,
        grace: float = GRACE,
    ) -> None:
        self._host, self.port, self._app = host, port, app
        self._key = key.encode() if key is not None else None
        self._info = StreamInfo(stream, self._address(port), frozenset(), Provenance.LIVE)
        self._options = options
        self._quiet, self._gone, self._most = quiet, gone, most
        self._slots = Slots(stream, Slot, options, 4 * most, grace)
        self._refused = 0
        self._live = 0

    @property
    def info(self) -> StreamInfo:
        return self._info

    async def run(self, sink: Sink) -> None:
        """Listen until cancelled; every publisher's stream then ends.

        Raises:
            SourceError: the address can't be listened on.
        """

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(Link(reader, writer, Publishing(self._app)), writer, sink)

        server = Connections(serve, 2 * self._most)
        try:
            await server.start(self._host, self.port)
        except OSError as error:
            raise SourceError(f"can't listen on {self._address(self.port)}: {explain(error)}") from None
        self.port = server.port
        self._tell(sink)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await server.close()
            self._slots.close(sink)

    def _address(self, port: int) -> str:
        return f"rtmp+listen://{bracketed(self._host)}:{port}/{self._app}"

    def _tell(self, sink: Sink, note: str = "") -> None:
        """The listener's own state and figures."""
        stream, now = self._info.stream, self._options.clock()
        key = "key required" if self._key is not None else "any key"
        text = f"listening on {self._address(self.port)} ({key}), {self._live} publishing"
        sink.emit(StateChanged(stream, now, State.LISTENING, f"{text}; {note}" if note else text))
        values: dict[str, float | str] = {"publishers": self._live, "publishers_refused": self._refused}
        sink.emit(Figures(stream, now, values))

    async def _serve(self, link: Link[Publishing], writer: asyncio.StreamWriter, sink: Sink) -> None:
        """One connection, from the handshake to its end."""
        peer = writer.get_extra_info("peername")
        peer = str(peer[0]) if peer else "?"
        try:
            slot = await self._enter(link, peer, sink)
            if slot is None:
                return
            self._live += 1
            self._tell(sink)
            try:
                await self._play(link, slot, sink)
            finally:
                self._slots.leave(slot)
                self._live -= 1
                self._tell(sink)
        except Exception as error:  # before it was let in: nobody's stream
            _log.info("RTMP connection from %s: %s", peer, explain(error))
        finally:
            link.close()

    # -- letting in

    async def _enter(self, link: Link[Publishing], peer: str, sink: Sink) -> Slot | None:
        """Bring a connection to its publish; None when it was refused."""
        until = self._options.clock() + ENTRY
        while True:
            said = await link.receive(max(0.0, until - self._options.clock()))
            if said is None:
                return None
            for item in said:
                slot, why = None, ""
                if isinstance(item, Refused):
                    why = item.text
                elif isinstance(item, Asked):
                    if not self._knows_key(item):
                        why = "wrong stream key"
                    elif (slot := self._slot(item, link.session.encoder, peer, sink)) is None:
                        why = "no room, or its name is publishing already"
                    if slot is not None:
                        link.session.accept()
                        await link.flush()
                        return slot
                    link.session.refuse(why)
                if why:
                    await self._refuse(link, peer, why, sink)
                    return None
            if self._options.clock() >= until:
                return None

    def _knows_key(self, asked: Asked) -> bool:
        """Whether a publish carries the key, as its name or as ``NAME?key=KEY``; in constant time."""
        if self._key is None:
            return True
        as_name = hmac.compare_digest(asked.name.encode(), self._key)
        return hmac.compare_digest(asked.query.get("key", "").encode(), self._key) or as_name

    async def _refuse(self, link: Link[Publishing], peer: str, why: str, sink: Sink) -> None:
        self._refused += 1
        _log.info("RTMP publisher from %s refused: %s", peer, why)
        self._tell(sink, f"a publisher from {peer} was refused: {why}")
        await self._options.sleep(PENALTY)
        await link.flush()

    def _slot(self, asked: Asked, encoder: str, peer: str, sink: Sink) -> Slot | None:
        """The stream for a publisher: its named one, else a numbered one; None without room."""
        if self._live >= self._most:
            return None
        named = "key" in asked.query and self._key is not None and asked.name.encode() != self._key
        slot = self._slots.of(sink, clean_line(asked.name, limit=40) if named else "")
        if slot is None or slot.busy:
            return None
        slot.source = slot.source or f"{clean_line(redact(encoder), limit=60) or 'publisher'} at {peer}"
        self._slots.enter(slot)
        return slot

    # -- playing

    async def _play(self, link: Link[Publishing], slot: Slot, sink: Sink) -> None:
        """Decode what a publisher sends, and say how it ends."""
        clock = self._options.clock
        sink.emit(StreamOpened(slot.stream, clock(), slot.source, frozenset(), Provenance.LIVE))
        self._slots.say(sink, slot, State.CONNECTING, "the publisher was let in")
        about = ""

        def on_open(info: MediaInfo) -> None:
            nonlocal about
            about = str(info)
            self._slots.say(sink, slot, State.LIVE, about)

        async def media() -> AsyncGenerator[Media, None]:
            last, heard, quiet = clock(), 0, False
            while True:
                limit = self._gone if quiet else self._quiet
                said = await link.receive(max(0.0, last + limit - clock()))
                came = False
                for item in said or ():
                    if isinstance(item, Media):
                        if quiet:
                            quiet = False
                            self._slots.say(sink, slot, State.LIVE if about else State.CONNECTING, about)
                        came = True
                        for one in single(item):
                            yield one
                    elif isinstance(item, Ended):
                        return
                if came:  # read after the yields: a decoder that is behind is no silence of the publisher
                    last, heard = clock(), link.session.received
                elif clock() - last >= self._gone:
                    raise TimeoutError(f"given up after {self._gone:g} s without media")
                elif not quiet and clock() - last >= self._quiet:
                    quiet = True
                    more = link.session.received > heard
                    also = "though it still talks" if more else "nor anything else"
                    reason = f"the publisher sends no media for {self._quiet:g} s now, {also}"
                    self._slots.say(sink, slot, State.RECONNECTING, reason)

        try:
            async with aclosing(media()) as source:
                await decode(source, slot.stream, sink, self._options, on_open)
            self._slots.say(sink, slot, State.ENDED, "the publisher ended the stream")
        except MediaError as error:
            self._slots.say(sink, slot, State.FAILED, f"what the publisher sends can't be decoded: {error}")
        except (OSError, ProtocolError) as error:
            self._slots.say(sink, slot, State.RECONNECTING, f"the publisher was lost: {explain(error)}")
        except Exception as error:  # a fault of ours: this stream's alone
            self._slots.say(
                sink, slot, State.FAILED, f"internal error: {type(error).__name__}: {explain(error)}"
            )
