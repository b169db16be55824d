"""WebRTC with JSON over a WebSocket, ``webrtc+wss://host/path``; `signalling` documents the messages.

We are the room's viewer and wait for the publisher's offer. With ``#offer`` at the address's end we offer ourselves, as
servers want it that wait for viewers' offers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo
from .events import Kind, Provenance
from .net import located
from .redact import redact
from .rtc_peer import Peer, load
from .rtc_sdp import BadSdp, Fragment, candidate, check
from .sanitize import clean_line
from .signalling import BadMessage, decode, encode
from .websocket import WebSocketAdapter, _close

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``webrtc+wss://`` or ``webrtc+ws://``.

    Raises:
        SourceError: the address has no host, or its port is none, or its fragment is not ``offer``.
    """
    url, asked = urldefrag(source.partition("+")[2])
    located(url, source)
    if asked not in ("", "offer"):
        raise SourceError(f"#offer can be asked for, not #{clean_line(asked, limit=40)}")
    return [WebRTCAdapter(url, stream_id, options, offers=asked == "offer")]


class WebRTCAdapter:
    """One viewer in one room. Each run is one session; it outlives its signalling."""

    def __init__(self, url: str, stream: str, options: Options, offers: bool = False) -> None:
        kinds = frozenset({Kind.AUDIO, Kind.VIDEO})
        self.info = StreamInfo(stream, f"webrtc+{redact(url)}", kinds, Provenance.LIVE)
        self._url, self._options, self._offers = url, options, offers

    async def run(self, sink: Sink) -> None:
        """Return when the other side says goodbye; see `Peer.run` for what else is said and raised."""
        _, connection = await asyncio.gather(
            load(), WebSocketAdapter(self._url, self.info.stream, self._options)._connect()
        )
        peer = Peer(self.info.stream, sink, self._options)
        agreed = asyncio.Event()
        talk = asyncio.create_task(self._talk(connection, peer, agreed))
        media: asyncio.Task[None] | None = None
        try:
            opening = asyncio.create_task(agreed.wait())
            await asyncio.wait([talk, opening], return_when=asyncio.FIRST_COMPLETED)
            opening.cancel()
            if talk.done():
                talk.result()
                return  # a goodbye before anything was agreed
            media = asyncio.create_task(peer.run())
            while not media.done():
                await asyncio.wait([media, talk], return_when=asyncio.FIRST_COMPLETED)
                if talk.done() and not media.done():
                    error = talk.exception()
                    if error is None:
                        return
                    if not isinstance(error, Interrupted) or not peer.connected:
                        raise error
                    await asyncio.wait([media])  # media needs no signalling any more
            media.result()
        except BadSdp as error:
            raise SourceError(f"the other side's session description can't be used: {error}") from None
        finally:
            tasks = [task for task in (talk, media) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(peer.close(), self._leave(connection), *tasks, return_exceptions=True)

    async def _talk(self, connection: ClientConnection, peer: Peer, agreed: asyncio.Event) -> None:
        """Signalling until goodbye.

        Raises:
            Interrupted: the WebSocket was closed.
            BadSdp: an offer or answer can't be used.
        """
        from websockets.exceptions import ConnectionClosed

        early: list[Fragment] = []
        try:
            await connection.send(encode("join", role="viewer"))
            if self._offers:
                await connection.send(encode("offer", sdp=await peer.offer()))
            async for text in connection:
                try:
                    message = decode(text)
                except BadMessage as error:
                    raise SourceError(f"signalling of another kind: {error}") from None
                kind = message["type"]
                if kind == "bye":
                    return
                if kind == "error":
                    reason = clean_line(str(message.get("reason", "")), limit=160)
                    raise Interrupted(f"the signalling server says: {reason}")
                if kind == "join" and message.get("role") == "publisher" and not agreed.is_set():
                    await connection.send(encode("join", role="viewer"))
                elif kind == "offer" and not agreed.is_set() and not self._offers:
                    answer = await peer.answer(await check(message["sdp"]))
                    await connection.send(encode("answer", sdp=answer))
                elif kind == "answer" and self._offers and not agreed.is_set():
                    await peer.accept(await check(message["sdp"], answers=peer.local))
                elif kind == "candidate":
                    if (more := _candidate(message)) is not None:
                        early.append(more)
                        early = early[-64:]
                else:
                    continue
                if kind in ("offer", "answer"):
                    agreed.set()
                if agreed.is_set():
                    for more in early:
                        await peer.add(more)
                    early.clear()
            raise Interrupted("the signalling server closed the connection")
        except ConnectionClosed as closed:
            raise Interrupted(f"the signalling connection was closed ({closed})") from None

    @staticmethod
    async def _leave(connection: ClientConnection) -> None:
        try:
            async with asyncio.timeout(0.05):
                await connection.send(encode("bye"))
        except Exception:  # it is closed already, or does not read
            pass
        await _close(connection)


def _candidate(message: dict[str, Any]) -> Fragment | None:
    """What a candidate message adds; None: it says that there are no more.

    Raises:
        BadSdp: it is malformed.
    """
    given = message.get("candidate")
    fields = given if isinstance(given, dict) else message
    line, mid, index = fields.get("candidate"), fields.get("sdpMid"), fields.get("sdpMLineIndex")
    if not line:
        return None
    if not isinstance(line, str) or not isinstance(mid, str | None) or not isinstance(index, int | None):
        raise BadSdp("malformed candidate")
    one = candidate(line, mid, index or 0)
    return Fragment(candidates=[one]) if one is not None else None
