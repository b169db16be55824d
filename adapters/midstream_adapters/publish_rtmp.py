"""Publishing over RTMP(S). The session is our own: an RTMP write that libav opens can hang the whole process.

libav only encodes; what its FLV muxer writes becomes RTMP messages, tag by tag.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from . import flv
from .base import Interrupted, Options, SourceError
from .publish import Counts, Plan, playing, reached
from .redact import redact
from .rtmp import KEY, Target, connect, refusal, target
from .rtmp_amf import Value, encode
from .rtmp_chunks import Message, ProtocolError, Type
from .rtmp_media import Link
from .rtmp_session import Client, Ended, Refused, Said, Started, status
from .simulated_audio import SimulatedChunk
from .simulated_video import SimulatedFrame
from .stream_simulator import StreamSimulator
from .together import together

if TYPE_CHECKING:
    from .publish_encode import Encoder

BACKLOG = 1 << 20
"""Bytes that may wait for the network; above, pictures and sound are dropped before they are encoded."""
STALLED = 10.0
"""Seconds that a server may take nothing."""
_LEAVE = 1.0
_HEADER = 13
_AUDIO, _VIDEO, _DATA = 4, 6, 5  # chunk streams


def open_output(name: str, plan: Plan, options: Options) -> RTMPOutput:
    """The output for ``rtmp[s]://host/app/key``. Raises `SourceError` as `rtmp.target` does."""
    return RTMPOutput(target(name, options.env.get(KEY)), redact(name), plan, options)


class Sending(Client):
    """The client's side of a publisher: asks to publish `name`; `Started` is said when media may follow."""

    def media(self, kind: int, timestamp: int, payload: bytes) -> None:
        """Send a tag of FLV; ``timestamp`` in milliseconds."""
        if kind == flv.SCRIPT:
            payload = encode("@setDataFrame") + payload
        number = {flv.AUDIO: _AUDIO, flv.VIDEO: _VIDEO}.get(kind, _DATA)
        self._send(Type(kind), payload, stream=self._stream, number=number, timestamp=timestamp)

    def leave(self) -> None:
        """Tell the server that this was all."""
        self._send(Type.COMMAND, encode("FCUnpublish", 6.0, None, self._name))
        self._send(Type.COMMAND, encode("deleteStream", 7.0, None, float(self._stream)))

    def _about(self) -> dict[str, Value]:
        return super()._about() | {"type": "nonprivate", "flashVer": "FMLE/3.0 (compatible; MidStream)"}

    def _command(self, name: str, values: list[Value], message: Message, said: list[Said]) -> None:
        number = values[0] if values else None
        about = values[2] if len(values) > 2 else None
        code, text = status(about)
        if name == "_result" and number == 1.0:
            self._send(Type.COMMAND, encode("releaseStream", 2.0, None, self._name))
            self._send(Type.COMMAND, encode("FCPublish", 3.0, None, self._name))
            self._send(Type.COMMAND, encode("createStream", 4.0, None))
        elif name == "_result" and number == 4.0:
            self._stream = int(about) if isinstance(about, float) and 0 < about < 1 << 31 else 1
            asked = encode("publish", 5.0, None, self._name, "live")
            self._send(Type.COMMAND, asked, stream=self._stream, number=8)
        elif name == "_error" and number in (1.0, 4.0, 5.0):  # of 2 and 3 servers need know nothing
            said.append(Refused(code or "NetConnection.Connect.Rejected", text))
        elif name == "close":
            said.append(Ended("the server closed the connection"))
        elif name == "onStatus":
            if code == "NetStream.Publish.Start":
                said.append(Started())
            elif code.rpartition(".")[2] in ("Stop", "Success") and "Unpublish" in code:
                said.append(Ended(f"the server ended the stream ({code})"))
            elif _is_error(about):
                said.append(Refused(code, text))


def _is_error(about: Value) -> bool:
    return isinstance(about, dict) and about.get("level") == "error"


class Pipe:
    """What the FLV muxer writes in its thread, as tags for the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.news = asyncio.Event()
        self._loop = loop
        self._lock = threading.Lock()
        self._tags: deque[flv.Tag] = deque()
        self._rest = bytearray()
        self._waiting = 0
        self._begun = False

    @property
    def waiting(self) -> int:
        """Bytes that nobody has taken yet."""
        return self._waiting

    def write(self, data: bytes) -> int:
        """For libav: bytes of an FLV file, cut anywhere."""
        self._rest += data
        if not self._begun:
            if len(self._rest) < _HEADER:
                return len(data)
            del self._rest[:_HEADER]
            self._begun = True
        whole: list[flv.Tag] = []
        size = 0
        for tag in flv.tags(bytes(self._rest)):
            if (end := size + 15 + len(tag[2])) > len(self._rest):  # its trailing size is still to come
                break
            whole.append(tag)
            size = end
        if whole:
            del self._rest[:size]
            with self._lock:
                self._tags += whole
                self._waiting += size
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self.news.set)
        return len(data)

    def take(self) -> list[flv.Tag]:
        """The tags that have come since the last call."""
        with self._lock:
            taken = list(self._tags)
            self._tags.clear()
            self._waiting = 0
        self.news.clear()
        return taken


class RTMPOutput:
    """Publishes one stream to an RTMP server."""

    def __init__(self, where: Target, address: str, plan: Plan, options: Options) -> None:
        self.address = address
        self.counts = Counts()
        self._where, self._plan, self._options = where, plan, options
        self._pipe: Pipe | None = None
        self._encoder: Encoder | None = None

    async def run(self, simulator: StreamSimulator) -> None:
        """Publish until cancelled.

        Raises:
            SourceError: the server refuses, or its certificate is not trusted.
            Interrupted: it was lost, or takes nothing any more.
        """
        where = self._where
        link = await connect(where, Sending(where.address, where.app, where.name), self._options)
        try:
            await self._enter(link)
            await self._push(link, simulator)
        except ProtocolError as error:
            raise SourceError(f"no RTMP server, or one that makes mistakes: {error}") from None
        except ConnectionError:
            raise Interrupted("the server was lost") from None
        finally:
            link.close()

    async def _enter(self, link: Link[Sending]) -> None:
        try:
            async with asyncio.timeout(self._options.connect_timeout):
                while True:
                    for item in await link.receive(self._options.connect_timeout) or ():
                        if isinstance(item, Started):
                            return
                        if isinstance(item, Refused):
                            raise SourceError(str(refusal(item, self._where.name)))
        except TimeoutError:
            raise Interrupted(f"no answer within {self._options.connect_timeout:g} s") from None
        except ConnectionError:
            # Servers close without a word where the application or the key is none of theirs.
            raise SourceError("the server closed the connection: wrong application or key?") from None

    async def _push(self, link: Link[Sending], simulator: StreamSimulator) -> None:
        pipe = self._pipe = Pipe(asyncio.get_running_loop())
        self._encoder = await asyncio.to_thread(self._open, pipe)
        try:
            async with playing(simulator, self._plan, self._picture, self._sound) as failed:
                await together(self._send(link, pipe), self._hear(link), reached(failed))
        except asyncio.CancelledError:
            with suppress(Exception):
                async with asyncio.timeout(_LEAVE):
                    await asyncio.to_thread(self._encoder.close)
                    self._pass_on(link, pipe)
                    link.session.leave()
                    await link.flush(empty=True)
            raise
        finally:
            await asyncio.to_thread(self._encoder.close)

    def _open(self, pipe: Pipe) -> Encoder:
        from .publish_encode import Encoder

        flags = {"flvflags": "no_duration_filesize", "flush_packets": "1"}
        return Encoder(pipe, "flv", self._plan, self.counts, flags)

    def _picture(self, frame: SimulatedFrame) -> None:
        assert self._encoder is not None
        if not self._behind():
            self._encoder.picture(frame)

    def _sound(self, chunk: SimulatedChunk) -> None:
        assert self._encoder is not None
        if not self._behind():
            self._encoder.sound(chunk)

    def _behind(self) -> bool:
        """Whether the network is too slow for one more."""
        assert self._pipe is not None
        behind = self._pipe.waiting > BACKLOG
        self.counts.dropped += behind
        return behind

    @staticmethod
    def _pass_on(link: Link[Sending], pipe: Pipe) -> None:
        for kind, timestamp, payload in pipe.take():
            link.session.media(kind, timestamp, payload)

    async def _send(self, link: Link[Sending], pipe: Pipe) -> None:
        while True:
            await pipe.news.wait()
            self._pass_on(link, pipe)
            try:
                async with asyncio.timeout(STALLED):
                    await link.flush()
            except TimeoutError:
                raise Interrupted(f"the server has taken nothing for {STALLED:g} s") from None

    async def _hear(self, link: Link[Sending]) -> None:
        """Answer the server's pings, and hear when it has had enough."""
        while True:
            for item in await link.receive(3600.0) or ():
                if isinstance(item, Refused):
                    raise refusal(item, self._where.name)
                if isinstance(item, Ended):
                    raise Interrupted(item.reason)
