"""Lines: standard input, pipes, and files of text or NDJSON.

A line that is a JSON object with ``text`` (or ``content``) gives ``role``, ``tokens`` and ``reward`` too; any other
line is text. Times in the objects are not followed: a file is read as fast as it is taken.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from .base import Adapter, Options, Sink, SourceError, StreamInfo
from .events import BytesReceived, Kind, Provenance, State, StateChanged, TextChunk
from .lines import BATCH, Line, LineSplitter
from .payload import parse_message, parse_object

BLOCK = 1 << 16
"""Bytes read from a pipe at once; four times as many from a file."""
_OBJECTS = {".ndjson", ".jsonl"}


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """Return the adapter for ``-`` or the path `source`.

    Raises:
        SourceError: standard input is closed or a terminal, or the file can't be read.
    """
    if source == "-":
        try:
            mode = os.fstat(options.stdin_fd).st_mode
        except OSError:
            raise SourceError("standard input is closed: pipe text into it") from None
        if os.isatty(options.stdin_fd):
            raise SourceError(
                "standard input is a terminal: pipe text into it, as in  COMMAND | midstream-tui -"
            )
        return [LineAdapter(stream_id, options, None, live=not stat.S_ISREG(mode))]
    path = Path(source).expanduser()
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SourceError(f"cannot read {source}: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise SourceError(f"is a folder, not a stream: {source}")
    if not os.access(path, os.R_OK):
        raise SourceError(f"cannot read {source}: permission denied")
    return [LineAdapter(stream_id, options, path, live=not stat.S_ISREG(mode))]


class LineAdapter:
    """Reads lines from `path`, or from ``options.stdin_fd`` where that is ``None``."""

    def __init__(self, stream: str, options: Options, path: Path | None, *, live: bool) -> None:
        provenance = Provenance.LIVE if live else Provenance.FILE
        self.info = StreamInfo(
            stream, "-" if path is None else str(path), frozenset({Kind.TEXT}), provenance, reconnects=False
        )
        self.malformed = 0
        """Lines of an NDJSON file that are no object with text; they show as they are."""
        self._options = options
        self._path = path
        self._live = live
        self._objects = path is not None and path.suffix.lower() in _OBJECTS
        self._count = 0

    async def run(self, sink: Sink) -> None:
        """Emit every line until the end of the file, or until the writer closes the pipe."""
        fd = self._open()
        try:
            sink.emit(StateChanged(self.info.stream, self._options.clock(), State.LIVE))
            splitter = LineSplitter()
            async with aclosing(_read_pipe(fd) if self._live else _read_file(fd)) as blocks:
                async for block in blocks:
                    await self._emit_all(splitter.feed(block), sink)
            await self._emit_all(splitter.flush(), sink)
            if self.malformed > 1:
                self._say(
                    sink, f"{self.malformed} of {self._count} lines are not objects with text; shown as text"
                )
            await sink.drain()
        finally:
            os.close(fd)

    def _open(self) -> int:
        if self._path is None:
            return os.dup(self._options.stdin_fd)
        try:
            return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | (os.O_NONBLOCK if self._live else 0))
        except OSError as error:
            raise SourceError(f"cannot read {self._path}: {error.strerror}") from None

    def _say(self, sink: Sink, reason: str) -> None:
        sink.emit(StateChanged(self.info.stream, self._options.clock(), State.LIVE, reason))

    async def _emit_all(self, lines: list[Line], sink: Sink) -> None:
        for start in range(0, len(lines), BATCH):
            self._emit(lines[start : start + BATCH], sink)
            await sink.drain()
            await asyncio.sleep(0)

    def _emit(self, lines: list[Line], sink: Sink) -> None:
        stream, at = self.info.stream, self._options.clock()
        emit = sink.emit
        empty = 0
        for data, nbytes, ended in lines:
            self._count += ended
            if not data or data.isspace():
                empty += nbytes
                continue
            message = None
            if self._objects or data.startswith(b"{"):
                value = parse_object(data) if data.lstrip().startswith(b"{") else None
                message = parse_message(value) if value is not None else None
                if message is None and self._objects:
                    self.malformed += 1
                    if self.malformed == 1:
                        self._say(sink, f"line {self._count} is not an object with text; shown as text")
            if message is None:
                emit(TextChunk(stream, at, data.decode("utf-8", "replace"), nbytes=nbytes))
            else:
                emit(
                    TextChunk(
                        stream,
                        at,
                        message.text,
                        message.role,
                        None,
                        message.tokens,
                        nbytes,
                        True,
                        message.reward,
                    )
                )
        if empty:
            emit(BytesReceived(stream, at, Kind.TEXT, empty))


async def _read_file(fd: int) -> AsyncGenerator[bytes, None]:
    """Blocks of a regular file, read in a thread: a disk may sleep, and a network file system may hang."""
    while block := await asyncio.to_thread(os.read, fd, BLOCK * 4):
        yield block


async def _read_pipe(fd: int) -> AsyncGenerator[bytes, None]:
    """Blocks of a pipe, socket or device; nothing is read ahead of what was taken beyond a few blocks."""
    if not (stat.S_ISFIFO(mode := os.fstat(fd).st_mode) or stat.S_ISSOCK(mode)):
        async with aclosing(_read_thread(fd)) as blocks:  # a device, which often cannot be polled
            async for block in blocks:
                yield block
        return
    reader = asyncio.StreamReader(limit=BLOCK)
    blocking = os.get_blocking(fd)
    pipe = open(os.dup(fd), "rb", buffering=0)  # noqa: SIM115, ASYNC230  the transport owns and closes it
    loop = asyncio.get_running_loop()
    transport = None
    try:
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        while block := await reader.read(BLOCK):
            yield block
    finally:
        if transport:
            transport.close()
        os.set_blocking(fd, blocking)  # the flag is shared with whoever else has this pipe open


async def _read_thread(fd: int) -> AsyncGenerator[bytes, None]:
    """Blocks read by a thread of its own, that may be left behind in a read that never returns."""
    loop = asyncio.get_running_loop()
    blocks: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    wanted = threading.Semaphore(2)
    own = os.dup(fd)
    gone = threading.Event()

    def read() -> None:
        try:
            while not gone.is_set():
                try:
                    block: bytes | OSError = os.read(own, BLOCK)
                except OSError as error:
                    block = error
                if gone.is_set():
                    return
                loop.call_soon_threadsafe(blocks.put_nowait, block)
                if not block or isinstance(block, OSError):
                    return
                wanted.acquire()
        except RuntimeError:  # the loop was closed meanwhile
            return
        finally:
            os.close(own)

    threading.Thread(target=read, name="midstream-lines", daemon=True).start()
    try:
        while block := await blocks.get():
            if isinstance(block, OSError):
                raise block
            yield block
            wanted.release()
    finally:
        gone.set()
        wanted.release()
