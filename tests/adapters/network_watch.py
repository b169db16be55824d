"""What libav fetches itself, watched to its end."""

from __future__ import annotations

import asyncio

from midstream_adapters.base import Backoff, Options, supervise
from midstream_adapters.events import StateChanged
from midstream_adapters.network_media import NetworkMedia
from tests.adapters.recorder import Recorder


def adapter(url: str, quiet: float = 5.0, **options: object) -> NetworkMedia:
    return NetworkMedia(url, "s", Options(**options), quiet=quiet)  # type: ignore[arg-type]


async def watch(one: NetworkMedia, attempts: int = 1) -> Recorder:
    sink = Recorder()
    backoff = Backoff(first=0.02, most=0.05, attempts=attempts, settled=60.0)
    async with asyncio.timeout(20):
        await supervise(one, sink, Options(), backoff)
    return sink


def reason(sink: Recorder) -> str:
    return sink.of(StateChanged)[-1].reason or sink.of(StateChanged)[-2].reason
