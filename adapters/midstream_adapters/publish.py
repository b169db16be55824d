"""The simulator's pictures and sound, pushed where others can watch: an RTMP server, a WHIP endpoint, a folder of HLS.

What is pushed is encoded for real (H.264 or VP8, AAC or Opus), so that any ingest can be tried without OBS.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from .base import Options, SourceError
from .events import Kind
from .redact import redact
from .simulated_audio import SimulatedChunk
from .simulated_video import SimulatedFrame
from .stream_simulator import StreamSimulator

SIZE = 640, 360
_HOMES = {"rtmp": "rtmp", "rtmps": "rtmp", "whip+http": "whip", "whip+https": "whip", "hls": "hls"}
USAGE = "rtmp[s]://host/app/key, whip+http[s]://host/path or hls:FOLDER"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is published: frames a second, pixels (width, height), and which of pictures and sound."""

    kinds: frozenset[Kind] = frozenset({Kind.VIDEO, Kind.AUDIO})
    frame_rate: float = 30.0
    size: tuple[int, int] = SIZE


@dataclass(slots=True)
class Counts:
    """What has been published so far; ``nbytes`` of encoded media, ``dropped`` frames and chunks."""

    frames: int = 0
    chunks: int = 0
    nbytes: int = 0
    dropped: int = 0


class Output(Protocol):
    """One place to publish to."""

    address: str
    """Fit to be shown: redacted."""
    counts: Counts

    async def run(self, simulator: StreamSimulator) -> None:
        """Connect, then push what `simulator` makes until cancelled, and take leave.

        Raises:
            SourceError: refused, or it can't be done this way.
            Interrupted, OSError: not reached, or lost.
        """


def open_output(target: str, plan: Plan, options: Options) -> Output:
    """The output that `target` names (see `USAGE`); nothing is connected yet.

    Raises:
        SourceError: it names none; the text says what would.
    """
    scheme, mark, _ = target.partition(":")
    if not mark or scheme.lower() not in _HOMES:
        raise SourceError(f"can't publish to {redact(target)!r}: it is {USAGE}")
    home = import_module(f"{__package__}.publish_{_HOMES[scheme.lower()]}")
    output: Output = home.open_output(target, plan, options)
    return output


@asynccontextmanager
async def playing(
    simulator: StreamSimulator,
    plan: Plan,
    picture: Callable[[SimulatedFrame], None],
    sound: Callable[[SimulatedChunk], None],
) -> AsyncGenerator[asyncio.Future[None]]:
    """Let `simulator` call back, in its thread, until the block ends; the future given fails as a callback did."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()

    def fail(error: Exception) -> None:
        if not failed.done():
            failed.set_exception(error)

    def guarded(callback: Callable[[Any], None]) -> Callable[[Any], None]:
        def call(item: object) -> None:
            try:
                callback(item)
            except Exception as error:
                loop.call_soon_threadsafe(fail, error)

        return call

    simulator.start(
        guarded(picture) if Kind.VIDEO in plan.kinds else _ignore,
        guarded(sound) if Kind.AUDIO in plan.kinds else None,
    )
    try:
        yield failed
    finally:
        failed.cancel()
        await asyncio.to_thread(simulator.stop)


async def reached(future: asyncio.Future[None]) -> None:
    """Wait for `future`, as a coroutine."""
    await future


def _ignore(_: object) -> None:
    """The picture of a publication without pictures."""
