"""Simulated pictures: hills that pan, a ball that bounces, a sky that brightens and darkens once every `DAY` seconds.

What an analysis can find in it: mean luma is periodic with `DAY` seconds; motion never ceases.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np

from .levels import Picture

DAY = 4.0
"""Seconds from one noon to the next."""
_PAN = 60.0  # pixels a second


@dataclass(frozen=True, slots=True)
class SimulatedFrame:
    """A picture: `data` is RGB24, rows from the top, ``3 * width * height`` bytes; `timestamp` in seconds."""

    frame_number: int
    timestamp: float
    width: int
    height: int
    data: bytes


class SimulatedVideo:
    """Pictures by number, each a function of its number and of the seed alone.

    Raises:
        ValueError: a frame rate or a size that can't be.
    """

    def __init__(
        self,
        frame_rate: float = 30.0,
        size: tuple[int, int] = (640, 360),
        rng: random.Random | None = None,
    ) -> None:
        if not (math.isfinite(frame_rate) and frame_rate > 0):
            raise ValueError(f"frame rate must be positive, got {frame_rate}")
        width, height = size
        if not (16 <= width <= 7680 and 16 <= height <= 4320):
            raise ValueError(f"size must be between 16x16 and 7680x4320, got {width}x{height}")
        rng = rng or random.Random()
        self.frame_rate = frame_rate
        self.width, self.height = width, height
        self._horizon = height // 3
        self._hills = self._scenery(rng)
        self._radius = max(3, height // 12)
        across = np.arange(-self._radius, self._radius + 1)
        self._disc = across[:, None] ** 2 + across[None, :] ** 2 <= self._radius**2
        self._start = rng.random(), rng.random()
        self._speed = rng.uniform(0.25, 0.4), rng.uniform(0.45, 0.7)  # crossings a second

    def frame(self, n: int) -> SimulatedFrame:
        """Picture number `n`, from 0."""
        data = self.pixels(n).tobytes()
        return SimulatedFrame(n, n / self.frame_rate, self.width, self.height, data)

    def pixels(self, n: int, step: int = 1) -> Picture:
        """Picture number `n`, or every `step`-th pixel and row of it: uint8, shape (rows, columns, 3)."""
        t = n / self.frame_rate
        picture = np.empty((-(-self.height // step), -(-self.width // step), 3), np.uint8)
        light = 0.5 - 0.5 * math.cos(2 * math.pi * t / DAY)
        sky = -(-self._horizon // step)
        picture[:sky] = (int(20 + 80 * light), int(25 + 140 * light), int(60 + 170 * light))
        offset = int(_PAN * t) % self.width
        picture[sky:] = self._hills[-self._horizon % step :: step, offset : offset + self.width : step]
        left, top = self._bounce(t, 0, self.width), self._bounce(t, 1, self.height)
        disc = self._disc[-top % step :: step, -left % step :: step]
        row, column = -(-top // step), -(-left // step)
        picture[row : row + disc.shape[0], column : column + disc.shape[1]][disc] = (250, 210, 70)
        return picture

    def _bounce(self, t: float, axis: int, extent: int) -> int:
        """Left or top edge of the ball at `t`: a triangle wave between the walls."""
        room = extent - 2 * self._radius - 1
        way = (self._start[axis] + self._speed[axis] * t) % 2.0
        return int(room * (2.0 - way if way > 1.0 else way))

    def _scenery(self, rng: random.Random) -> Picture:
        """Hills that repeat after one width, drawn twice side by side, so that panning is one copy."""
        width, height = self.width, self.height - self._horizon
        x = 2 * np.pi * np.arange(width) / width
        y = np.arange(height)[:, None] / height
        land = np.zeros((height, width, 3))
        land[:] = (46, 62, 52)
        for layer in range(3):
            waves = sum(
                rng.uniform(0.02, 0.1) * np.sin(k * x + rng.uniform(0, 2 * np.pi)) for k in range(1, 4)
            )
            ridge = 0.15 + 0.25 * layer + waves
            shade = np.array([rng.uniform(30, 90), rng.uniform(80, 150), rng.uniform(50, 100)])
            land = np.where((y >= ridge)[..., None], shade * (1.15 - 0.5 * y[..., None]), land)
        land += (
            8 * np.sign(np.sin(16 * x))[None, :, None]
        )  # furrows: without contrast nothing would seem to move
        return np.tile(np.clip(land, 0, 255).astype(np.uint8), (1, 2, 1))
