"""Adapters and sinks: an adapter makes one attempt at its source, `supervise` makes it come back."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .attach import ModelFactory, ModelSink
from .events import Event, Figures, Kind, Provenance, State, StateChanged, StreamOpened
from .pictures import Pictures
from .quality import QualitySink
from .redact import redact
from .sanitize import CleanSink, clean_line

Answer = Callable[[str, str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""(stream, what is asked, its arguments) -> the result; raises ValueError, with one line, at a wrong question."""
Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class Sink(Protocol):
    """Where events go: the app's bus, the caller's callbacks, or the session itself."""

    def emit(self, event: Event) -> None:
        """Take `event` without waiting, from any thread. Media may shed its oldest; every drop is counted."""

    async def drain(self) -> None:
        """Wait until there is room again. Text, and any source that can wait, calls this after `emit`."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What is known of a stream before it is opened. ``source`` is fit to be shown: secrets are redacted."""

    stream: str
    source: str
    kinds: frozenset[Kind]
    provenance: Provenance
    reconnects: bool = True


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can ask of sources, with the injected clock, randomness and environment."""

    fast: bool = False
    """Read files as fast as they decode instead of pacing them in real time."""
    prompt: str | None = None
    prompts: tuple[str, ...] = ()
    """What to ask a model one after the other where there is no `prompt`; `rate` a minute, or as fast as it answers."""
    rate: float | None = None
    system: str | None = None
    frame_rate: float = 30.0
    stdin_fd: int = 0
    connect_timeout: float = 10.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    models: tuple[ModelFactory, ...] = ()
    """What listens to and looks at every stream's media (transcription, object detection)."""
    pictures: Pictures = field(default_factory=Pictures, repr=False)
    """Who is shown whole pictures where frames are decoded."""
    answer: Answer | None = None
    """Who answers the questions of programs that send to ``ws+listen://``."""
    hear: Callable[[Event], None] | None = None
    """Who is told, on the event loop, what those programs send besides questions: answers are about that."""
    env: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep
    rng: random.Random = field(default_factory=random.Random)


class Adapter(Protocol):
    """One source. `run` makes a single attempt and returns when the source has ended of itself.

    It emits ``StateChanged(LIVE)`` once connected, then its data. Failures are raised: `SourceError` is final (bad
    address, refused key, unreadable file), any `OSError`, `TimeoutError` or `Interrupted` means "try again".
    """

    @property
    def info(self) -> StreamInfo: ...

    async def run(self, sink: Sink) -> None: ...


class SourceError(Exception):
    """The source cannot work as asked; trying again would not help. The text says what to do."""


class UnknownSource(SourceError):
    """Nothing here answers to such an address, nor ever will."""


class NotConfigured(SourceError):
    """The environment lacks what the source needs, a key for instance; the source itself is named well."""


class Interrupted(Exception):
    """The source was lost and may come back. ``retry_after`` is the server's own wish, in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter (Brooker 2015), kept above a floor so that a retry is never a spin."""

    first: float = 0.5
    factor: float = 2.0
    most: float = 30.0
    attempts: int | None = None
    """Attempts in a row without data after which the stream is failed; ``None`` tries for ever."""
    settled: float = 10.0
    """Seconds a connection must have lasted for the count of attempts to start anew."""

    def delay(self, attempt: int, rng: random.Random) -> float:
        """Seconds to wait before attempt number `attempt` (1 is the first retry)."""
        ceiling = min(self.most, self.first * self.factor ** min(attempt - 1, 32))
        return max(self.first / 2, rng.uniform(0.0, ceiling))


def explain(error: BaseException) -> str:
    """Say an exception in one clean, redacted line."""
    text = str(error) or type(error).__name__
    return clean_line(redact(text), limit=300)


async def supervise(adapter: Adapter, sink: Sink, options: Options, backoff: Backoff | None = None) -> State:
    """Run `adapter` until it has ended or failed, reconnecting as `backoff` says; return the last state.

    Whatever the adapter raises becomes a state: nothing of a stream's trouble reaches another stream. Text passes the
    sanitiser here, so no adapter can forget it.
    """
    backoff = backoff or Backoff()
    models = ModelSink(sink, options, file=adapter.info.provenance is Provenance.FILE)
    quality = QualitySink(models, adapter.info, options.clock)
    watching = asyncio.create_task(quality.watch())
    try:
        return await _supervise(adapter, CleanSink(quality), models, options, backoff)
    finally:
        watching.cancel()
        await models.close()


async def _supervise(
    adapter: Adapter, clean: CleanSink, models: ModelSink, options: Options, backoff: Backoff
) -> State:
    info = adapter.info

    def say(state: State, reason: str = "", retry_in: float | None = None) -> State:
        clean.emit(StateChanged(info.stream, options.clock(), state, reason, retry_in))
        if clean.removed:
            clean.emit(Figures(info.stream, options.clock(), {"control characters removed": clean.removed}))
        return state

    clean.emit(StreamOpened(info.stream, options.clock(), info.source, info.kinds, info.provenance))
    attempt = 0
    while True:
        say(State.CONNECTING)
        began = options.clock()
        wish: float | None = None
        try:
            await adapter.run(clean)
            await models.finish()  # what they still have to say is said before the end
            return say(State.ENDED)
        except SourceError as error:
            return say(State.FAILED, explain(error))
        except Interrupted as error:
            reason, wish = explain(error), error.retry_after
        except OSError as error:  # TimeoutError is one
            reason = explain(error)
        except Exception as error:  # an adapter's own fault: say so, and keep the others going
            return say(State.FAILED, f"internal error: {type(error).__name__}: {explain(error)}")
        attempt = 1 if options.clock() - began >= backoff.settled else attempt + 1
        if not info.reconnects or (backoff.attempts is not None and attempt >= backoff.attempts):
            return say(State.FAILED, reason)
        wait = backoff.delay(attempt, options.rng)
        if wish is not None:
            wait = max(wait, min(wish, 300.0))
        say(State.RECONNECTING, reason, wait)
        await options.sleep(wait)
