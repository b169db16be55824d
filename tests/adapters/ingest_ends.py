"""A listener for what programs push in, and what was heard of its senders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from midstream_adapters.base import Options, supervise
from midstream_adapters.events import (
    Figures,
    State,
    StateChanged,
    TextChunk,
)
from midstream_adapters.http_ingest import HttpListener
from midstream_adapters.registry import open_source
from midstream_adapters.ws_ingest import WebSocketListener
from tests.adapters.recorder import Recorder, until

TOKEN = {"MIDSTREAM_INGEST_TOKEN": "let-me-in-please"}
BEARER = {"Authorization": "Bearer let-me-in-please"}


@asynccontextmanager
async def listening(scheme: str, **more: Any) -> AsyncGenerator[tuple[Recorder, int]]:
    env = more.pop("env", {})
    options = Options(env=env, **more)
    sink = Recorder()
    (listener,) = open_source(f"{scheme}+listen://127.0.0.1:0", options)
    assert isinstance(listener, WebSocketListener | HttpListener)
    task = asyncio.create_task(supervise(listener, sink, options))
    await until(lambda: sink.of(Figures))
    try:
        yield sink, listener.port
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def texts(sink: Recorder, stream: str) -> list[tuple[str, str | None]]:
    return [(chunk.text, chunk.role) for chunk in sink.of(TextChunk) if chunk.stream == stream]


def states(sink: Recorder, stream: str) -> list[State]:
    return [event.state for event in sink.of(StateChanged) if event.stream == stream]


NAME = "127.0.0.1"
