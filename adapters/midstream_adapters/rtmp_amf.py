"""AMF0, the encoding of RTMP's commands and of FLV's metadata (Adobe, AMF0 specification, 2007). Bounded both ways."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias

Value: TypeAlias = "float | bool | str | Mapping[str, Value] | list[Value] | None"

MAX_DEPTH = 8
MAX_VALUES = 1024
"""Values in one message, nested ones counted: commands hold a dozen, metadata about thirty."""

_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED = 0, 1, 2, 3, 5, 6
_ARRAY, _END, _LIST, _DATE, _LONG_STRING, _UNSUPPORTED, _XML, _TYPED = 8, 9, 10, 11, 12, 13, 15, 16


class AmfError(ValueError):
    """The bytes are no AMF0, or beyond the limits."""


def decode(data: bytes | memoryview) -> list[Value]:
    """All values in `data`, in their order.

    Raises:
        AmfError: truncated, of an unknown type, nested deeper than `MAX_DEPTH` or of more than `MAX_VALUES`.
    """
    return _Decoder(data).all()


def encode(*values: Value) -> bytes:
    """`values` as AMF0; ints are numbers, as all numbers are doubles there."""
    return b"".join(map(_encode, values))


class _Decoder:
    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._values = 0

    def all(self) -> list[Value]:
        values = []
        while self._at < len(self._data):
            values.append(self._value(0))
        return values

    def _take(self, size: int) -> memoryview:
        piece = self._data[self._at : self._at + size]
        if len(piece) < size:
            raise AmfError("the AMF0 data ends within a value")
        self._at += size
        return piece

    def _size(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _text(self, width: int) -> str:
        return str(self._take(self._size(width)), "utf-8", "replace")

    def _value(self, depth: int) -> Value:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise AmfError("the AMF0 data is too large")
        marker = self._size(1)
        if marker == _NUMBER:
            return float(struct.unpack(">d", self._take(8))[0])
        if marker == _BOOLEAN:
            return self._size(1) != 0
        if marker == _STRING:
            return self._text(2)
        if marker in (_LONG_STRING, _XML):
            return self._text(4)
        if marker in (_NULL, _UNDEFINED, _UNSUPPORTED):
            return None
        if marker == _DATE:
            return float(struct.unpack(">dh", self._take(10))[0]) / 1000
        if marker == _LIST:
            return [self._value(depth + 1) for _ in range(min(self._size(4), MAX_VALUES + 1))]
        if marker in (_OBJECT, _ARRAY, _TYPED):
            if marker == _ARRAY:
                self._take(4)  # a count that nobody keeps to
            elif marker == _TYPED:
                self._text(2)
            return self._members(depth)
        raise AmfError(f"AMF0 type {marker} is unknown")

    def _members(self, depth: int) -> dict[str, Value]:
        members: dict[str, Value] = {}
        while True:
            name = self._text(2)
            if not name and self._at < len(self._data) and self._data[self._at] == _END:
                self._at += 1
                return members
            members[name] = self._value(depth + 1)


def _encode(value: Value) -> bytes:
    if value is None:
        return bytes([_NULL])
    if isinstance(value, bool):
        return bytes([_BOOLEAN, value])
    if isinstance(value, int | float):
        return struct.pack(">Bd", _NUMBER, value)
    if isinstance(value, str):
        text = value.encode()
        if len(text) > 0xFFFF:
            return struct.pack(">BI", _LONG_STRING, len(text)) + text
        return struct.pack(">BH", _STRING, len(text)) + text
    if isinstance(value, list):
        return struct.pack(">BI", _LIST, len(value)) + encode(*value)
    members = b"".join(
        struct.pack(">H", len(name.encode())) + name.encode() + _encode(member)
        for name, member in value.items()
    )
    return bytes([_OBJECT]) + members + bytes([0, 0, _END])
