"""Queues with an end: what cannot be kept goes, is counted, and its bytes are not forgotten."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from midstream_adapters.events import Dropped, Event, Kind, VideoFrame
from midstream_adapters.rtc_frames import (
    MOST_DECODED,
    MOST_ENCODED,
    Converter,
    DecodeErrors,
    DecoderQueue,
    is_key_frame,
    skip_hole,
)
from tests.adapters.recorder import Recorder

VP8 = SimpleNamespace(name="VP8")


@dataclass
class Encoded:
    data: bytes
    timestamp: int = 0


KEY, DELTA = b"\x10\x02\x00\x9d\x01\x2a", b"\x11\x02\x00"


def picture(width: int = 32, height: int = 32) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((height, width, 3), 90, np.uint8), "rgb24")


class SlowSink(Recorder):
    """Takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def emit(self, event: Event) -> None:
        if isinstance(event, VideoFrame):
            self.gate.wait(10.0)
        super().emit(event)


def settle(converter: Converter) -> None:
    end = time.monotonic() + 10
    while not converter.idle and time.monotonic() < end:
        time.sleep(0.005)
    assert converter.idle


def test_key_frames_are_told() -> None:
    assert is_key_frame("VP8", KEY)
    assert not is_key_frame("VP8", DELTA)
    assert not is_key_frame("VP8", b"")
    assert is_key_frame("H264", b"\0\0\0\1\x09\xf0\0\0\0\1\x67abc\0\0\0\1\x68d\0\0\1\x65xyz")
    assert not is_key_frame("H264", b"\0\0\0\1\x09\xf0\0\0\0\1\x41xyz")


@pytest.mark.parametrize("level", [0x10, 0x30, 0x50])
def test_key_frames_of_the_real_encoder(level: int) -> None:
    """PyAV's own VP8 and H.264: the first frame is the key frame, the others are not."""
    for name, encoder in (("VP8", "libvpx"), ("H264", "libx264")):
        codec: Any = av.CodecContext.create(encoder, "w")
        codec.width = codec.height = 64
        codec.pix_fmt, codec.time_base, codec.framerate = "yuv420p", Fraction(1, 30), Fraction(30)
        codec.options = {"g": "100", "tune": "zerolatency"} if name == "H264" else {"deadline": "realtime"}
        told = []
        for n in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level + 20 * n, np.uint8), "rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts = n
            told += [is_key_frame(name, bytes(packet)) for packet in codec.encode(frame)]
        assert told[:1] == [True]
        assert not any(told[1:])


def test_a_full_queue_starts_anew_at_a_key_frame() -> None:
    errors = DecodeErrors()
    queue = DecoderQueue(Kind.VIDEO, errors)
    queue.put((VP8, Encoded(KEY, 7)))
    assert queue.is_key(7)
    for _ in range(MOST_ENCODED[Kind.VIDEO] - 1):
        queue.put((VP8, Encoded(DELTA)))
    assert not errors.is_set()
    queue.put((VP8, Encoded(DELTA)))  # one too many
    queue.put((VP8, Encoded(DELTA)))
    assert (queue.qsize(), queue.dropped) == (0, MOST_ENCODED[Kind.VIDEO] + 2)
    assert errors.is_set()  # aiortc asks for a key frame then
    assert errors.count == 0
    queue.put((VP8, Encoded(KEY, 9)))
    queue.put((VP8, Encoded(DELTA)))
    assert queue.qsize() == 2
    queue.put(None)  # the end is not behind anything
    assert queue.qsize() == 1
    assert queue.get_nowait() is None


def test_an_empty_frame_is_no_end() -> None:
    queue = DecoderQueue(Kind.VIDEO, DecodeErrors())
    queue.put((VP8, Encoded(b"")))
    assert (queue.qsize(), queue.dropped) == (0, 1)


def test_a_missing_packet_is_given_up() -> None:
    from aiortc.jitterbuffer import JitterBuffer
    from aiortc.rtp import RtpPacket

    def add(sequence: int) -> bool:
        packet: Any = RtpPacket(sequence_number=sequence & 0xFFFF, timestamp=3000 * sequence, payload=b"x")
        packet._data = b"x"
        return buffer.add(packet)[1] is not None

    buffer = JitterBuffer(capacity=512, is_video=True)
    assert not skip_hole(buffer)
    assert [add(n) for n in (65_530, 65_531, 65_532)] == [False, True, True]
    assert not skip_hole(buffer)  # the newest waits for its end, nothing is missing
    assert not any(add(n) for n in range(65_534, 65_600))  # 65533 was lost
    assert skip_hole(buffer)
    assert [add(n) for n in (65_600, 65_601)] == [False, True]


def test_audio_needs_no_key_frame() -> None:
    queue = DecoderQueue(Kind.AUDIO, DecodeErrors())
    for _ in range(MOST_ENCODED[Kind.AUDIO] + 1):
        queue.put((SimpleNamespace(name="opus"), Encoded(b"x")))
    assert (queue.qsize(), queue.dropped) == (1, MOST_ENCODED[Kind.AUDIO])


def test_a_slow_sink_loses_the_oldest_frames_and_no_bytes() -> None:
    sink = SlowSink()
    converter = Converter("s", sink, time.monotonic)
    pushed = 0

    def push_many() -> None:  # `push` waits for nobody longer than one emit takes
        nonlocal pushed
        for n in range(30):
            converter.push(Kind.VIDEO, picture(), 100 + n)
            pushed += 100 + n

    pusher = threading.Thread(target=push_many)
    pusher.start()
    time.sleep(0.1)
    sink.gate.set()
    pusher.join(10.0)
    settle(converter)
    converter.close()
    frames = len(sink.frames)
    assert sink.dropped[Kind.VIDEO, "queue"] == 30 - frames
    assert sink.nbytes(Kind.VIDEO) == pushed


def test_frames_that_wait_are_bounded() -> None:
    converter = Converter("s", sink := Recorder(), time.monotonic)
    with converter._news:  # the thread stands still
        for _ in range(50):
            converter.push(Kind.VIDEO, picture(), 10)
        assert len(converter._waiting[Kind.VIDEO]) == MOST_DECODED[Kind.VIDEO]
    settle(converter)
    assert len(sink.frames) == MOST_DECODED[Kind.VIDEO]
    assert sink.dropped[Kind.VIDEO, "queue"] == 50 - MOST_DECODED[Kind.VIDEO]
    assert sink.nbytes(Kind.VIDEO) == 500
    converter.close()


def test_pictures_that_are_too_large_or_broken() -> None:
    converter = Converter("s", sink := Recorder(), time.monotonic)
    converter.push(Kind.VIDEO, SimpleNamespace(width=16_000, height=16_000), 100)
    settle(converter)
    converter.push(Kind.VIDEO, picture(), 10, key=True)
    settle(converter)
    converter.close()
    assert sink.dropped == {(Kind.VIDEO, "limit"): 1}
    assert [(f.keyframe, f.nbytes) for f in sink.frames] == [(True, 110)]


def test_nothing_after_close() -> None:
    converter = Converter("s", sink := Recorder(), time.monotonic)
    with converter._news:
        converter.push(Kind.VIDEO, picture(), 10)
        converter.close()
    count = len(sink.events)
    converter.close()
    time.sleep(0.05)
    assert len(sink.events) == count
    assert not sink.of(Dropped)
    assert sink.nbytes(Kind.VIDEO) == 10
    assert not converter._thread.is_alive()
