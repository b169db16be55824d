"""Pacing on a clock that only sleeping moves; interleaving; ticks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.events import AudioChunk, Dropped, Event, Kind, VideoFrame
from midstream_adapters.pacing import Interleaver, Pacer, Ticks
from tests.adapters.recorder import FakeTime

BOTH = (Kind.VIDEO, Kind.AUDIO)


def video(pts: float | None) -> VideoFrame:
    return VideoFrame("s", 0.0, np.zeros((1, 1, 3), np.uint8), 1, 1, pts, 0.0, None)


def audio(pts: float | None, duration: float = 0.02) -> AudioChunk:
    return AudioChunk("s", 0.0, np.zeros(0, np.float32), 16_000, 48_000, 1, pts, duration, 0.0, 0.0)


def merged(lanes: Interleaver, events: list[Event]) -> list[tuple[float | None, Event]]:
    return [timed for event in events for timed in lanes.push(event)] + list(lanes.flush())


async def test_pacer_starts_at_the_first_pts_and_never_drifts() -> None:
    time = FakeTime(50.0)
    overslept = 0.004

    async def sleep(seconds: float) -> None:
        await time.sleep(seconds + overslept)

    pacer = Pacer(time.clock, sleep)
    for n in range(1000):
        await pacer.wait(7.0 + n / 30)
        assert 0 <= time.now - 50.0 - n / 30 <= overslept + 1e-9


async def test_pacer_waits_out_a_gap_but_not_a_jump() -> None:
    time = FakeTime()
    pacer = Pacer(time.clock, time.sleep)
    await pacer.wait(0.0)
    await pacer.wait(5.0)
    assert time.now == 1005.0
    await pacer.wait(100_000.0)  # a new timeline
    assert time.now == 1005.0
    await pacer.wait(100_000.5)
    assert time.now == pytest.approx(1005.5)
    await pacer.wait(0.0)  # and back, as a wrapped clock or the next piece of a join
    await pacer.wait(0.25)
    assert time.now == pytest.approx(1005.75)


async def test_pacer_does_not_burst_after_a_long_stop() -> None:
    time = FakeTime()
    pacer = Pacer(time.clock, time.sleep)
    await pacer.wait(0.0)
    time.now += 3600  # the lid was closed
    seen = []
    for n in range(1, 31):
        await pacer.wait(n / 10)
        seen.append(time.now)
    assert np.diff(seen) == pytest.approx(np.full(29, 0.1))


@given(st.lists(st.floats(0, 1), max_size=60), st.lists(st.floats(0, 1), max_size=60), st.randoms())
def test_interleaver_merges_by_pts_and_loses_nothing(a: list[float], v: list[float], rng: object) -> None:
    sounds: list[Event] = [audio(pts) for pts in sorted(a)]
    pictures: list[Event] = [video(pts) for pts in sorted(v)]
    mixed: list[Event] = []
    while sounds or pictures:
        source = rng.choice([s for s in (sounds, pictures) if s])  # type: ignore[attr-defined]
        mixed.append(source.pop(0))
    out = merged(Interleaver(BOTH), mixed)
    assert [time for time, _ in out] == sorted(a + v)
    assert {id(event) for _, event in out} == {id(event) for event in mixed}


def test_interleaver_lets_go_when_every_stream_has_come_as_far() -> None:
    lanes = Interleaver(BOTH)
    assert not list(lanes.push(video(0.0)))
    assert not list(lanes.push(video(0.04)))
    first, second = audio(0.0), audio(0.02)
    assert [e for _, e in lanes.push(first)][1:] == [first]
    assert [e for _, e in lanes.push(second)] == [second]
    assert not list(lanes.push(video(0.08)))


def test_interleaver_is_bounded_when_a_stream_falls_silent() -> None:
    lanes = Interleaver(BOTH, span=2.0, most=100)
    list(lanes.push(audio(0.0)))
    held, out = 1, 0
    for n in range(10_000):
        out += len(list(lanes.push(video(n / 30))))
        held = n + 2 - out
        assert held <= 62
    dense = Interleaver(BOTH, span=2.0, most=100)
    assert sum(len(list(dense.push(video(n / 10_000)))) for n in range(1000)) >= 899


def test_interleaver_keeps_the_order_of_arrival_through_a_jump() -> None:
    events: list[Event] = [video(100.0), audio(100.0), video(100.1), video(0.0), audio(0.0), video(0.1)]
    times = [time for time, _ in merged(Interleaver(BOTH), events)]
    assert times == [100.0, 100.0, 100.1, 0.0, 0.0, 0.1]
    events = [video(0.0), audio(0.0), audio(500.0), video(500.0), video(500.04)]
    assert [time for time, _ in merged(Interleaver(BOTH), events)] == [0.0, 0.0, 500.0, 500.0, 500.04]


def test_interleaver_gives_times_to_what_has_none() -> None:
    events: list[Event] = [video(None) for _ in range(4)]
    assert [t for t, _ in merged(Interleaver([Kind.VIDEO], 0.04), events)] == pytest.approx(
        [0, 0.04, 0.08, 0.12]
    )
    dropped = Dropped("s", 0.0, Kind.VIDEO, 1, "decoder")
    out = merged(Interleaver([Kind.VIDEO]), [video(1.0), dropped, video(1.04)])
    assert [event for _, event in out][1] is dropped


def test_ticks_are_counted_by_absolute_time() -> None:
    ticks = Ticks(30.0, 100.0)
    assert ticks.wait(99.0) == pytest.approx(1.0)
    assert ticks.take(100.0) == (0, 0)
    assert ticks.wait(100.0) == pytest.approx(1 / 30)
    assert ticks.take(100.0 + 1 / 30) == (1, 0)
    assert ticks.take(100.5) == (15, 13)  # 2 to 14 were missed
    assert ticks.wait(100.5) == pytest.approx(1 / 30)
    assert ticks.take(100.0 + 16 / 30 + 0.02) == (16, 0)  # late, but nothing was missed


@given(st.floats(1, 1000), st.lists(st.floats(0, 0.5), max_size=50))
def test_ticks_add_up_whatever_the_delays(rate: float, delays: list[float]) -> None:
    now, count = 1e5, 0
    ticks = Ticks(rate, now)
    for delay in delays:
        now += ticks.wait(now) + delay
        number, missed = ticks.take(now)
        count += 1 + missed
        assert number == count - 1
        assert -1e-6 <= now - 1e5 - number / rate < 1 / rate + 1e-6


def test_ticks_within_the_slack_are_late_but_not_missed() -> None:
    ticks = Ticks(50.0, 0.0, slack=0.1)
    assert [ticks.take(0.09) for _ in range(3)] == [(0, 0), (1, 0), (2, 0)]
    assert ticks.wait(0.09) == 0.0
    assert ticks.take(0.2) == (10, 7)  # 3 was due at 0.06: too late
