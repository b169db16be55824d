"""What the tap's proxy tells its observer: frames on a pipe, bounded, so that watching never delays what is watched.

A frame is kind, exchange (a request and its answer, numbered), time (monotonic seconds; one clock for all processes of
a machine) and payload.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any

_HEAD = struct.Struct("!BIdI")
MOST_WAITING = 16 << 20
"""Bytes that may wait for the observer; what comes then is not observed, and counted in a GAP."""
MOST_PAYLOAD = 1 << 24


class What(IntEnum):
    """Kinds of frames, with their payloads."""

    LISTENING = 1  # {"port"}
    REFUSED = 2  # text: why the proxy can't listen
    REQUEST = 3  # {"method", "path", "headers"}: before it is written upstream
    REQUEST_BODY = 4  # bytes of the body, decoded from chunks; of a long one the first and the last only
    REQUEST_END = 5  # fully written upstream
    RESPONSE = 6  # {"status", "headers"}
    RESPONSE_BODY = 7  # bytes of the body, decoded from chunks
    RESPONSE_END = 8  # complete
    LOST = 9  # text: why the exchange ended before it was complete
    SWITCHED = 10  # {"headers"}: 101, a WebSocket from now on
    UP = 11  # bytes from the client, after that
    DOWN = 12  # bytes from the server
    GAP = 13  # bytes that were not observed, in decimal


BODIES = frozenset({What.REQUEST_BODY, What.RESPONSE_BODY, What.UP, What.DOWN})
Tell = Callable[[What, int, float, bytes], None]


def encode(what: What, exchange: int, at: float, data: bytes) -> bytes:
    """A frame as bytes."""
    return _HEAD.pack(what, exchange & 0xFFFFFFFF, at, len(data)) + data


async def receive(reader: asyncio.StreamReader) -> tuple[What, int, float, bytes]:
    """The next frame.

    Raises:
        asyncio.IncompleteReadError: the pipe was closed.
        ValueError: what came is no frame.
    """
    what, exchange, at, size = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    if size > MOST_PAYLOAD:
        raise ValueError("a frame over the limit")
    return What(what), exchange, at, await reader.readexactly(size)


def packed(**values: Any) -> bytes:
    """A payload of names and values."""
    return json.dumps(values).encode()


class FrameWriter:
    """Writes frames to a pipe without ever waiting; bodies beyond `MOST_WAITING` are left out and told as a GAP."""

    def __init__(self, transport: asyncio.WriteTransport, most: int = MOST_WAITING) -> None:
        self._transport = transport
        self._most = most
        self._missed: dict[int, int] = {}

    def tell(self, what: What, exchange: int, at: float, data: bytes = b"") -> None:
        """Send one frame, or count its body as missed."""
        if what in BODIES and self._transport.get_write_buffer_size() > self._most:
            self._missed[exchange] = self._missed.get(exchange, 0) + len(data)
            return
        out = b""
        if missed := self._missed.pop(exchange, 0):
            out = encode(What.GAP, exchange, at, str(missed).encode())
        self._transport.write(out + encode(what, exchange, at, data))
