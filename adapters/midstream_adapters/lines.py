"""Bytes in pieces become lines, in linear time and bounded memory."""

from __future__ import annotations

from typing import NamedTuple

MAX_LINE = 1 << 20
"""Bytes of one line; a longer one comes in parts."""
BATCH = 200
"""Texts that are emitted before the sink is waited for and the event loop's other tasks run: about a millisecond."""


class Line(NamedTuple):
    """A line without its end. ``nbytes`` includes the end; ``ended`` is false for a part that goes on in the next."""

    data: bytes
    nbytes: int
    ended: bool = True


class LineSplitter:
    """Splits at LF, CRLF and CR, as files, progress bars and server-sent events do.

    A CR ends its line at once, without waiting to see whether LF follows. The ``nbytes`` add up to the bytes fed.
    """

    def __init__(self, limit: int = MAX_LINE) -> None:
        if limit < 4:
            raise ValueError("a line must have room for one character of UTF-8")
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._skipped = 0  # the LF of a CRLF whose CR was the last byte before; counted with the next line

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that `data` ends, and parts of a line that has grown too long."""
        if not data:
            return []
        if self._after_cr and data[0] == 0x0A:
            data = data[1:]
            self._skipped = 1
        self._after_cr = data.endswith(b"\r")
        out: list[Line] = []
        for raw in data.splitlines(keepends=True):
            if raw[-1] == 0x0A:
                line = raw[:-2] if raw[-2:-1] == b"\r" else raw[:-1]
            elif raw[-1] == 0x0D:
                line = raw[:-1]
            else:
                self._hold(raw, out)
                break
            if self._parts or self._skipped or len(line) > self._limit:
                self._hold(line, out)
                line = b"".join(self._parts)
                out.append(Line(line, len(line) + len(raw) - len(raw.rstrip(b"\r\n")) + self._skipped))
                self._parts.clear()
                self._size = self._skipped = 0
            else:
                out.append(Line(line, len(raw)))
        return out

    def flush(self) -> list[Line]:
        """Return what came after the last line's end, if anything did."""
        if not (self._parts or self._skipped):
            return []
        line = b"".join(self._parts)
        out = [Line(line, len(line) + self._skipped)]
        self._parts.clear()
        self._size = self._skipped = 0
        return out

    def _hold(self, data: bytes, out: list[Line]) -> None:
        """Keep `data` as the start of a line, giving out parts of the limit's size."""
        self._parts.append(data)
        self._size += len(data)
        if self._size <= self._limit:
            return
        whole = b"".join(self._parts)
        start = 0
        while len(whole) - start > self._limit:
            end = start + self._limit
            while end > start + self._limit - 3 and whole[end] & 0xC0 == 0x80:  # not within a character
                end -= 1
            out.append(Line(whole[start:end], end - start, ended=False))
            start = end
        self._parts[:] = [whole[start:]]
        self._size = len(whole) - start
