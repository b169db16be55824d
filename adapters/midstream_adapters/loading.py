"""Libraries that take seconds to load, the first time: off the event loop, and the stream says so meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from .base import Clock, Sink
from .events import Figures

T = TypeVar("T")

LOADING = "loading"
"""The figure that names what is being loaded; it is taken back (an empty text) when that is done."""
NOTICED = 0.3
"""Seconds within which nobody needs to be told."""


async def load(what: str, work: Callable[[], T], stream: str, sink: Sink, clock: Clock) -> T:
    """The result of `work`, done in a thread; `stream` tells that `what` is loading once that takes noticeably long.

    Raises: what `work` raises.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        done, _ = await asyncio.wait({task}, timeout=NOTICED)
        if done:
            return task.result()
        sink.emit(Figures(stream, clock(), {LOADING: what}))
        try:
            return await task
        finally:
            sink.emit(Figures(stream, clock(), {LOADING: ""}))
    finally:
        task.cancel()
