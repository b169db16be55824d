"""True peak of sound: the highest level between its samples too, by oversampling (ITU-R BS.1770-4, Annex 2)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .levels import Samples

TAPS = 12
"""Samples from which one between them is made, as in the Recommendation's own filter."""
_ENOUGH = 192_000
"""Hz that are enough: 4 times oversampled at 48 kHz."""
_STEP = 16
_ROWS = 192
"""Steps worked up at a time: with more, a BLAS that has threads of its own would wake them, and they spin."""


class TruePeak:
    """The true peak of sound of `rate` Hz, from the first sample on."""

    def __init__(self, rate: int) -> None:
        factor = 1
        while factor < 4 and rate * factor < _ENOUGH:
            factor *= 2
        self._factor = factor
        self._tail: Samples | None = None
        self.peak = 0.0
        """Linear, full scale 1.0; what lies between the last few samples is not in it yet."""

    def push(self, sound: Samples) -> None:
        """Take finite samples of shape (channels, n), with as many channels as ever."""
        if not sound.size:
            return
        self.peak = max(self.peak, float(sound.max()), -float(sound.min()))
        if self._factor == 1:
            return
        before = np.zeros((len(sound), TAPS - 1), np.float32) if self._tail is None else self._tail
        whole = np.concatenate([before, sound], axis=1)
        done = 0
        for channel in whole:
            done = self._between(channel)
        self._tail = whole[:, done:].copy()

    def _between(self, samples: Samples) -> int:
        """Look between `samples`, shape (n,) and contiguous; return how many of them are not needed again."""
        weights, most = _weights(self._factor)
        steps = max(0, (samples.size - TAPS + 1) // _STEP)
        for start in range(0, steps, _ROWS):
            rows = min(_ROWS, steps - start)
            piece = samples[start * _STEP : (start + rows) * _STEP + TAPS - 1]
            if most * max(float(piece.max()), -float(piece.min())) <= self.peak:
                continue  # no weighted sum of these can be higher
            step = piece.strides[0]
            windows = np.ndarray((rows, _STEP + TAPS - 1), np.float32, piece, 0, (_STEP * step, step))
            between = np.ascontiguousarray(windows) @ weights
            self.peak = max(self.peak, float(between.max()), -float(between.min()))
        return steps * _STEP


@lru_cache(maxsize=2)
def _weights(factor: int) -> tuple[npt.NDArray[np.float32], float]:
    """The matrix from `_STEP + TAPS - 1` samples to all between the middle ones, `factor - 1` each; and how many times
    the highest of the samples one of those can be at the most.

    An interpolator cut out of a sinc by a Hann window, each of its phases with a gain of one.
    """
    offsets = np.arange(TAPS) - (TAPS // 2 - 1)
    weights = np.zeros((_STEP + TAPS - 1, _STEP * (factor - 1)), np.float32)
    most = 0.0
    for n in range(1, factor):
        distance = offsets - n / factor
        phase = np.sinc(distance) * np.cos(np.pi * distance / TAPS) ** 2
        phase /= phase.sum()
        most = max(most, float(np.abs(phase).sum()))
        for at in range(_STEP):
            weights[at : at + TAPS, at * (factor - 1) + n - 1] = phase
    return weights, most * 1.0001  # rounding errors of 32 bits, amply
