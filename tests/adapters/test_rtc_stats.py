"""What is counted of RTP, against sequences whose figures are known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.events import Kind
from midstream_adapters.rtc_stats import FreezeMeter, RtpMeter, TrackMeter


def feed(meter: RtpMeter, sequences: list[int], rate: int = 90_000, ssrc: int = 1) -> None:
    for n, sequence in enumerate(sequences):
        meter.packet(ssrc, sequence & 0xFFFF, n * 3000, 100, rate, n / 30)


def test_even_packets() -> None:
    meter = RtpMeter()
    feed(meter, list(range(65_500, 65_700)))  # over the wrap of the sequence numbers
    assert (meter.packets, meter.lost, meter.nbytes) == (200, 0, 20_000)
    assert meter.jitter == pytest.approx(0, abs=1e-9)
    assert meter.heard == 199 / 30


@given(st.integers(0, 65_535), st.sets(st.integers(1, 298), max_size=50), st.randoms(use_true_random=False))
def test_loss_is_what_is_missing(start: int, missing: set[int], rng: random.Random) -> None:
    sent = [start + n for n in range(300) if n not in missing]
    for at in range(1, len(sent) - 3, 7):  # some change places
        if rng.random() < 0.5:
            sent[at], sent[at + 1] = sent[at + 1], sent[at]
    meter = RtpMeter()
    feed(meter, sent)
    assert meter.packets == 300 - len(missing)
    assert meter.lost == len(missing)


def test_late_and_doubled_packets() -> None:
    meter = RtpMeter()
    feed(meter, [10, 11, 14, 15])
    assert meter.lost == 2
    feed(meter, [12, 13])  # late, or sent again
    assert meter.lost == 0
    feed(meter, [15, 15])
    assert meter.lost == 0


def test_jitter_of_alternating_delay() -> None:
    """Packets that come 0 and 10 ms late by turns: |D| is 10 ms throughout, and J tends to it (RFC 3550, A.8)."""
    meter = RtpMeter()
    for n in range(400):
        meter.packet(1, n, n * 960 + 2**32 - 5000 & 0xFFFFFFFF, 80, 48_000, n * 0.02 + n % 2 * 0.01)
    assert meter.jitter == pytest.approx(0.010, rel=0.01)


def test_retransmissions_are_apart_and_sources_bounded() -> None:
    meter = RtpMeter()
    feed(meter, [1, 2, 3])
    meter.packet(9, 60_000, 5, 50, 90_000, 1.0, rtx=True)
    assert (meter.packets, meter.lost, meter.rtx_packets, meter.nbytes) == (3, 0, 1, 350)
    for ssrc in range(100):
        meter.packet(1000 + ssrc, 1, 1, 1, 90_000, 2.0)
    assert meter.packets == 3 + 7


def test_freezes() -> None:
    """At 30 a second the threshold is max(100 ms, 183 ms)."""
    meter = FreezeMeter()
    now = 100.0
    for _ in range(40):
        now += 1 / 30
        meter.frame(now)
    meter.frame(now := now + 0.180)
    assert meter.so_far(now) == (0, 0.0)
    for _ in range(40):
        now += 1 / 30
        meter.frame(now)
    assert meter.so_far(now + 0.1) == (0, 0.0)
    assert meter.so_far(now + 0.5) == pytest.approx((1, 0.5))  # one that lasts
    meter.frame(now + 0.7)
    assert meter.so_far(now + 0.7) == pytest.approx((1, 0.7))


def test_slow_video_is_not_frozen() -> None:
    meter = FreezeMeter()
    for n in range(20):
        meter.frame(n * 1.0)
    assert meter.so_far(19 + 2.9) == (0, 0.0)
    assert meter.so_far(19 + 3.0)[0] == 1


def test_figures() -> None:
    meter = TrackMeter(Kind.VIDEO)
    assert meter.figures(0.0) == {
        "video_packets": 0,
        "video_packets_lost": 0,
        "video_frames_decoded": 0,
        "video_freezes": 0,
        "video_frozen_s": 0.0,
        "video_nacks": 0,
        "video_plis": 0,
        "video_rtx_packets": 0,
    }
    meter.codec = "VP8"
    for n in range(60):
        meter.rtp.packet(1, n, n * 3000, 1000, 90_000, n / 30)
        meter.frame(n / 30, n / 30 if n % 20 == 0 else None)
    figures = meter.figures(2.0)
    assert figures["video_bitrate_bps"] == 240_000
    assert figures["video_decoded_fps"] == 30
    assert figures["video_key_frame_interval_s"] == pytest.approx(20 / 30)
    assert figures["video_codec"] == "VP8"
    assert meter.figures(3.0)["video_bitrate_bps"] == 0
