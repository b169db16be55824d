"""True peaks of tones whose peaks are known, whatever the pieces they come in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters import true_peak
from midstream_adapters.levels import Samples
from midstream_adapters.true_peak import TruePeak


def tone(hertz: float, rate: int, turn: float = 0.0, channels: int = 1) -> Samples:
    """Half a second at 0.5, faded in and out."""
    n = np.arange(rate // 2)
    fade = np.minimum(1.0, np.minimum(n, n[::-1]) / (rate / 10))
    wave = 0.5 * fade * np.sin(2 * np.pi * hertz / rate * n + turn)
    samples: Samples = np.tile(wave.astype(np.float32), (channels, 1))
    return samples


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("part", [1 / 48, 1 / 8, 1 / 5, 1 / 4, 1 / 3])
@pytest.mark.parametrize("turn", [0.0, 0.3, math.pi / 4])
def test_the_peak_of_a_tone_is_its_amplitude(rate: int, part: float, turn: float) -> None:
    """BS.1770-4, Annex 2: 4 times oversampled, a tone reads at most 0.688 dB low, and one of half the band 0.169."""
    meter = TruePeak(rate)
    meter.push(tone(part * rate, rate, turn))
    if rate == 192_000:
        assert meter.peak == np.abs(tone(part * rate, rate, turn)).max()
        return
    low = 20 * math.log10(math.cos(math.pi * part / (2 if rate >= 96_000 else 4)))
    assert low - 0.1 < 20 * math.log10(meter.peak / 0.5) < 0.15


@given(
    st.lists(st.integers(0, 9000), min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(0, 99),
    st.booleans(),
)
def test_pieces_are_as_the_whole(lengths: list[int], channels: int, seed: int, burst: bool) -> None:
    """And nothing that is passed over would have been higher: `slow` passes over nothing."""
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 0.1, (channels, sum(lengths))).astype(np.float32)
    if burst and sound.size:
        sound[:, rng.integers(sound.shape[1]) :] *= 0.1
    pieces, start = TruePeak(48_000), 0
    for length in lengths:
        pieces.push(sound[:, start : start + length])
        start += length
    whole = TruePeak(48_000)
    whole.push(sound)
    assert pieces.peak == pytest.approx(whole.peak, rel=1e-5)
    assert whole.peak == pytest.approx(slow(sound), rel=1e-5)


def slow(sound: Samples) -> float:
    """The highest of all samples, and of all between those that the meter has looked at."""
    weights, _ = true_peak._weights(4)
    kernels = weights[: true_peak.TAPS, :3].T
    highest = float(np.abs(sound).max(initial=0.0))
    for channel in sound:
        padded = np.concatenate([np.zeros(true_peak.TAPS - 1), channel])
        looked = (len(padded) - true_peak.TAPS + 1) // 16 * 16
        for kernel in kernels:
            between = np.correlate(padded, kernel)[:looked]
            highest = max(highest, float(np.abs(between).max(initial=0.0)))
    return highest


def test_channels_count_alike_and_silence_has_no_peak() -> None:
    meter = TruePeak(48_000)
    meter.push(np.zeros((2, 4800), np.float32))
    meter.push(np.zeros((2, 0), np.float32))
    assert meter.peak == 0.0
    sound = tone(12_000, 48_000, math.pi / 4, channels=6)
    sound[:5] = 0.0
    meter = TruePeak(48_000)
    meter.push(sound)
    assert meter.peak == pytest.approx(0.5, rel=0.02)
    assert np.abs(sound).max() < 0.36
