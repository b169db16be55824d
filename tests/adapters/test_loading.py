"""What takes long to load is told, and taken back when it is there; what is there at once is not worth a word."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from midstream_adapters.events import Figures
from midstream_adapters.loading import LOADING, load

from .recorder import Recorder, until


def told(sink: Recorder) -> list[float | str]:
    return [event.values[LOADING] for event in sink.of(Figures)]


async def test_what_is_quick_is_not_told() -> None:
    sink = Recorder()
    assert await load("json", lambda: 7, "s", sink, time.monotonic) == 7
    assert told(sink) == []


async def test_what_is_slow_is_told_until_it_is_there() -> None:
    sink, go = Recorder(), threading.Event()
    task = asyncio.create_task(load("openai", lambda: go.wait(30), "s", sink, time.monotonic))
    await until(lambda: told(sink))
    assert told(sink) == ["openai"]
    go.set()
    assert await task
    assert told(sink) == ["openai", ""]


async def test_what_fails_is_raised_and_no_longer_loading() -> None:
    sink, go = Recorder(), threading.Event()

    def broken() -> None:
        go.wait(30)
        raise ImportError("no such library")

    task = asyncio.create_task(load("openai", broken, "s", sink, time.monotonic))
    await until(lambda: told(sink))
    go.set()
    with pytest.raises(ImportError, match="no such library"):
        await task
    assert told(sink) == ["openai", ""]
