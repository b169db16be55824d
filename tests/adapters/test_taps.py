"""Sound worked up several frames at a time is what it is frame by frame; the small view tells of the whole picture."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.events import AudioChunk
from midstream_adapters.levels import chunk_levels, picture_levels, sample_levels
from midstream_adapters.taps import RATE, TOGETHER_S, AudioTap, VideoTap


def sounds(
    lengths: list[int], rate: int = 48_000, form: str = "fltp", channels: int = 2
) -> Iterator[av.AudioFrame]:
    """A tone of 500 Hz, in frames of `lengths` samples."""
    start = 0
    for length in lengths:
        tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(start, start + length) / rate)
        pcm: npt.NDArray[Any] = np.tile(tone.astype(np.float32), (channels, 1))
        if not form.endswith("p"):
            pcm = pcm.T.reshape(1, -1)
        if form.startswith("s16"):
            pcm = (pcm * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(pcm), form, "stereo" if channels == 2 else "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        start += length
        yield frame


def chunks_of(tap: AudioTap, frames: Iterator[av.AudioFrame]) -> list[AudioChunk]:
    chunks = [chunk for n, frame in enumerate(frames) for chunk in tap.frame(frame, n + 1)]
    return [*chunks, *tap.flush()]


@pytest.mark.parametrize("form", ["fltp", "flt", "s16", "s16p"])
@pytest.mark.parametrize("rate", [48_000, 44_100, 16_000])
@pytest.mark.parametrize("lengths", [[1024] * 70, [10, 2048, 1, 700] * 30, [100]])
def test_together_is_as_one_by_one(form: str, rate: int, lengths: list[int]) -> None:
    together = chunks_of(AudioTap("x", time.monotonic, hold=True), sounds(lengths, rate, form))
    alone = chunks_of(AudioTap("x", time.monotonic, hold=False), sounds(lengths, rate, form))
    assert len(together) == len(alone) == len(lengths)
    for a, b in zip(together, alone, strict=True):
        assert (a.pts, a.duration, a.nbytes, a.clipped, a.channels) == (
            b.pts,
            b.duration,
            b.nbytes,
            b.clipped,
            b.channels,
        )
        assert (a.rms, a.peak) == pytest.approx((b.rms, b.peak), rel=1e-4, abs=1e-7)
    heard = np.concatenate([chunk.samples for chunk in together])
    live = np.concatenate([chunk.samples for chunk in alone])
    np.testing.assert_allclose(heard[: live.size], live, atol=2e-5)
    assert heard.size == pytest.approx(sum(lengths) * RATE / rate, abs=2)


def test_samples_are_with_the_chunk_they_were_made_of() -> None:
    """Silence up to the 40th frame and a tone from there on: not one frame sooner."""
    frames = list(sounds([1024] * 60))
    for frame in frames[:40]:
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
    chunks = chunks_of(AudioTap("x", time.monotonic), iter(frames))
    assert max(np.abs(chunk.samples).max() for chunk in chunks[:39]) < 0.01
    assert min(np.abs(chunk.samples).max() for chunk in chunks[41:]) > 0.4


def test_a_refused_format_loses_nothing_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    tap, given_out = AudioTap("x", time.monotonic), []
    for frame in sounds([1024] * 10):
        given_out += tap.frame(frame, 1)
    good = tap._chunks
    monkeypatch.setattr(
        tap, "_chunks", lambda waiting: good(waiting) if waiting[0][0].rate == 48_000 else 1 / 0
    )
    for frame in sounds([1024] * 3, rate=32_000):
        with pytest.raises(ZeroDivisionError):
            tap.frame(frame, 1)
    given_out += tap.flush()
    assert [chunk.sample_rate for chunk in given_out] == [48_000] * 10
    assert sum(chunk.samples.size for chunk in given_out) == pytest.approx(10 * 1024 / 3, abs=2)


def test_what_begins_is_heard_soon_and_nothing_waits_longer_than_said() -> None:
    tap, given_out, fewest = AudioTap("x", time.monotonic), 0, 0.0
    for n, frame in enumerate(sounds([1024] * 200)):
        given_out += len(list(tap.frame(frame, 1)))
        behind = (n + 1 - given_out) * 1024 / 48_000
        assert behind <= min(TOGETHER_S, n * 1024 / 48_000) + 3 * 1024 / 48_000
        fewest = max(fewest, behind)
    assert fewest > 0.2  # it does work some up together


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=8),
    st.integers(1, 3),
    st.sampled_from([1.0, 0.0, 1e6]),
    st.integers(0, 99),
)
def test_levels_of_pieces(lengths: list[int], channels: int, gain: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = (gain * rng.uniform(-1, 1, (channels, sum(lengths)))).astype(np.float32)
    rms, peaks = chunk_levels(samples, lengths)
    start = 0
    for length, level, peak in zip(lengths, rms, peaks, strict=True):
        assert (level, peak) == pytest.approx(
            sample_levels(samples[:, start : start + length]), rel=1e-4, abs=1e-9
        )
        start += length


def test_a_view_tells_of_the_whole_picture() -> None:
    """Fine noise, over a slope: of 64 pixels averaged little would be left of its motion."""
    rng = np.random.default_rng(4)
    tap, before, slope = VideoTap("x", time.monotonic), None, np.linspace(40, 200, 1280)
    for n in range(4):
        grey = np.clip(slope + rng.normal(0, 8, (720, 1280)), 0, 255).astype(np.uint8)
        full = np.repeat(grey[..., None], 3, axis=2)
        luma, motion = picture_levels(full, before)
        frame = av.VideoFrame.from_ndarray(full, "rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = n, Fraction(1, 30)
        event = tap.frame(frame, 1)
        assert event.luma == pytest.approx(luma, abs=1.0)
        if motion is not None:
            assert event.motion == pytest.approx(motion, rel=0.05)
        before = full


def test_motion_and_luma_of_tall_pictures() -> None:
    """More rows than fit into the sums of 16 bits."""
    tall = np.full((600, 2, 3), 255, np.uint8)
    luma, motion = picture_levels(tall, np.zeros_like(tall))
    assert luma == pytest.approx(255.0)
    assert motion == 255.0
