"""The event stream parser, without a wire: the standard's examples, any cutting, and the limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.sse import MAX_EVENT, ServerEvent, SSEDecoder


def decode(*chunks: bytes, limit: int = MAX_EVENT) -> tuple[SSEDecoder, list[ServerEvent]]:
    decoder = SSEDecoder(limit=limit)
    return decoder, [event for chunk in chunks for event in decoder.feed(chunk)]


def texts(events: list[ServerEvent]) -> list[str]:
    return [e.data for e in events if e.data is not None]


@pytest.mark.parametrize(
    ("wire", "data"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            ["first event", "second event", " third event"],
        ),
        (b"data\n\ndata\ndata\n\ndata:", ["", "\n"]),
        (b"data:test\n\ndata: test\n\n", ["test", "test"]),
        (b"\xef\xbb\xbfdata: bom\r\n\r\ndata: cr\r\rdata: mixed\r\n\n", ["bom", "cr", "mixed"]),
        (b"event: x\nid: 9\n\nunknown: x\ndata: y\n\n", ["y"]),
        (b"data: never ended\n", []),
    ],
)
def test_the_standards_examples(wire: bytes, data: list[str]) -> None:
    decoder, events = decode(wire)
    assert texts(events) == data
    assert sum(e.nbytes for e in events) + decoder.flush() == len(wire)


def test_id_and_retry() -> None:
    decoder, _ = decode(b"id: 7\nretry: 1500\ndata: a\n\n")
    assert (decoder.last_event_id, decoder.retry) == ("7", 1.5)
    decoder.feed(b"id: 8\n")
    assert decoder.last_event_id == "7"  # not before its event is complete
    decoder.feed(b"id: bad\0id\nretry: soon\nretry: -5\n\n")
    assert (decoder.last_event_id, decoder.retry) == ("8", 1.5)
    decoder.feed(b"id\n\n")
    assert decoder.last_event_id == ""


WIRE = st.lists(
    st.sampled_from(
        [
            b"data: x",
            b"data:",
            b"\n",
            b"\r",
            b"\r\n",
            b": c",
            b"id: 3",
            "data: é👋".encode(),
            b"\xef\xbb\xbf",
            b"event: e",
            b"\xff",
        ]
    )
).map(b"".join)


@given(WIRE, st.lists(st.integers(1, 12)))
def test_events_do_not_depend_on_how_bytes_were_cut(wire: bytes, cuts: list[int]) -> None:
    chunks, rest = [], wire
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    whole, at_once = decode(wire)
    pieces, one_by_one = decode(*chunks, rest)
    assert texts(at_once) == texts(one_by_one)
    assert whole.last_event_id == pieces.last_event_id
    total = [
        sum(e.nbytes for e in events) + d.flush() for d, events in ((whole, at_once), (pieces, one_by_one))
    ]
    assert total == [len(wire), len(wire)]


@pytest.mark.parametrize("step", [1 << 16, 1000])
def test_an_event_over_the_limit_is_dropped_and_the_next_one_comes(step: int) -> None:
    wire = b"data: " + b"x" * 100_000 + b"\n\ndata: next\n\n"
    decoder, events = decode(*(wire[i : i + step] for i in range(0, len(wire), step)), limit=10_000)
    assert texts(events) == ["next"]
    assert [e.dropped for e in events if e.dropped] == [True]
    assert sum(e.nbytes for e in events) + decoder.flush() == len(wire)


def test_many_lines_count_as_one_event() -> None:
    _, events = decode(b"data: 12345678\n" * 1000 + b"\ndata: next\n\n", limit=1000)
    assert texts(events) == ["next"]


def test_a_long_comment_costs_no_event() -> None:
    _, events = decode(b"data: a\n:" + b"c" * 5000 + b"\ndata: b\n\n", limit=1000)
    assert texts(events) == ["a\nb"]
