"""The detectors on events whose times are known: live arrival, blame, A/V offset, identity of impairments."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_adapters.base import Options, StreamInfo, supervise
from midstream_adapters.events import (
    OPENING,
    AudioChunk,
    Blame,
    Dropped,
    Event,
    Figures,
    Impairment,
    Kind,
    Provenance,
    State,
    StateChanged,
    StreamOpened,
    VideoFrame,
)
from midstream_adapters.quality import QualitySink
from midstream_adapters.quality_sound import dbfs
from midstream_adapters.quality_stream import StreamQuality
from tests.adapters.recorder import FakeTime, Recorder, until

STEP = 0.04
RNG = np.random.default_rng(1)
MOVING = [RNG.integers(60, 200, (18, 32, 3)).astype(np.uint8) for _ in range(8)]
BLACK = np.zeros((18, 32, 3), np.uint8)
NO_SOUND = np.zeros(0, np.float32)


def picture(
    n: int,
    *,
    at: float | None = None,
    pts: float | None = None,
    view: np.ndarray | None = None,
    still: bool = False,
    size: tuple[int, int] = (640, 360),
    key: bool = False,
) -> VideoFrame:
    """Frame number `n` of 25 a second, another picture each time unless `still`."""
    image = view if view is not None else MOVING[0 if still else n % len(MOVING)]
    pts = n * STEP if pts is None else pts
    at = n * STEP if at is None else at
    motion = 0.0 if still else 50.0
    return VideoFrame("s", at, image, *size, pts, float(image.mean()), motion, key)


def sound(n: int, *, at: float | None = None, pts: float | None = None, peak: float = 0.5) -> AudioChunk:
    """Chunk number `n` of 25 a second."""
    pts = n * STEP if pts is None else pts
    at = n * STEP if at is None else at
    return AudioChunk("s", at, NO_SOUND, 16_000, 48_000, 2, pts, STEP, peak / 2, peak)


def run(events: Iterable[Event], *, live: bool = False, common: bool = True) -> list[Event]:
    quality = StreamQuality("s", live=live, common=common)
    return [each for event in events for each in quality.take(event)]


def impairments(found: Iterable[Event]) -> list[Impairment]:
    return [e for e in found if isinstance(e, Impairment)]


def figures(found: Iterable[Event]) -> dict[str, float | str]:
    total: dict[str, float | str] = {}
    for event in found:
        if isinstance(event, Figures):
            total |= event.values
    return total


END = StateChanged("s", 1e6, State.ENDED)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["moving", "still", "black"]), st.integers(1, 120)), max_size=6).map(
        lambda parts: [part for k, part in enumerate(parts) if not k or part[0] != parts[k - 1][0]]
    )
)
def test_exactly_the_spells_of_two_seconds_and_more_are_said(parts: list[tuple[str, int]]) -> None:
    events, expected, n = [], [], 0
    for what, length in parts:
        start = n * STEP
        for k in range(length):
            if what == "black":
                events.append(picture(n, view=BLACK))
            else:
                events.append(
                    picture(n, view=MOVING[0] if what == "still" else None, still=what == "still" and k > 0)
                )
            n += 1
        if what != "moving" and (length - 1) * STEP >= 2.0 - 1e-9:
            expected.append(("freeze" if what == "still" else "black", round(start, 6)))
    found = impairments(run([*events, END]))
    assert [(e.what, round(e.began, 6)) for e in found if e.ended is None] == expected
    assert [(e.what, round(e.began, 6)) for e in found if e.ended is not None] == expected
    for began, over in zip(
        found[::2], found[1::2], strict=True
    ):  # every begin has its end, and next comes that
        assert (began.what, began.kind, began.began) == (over.what, over.kind, over.began)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 100)), max_size=6))
def test_silence_is_said_from_two_seconds_on(parts: list[tuple[bool, int]]) -> None:
    quiet = [silent for silent, length in parts for _ in range(length)]
    edges = [k for k, (a, b) in enumerate(pairwise([False, *quiet, False])) if a != b]
    expected = [(a * STEP, b * STEP) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 50]
    found = impairments(run([*(sound(n, peak=0.0005 if q else 0.5) for n, q in enumerate(quiet)), END]))
    ends = [(e.began, e.ended) for e in found if e.ended is not None]
    assert len(found) == 2 * len(ends)
    assert np.array(ends) == pytest.approx(np.array(expected))


def test_where_pts_jump_the_length_and_the_blame_are_told() -> None:
    before = [picture(n) for n in range(20)]
    late = [picture(n, at=n * STEP) for n in range(45, 60)]  # came a second later: it was on its way
    at_once = [picture(n, at=(n - 25) * STEP) for n in range(45, 60)]  # arrived without a pause: never sent
    for after, live, blame in (
        (late, True, Blame.NETWORK),
        (at_once, True, Blame.SOURCE),
        (late, False, Blame.SOURCE),
    ):
        [gap] = [e for e in impairments(run([*before, *after], live=live)) if e.what == "pts gap"]
        assert (gap.began, gap.ended) == pytest.approx((20 * STEP, 45 * STEP))
        assert gap.figures["gap_s"] == pytest.approx(1.0)
        assert gap.blame is blame


@pytest.mark.parametrize(
    ("where", "what", "blame"),
    [
        ("decoder", "decode errors", Blame.DECODE),
        ("demuxer", "decode errors", Blame.DECODE),
        ("queue", "dropped frames", Blame.US),
        ("segment", "lost segments", Blame.NETWORK),
    ],
)
def test_who_lost_what_is_missing_is_to_blame(where: str, what: str, blame: Blame) -> None:
    drop = Dropped("s", 20 * STEP, Kind.VIDEO, 3, where)
    events = [*map(picture, range(20)), drop, *map(picture, range(45, 90)), END]
    found = impairments(run(events))
    assert {e.blame for e in found} == {blame}
    assert [e.what for e in found if e.ended is not None].count("pts gap") == 1
    burst = [e for e in found if e.what == what]
    assert burst[0].ended is None
    assert burst[-1].ended is not None
    assert set(burst[-1].figures.values()) == {3.0}


def test_lost_packets_are_the_networks() -> None:
    lost = Figures("s", 20 * STEP, {"video_packets_lost": 4, "video_freezes": 0})
    found = impairments(run([*map(picture, range(20)), lost, *map(picture, range(45, 60))], live=True))
    [gap] = [e for e in found if e.what == "pts gap"]
    assert gap.blame is Blame.NETWORK


def test_a_slow_frame_rate_is_no_gap_and_jitter_of_containers_none_either() -> None:
    slow = [picture(n, pts=n * 1.0) for n in range(20)]
    assert not impairments(run(slow))
    rng = np.random.default_rng(3)
    rounded = [sound(n, pts=round(n * STEP + rng.uniform(-0.004, 0.004), 3)) for n in range(100)]
    assert not impairments(run(rounded))


def test_time_that_goes_back_is_a_regression_and_ends_what_lasted() -> None:
    still = [picture(n, still=n > 0) for n in range(75)]
    again = [picture(n, at=(75 + n) * STEP) for n in range(20)]
    found = impairments(run([*still, *again, END]))
    assert [e.what for e in found] == ["freeze", "pts regression", "freeze"]
    assert found[1].began == found[1].ended == pytest.approx(75 * STEP)
    assert found[2].ended == pytest.approx(75 * STEP)


def test_another_input_begins_another_timeline() -> None:
    opening = Figures("s", 2.0, {OPENING: "mpegts", "video_codec": "h264", "audio_codec": "aac"})
    first = [e for n in range(50) for e in (picture(n), sound(n))]
    second = [
        e for n in range(50) for e in (picture(n, at=2 + n * STEP, pts=500 + n * STEP), sound(n + 12_500))
    ]
    assert not impairments(run([opening, *first, opening, *second, END]))
    other = Figures("s", 2.0, {OPENING: "mpegts", "video_codec": "hevc", "audio_codec": "aac"})
    [change] = impairments(run([opening, *first, other, *second, END]))
    assert (change.what, change.kind) == ("codec change", Kind.VIDEO)
    assert change.figures == {"from": "h264", "to": "hevc"}


def test_a_stall_is_said_while_nothing_comes_and_ends_with_the_next_frame() -> None:
    quality = StreamQuality("s", live=True)
    for n in range(50):
        assert not quality.take(picture(n)) or n % 25 == 0
    now = 49 * STEP
    assert not quality.idle(now + 0.9)
    [stall] = impairments(quality.idle(now + 1.1))
    assert (stall.what, stall.ended, stall.blame) == ("stall", None, Blame.NETWORK)
    assert not quality.idle(now + 2.0)  # said once
    [over] = impairments(quality.take(picture(50, at=now + 3.0)))
    assert over.ended == over.began == stall.began  # late, but nothing of it is missing
    assert over.figures["stalled_s"] == pytest.approx(3.0)


def test_a_stall_that_nobody_watched_is_said_when_it_is_over() -> None:
    quality = StreamQuality("s", live=True)
    for n in range(50):
        quality.take(picture(n))
    began, over = impairments(quality.take(picture(50, at=49 * STEP + 3.0)))
    assert (began.what, began.ended, began.blame) == ("stall", None, Blame.NETWORK)
    assert over.ended == over.began == began.began
    assert over.figures["stalled_s"] == pytest.approx(3.0)
    assert not impairments(quality.take(picture(51, at=49 * STEP + 3.9)))  # 0.9 s is none


@pytest.mark.parametrize(
    ("level", "told"), [(0.0, -120.0), (1e-9, -120.0), (0.001, -60.0), (1.0, 0.0), (2.0, 6.02)]
)
def test_levels_in_db_of_full_scale(level: float, told: float) -> None:
    assert dbfs(level) == pytest.approx(told, abs=0.01)


def test_a_stall_ends_with_the_connection() -> None:
    quality = StreamQuality("s", live=True)
    for n in range(50):
        quality.take(picture(n))
    quality.idle(4.0)
    found = impairments(quality.take(StateChanged("s", 5.0, State.RECONNECTING)))
    assert [(e.what, e.ended is None) for e in found] == [("stall", False)]
    assert not quality.idle(99.0)


def test_what_comes_in_segments_does_not_stall() -> None:
    quality = StreamQuality("s")
    for n in range(50):
        quality.take(picture(n, at=0.0))
    assert not quality.idle(10.0)
    assert not impairments(quality.take(picture(50, at=10.0)))


@pytest.mark.parametrize(("ms", "wrong"), [(0, False), (80, False), (-180, False), (100, True), (-190, True)])
def test_av_offset_has_a_sign_and_bounds(ms: float, wrong: bool) -> None:
    """Positive: the sound arrives before the picture of the same PTS."""
    events: list[Event] = []
    for n in range(200):
        events += [picture(n, at=n * STEP + 1 + ms / 1000), sound(n, at=n * STEP + 1)]
    events.sort(key=lambda event: event.at)
    found = run([*events, END], live=True)
    assert figures(found)["av_offset_ms"] == pytest.approx(ms, abs=1)
    assert [e.what for e in impairments(found)] == (["a/v offset"] * 2 if wrong else [])
    assert "av_offset_ms" not in figures(run(events))  # a file: when it "arrives" is up to us
    assert "av_offset_ms" not in figures(run(events, live=True, common=False))


def test_an_offset_is_over_only_when_nobody_notices_it() -> None:
    """Back from 150 to 60 ms it is acceptable, yet noticed: it lasts; at 30 ms it is over."""
    events: list[Event] = []
    for n in range(600):
        ms = float(np.interp(n, (200, 225, 400, 425), (150, 60, 60, 30)))
        events += [picture(n, at=n * STEP + 1 + ms / 1000), sound(n, at=n * STEP + 1)]
    events.sort(key=lambda event: event.at)
    began, over = impairments(run([*events, END], live=True))
    assert over.ended == pytest.approx(400 * STEP, abs=1.2)
    assert began.began == over.began < 3.0


def test_counts_of_a_burst_grow_and_it_ends_a_second_after_its_last() -> None:
    events: list[Event] = []
    for n in range(200):
        events.append(picture(n))
        if 25 <= n < 100:
            events.append(Dropped("s", n * STEP, Kind.VIDEO, 1, "decoder"))
    found = impairments(run(events))
    assert {(e.what, e.began) for e in found} == {("decode errors", found[0].began)}
    counts = [e.figures["errors"] for e in found]
    assert counts[0] == 1.0
    assert counts[-1] == 75.0
    assert counts == sorted(counts)
    assert len(counts) <= 6  # once a second, not once an error
    assert found[-1].ended == pytest.approx(100 * STEP)


def test_frames_without_pts_or_picture_are_survived() -> None:
    nothing = np.zeros((0, 0, 3), np.uint8)
    events: list[Event] = [VideoFrame("s", n * STEP, nothing, 0, 0, None, None, None) for n in range(100)]
    events += [AudioChunk("s", n * STEP, NO_SOUND, 0, 0, 0, None, 0.0, None, None) for n in range(100)]
    events += [VideoFrame("s", 9.0, np.zeros((4, 4), np.uint8), 4, 4, None, 0.0, None)]
    assert not impairments(run([*events[:100], END]))
    run([*events[100:], END])


class Source:
    """An adapter that says what it is told to."""

    def __init__(self, events: list[Event], provenance: Provenance, source: str = "x") -> None:
        self.info = StreamInfo("s", source, frozenset(), provenance, reconnects=False)
        self._events = events

    async def run(self, sink: object) -> None:
        for event in self._events:
            sink.emit(event)  # type: ignore[attr-defined]
            await asyncio.sleep(0)


@pytest.mark.parametrize("provenance", Provenance)
async def test_every_source_is_watched_but_a_recording_which_has_it_all(provenance: Provenance) -> None:
    sink = Recorder()
    options = Options(clock=FakeTime().clock)
    await supervise(Source([picture(n, still=n > 0) for n in range(80)], provenance), sink, options)
    expected = [] if provenance is Provenance.REPLAYED else ["freeze", "freeze"]
    assert [e.what for e in sink.of(Impairment)] == expected
    if expected:  # what it ends with comes before the word that it has ended
        assert sink.events.index(sink.of(Impairment)[-1]) < sink.events.index(sink.of(StateChanged)[-1])


async def test_streams_of_one_source_are_told_apart_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midstream_adapters.quality.MOST_STREAMS", 2)
    sink = Recorder()
    quality = QualitySink(sink, StreamInfo("s", "x", frozenset(), Provenance.FILE), lambda: 0.0)
    for name in "abc":
        quality.emit(StreamOpened(name, 0.0, "x", frozenset(), Provenance.LIVE))
        for n in range(60):
            frame = picture(n, still=n > 0)
            quality.emit(replace(frame, stream=name))
    assert {e.stream for e in sink.of(Impairment)} == {"a", "b"}
    assert len(sink.frames) == 180


async def test_a_look_that_comes_late_itself_says_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the loop stood still, frames waited for it: that is nobody's stall but ours."""
    monkeypatch.setattr("midstream_adapters.quality.IDLE_EVERY", 0.02)
    monkeypatch.setattr("midstream_adapters.quality.LATE", 0.05)
    sink, now = Recorder(), [0.0]
    quality = QualitySink(sink, StreamInfo("s", "rtmp://x", frozenset(), Provenance.LIVE), lambda: now[0])
    for n in range(50):
        quality.emit(picture(n))
    watching = asyncio.create_task(quality.watch())
    await asyncio.sleep(0.01)
    now[0] = 49 * STEP + 1.5
    time.sleep(0.15)  # noqa: ASYNC251  the loop is blocked
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not sink.of(Impairment)
    await until(lambda: sink.of(Impairment))  # nothing came in the next turn either
    watching.cancel()
