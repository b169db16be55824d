"""Both ends of RTMP for tests: a publisher and a server that do as they are told, built on chunks and AMF0 alone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from midstream_adapters import flv
from midstream_adapters.rtmp_amf import Value, decode, encode
from midstream_adapters.rtmp_chunks import ChunkReader, Message, Type, chunks

Tag = tuple[int, int, bytes]


def tags_of(path: Path) -> list[Tag]:
    """The tags of an FLV file."""
    return list(flv.tags(path.read_bytes()[13:]))


class End:
    """One end of a connection after its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._chunks = ChunkReader()
        self._waiting: list[Message] = []

    def send(self, kind: int, payload: bytes, stream: int = 0, timestamp: int = 0) -> None:
        self.writer.write(chunks(Message(kind, stream, timestamp, payload), 3, 128))

    def command(self, *values: Value, stream: int = 0) -> None:
        self.send(Type.COMMAND, encode(*values), stream)

    async def message(self) -> Message:
        """The next message; EOFError at the end of the connection."""
        while not self._waiting:
            data = await asyncio.wait_for(self.reader.read(1 << 16), 10)
            if not data:
                raise EOFError
            self._waiting = self._chunks.feed(data)
        return self._waiting.pop(0)

    async def until(self, *names: str) -> list[Value]:
        """The next command of one of these names."""
        while True:
            message = await self.message()
            if message.kind == Type.COMMAND and (values := decode(message.payload))[0] in names:
                return values


class Publisher(End):
    """The publisher's end."""

    @classmethod
    async def connect(cls, port: int, app: str = "live") -> Self:
        end = cls(*await asyncio.open_connection("127.0.0.1", port))
        end.writer.write(b"\x03" + bytes(1536))
        answer = await end.reader.readexactly(1 + 2 * 1536)
        end.writer.write(answer[1:1537])
        end.command("connect", 1, {"app": app, "flashVer": "test/1"})
        return end

    async def publish(self, name: str) -> str:
        """Ask to publish; returns the code of the answer."""
        await self.until("_result")
        self.command("releaseStream", 2, None, name)
        self.command("createStream", 3, None)
        await self.until("_result")
        await self.until("_result")
        self.command("publish", 4, None, name, "live", stream=1)
        about = (await self.until("onStatus"))[3]
        assert isinstance(about, dict)
        return str(about["code"])

    async def media(self, tags: list[Tag], *, real_time: bool = False) -> None:
        clock = asyncio.get_running_loop().time
        start = clock()
        for kind, stamp, payload in tags:
            if real_time:
                await asyncio.sleep(start + stamp / 1000 - clock())
            if kind == flv.SCRIPT:
                payload = encode("@setDataFrame") + payload
            self.send(kind, payload, 1, stamp)
            await self.writer.drain()


Play = Callable[["Played"], Awaitable[None]]


class Played(End):
    """The server's end of a player that is being played to."""

    name: str = ""

    def status(self, code: str, level: str = "status") -> None:
        self.command("onStatus", 0, None, {"level": level, "code": code, "description": "so"}, stream=1)

    async def media(self, tags: list[Tag]) -> None:
        for kind, stamp, payload in tags:
            self.send(kind, payload, 1, stamp)
            await self.writer.drain()


@asynccontextmanager
async def server(play: Play, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int, None]:
    """A server that lets everybody in, then does what `play` says; gives its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            greeting = await reader.readexactly(1537)
            writer.write(b"\x03" + bytes(1536) + greeting[1:])
            await reader.readexactly(1536)
            end = Played(reader, writer)
            number = (await end.until("connect"))[1]
            end.command("_result", number, None, {"code": "NetConnection.Connect.Success"})
            number = (await end.until("createStream"))[1]
            end.command("_result", number, None, 1)
            end.name = str((await end.until("play"))[3])
            await play(end)
        except (
            EOFError,
            ConnectionError,
            asyncio.CancelledError,
        ):  # streams log a cancelled handler as an error
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
