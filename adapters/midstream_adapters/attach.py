"""Models beside a stream: each sees the media on its way to the sink, and says what it made of it as events of its own.

A model never slows the stream: `Model.take` returns at once, and whatever it can't keep up with it sheds and counts.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .events import MEDIA, Event, State, StateChanged
from .sanitize import CleanSink

if TYPE_CHECKING:
    from .base import Options, Sink

MOST_STREAMS = 16
"""Streams of one source that get models; a listener may have more publishers than a machine can listen to."""
CLOSING = 2.0
"""Seconds that the models of a source have for their last words."""


class Model(Protocol):
    """One model on one stream. It works in a thread of its own and emits to the sink that it was made with."""

    def take(self, event: Event) -> None:
        """See an audio chunk or a video frame of the stream. Returns at once, from any thread."""

    async def close(self) -> None:
        """Say what is still to be said and free what is held; cancelled when that takes too long."""


@runtime_checkable
class Thorough(Model, Protocol):
    """A model that a file can wait for, so that nothing of the file escapes it."""

    waited: bool
    """Set where `room` is waited for between batches: nothing needs to be shed."""

    async def room(self) -> None:
        """Wait until it can take more without shedding."""

    async def finish(self) -> None:
        """Wait until it is done with all that it took; nothing more will come."""


ModelFactory = Callable[[str, "Sink", "Options"], Model]
"""(stream, sink, options) -> the model; called at the first media event, so that it may not load anything itself."""


class ModelSink:
    """Hands every event on to `sink`, then media to the models of its stream, which are made when first needed.

    ``file``: the source is one, so that it can wait: when it is read fast for models that are behind, and at its end.
    """

    def __init__(self, sink: Sink, options: Options, *, file: bool = False) -> None:
        self._sink = sink
        self._options = options
        self._file = file
        self._models: dict[str, list[Model]] = {}
        self._leaving: set[asyncio.Future[None]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def emit(self, event: Event) -> None:
        self._sink.emit(event)
        if isinstance(event, StateChanged) and event.state in (State.ENDED, State.FAILED):
            self._leave(event.stream)
        if self._options.models and isinstance(event, MEDIA):
            for model in self._of(event.stream):
                model.take(event)

    async def drain(self) -> None:
        await self._sink.drain()
        if self._file and self._options.fast:
            for model in self._thorough():
                await model.room()

    async def finish(self) -> None:
        """The source has ended of itself: hear what its models have to say, as long as it takes those of a file."""
        if self._file:
            await asyncio.gather(*(model.finish() for model in self._thorough()), return_exceptions=True)
        await self.close()

    async def close(self) -> None:
        """End all models, within `CLOSING` seconds."""
        with self._lock:
            self._closed = True
            models = [model for those in self._models.values() for model in those]
            self._models.clear()
        await _end(models)
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _leave(self, stream: str) -> None:
        """A stream is over (a publisher has left its listener): its models make room for another's."""
        with self._lock:
            models = self._models.pop(stream, None)
        if models:
            task = asyncio.ensure_future(_end(models))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def _thorough(self) -> list[Thorough]:
        with self._lock:
            return [
                model for those in self._models.values() for model in those if isinstance(model, Thorough)
            ]

    def _of(self, stream: str) -> list[Model]:
        models = self._models.get(stream)
        if models is None:
            with self._lock:
                if (models := self._models.get(stream)) is not None:
                    return models
                if self._closed or len(self._models) >= MOST_STREAMS:
                    return []
                models = [make(stream, CleanSink(self._sink), self._options) for make in self._options.models]
                for model in models:
                    if isinstance(model, Thorough):
                        model.waited = self._file and self._options.fast
                self._models[stream] = models
        return models


async def _end(models: list[Model]) -> None:
    """Close `models` at the same time, within `CLOSING` seconds."""
    if models:
        tasks = [asyncio.ensure_future(model.close()) for model in models]
        _, late = await asyncio.wait(tasks, timeout=CLOSING)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
