"""The last half minute of a stream's sound, in one ring: what the waveform and the spectrogram show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SECONDS = 30.0
MOST_RATE = 48_000
"""Samples a second that are kept; of a faster source so much less time is held."""


class SoundRing:
    """Mono float32 samples, the newest `SECONDS` of them: 2 MB at the 16 kHz that sources resample to.

    ``total`` counts the samples since the rate last changed, ``rate`` is in Hz (0 before the first).
    """

    __slots__ = ("_at", "_read", "_ring", "rate", "total")

    def __init__(self) -> None:
        self.rate = 0
        self.total = 0
        self._at = 0
        self._ring: npt.NDArray[np.float32] | None = None
        self._read: npt.NDArray[np.float32] | None = None

    def add(self, samples: npt.NDArray[np.float32], rate: int) -> None:
        """Append ``samples`` (n,) at ``rate`` Hz; another rate than before starts anew. O(n)."""
        import numpy as np  # loaded by whoever made the samples

        if rate <= 0 or not samples.size:
            return
        if self._ring is None or rate != self.rate:
            self._ring = np.zeros(int(SECONDS * min(rate, MOST_RATE)), np.float32)
            self.rate, self.total, self._at = rate, 0, 0
        self._read = None
        self.total += len(samples)
        part = samples[-len(self._ring) :]
        room = len(self._ring) - self._at
        self._ring[self._at : self._at + len(part)] = part[:room]
        self._ring[: max(0, len(part) - room)] = part[room:]
        self._at = (self._at + len(part)) % len(self._ring)

    def read(self) -> npt.NDArray[np.float32] | None:
        """What is held, oldest first, not to be written to; None before the first sample."""
        import numpy as np

        if self._read is None and self._ring is not None:
            if self.total < len(self._ring):
                self._read = self._ring[: self.total].copy()
            else:
                self._read = np.concatenate([self._ring[self._at :], self._ring[: self._at]])
            self._read.flags.writeable = False  # whoever looks at it in the same tick gets the same
        return self._read
