"""Chunks and AMF0: what was written is read, however it is cut; what is no RTMP is refused within bounds."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_adapters.rtmp_amf import MAX_VALUES, AmfError, decode, encode
from midstream_adapters.rtmp_chunks import MAX_STREAMS, ChunkReader, Message, ProtocolError, chunks

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4),
    max_leaves=12,
)
MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from([8, 9, 18, 20]),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=700),
    ),
    max_size=6,
)


@given(MESSAGES, st.integers(1, 300), st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_messages_come_out_as_they_went_in(messages: list[Message], chunk_size: int, seed: int) -> None:
    rng, reader, out = random.Random(seed), ChunkReader(), []
    wire = chunks(Message(1, 0, 0, struct.pack(">I", chunk_size)), 2, 128)
    wire += b"".join(chunks(message, rng.randrange(3, 64), chunk_size) for message in messages)
    while wire:
        cut = rng.randrange(1, 200)
        out += reader.feed(wire[:cut])
        wire = wire[cut:]
    assert out == messages


def head(form: int, number: int, *fields: bytes) -> bytes:
    return bytes([form << 6 | number]) + b"".join(fields)


def test_short_headers_take_the_rest_from_the_message_before() -> None:
    def three(value: int) -> bytes:
        return value.to_bytes(3, "big")

    wire = head(0, 4, three(1000), three(2), b"\x08", struct.pack("<I", 1), b"ab")
    wire += head(1, 4, three(20), three(3), b"\x09", b"cde")  # another length and type
    wire += head(2, 4, three(30), b"fgh")  # a new delta
    wire += head(3, 4, b"ijk")  # the same delta
    got = ChunkReader().feed(wire)
    assert got == [
        Message(8, 1, 1000, b"ab"),
        Message(9, 1, 1020, b"cde"),
        Message(9, 1, 1050, b"fgh"),
        Message(9, 1, 1080, b"ijk"),
    ]


def test_large_chunk_stream_numbers_and_interleaved_messages() -> None:
    def begin(number: bytes, payload: bytes) -> bytes:
        return number + b"\0\0\0" + (200).to_bytes(3, "big") + b"\x09" + struct.pack("<I", 1) + payload

    one, two = b"\x00\x06", b"\x01\x06\x01"  # 70 and 64 + 0x106
    wire = begin(one, b"a" * 128) + begin(two, b"b" * 128) + b"\xc0\x06" + b"a" * 72
    wire += b"\xc1\x06\x01" + b"b" * 72
    assert [m.payload for m in ChunkReader().feed(wire)] == [b"a" * 200, b"b" * 200]


def test_continuations_without_the_extended_time_are_read_too() -> None:
    message = Message(9, 1, 0x1234567, bytes(range(1, 201)))
    whole = chunks(message, 4, 128)
    stamp = message.timestamp.to_bytes(4, "big")
    without = whole.replace(b"\xc4" + stamp, b"\xc4")
    assert len(without) == len(whole) - 4
    for wire in (whole, without):
        assert ChunkReader().feed(wire) == [message]


def test_abort_forgets_what_had_begun() -> None:
    begun = chunks(Message(9, 1, 0, b"x" * 200), 4, 128)[: 12 + 128]
    abort = chunks(Message(2, 0, 0, struct.pack(">I", 4)), 2, 128)
    after = Message(8, 1, 5, b"y")
    assert ChunkReader().feed(begun + abort + chunks(after, 4, 128)) == [after]


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        (b"\xc4", "not an RTMP chunk stream"),
        (chunks(Message(9, 1, 0, b"x" * 5000), 4, 128), "too large"),
        (chunks(Message(1, 0, 0, bytes(4)), 2, 128), "chunk size of 0"),
        (chunks(Message(1, 0, 0, b"\xff" * 4), 2, 128), "chunk size of"),
        (chunks(Message(9, 1, 0, b"x" * 200), 4, 128)[:140] + chunks(Message(9, 1, 0, b""), 4, 128), "broken off"),
    ],
    ids=["garbage", "large", "no chunk", "huge chunk", "broken off"],
)  # fmt: skip
def test_what_is_beyond_the_limits_is_refused(wire: bytes, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        ChunkReader(limit=4096).feed(wire)


def test_chunk_streams_and_open_messages_are_bounded() -> None:
    reader = ChunkReader(limit=1 << 20)
    for n in range(MAX_STREAMS - 2):
        reader.feed(chunks(Message(8, 1, 0, b"x" * 200), n + 2, 128)[:140])
    more = b"\x00\x50\0\0\0\0\0\xc8\x08\1\0\0\0" + b"x" * 128
    reader.feed(more)
    reader.feed(more.replace(b"\x50", b"\x51", 1))
    with pytest.raises(ProtocolError, match="not an RTMP"):
        reader.feed(more.replace(b"\x50", b"\x52", 1))
    reader = ChunkReader(limit=8 << 20)
    reader.chunk_size = 7 << 20
    begun = [chunks(Message(9, 1, 0, bytes(8 << 20)), n + 3, 7 << 20)[: 12 + (7 << 20)] for n in range(3)]
    assert reader.feed(begun[0] + begun[1]) == []
    with pytest.raises(ProtocolError, match="too many messages"):
        reader.feed(begun[2])


@given(st.lists(VALUES, max_size=5))
@settings(max_examples=100, deadline=None)
def test_amf_comes_out_as_it_went_in(values: list[object]) -> None:
    assert decode(encode(*values)) == values  # type: ignore[arg-type]


def test_amf_is_what_the_specification_says() -> None:
    assert encode("app", 1, True, None, {"a": "b"}).hex() == (
        "020003617070" "003ff0000000000000" "0101" "05" "030001610200016200" "0009"
    )  # fmt: skip
    date, xml = b"\x0b" + struct.pack(">dh", 1500.0, 0), b"\x0f\0\0\0\1x"
    array = b"\x08\0\0\0\1\0\1a\x01\1\0\0\x09"
    typed = b"\x10\0\1T\0\1a\x06\0\0\x09"
    assert decode(date + xml + array + typed) == [1.5, "x", {"a": True}, {"a": None}]


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01",
        b"\x02\xff\xff",
        b"\x03\0\1a",
        b"\x11",
        b"\x0a\xff\xff\xff\xff",
        b"\x0a\0\0\0\1" * 20 + b"\x05",
        b"\x05" * (MAX_VALUES + 1),
        b"\x0a\xff\xff\xff\xff" + b"\x05" * 5000,
    ],
    ids=["number", "string", "long", "amf3", "list", "deep", "many", "many in a list"],
)
def test_amf_beyond_the_limits_is_refused(data: bytes) -> None:
    with pytest.raises(AmfError):
        decode(data)


def test_bit_flips_and_cuts_never_do_more_than_raise() -> None:
    rng = random.Random(1935)
    metadata = encode("onMetaData", {"width": 160.0, "list": [1.0, {"x": None}], "s": "y" * 40})
    wire = b"".join(chunks(Message(k, 1, 7 * k, metadata * k), k, 128) for k in (8, 9, 18, 20))
    read, refused = 0, 0
    for _ in range(2000):
        spoilt = bytearray(wire[: rng.randrange(1, len(wire))])
        for _ in range(rng.randrange(4)):
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        reader = ChunkReader(limit=1 << 16)
        try:
            for message in reader.feed(bytes(spoilt)):
                decode(message.payload)
                read += 1
        except (ProtocolError, AmfError):
            refused += 1
    assert read > 500  # it got further than the first byte
    assert refused > 300
