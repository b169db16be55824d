"""RTMP and RTMPS play. The session is our own, so that libav never waits on the network: it only decodes.

Left to libav, a stream whose picture comes more than `analyzeduration` after its sound shows no picture at all, a
cancelled read sits in its thread for seconds, and an end, a loss and a stall all look alike (all measured).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo, explain
from .events import Provenance, State, StateChanged
from .mediainfo import MediaError, MediaInfo
from .net import bad_certificate, bracketed
from .redact import MASK, redact
from .rtmp_chunks import ProtocolError
from .rtmp_media import Link, decode, single
from .rtmp_session import Client, Ended, Media, Playing, Refused
from .sanitize import clean_line

C = TypeVar("C", bound=Client)

KEY = "MIDSTREAM_STREAM_KEY"
QUIET = 10.0
"""Seconds without media after which a server that is still connected is given up."""
_PORTS = {"rtmp": 1935, "rtmps": 443}
_FINAL = ("Rejected", "InvalidApp", "AppShutdown", "Unauthorized")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a stream is played: ``name`` is its key, ``secure`` whether over TLS."""

    host: str
    port: int
    secure: bool
    app: str
    name: str

    @property
    def address(self) -> str:
        """What the server is told that it was called: without the key."""
        return f"rtmp{'s' if self.secure else ''}://{bracketed(self.host)}:{self.port}/{self.app}"


def target(source: str, key: str | None) -> Target:
    """Take ``rtmp[s]://host[:port]/app[/...]/name`` apart; `key` is the name where the path has none.

    Raises:
        SourceError: there is no host, no application, or no name.
    """
    try:
        parts = urlsplit(source)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"not an address: {redact(source)} ({error})") from None
    scheme = parts.scheme.lower()
    if not host:
        raise SourceError(f"an address without a host: {redact(source)}")
    if parts.username is not None:
        raise SourceError("RTMP takes no user and password here: put the token into the stream key")
    app, _, name = parts.path.strip("/").rpartition("/")
    if not app:
        app, name = name, key or ""
    if not app:
        raise SourceError(f"no application in {redact(source)}: it is {scheme}://host/app/key")
    if not name:
        raise SourceError(f"no stream key: set {KEY}, or write {scheme}://host/app/key")
    if parts.query:
        name += f"?{parts.query}"
    return Target(host, port or _PORTS[scheme], scheme == "rtmps", app, name)


async def connect(where: Target, session: C, options: Options) -> Link[C]:
    """A connection to the server of `where`, on which `session` is held.

    Raises:
        SourceError: its certificate is not trusted.
        Interrupted, OSError: it is not reached.
    """
    try:
        async with asyncio.timeout(options.connect_timeout):
            # A context reads the system's certificates: tens of milliseconds.
            context = await asyncio.to_thread(ssl.create_default_context) if where.secure else None
            reader, writer = await asyncio.open_connection(where.host, where.port, ssl=context)
    except ssl.SSLError as error:
        if reason := bad_certificate(error):
            raise SourceError(reason) from None
        raise Interrupted(f"TLS failed: {error.reason or 'no TLS server'}") from None
    except TimeoutError:
        raise Interrupted(f"no connection within {options.connect_timeout:g} s") from None
    return Link(reader, writer, session)


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``rtmp://`` and ``rtmps://``. Raises `SourceError` as `target` does."""
    return [RTMPAdapter(target(source, options.env.get(KEY)), redact(source), stream_id, options)]


class RTMPAdapter:
    """Plays one stream of an RTMP server; each run is one connection."""

    def __init__(
        self, target: Target, source: str, stream: str, options: Options, *, quiet: float = QUIET
    ) -> None:
        self._info = StreamInfo(stream, source, frozenset(), Provenance.LIVE)
        self._target = target
        self._options = options
        self._quiet = quiet

    @property
    def info(self) -> StreamInfo:
        return self._info

    async def run(self, sink: Sink) -> None:
        """Play until the server says that the stream has ended.

        Raises:
            SourceError: the server refuses for good, its certificate is not trusted, or what it sends is no media.
            Interrupted: it has no such stream (yet), was lost, or sends nothing; the text tells which.
        """
        stream, clock = self._info.stream, self._options.clock

        def on_open(info: MediaInfo) -> None:
            sink.emit(StateChanged(stream, clock(), State.LIVE, str(info)))

        where = self._target
        link = await connect(where, Playing(where.address, where.app, where.name), self._options)
        try:
            async with aclosing(self._media(link)) as media:
                await decode(media, stream, sink, self._options, on_open)
        except MediaError as error:
            raise SourceError(f"the stream can't be decoded: {error}") from None
        except ProtocolError as error:
            raise SourceError(f"no RTMP server, or one that makes mistakes: {error}") from None
        except ConnectionError as error:
            raise Interrupted(f"the server was lost: {explain(error)}") from None
        finally:
            link.close()

    async def _media(self, link: Link[Playing]) -> AsyncGenerator[Media, None]:
        """The media messages until the server ends the stream; everything else raises."""
        clock = self._options.clock
        last, heard, came = clock(), link.session.received, False
        while True:
            limit = self._quiet if came else max(self._quiet, self._options.connect_timeout)
            said = await link.receive(max(0.0, last + limit - clock()))
            for item in said or ():
                if isinstance(item, Media):
                    came = True
                    for media in single(item):
                        yield media
                    heard = link.session.received
                    last = clock()  # after the yield: a decoder that is behind is no silence of the server
                elif isinstance(item, Ended):
                    return
                elif isinstance(item, Refused):
                    raise refusal(item, self._target.name)
            if clock() - last >= limit:
                what = "stalled" if came else "nothing is published"
                more = link.session.received > heard
                also = "though the server still talks" if more else "nor anything else"
                raise Interrupted(f"{what}: no media for {limit:g} s, {also}")


def refusal(said: Refused, name: str) -> SourceError | Interrupted:
    """What a server's refusal means; its words are redacted, and may not repeat `name`, which is the key."""
    last = said.code.rpartition(".")[2]
    # Masked before it is cut: half a key would pass. Whole words only: a name may be one letter.
    words = redact(re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", MASK, said.text))
    detail = f" ({clean_line(words, limit=120)})" if words else ""
    if last == "StreamNotFound":
        return Interrupted("the server has no stream of this name now")
    text = f"the server refuses: {clean_line(said.code, limit=80)}{detail}"
    return SourceError(text) if last in _FINAL else Interrupted(text)
