"""`StreamSimulator`: simulated frames and sound for a program's own callbacks, on a thread of its own."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from .base import Clock
from .pacing import Ticks
from .simulated_audio import CHUNK, JITTER, SAMPLE_RATE, SimulatedAudio, SimulatedChunk
from .simulated_video import SimulatedFrame, SimulatedVideo

T = TypeVar("T")
OnFrame = Callable[[SimulatedFrame], object]
OnAudio = Callable[[SimulatedChunk], object]


class StreamSimulator:
    """Calls back with simulated pictures (640 x 360, RGB24) and 20 ms chunks of sound, at their true pace.

    Both callbacks run in the simulator's thread, one at a time. One that is too slow loses frames (`missed`), never
    time. Exceptions they raise don't end the simulation: they are counted (`errors`), and `stop` raises the first.
    Can be started again after `stop`; frames then count from 0.

    Raises:
        ValueError: a frame rate that can't be.
    """

    def __init__(
        self,
        frame_rate: float = 30.0,
        *,
        size: tuple[int, int] = (640, 360),
        rng: random.Random | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        rng = rng or random.Random()
        self._video = SimulatedVideo(frame_rate, size, rng)
        self._audio = SimulatedAudio(rng)
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._first_error: Exception | None = None
        self._frame_number = self._missed = self._errors = 0

    @property
    def frame_number(self) -> int:
        """The frames that were due since the start, delivered or missed; 0 before the first."""
        return self._frame_number

    @property
    def missed(self) -> int:
        """Frames and chunks skipped because the callbacks took too long."""
        return self._missed

    @property
    def errors(self) -> int:
        """Exceptions that the callbacks have raised since the start."""
        return self._errors

    @property
    def running(self) -> bool:
        return self._thread is not None

    def start(self, on_frame: OnFrame, on_audio: OnAudio | None = None) -> None:
        """Begin to call back; returns at once.

        Raises:
            RuntimeError: it runs already.
        """
        if self._thread is not None:
            raise RuntimeError("the simulator runs already")
        self._stopping = threading.Event()
        self._first_error = None
        self._frame_number = self._missed = self._errors = 0
        self._thread = threading.Thread(
            target=self._run, args=(on_frame, on_audio, self._stopping), name="stream simulator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the simulation; when this returns, no callback runs any more (called by a callback: none will follow).

        Raises:
            Exception: the first that a callback has raised, with a note of how many there were.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping.set()
        if thread is threading.current_thread():
            return
        thread.join()
        error, self._first_error = self._first_error, None
        if error is not None:
            error.add_note(f"raised by a callback of the stream simulator ({self._errors} in all)")
            raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, on_frame: OnFrame, on_audio: OnAudio | None, stopping: threading.Event) -> None:
        start = self._clock()
        pictures = Ticks(self._video.frame_rate, start)
        sounds = Ticks(SAMPLE_RATE / CHUNK, start, JITTER)
        while True:
            now = self._clock()
            waits = [pictures.wait(now)] if on_audio is None else [pictures.wait(now), sounds.wait(now)]
            if stopping.wait(min(waits)):
                return
            now = self._clock()
            if pictures.wait(now) == 0:
                n, missed = pictures.take(now)
                self._frame_number, self._missed = n + 1, self._missed + missed
                self._call(on_frame, self._video.frame(n))
            if on_audio is not None and sounds.wait(now) == 0 and not stopping.is_set():
                n, missed = sounds.take(now)
                self._missed += missed
                self._call(on_audio, self._audio.chunk(n))

    def _call(self, callback: Callable[[T], object], argument: T) -> None:
        try:
            callback(argument)
        except Exception as error:
            self._errors += 1
            self._first_error = self._first_error or error
