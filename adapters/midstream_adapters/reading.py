"""A `MediaReader` on a thread of its own, and the loop that brings its events to a sink. Used by every libav source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from .base import Options, Sink
from .events import Event
from .pacing import Interleaver, Pacer

if TYPE_CHECKING:
    from .decode import MediaReader
    from .mediainfo import MediaInfo

T = TypeVar("T")


class DecodeThread:
    """Runs every call of one reader in one thread, as libav wants it; `opened` makes and ends it."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"decode {name}")
        self.reader: MediaReader | None = None

    def call(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run `function` in the thread, after what was asked before."""
        return asyncio.get_running_loop().run_in_executor(self._executor, function)

    def read(self, most: int = 64, seconds: float = 0.025) -> asyncio.Future[list[Event]]:
        """`MediaReader.read`, in the thread."""
        reader = self.reader
        assert reader is not None
        return self.call(lambda: reader.read(most, seconds))

    async def close(self) -> None:
        """Stop a read that is under way, close the reader in its thread, and end the thread."""
        if self.reader is not None:
            self.reader.stop()

        def end() -> None:
            if self.reader is not None:  # looked up here: it may just be opening
                self.reader.close()

        closing = self.call(end)
        self._executor.shutdown(wait=False)
        await asyncio.shield(closing)  # a second cancellation stops the waiting, not the closing


@asynccontextmanager
async def opened(
    make: Callable[[], MediaReader],
    source: str | BinaryIO,
    *,
    name: str = "",
    container_format: str | None = None,
    options: Mapping[str, str] | None = None,
    timeout: tuple[float, float] | None = None,
) -> AsyncIterator[tuple[DecodeThread, MediaInfo]]:
    """Open `source` with the reader that `make` makes, in a new thread; both end with the block.

    `make` runs in the thread too: it is where PyAV is first imported. Raises what `MediaReader.open` raises.
    """
    thread = DecodeThread(name)

    def start() -> MediaInfo:
        thread.reader = reader = make()
        return reader.open(source, container_format=container_format, options=options, timeout=timeout)

    try:
        yield thread, await thread.call(start)
    finally:
        await thread.close()


async def play(
    thread: DecodeThread,
    info: MediaInfo,
    sink: Sink,
    options: Options,
    *,
    paced: bool,
    pacer: Pacer | None = None,
) -> None:
    """Bring the events of `thread`'s reader to `sink` until the input ends, in the order of their PTS.

    ``paced`` lets them out at the pace of their PTS (``pacer`` keeps it) and stamps them then. The next batch is
    decoded meanwhile, and no more than that: a sink without room makes the reader wait.

    Raises what `MediaReader.read` raises.
    """
    reader = thread.reader
    assert reader is not None
    rate = info.video.frame_rate if info.video else None
    lanes = Interleaver(info.kinds, 1.0 / rate if rate else 0.04)
    pacer = pacer or Pacer(options.clock, options.sleep)
    batch_s = 0.025 if paced else 0.1  # each batch wakes two threads: where nobody waits, fewer do

    async def emit(timed: Iterable[tuple[float | None, Event]]) -> None:
        for pts, event in timed:
            if paced and pts is not None:
                await pacer.wait(pts)
                event = replace(event, at=options.clock())
            sink.emit(event)

    coming = thread.read(seconds=batch_s)
    try:
        while True:
            try:
                batch = await coming
            except Exception:
                await emit(lanes.flush())  # what was decoded before the damage
                raise
            ended = reader.ended
            if not ended:
                coming = thread.read(seconds=batch_s)
            await emit(timed for event in batch for timed in lanes.push(event))
            if ended:
                await emit(lanes.flush())
            await sink.drain()
            if ended:
                return
    finally:
        coming.cancel()
