"""RTMP's chunk stream (Adobe, RTMP specification 1.0, section 5): bytes to messages and back, without any I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

MAX_MESSAGE = 8 << 20
"""Bytes of one message: a key frame of 8K video at 100 Mbit/s is half of it."""
MAX_STREAMS = 64
"""Chunk streams that a peer may use; real ones use six."""
MAX_PARTIAL = 16 << 20
"""Bytes of messages that have begun and not ended, over all chunk streams."""
_EXTENDED = 0xFFFFFF


class Type(IntEnum):
    """Types of messages that matter here."""

    CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW = 5
    BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    DATA_AMF3 = 15
    COMMAND_AMF3 = 17
    DATA = 18
    COMMAND = 20
    AGGREGATE = 22


class ProtocolError(Exception):
    """The peer does not speak RTMP, or goes beyond the limits. The text holds nothing of what it sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``timestamp`` in milliseconds, modulo 2**32. ``kind`` is a `Type` or whatever else was sent."""

    kind: int
    stream: int
    timestamp: int
    payload: bytes


@dataclass(slots=True)
class _ChunkStream:
    timestamp: int = 0
    delta: int = 0
    extended: int | None = None
    length: int = 0
    kind: int = 0
    stream: int = 0
    payload: bytearray = field(default_factory=bytearray)
    open: bool = False


class ChunkReader:
    """Turns bytes into messages, however they are cut. ``limit`` bounds a message and may be raised on the way."""

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self.limit = limit
        self.chunk_size = 128
        self._streams: dict[int, _ChunkStream] = {}
        self._buffer = bytearray()
        self._partial = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        Raises:
            ProtocolError: no chunk stream, or beyond the limits.
        """
        self._buffer += data
        messages: list[Message] = []
        at = 0
        try:
            while (step := self._chunk(at, messages)) is not None:
                at = step
        finally:
            del self._buffer[:at]
        return messages

    def _chunk(self, at: int, messages: list[Message]) -> int | None:
        """Read the chunk at `at`; return where it ends, or None when it is not all here yet."""
        buffer, have = self._buffer, len(self._buffer)
        if at >= have:
            return None
        form, number = buffer[at] >> 6, buffer[at] & 0x3F
        at += 1
        if number < 2:
            more = number + 1
            if at + more > have:
                return None
            number = 64 + int.from_bytes(buffer[at : at + more], "little")
            at += more
        state = self._streams.get(number)
        if state is None:
            if form == 3 or len(self._streams) >= MAX_STREAMS:
                raise ProtocolError("not an RTMP chunk stream")
            state = _ChunkStream()  # filed only when its header is whole
        size = (11, 7, 3, 0)[form]
        if at + size > have:
            return None
        header = buffer[at : at + size]
        at += size
        extended = state.extended
        if form < 3:
            time = int.from_bytes(header[:3], "big")
            if time == _EXTENDED:
                if at + 4 > have:
                    return None
                extended = time = int.from_bytes(buffer[at : at + 4], "big")
                at += 4
            else:
                extended = None
        else:
            time = state.delta
            if extended is not None:
                if at + 4 > have:
                    return None
                # Some writers leave it out of continuations: only what repeats the field is taken for it.
                if int.from_bytes(buffer[at : at + 4], "big") == extended:
                    at += 4
        if state.open and form < 3:
            raise ProtocolError("a message was broken off by another")
        if form < 2:
            length, kind = int.from_bytes(header[3:6], "big"), header[6]
            stream = int.from_bytes(header[7:11], "little") if form == 0 else state.stream
        else:
            length, kind, stream = state.length, state.kind, state.stream
        if length > self.limit:
            raise ProtocolError(f"a message of {length:,} bytes is too large (limit {self.limit:,})")
        left = length - len(state.payload)
        take = min(left, self.chunk_size)
        if at + take > have:
            return None
        # All of the chunk is here: only now does anything change.
        self._streams[number] = state
        if not state.open:
            state.timestamp = time if form == 0 else (state.timestamp + time) & 0xFFFFFFFF
            state.delta = time
        state.extended = extended
        state.length, state.kind, state.stream = length, kind, stream
        state.payload += buffer[at : at + take]
        self._partial += take
        state.open = take < left
        if state.open:
            if self._partial > MAX_PARTIAL:
                raise ProtocolError("too many messages at once")
            return at + take
        message = Message(kind, stream, state.timestamp, bytes(state.payload))
        self._partial -= length
        state.payload.clear()
        if kind in (Type.CHUNK_SIZE, Type.ABORT):
            self._control(message)
        else:
            messages.append(message)
        return at + take

    def _control(self, message: Message) -> None:
        value = int.from_bytes(message.payload[:4], "big")
        if message.kind == Type.CHUNK_SIZE:
            if not 1 <= value <= 0x7FFFFFFF:
                raise ProtocolError(f"a chunk size of {value}")
            self.chunk_size = value  # what is held of a chunk is bounded by its message
        elif (state := self._streams.get(value)) is not None:
            self._partial -= len(state.payload)
            state.payload.clear()
            state.open = False


def chunks(message: Message, number: int, chunk_size: int) -> bytes:
    """`message` as chunks of the chunk stream `number` (2 to 63), its header in full."""
    extended = message.timestamp >= _EXTENDED
    stamp = message.timestamp.to_bytes(4, "big") if extended else b""
    out = bytearray([number])
    out += min(message.timestamp, _EXTENDED).to_bytes(3, "big")
    out += len(message.payload).to_bytes(3, "big")
    out.append(message.kind)
    out += message.stream.to_bytes(4, "little") + stamp
    out += message.payload[:chunk_size]
    for at in range(chunk_size, len(message.payload), chunk_size):
        out.append(0xC0 | number)
        out += stamp + message.payload[at : at + chunk_size]
    return bytes(out)
