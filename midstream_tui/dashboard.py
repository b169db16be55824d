"""`MidStreamDashboard`: the dashboard as an object, for programs that push their own streams in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from midstream_adapters.base import Options
from midstream_adapters.events import AudioChunk, Event, Kind, TextChunk, VideoFrame
from midstream_adapters.sanitize import CleanSink, clean_line

from .config import RecentSources, clamp_refresh
from .hub import Hub

if TYPE_CHECKING:
    from midstream_analysis.agent import MidStreamAgent

    from .app import MidStreamApp
    from .state import DashboardState

MESSAGES = "messages"
"""The stream of `MidStreamDashboard.process_message` unless another is named."""
_THUMB = 160


@dataclass(frozen=True, slots=True)
class DashboardConfig:
    """How a dashboard is made. ``headless`` runs the same app without a terminal (tests, servers)."""

    sources: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)
    headless: bool = False
    size: tuple[int, int] | None = None
    analysis: bool = True
    max_history: int = 1000
    embedding_dim: int = 3
    scheduling_policy: Literal["EDF", "FIFO", "priority"] = "EDF"
    state_dir: Path | None = None


class MidStreamDashboard:
    """The full-screen dashboard, driven from a program.

    In a running event loop: ``await start()`` ... ``await stop()``, or ``async with``. In a synchronous program:
    ``run(producer=...)``, which keeps the terminal on the main thread and calls ``producer(dashboard)`` in a worker
    thread. `process_message` and `process_stream` may be called from any thread, before, during and after.
    """

    def __init__(self, config: DashboardConfig | None = None) -> None:
        self.config = config or DashboardConfig()
        self._hub = Hub(
            self.config.options, engine=self.config.analysis, policy=self.config.scheduling_policy
        )
        self._agent: MidStreamAgent | None = None
        self._agent_lock = threading.Lock()
        self._app: MidStreamApp | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop_thread: int | None = None

    # -- life

    async def start(self, refresh_ms: float = 100) -> None:
        """Show the dashboard from a task in the running loop; returns when its first screen stands.

        Raises:
            RuntimeError: it runs already.
            ValueError: `refresh_ms` is not within 50 to 5000.
        """
        if self._task is not None and not self._task.done():
            raise RuntimeError("the dashboard runs already; stop() it first")
        app = self._new_app(refresh_ms)
        ready = asyncio.Event()
        app.on_ready = ready.set
        self._task = asyncio.create_task(self._run(app), name="midstream dashboard")
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({self._task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Close the screen and the sources. What was counted stays in `state`. Doing it twice does no harm."""
        if self._task is None:
            return
        if self._app is not None and not self._task.done():
            self._app.exit()
        task, self._task = self._task, None
        await task

    async def wait(self) -> None:
        """Wait until the user quits."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def run(
        self, refresh_ms: float = 100, producer: Callable[[MidStreamDashboard], object] | None = None
    ) -> None:
        """Show the dashboard on this (the main) thread until the user quits; `producer` runs in a worker thread.

        An exception of the producer closes the dashboard and is raised here. When the user quits first, the producer
        is left to notice by `running`.
        """
        failure: list[BaseException] = []

        def produce() -> None:
            assert producer is not None
            try:
                producer(self)
            except BaseException as error:
                failure.append(error)
                if (app := self._app) is not None:
                    app.call_from_thread(app.exit)

        async def main() -> None:
            await self.start(refresh_ms)
            if producer is not None:
                threading.Thread(target=produce, name="midstream-producer", daemon=True).start()
            await self.wait()

        asyncio.run(main())
        if failure:
            raise failure[0]

    @property
    def running(self) -> bool:
        """Whether the screen stands."""
        return self._app is not None

    def _new_app(self, refresh_ms: float) -> MidStreamApp:
        from .app import MidStreamApp

        return MidStreamApp(
            self._hub,
            self.config.sources,
            refresh_ms=clamp_refresh(refresh_ms),
            recent=RecentSources(self.config.state_dir),
        )

    async def _run(self, app: MidStreamApp) -> None:
        self._loop_thread = threading.get_ident()
        self._app = app
        try:
            await app.run_async(headless=self.config.headless, size=self.config.size)
        finally:
            self._app = None
            for event in app.bus.rest():  # what was on its way when the screen closed
                self._hub.emit(event)

    # -- data

    def process_message(
        self,
        message: str,
        tokens: int | None = None,
        *,
        stream_id: str = MESSAGES,
        role: str | None = None,
        reward: float | None = None,
    ) -> None:
        """Count one text message; `tokens` None lets them be estimated (and marked so).

        Raises:
            TypeError: `message` is not a string.
            ValueError: `tokens` is negative.
        """
        if not isinstance(message, str):
            raise TypeError(f"message must be a str, not {type(message).__name__}")
        if tokens is not None and tokens < 0:
            raise ValueError(f"tokens must not be negative: {tokens}")
        self._push(
            TextChunk(
                clean_line(stream_id),
                self._hub.options.clock(),
                message,
                role,
                tokens=tokens,
                nbytes=len(message.encode("utf-8", "replace")),
                reward=reward,
            )
        )
        if self._agent is not None:
            self._agent.process_message(message, role=role, reward=reward)

    def process_stream(
        self,
        stream_id: str,
        data: bytes | bytearray | memoryview,
        kind: Literal["audio", "video", "text"],
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        size: tuple[int, int] | None = None,
        pts: float | None = None,
    ) -> None:
        """Count one chunk of a stream.

        With `sample_rate`, audio is 16-bit little-endian PCM and its level is measured; with `size` (width, height),
        video is RGB24 and its brightness and motion are. Without them a chunk is counted and nothing is claimed of
        its content. Text is UTF-8.

        Raises:
            ValueError: an unknown kind, or data that is not of the size that was told.
        """
        stream, now = clean_line(stream_id), self._hub.options.clock()
        event: Event
        match Kind(kind):
            case Kind.TEXT:
                text = bytes(data).decode("utf-8", "replace")
                event = TextChunk(stream, now, text, nbytes=len(data))
            case Kind.AUDIO:
                event = self._audio(stream, now, data, sample_rate, channels, pts)
            case Kind.VIDEO:
                event = self._video(stream, now, data, size, pts)
        self._push(event)

    def _audio(
        self, stream: str, now: float, data: Any, rate: int | None, channels: int, pts: float | None
    ) -> AudioChunk:
        import numpy as np

        from midstream_adapters.levels import full_scale, sample_levels

        if rate is None:
            return AudioChunk(stream, now, np.empty(0, np.float32), 0, 0, 0, pts, 0.0, None, None, len(data))
        if rate <= 0 or channels <= 0 or len(data) % (2 * channels):
            raise ValueError(f"{len(data)} bytes are no 16-bit PCM of {channels} channel(s) at {rate} Hz")
        pcm = full_scale(np.frombuffer(data, dtype="<i2").reshape(-1, channels))
        rms, peak = sample_levels(pcm)
        mono = pcm.mean(axis=1, dtype=np.float32)
        return AudioChunk(stream, now, mono, rate, rate, channels, pts, len(pcm) / rate, rms, peak, len(data))

    def _video(
        self, stream: str, now: float, data: Any, size: tuple[int, int] | None, pts: float | None
    ) -> VideoFrame:
        import numpy as np

        from midstream_adapters.levels import picture_levels

        if size is None:
            return VideoFrame(
                stream, now, np.empty((0, 0, 3), np.uint8), 0, 0, pts, None, None, False, len(data)
            )
        width, height = size
        if width <= 0 or height <= 0 or len(data) != width * height * 3:
            raise ValueError(f"{len(data)} bytes are no RGB24 frame of {width}x{height}")
        step = -(-width // _THUMB)
        view = np.frombuffer(data, np.uint8).reshape(height, width, 3)[::step, ::step].copy()
        with self._hub.lock:
            tally = self._hub.session.streams.get(stream)
            before = tally.frames[-1].image if tally is not None and tally.frames else None
        luma, motion = picture_levels(view, before)
        return VideoFrame(stream, now, view, width, height, pts, luma, motion, False, len(data))

    def _push(self, event: Event) -> None:
        CleanSink(self).emit(event)  # one a call: it is of one thread

    def emit(self, event: Event) -> None:
        """Where cleaned events go: onto the running app's bus (a thread waits there for room), else to the fold."""
        app = self._app
        if app is None:
            self._hub.emit(event)
        elif threading.get_ident() == self._loop_thread:
            app.bus.emit(event)
        else:
            app.bus.put(event)

    async def drain(self) -> None:
        """Wait until the dashboard has room for more: for producers in the loop that are faster than the screen."""
        if self._app is not None:
            await self._app.bus.drain()

    def add_source(self, source: str) -> list[str]:
        """Open `source` (see the table of sources) in the running loop; return the ids of its streams.

        Raises:
            SourceError: the source can't be named or used.
        """
        return self._hub.add(source)

    # -- what it says

    @property
    def agent(self) -> MidStreamAgent:
        """The agent (history, embedding and policy as configured); it hears what `process_message` is given."""
        with self._agent_lock:
            if self._agent is None:
                from midstream_analysis.agent import MidStreamAgent

                agent = MidStreamAgent(
                    self.config.max_history, self.config.embedding_dim, self.config.scheduling_policy
                )
                with self._hub.lock:
                    said = [(m.text, m.role, m.reward) for m in self._hub.session.transcript.messages]
                for text, role, reward in said:
                    agent.process_message(text, role=role, reward=reward)
                self._agent = agent
            return self._agent

    @property
    def state(self) -> DashboardState:
        """A frozen snapshot, from any thread. What is still on its way to the screen is not in it yet."""
        return self._hub.state()
