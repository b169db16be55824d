"""FLV (Adobe, FLV specification 10.1; enhanced RTMP v1): tags are written, and looked at by their heads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from .events import Kind
from .rtmp_amf import AmfError, decode, encode

Tag: TypeAlias = tuple[int, int, bytes]
"""(kind, timestamp in milliseconds, payload)."""
AUDIO, VIDEO, SCRIPT = 8, 9, 18
_KINDS = {AUDIO: Kind.AUDIO, VIDEO: Kind.VIDEO}


def header(kinds: frozenset[Kind]) -> bytes:
    """The head of a file that holds `kinds`; libav waits for what is named here and has not come."""
    flags = (4 if Kind.AUDIO in kinds else 0) | (1 if Kind.VIDEO in kinds else 0)
    return b"FLV\x01" + bytes([flags]) + b"\x00\x00\x00\x09\x00\x00\x00\x00"


def tag(kind: int, timestamp: int, payload: bytes) -> bytes:
    """One tag with its trailing size; ``timestamp`` in milliseconds, modulo 2**32."""
    size = len(payload)
    stamp = timestamp.to_bytes(4, "big")
    head = bytes([kind]) + size.to_bytes(3, "big") + stamp[1:] + stamp[:1] + b"\x00\x00\x00"
    return head + payload + (size + 11).to_bytes(4, "big")


def tags(data: bytes) -> Iterator[Tag]:
    """(kind, timestamp, payload) of each whole tag in `data`, as an aggregate message holds them."""
    at = 0
    while at + 11 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        if at + 11 + size > len(data):
            return
        stamp = int.from_bytes(bytes([data[at + 7]]) + data[at + 4 : at + 7], "big")
        yield data[at] & 0x1F, stamp, data[at + 11 : at + 11 + size]
        at += 15 + size


def kind_of(tag_kind: int) -> Kind | None:
    """What a tag of this number carries, if it is media."""
    return _KINDS.get(tag_kind)


def is_config(tag_kind: int, payload: bytes) -> bool:
    """Whether this sets a decoder up (AAC's and AVC's sequence header, or the enhanced form's) and gives no data."""
    if len(payload) < 2:
        return False
    first = payload[0]
    if tag_kind == AUDIO:
        if first >> 4 == 9:
            return first & 0x0F == 0
        return first >> 4 == 10 and payload[1] == 0
    if first & 0x80:
        return first & 0x0F == 0
    return (
        first & 0x0F in (7, 12) and payload[1] == 0
    )  # 12: HEVC, as some encoders sent it before it had a form


@dataclass(frozen=True, slots=True)
class Script:
    """An ``onMetaData`` message: what to hand on, the kinds it declares (None: it does not tell), frames a second."""

    payload: bytes
    kinds: frozenset[Kind] | None
    frame_rate: float | None


def metadata(payload: bytes) -> Script | None:
    """What an ``onMetaData`` message says; None when it is some other data.

    The name ``@setDataFrame``, which is for the server, is taken off.
    """
    payload = payload.removeprefix(encode("@setDataFrame"))
    if not payload.startswith(encode("onMetaData")):
        return None
    try:
        values = decode(payload)
    except AmfError:
        return None
    members = values[1] if len(values) > 1 else None
    if not isinstance(members, dict):
        return None
    declared = set()
    if members.get("videocodecid") or members.get("hasVideo") is True:
        declared.add(Kind.VIDEO)
    if members.get("audiocodecid") or members.get("hasAudio") is True:
        declared.add(Kind.AUDIO)
    rate = members.get("framerate")
    if not (isinstance(rate, float) and 0 < rate < 1000):
        rate = None
    return Script(payload, frozenset(declared) or None, rate)
