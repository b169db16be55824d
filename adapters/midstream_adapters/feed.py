"""A bounded file-like object: the event loop fills it, and a thread (libav's, through PyAV) reads it."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections import deque
from collections.abc import Callable


class Feed:
    """Bytes on their way from the event loop to one reading thread: never more than `limit` of them.

    The loop's side: `await write(data)` waits for room, `end` marks a clean end, `abort` breaks off at once. The
    reader's side is what PyAV asks of a file that can't seek. ``timeout``: seconds that `read` waits for data;
    ``None`` waits until there is data or an end, so only for a writer that surely calls `end` or `abort`.

    To cancel: `abort` first, then whatever closes the reader; a `read` that is waiting returns within milliseconds.
    """

    name = ""  # PyAV asks; an empty one gives libav's format guess no extension to go by

    def __init__(
        self,
        limit: int = 1 << 22,
        timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1 byte, not {limit}")
        self.written = 0
        """Bytes taken from the loop so far."""
        self.consumed = 0
        """Bytes given to the reader so far."""
        self._limit = limit
        self._timeout = timeout
        self._clock = clock
        self._parts: deque[memoryview] = deque()
        self._size = 0
        self._ended = False
        self._aborted = self._told = self._starved = False
        self._state = threading.Condition()
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None

    @property
    def size(self) -> int:
        """Bytes waiting to be read."""
        return self._size

    @property
    def aborted(self) -> bool:
        return self._aborted

    @property
    def ended(self) -> bool:
        return self._ended

    def starved(self) -> bool:
        """Whether the reader has had to wait for data since this was last asked."""
        was, self._starved = self._starved, False
        return was

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hand over `data`, waiting for room as often as needed. One writer at a time; `data` must not change later.

        Raises:
            BrokenPipeError: the feed has been ended or aborted.
        """
        rest = memoryview(data)
        while True:
            with self._state:
                if self._ended or self._aborted:
                    raise BrokenPipeError(errno.EPIPE, "the feed is closed")
                if not rest:
                    return
                if room := self._limit - self._size:
                    part, rest = rest[:room], rest[room:]
                    self._parts.append(part)
                    self._size += len(part)
                    self.written += len(part)
                    self._state.notify()
                    continue
                loop = asyncio.get_running_loop()
                future = loop.create_future()
                self._waiting = loop, future
            await future

    def end(self) -> None:
        """No more comes: the reader gets what is here, then the end of the file. From any thread."""
        with self._state:
            self._ended = True
            self._wake()

    def abort(self) -> None:
        """Forget what is here; the reader's present and every later call fail at once. From any thread."""
        with self._state:
            self._aborted = True
            self._parts.clear()
            self._size = 0
            self._wake()

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes (all that is here when negative), waiting for the first; ``b""`` at the end.

        Raises:
            TimeoutError: none came in time.
            ConnectionAbortedError: the feed was aborted (said once; it then reads as ended).
        """
        if size == 0:
            return b""
        with self._state:
            until = None if self._timeout is None else self._clock() + self._timeout
            while not (self._size or self._ended or self._aborted):
                left = None if until is None else until - self._clock()
                if left is not None and left <= 0:
                    raise TimeoutError(errno.ETIMEDOUT, f"no data came within {self._timeout:g} s")
                self._starved = True
                self._state.wait(left)
            if self._told:
                return b""  # libav may ask again, and PyAV prints an exception that it has no place for
            if self._aborted:
                self._told = True
                raise ConnectionAbortedError(errno.ECONNABORTED, "the feed was aborted")
            data = self._take(self._size if size < 0 else min(size, self._size))
            # Woken at half, not at every few bytes: each wake-up is a call into the loop.
            if self._waiting and self._size <= self._limit // 2:
                self._wake()
            return data

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def _take(self, size: int) -> bytes:
        pieces: list[memoryview] = []
        left = size
        while left:
            part = self._parts[0]
            if len(part) > left:
                self._parts[0], part = part[left:], part[:left]
            else:
                self._parts.popleft()
            pieces.append(part)
            left -= len(part)
        self._size -= size
        self.consumed += size
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

    def _wake(self) -> None:
        """Wake both sides; with the lock held."""
        self._state.notify_all()
        if self._waiting is not None:
            (loop, future), self._waiting = self._waiting, None
            if not loop.is_closed():
                loop.call_soon_threadsafe(_set, future)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():  # the writer may have been cancelled meanwhile
        future.set_result(None)
