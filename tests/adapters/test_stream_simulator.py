"""StreamSimulator: callbacks on a thread, drift-free, restartable, with errors that are not lost."""

from __future__ import annotations

import random
import threading

import pytest

from midstream_adapters.simulated_audio import SimulatedChunk
from midstream_adapters.simulated_video import SimulatedFrame
from midstream_adapters.stream_simulator import StreamSimulator

SIZE = (64, 48)


class Frames:
    """Collects, and tells when there are enough."""

    def __init__(self, enough: int) -> None:
        self.items: list[SimulatedFrame] = []
        self.enough = enough
        self.done = threading.Event()

    def __call__(self, frame: SimulatedFrame) -> None:
        self.items.append(frame)
        if len(self.items) >= self.enough:
            self.done.set()


def simulator(rate: float = 200.0, seed: int = 1) -> StreamSimulator:
    return StreamSimulator(rate, size=SIZE, rng=random.Random(seed))


def test_frames_and_sound_reach_the_callbacks() -> None:
    frames, sounds = Frames(40), []
    one = simulator()
    assert one.frame_number == 0
    one.start(frames, sounds.append)
    assert frames.done.wait(20)
    one.stop()
    count = len(frames.items)
    assert one.frame_number == frames.items[-1].frame_number + 1
    numbers = [frame.frame_number for frame in frames.items]
    assert numbers == sorted(set(numbers))
    assert all(len(frame.data) == 64 * 48 * 3 for frame in frames.items)
    assert all(frame.timestamp == frame.frame_number / 200 for frame in frames.items)
    assert len({frame.data for frame in frames.items}) > 5  # the pictures move (a pixel every few frames)
    assert sounds
    assert all(isinstance(chunk, SimulatedChunk) and len(chunk.data) == 1920 for chunk in sounds)
    assert len(frames.items) == count
    assert not one.running


def test_the_pace_is_that_of_the_clock_and_misses_are_counted() -> None:
    """A clock that runs by leaps: frame numbers follow it, and what was leapt over is missed, not sent."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.01
        return now

    frames = Frames(20)
    one = StreamSimulator(1000.0, size=SIZE, rng=random.Random(1), clock=clock)
    one.start(frames)
    assert frames.done.wait(20)
    one.stop()
    assert one.missed > 0
    assert one.frame_number == len(frames.items) + one.missed
    assert one.frame_number / 1000.0 <= now + 0.001


def test_starts_again_from_zero() -> None:
    one = simulator()
    for _ in range(2):
        frames = Frames(3)
        one.start(frames)
        assert frames.done.wait(20)
        one.stop()
        assert frames.items[0].frame_number <= 2
    one.stop()  # stopping what does not run does no harm


def test_cannot_be_started_twice() -> None:
    one = simulator()
    with one:
        one.start(Frames(1))
        with pytest.raises(RuntimeError, match="runs already"):
            one.start(Frames(1))
    assert not one.running


def test_errors_of_callbacks_are_counted_and_raised_by_stop() -> None:
    frames = Frames(5)

    def fail(frame: SimulatedFrame) -> None:
        frames(frame)
        raise LookupError(f"frame {len(frames.items)}")

    one = simulator()
    one.start(fail)
    assert frames.done.wait(20)
    with pytest.raises(LookupError, match="frame 1") as caught:
        one.stop()
    assert one.errors >= 5
    assert f"({one.errors} in all)" in caught.value.__notes__[0]
    one.stop()  # said once
    calm = Frames(2)
    one.start(calm)
    assert calm.done.wait(20)
    one.stop()
    assert one.errors == 0


def test_can_be_stopped_from_a_callback() -> None:
    frames = Frames(1)
    one = simulator()

    def once(frame: SimulatedFrame) -> None:
        frames(frame)
        one.stop()

    one.start(once)
    assert frames.done.wait(20)
    for thread in threading.enumerate():
        if thread.name == "stream simulator":
            thread.join(20)
    assert len(frames.items) == 1


def test_same_seed_same_pictures() -> None:
    def first(seed: int) -> SimulatedFrame:
        frames = Frames(1)
        with simulator(rate=50, seed=seed) as one:
            one.start(frames)
            assert frames.done.wait(20)
        return next(frame for frame in frames.items)

    one, two, other = first(1), first(1), first(2)
    assert one.frame_number == two.frame_number == other.frame_number == 0
    assert one == two != other


@pytest.mark.parametrize("rate", [0, -5, float("nan"), float("inf")])
def test_impossible_rates_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="frame rate"):
        StreamSimulator(rate)
