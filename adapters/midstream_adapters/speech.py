"""What is said in a stream: its sound goes to a thread of its own, and comes back as transcripts.

The stream is never held up: sound waits in a bounded backlog, and what is shed there is counted (``speech``). Only a
file that is read fast waits for its listener, so that every word of it is heard.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from .attach import ModelFactory
from .base import explain
from .events import AudioChunk, Dropped, Event, Figures, Kind
from .extras import missing
from .hearing import Hearing
from .speech_activity import SileroVad
from .speech_engines import Shared, Unavailable, lacking, maker

if TYPE_CHECKING:
    from .base import Options, Sink

BACKLOG = 30.0
"""Seconds of sound that may wait for the engine."""
LAST_WORDS = 1.6
"""Seconds that a listener has for what is still to be said when its stream is left."""
BURST = 0.25
"""Seconds of sound that are heard in one go."""
QUIET = 2.0
"""Seconds without sound after which what was being said is over."""
_TELL_EVERY = 1.0
__all__ = ["BACKLOG", "Listener", "lacking", "listener"]


def listener(engine: str = "moonshine", *, backlog: float = BACKLOG) -> ModelFactory:
    """A factory for ``Options.models`` that transcribes every stream with sound; all of them share one engine.

    ``engine``: ``moonshine``, ``whisper:PATH`` or ``openai[:MODEL]``. ``backlog`` is seconds of sound that may wait.
    An engine that can't be had is told in the stream's figures (``speech``); nothing else breaks.

    Raises:
        ValueError: there is no such engine.
    """
    shared = Shared(maker(engine))

    def make(stream: str, sink: Sink, options: Options) -> Listener:
        return Listener(stream, sink, options, shared, backlog=backlog)

    return make


class Listener:
    """Listens to one stream: a `Model`, and `Thorough`.

    Says what `Hearing` says, `Dropped` (``speech``, in chunks), and the figures ``speech`` (the engine, or why there is
    none) and ``speech_lag_s`` (how long the oldest sound has been waiting to be heard).
    """

    def __init__(
        self, stream: str, sink: Sink, options: Options, engine: Shared, *, backlog: float = BACKLOG
    ) -> None:
        self._stream, self._sink, self._options, self._engine = stream, sink, options, engine
        self._backlog = backlog
        self.waited = False
        self._changed = threading.Condition()
        self._waiting: deque[AudioChunk] = deque()
        self._waits = 0.0  # seconds of sound in `_waiting`
        self._oldest: float | None = None  # arrival of the chunk that is being heard
        self._missing = False  # something was shed before the chunk that is next
        self._shed = 0
        self._lag, self._told = 0.0, -1e9
        self._closing = self._over = False
        self._watchers: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None], float]] = []
        self._thread: threading.Thread | None = None
        self._hearing: Hearing | None = None

    # -- the stream's side

    def take(self, event: Event) -> None:
        """Queue a chunk of sound; returns at once."""
        if not isinstance(event, AudioChunk) or not event.rate or not len(event.samples):
            return
        with self._changed:
            if self._closing or self._over:
                return
            self._waiting.append(event)
            self._waits += _seconds(event)
            while self._waits > self._backlog and len(self._waiting) > 1 and not self.waited:
                self._waits -= _seconds(self._waiting.popleft())
                self._shed += 1
                self._missing = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"speech {self._stream}", daemon=True)
                self._thread.start()
            if self._worth_it():
                self._changed.notify()
        self._tell()

    async def room(self) -> None:
        """Wait until half of the backlog is free."""
        await self._until(self._backlog / 2)

    async def finish(self) -> None:
        """Wait until everything that came has been heard, and said."""
        self._close()
        await self._until(-1.0)

    async def close(self) -> None:
        """Say within `LAST_WORDS` seconds what can still be said, and count the rest."""
        self._close()
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._until(-1.0)
        except TimeoutError:
            pass
        finally:
            self._abandon()

    def _close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()

    def _abandon(self) -> None:
        """Leave the thread to itself, where it still works: from now on it says nothing."""
        with self._changed:
            if self._thread is None or self._over:
                return
            self._over = True
            self._shed += len(self._waiting) + (self._hearing.unheard if self._hearing is not None else 0)
            self._waiting.clear()
            self._waits, self._oldest = 0.0, None
        self._tell(now=True)

    async def _until(self, most: float) -> None:
        """Wait until at most `most` seconds of sound are waiting; below zero: until the thread has ended."""
        with self._changed:
            if self._reached(most):
                return
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            self._watchers.append((loop, future, most))
        await future

    def _reached(self, most: float) -> bool:
        return self._thread is None or self._over or (most >= 0.0 and self._waits <= most)

    def _tell(self, now: bool = False) -> None:
        """Say what was shed and how far behind this is, once a second at most."""
        at = self._options.clock()
        with self._changed:
            if at - self._told < _TELL_EVERY and not now:
                return
            self._told = at
            oldest = self._oldest
            if oldest is None and self._waiting:
                oldest = self._waiting[0].at
            lag = round(max(0.0, at - oldest), 1) if oldest is not None else 0.0
            shed, self._shed = self._shed, 0
            changed, self._lag = lag != self._lag, lag
        if shed:
            self._sink.emit(Dropped(self._stream, at, Kind.AUDIO, shed, "speech"))
        if changed:
            self._sink.emit(Figures(self._stream, at, {"speech_lag_s": lag}))

    # -- the thread's side

    def _say(self, event: Event) -> None:
        if not self._over:
            self._sink.emit(event)

    def _run(self) -> None:
        trouble = ""
        try:
            self._work()
        except Unavailable as error:
            trouble = str(error)
        except Exception as error:  # our own fault: the stream goes on without its listener
            trouble = f"internal error: {type(error).__name__}: {explain(error)}"
        if trouble:
            self._say(Figures(self._stream, self._options.clock(), {"speech": trouble}))
        with self._changed:
            left = not self._over
            self._over = True
            self._waiting.clear()
            self._waits, self._oldest = 0.0, None
        if left:
            self._tell(now=True)
        self._wake()

    def _work(self) -> None:
        """Hear what comes until the stream is closed.

        Raises:
            Unavailable: there is nothing to hear with.
        """
        # The thread keeps its priority: a nicer one that holds the interpreter's lock would hold the screen up.
        clock = self._options.clock
        try:
            vad = SileroVad()
        except ImportError as error:
            raise Unavailable(missing("speech", error)) from None
        name = self._engine.load(self._options.env).name
        self._say(Figures(self._stream, clock(), {"speech": name}))
        self._hearing = hearing = Hearing(self._stream, self._say, clock, self._engine, vad)
        burst = 0
        while not self._over:
            with self._changed:
                if not burst:
                    self._oldest = None
                    patience = QUIET if self._waiting or hearing.speaking else None
                    self._changed.wait_for(self._worth_it, patience)
                    burst = len(self._waiting)
                if self._over or (self._closing and not self._waiting):
                    break
                chunk = self._waiting.popleft() if self._waiting else None
                if chunk is not None:
                    self._waits -= _seconds(chunk)
                    self._oldest = chunk.at
                    follows, self._missing = not self._missing, False
            if chunk is None:  # it has gone quiet, or what there was has been shed
                burst = 0
                hearing.flush()
                continue
            burst -= 1
            hearing.hear(chunk, follows)
            if not burst:
                hearing.partial()
            self._wake()
        if not self._over:
            hearing.flush()

    def _worth_it(self) -> bool:
        """Whether to wake up: for every chunk, the thread would take the interpreter's lock from the screen."""
        return self._waits >= BURST or self._closing or self._over

    def _wake(self) -> None:
        """Tell those who wait that there is room, or an end."""
        if not self._watchers:
            return
        with self._changed:
            due = [watcher for watcher in self._watchers if self._reached(watcher[2])]
            self._watchers = [watcher for watcher in self._watchers if watcher not in due]
        for loop, future, _ in due:
            with suppress(RuntimeError):  # the loop has ended before its threads
                loop.call_soon_threadsafe(_set, future)


def _seconds(chunk: AudioChunk) -> float:
    return len(chunk.samples) / chunk.rate


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
