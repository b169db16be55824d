"""Simulated sound: a voice-like tune in phrases, with pauses between them that are really silent.

What an analysis can find in it: syllables at some four a second, phrases of a few seconds, pauses of 0.4 to 1.4 s.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 48_000
CHUNK = 960
"""Samples of a chunk: 20 ms, what a call sends."""
JITTER = 0.1
"""Seconds that a chunk may be late and is still delivered; a dashboard that paints is late by less."""
_LENGTH = 60.0  # seconds until the tune repeats
_SCALE = (110.0, 130.81, 146.83, 164.81, 196.0, 220.0, 261.63)  # A minor pentatonic, where voices are
_HARMONICS = (
    1.0,
    0.55,
    0.4,
    0.22,
    0.18,
    0.1,
    0.06,
    0.04,
)  # up to 2.1 kHz: it survives 16 kHz without a filter
_TABLE = 4096


@dataclass(frozen=True, slots=True)
class SimulatedChunk:
    """20 ms of sound: `data` is signed 16-bit little-endian PCM; `timestamp` in seconds."""

    chunk_number: int
    timestamp: float
    sample_rate: int
    channels: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Note:
    start: int  # samples
    length: int
    hertz: float
    gain: float


class SimulatedAudio:
    """Chunks by number, each a function of its number and of the seed alone."""

    sample_rate = SAMPLE_RATE
    channels = 1

    def __init__(self, rng: random.Random | None = None) -> None:
        phases = 2 * np.pi * np.arange(_TABLE) / _TABLE
        wave = sum(gain * np.sin(k * phases) for k, gain in enumerate(_HARMONICS, 1))
        self._wave = (wave / np.abs(wave).max()).astype(np.float32)
        self._notes, self._period = _compose(rng or random.Random())
        self._starts = [note.start for note in self._notes]
        self._sounds: dict[int, npt.NDArray[np.float32]] = {}

    def chunk(self, n: int) -> SimulatedChunk:
        """Chunk number `n`, from 0."""
        return SimulatedChunk(n, n * CHUNK / SAMPLE_RATE, SAMPLE_RATE, 1, self.pcm(n).tobytes())

    def pcm(self, n: int) -> npt.NDArray[np.int16]:
        """The samples of chunk number `n`, little-endian, shape (`CHUNK`,)."""
        out = np.zeros(CHUNK, np.float32)
        first = n * CHUNK % self._period
        self._play(first, out)
        if first + CHUNK > self._period:
            self._play(first - self._period, out)
        return (out * 32767).astype("<i2")

    def _play(self, first: int, out: npt.NDArray[np.float32]) -> None:
        """Add the notes that sound from sample `first` on to `out`."""
        start = max(0, bisect_right(self._starts, first) - 1)
        for i, note in enumerate(self._notes[start:], start):
            if note.start >= first + CHUNK:
                break
            lo, hi = max(0, note.start - first), min(CHUNK, note.start + note.length - first)
            if lo < hi:
                out[lo:hi] += self._sound(i)[first + lo - note.start : first + hi - note.start]

    def _sound(self, i: int) -> npt.NDArray[np.float32]:
        """Note number `i`, whole: a chunk is a small part of it. The last two are kept."""
        if (sound := self._sounds.get(i)) is None:
            note = self._notes[i]
            s = np.arange(note.length, dtype=np.float64)
            t = s / SAMPLE_RATE
            cycles = note.hertz * (t + 0.0008 * np.sin(2 * np.pi * 5.5 * t))  # a singer's vibrato
            envelope = np.sin(np.pi * s / note.length) ** 0.6  # zero at both ends: no clicks
            wave = self._wave[(cycles * _TABLE).astype(np.int64) % _TABLE]
            sound = (note.gain * envelope * wave).astype(np.float32)
            self._sounds = dict([*self._sounds.items(), (i, sound)][-2:])
        return sound


def _compose(rng: random.Random) -> tuple[list[_Note], int]:
    """Phrases of syllables on a wandering pitch, each phrase followed by a pause; and the tune's length in samples."""
    notes: list[_Note] = []
    at, degree = 0.0, 3
    while at < _LENGTH:
        loudness = rng.uniform(0.25, 0.7)
        for _ in range(rng.randint(6, 14)):
            length = rng.uniform(0.16, 0.34)
            degree = min(len(_SCALE) - 1, max(0, degree + rng.choice((-2, -1, -1, 0, 1, 1, 2))))
            gain = loudness * rng.uniform(0.7, 1.0)
            notes.append(_Note(int(at * SAMPLE_RATE), int(length * SAMPLE_RATE), _SCALE[degree], gain))
            at += length + rng.uniform(0.0, 0.03)
        at += rng.uniform(0.4, 1.4)
    return notes, int(at * SAMPLE_RATE)
