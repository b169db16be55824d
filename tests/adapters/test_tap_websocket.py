"""A WebSocket that a tap saw go by: frames in any cut, compressed, and ones that nobody should send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from midstream_adapters.events import (
    Dropped,
    TextChunk,
    TurnEnded,
    TurnStarted,
)
from midstream_adapters.tap_question import Places
from midstream_adapters.tap_websocket import WebSocketWatch
from tests.adapters.servers import ListSink


def frames(*messages: bytes, deflate: bool = False, mask: bool = False) -> bytes:
    """What one end sends."""
    extensions = [PerMessageDeflate(False, False, 15, 15)] if deflate else []
    return b"".join(Frame(Opcode.TEXT, m).serialize(mask=mask, extensions=extensions) for m in messages)


def watched(extensions: str = "") -> tuple[ListSink, WebSocketWatch]:
    sink = ListSink()
    turns = iter(range(1, 99))
    places = Places(lambda model, at, sink: f"tap/{model}", lambda stream: f"{stream}:{next(turns)}")
    return sink, WebSocketWatch(places, sink, "rt", {"sec-websocket-extensions": extensions})


CREATED = json.dumps({"type": "response.created", "response": {"id": "r"}}).encode()
DELTA = json.dumps({"type": "response.output_text.delta", "response_id": "r", "delta": "x"}).encode()


@pytest.mark.parametrize("deflate", [False, True])
def test_frames_are_read_however_they_are_cut(deflate: bool) -> None:
    sink, watch = watched("permessage-deflate; client_max_window_bits=15" if deflate else "")
    watch.up(1.0, frames(b'{"type": "response.create"}', deflate=deflate, mask=True))
    data = frames(CREATED, *[DELTA] * 50, deflate=deflate) + Frame(Opcode.PING, b"p").serialize(mask=False)
    for n, byte in enumerate(data):
        watch.down(2.0 + n / 1e6, bytes([byte]))
    (started,) = (e for e in sink.events if isinstance(e, TurnStarted))
    assert (started.at, started.turn) == (1.0, "r")
    assert "".join(e.text for e in sink.events if isinstance(e, TextChunk)) == "x" * 50
    watch.lost(3.0, "the client hung up")
    assert [e.error for e in sink.events if isinstance(e, TurnEnded)] == ["the client hung up"]


@pytest.mark.parametrize(
    ("extensions", "data"),
    [
        ("permessage-deflate", frames(b" " * (20 << 20), deflate=True)),
        ("permessage-deflate", b"\xc1\x7f" + (1 << 40).to_bytes(8, "big")),
        ("", b"\xff" * 100),
        ("x-secret-codec", frames(DELTA)),
        ("permessage-deflate;;=", frames(DELTA)),
        ("permessage-deflate", b"\xc1\x05hello"),
    ],
    ids=["bomb", "endless", "reserved bits", "unknown extension", "odd header", "no deflate"],
)
def test_what_can_not_be_followed_ends_its_turns_and_nothing_else(extensions: str, data: bytes) -> None:
    sink, watch = watched(extensions)
    watch.up(1.0, frames(b'{"type": "response.create"}', deflate="deflate" in extensions, mask=True))
    watch.down(2.0, data)
    watch.down(3.0, data)
    watch.lost(4.0, "closed")
    assert [e.where for e in sink.events if isinstance(e, Dropped)] == ["unreadable WebSocket"]
    assert len([e for e in sink.events if isinstance(e, TurnStarted)]) == len(
        [e for e in sink.events if isinstance(e, TurnEnded)]
    )


def test_malformed_events_pass_by() -> None:
    sink, watch = watched()
    odd: list[Any] = [
        b"not json", b"[1]", b'{"type": 7}', b'{"type": "response.created", "response": 3}',
        b'{"type": "conversation.item.input_audio_transcription.completed", "transcript": "I said"}',
        b'{"type": "error", "error": {"message": "no such voice"}}',
    ]  # fmt: skip
    watch.up(
        0.5, frames(b'{"type": "response.create", "response": []}', b'{"type": "session.update"}', mask=True)
    )
    watch.down(1.0, frames(*odd))
    assert [(e.text, e.role) for e in sink.events if isinstance(e, TextChunk)] == [("I said", "user")]
    assert [e.error for e in sink.events if isinstance(e, TurnEnded)] == ["no such voice"]
    assert not [e for e in sink.events if isinstance(e, Dropped)]
