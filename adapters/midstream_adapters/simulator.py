"""The simulator: text, sound and pictures that need no network, always labelled simulated."""

from __future__ import annotations

import asyncio
import math
import random
from importlib import import_module

from .base import Adapter, Options, Sink, SourceError, StreamInfo
from .events import Kind, Provenance

_MOST_FRAMES = 1000.0


class Simulator:
    """One simulated stream. What makes its pictures and its sound is loaded when it runs, off the event loop."""

    def __init__(self, stream: str, kind: Kind, options: Options) -> None:
        self._kind = kind
        self._options = options
        # Of its own, so that what one stream draws does not depend on when another does.
        self._rng = random.Random(options.rng.getrandbits(64))
        self._info = StreamInfo(stream, f"sim:{kind}", frozenset({kind}), Provenance.SIMULATED)

    @property
    def info(self) -> StreamInfo:
        return self._info

    async def run(self, sink: Sink) -> None:
        streams = await asyncio.to_thread(import_module, ".simulated_streams", __package__)
        await streams.STREAMS[self._kind](self._info.stream, self._options, self._rng).run(sink)


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapters of ``sim:text``, ``sim:audio``, ``sim:video`` or ``sim:all`` (streams ``sim-text`` and so on).

    Raises:
        SourceError: no such simulation, or a frame rate that can't be.
    """
    what = source.partition(":")[2].strip().lower()
    if not (math.isfinite(options.frame_rate) and 0 < options.frame_rate <= _MOST_FRAMES):
        raise SourceError(
            f"frame rate must be above 0 and at most {_MOST_FRAMES:g}, got {options.frame_rate:g}"
        )
    if what == "all":
        prefix, suffix = ("sim", stream_id[7:]) if stream_id.startswith("sim:all") else (stream_id, "")
        return [Simulator(f"{prefix}-{kind}{suffix}", kind, options) for kind in Kind]
    if what not in list(Kind):
        raise SourceError(f"no such simulation: {source!r} (there are sim:all, sim:{', sim:'.join(Kind)})")
    return [Simulator(stream_id, Kind(what), options)]
