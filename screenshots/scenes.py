"""What the pictures show: real adapters in virtual time, through the real bus, fold, detectors and engine.

``watch``: the simulator's conversation and pictures beside a film and a reading that are played from files.
``trouble``: four simulated streams, one of which is a camera whose picture has frozen.
``alerts``: the same, and another camera's was for a while before.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from virtual import START, VirtualTime

from midstream_adapters.attach import ModelFactory
from midstream_adapters.base import Adapter, Options, Sink, StreamInfo, supervise
from midstream_adapters.events import Event, Kind, VideoFrame
from midstream_adapters.simulator import Simulator
from midstream_tui.alerts import Alerts
from midstream_tui.bus import Bus
from midstream_tui.hub import Hub, Source
from midstream_tui.messages import EventBatch

if TYPE_CHECKING:
    from midstream_adapters.levels import Picture

SEED = 7
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
BEGAN = MIDNIGHT + 9 * 3600
"""Wall time at which every scene begins."""
FROZEN_FOR = 9.0
_TICK, _LOOK = 1 / 15, 1.0


class FrozenCamera:
    """A simulated camera that shows the same picture from `at` to `until`: it goes on sending, so nothing stalls."""

    def __init__(self, stream: str, options: Options, at: float, until: float = math.inf) -> None:
        self._camera = Simulator(stream, Kind.VIDEO, options)
        self._span = at, until

    @property
    def info(self) -> StreamInfo:
        return self._camera.info

    async def run(self, sink: Sink) -> None:
        await self._camera.run(_Freezing(sink, *self._span))


class _Freezing:
    def __init__(self, sink: Sink, at: float, until: float) -> None:
        self._sink, self._at, self._until = sink, at, until
        self._held: Picture | None = None

    def emit(self, event: Event) -> None:
        if isinstance(event, VideoFrame):
            if not self._at <= event.at < self._until or self._held is None:
                self._held, self._luma = event.image, event.luma
            else:
                event = replace(event, view=self._held, luma=self._luma, motion=0.0)
        self._sink.emit(event)

    async def drain(self) -> None:
        await self._sink.drain()


class Scene:
    """A hub whose sources run in virtual time. Use it in one event loop, and `close` it, or let the app do so."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        options = Options(clock=self.time, sleep=self.time.sleep, rng=random.Random(SEED), env={})
        self.hub = Hub(options, wall=lambda: BEGAN + self.time.now - START)
        self.alerts = Alerts()
        self._bus = Bus(self._fold, clock=self.time)
        self.hub.sink = self._bus

    def _fold(self, batch: EventBatch) -> None:
        self.hub.fold(batch.events)
        self._bus.folded(
            len(batch.events), 0.0
        )  # as if it took no time: what is folded must not depend on that

    def _running(self) -> int:
        return sum(not task.done() for task in self.hub.tasks)

    async def open(self, source: str, models: tuple[ModelFactory, ...] = ()) -> None:
        """Open `source` as the dashboard does, and wait until it runs."""
        self.hub.add(source, replace(self.hub.options, models=models))
        await self.time.settle(self._running)

    async def run(self, adapter: Adapter) -> None:
        """Likewise with an adapter of our own making."""
        name, options = adapter.info.stream, self.hub.options
        task = asyncio.create_task(supervise(adapter, self.hub.sink, options))
        self.hub.sources[name] = Source(adapter.info.source, adapter, options, task)
        await self.time.settle(self._running)

    async def play(self, seconds: float) -> None:
        """Let `seconds` pass: the sources, and what the app does every tick and every second."""
        self.hub.session.alerts = self.alerts
        end, looked = self.time.now + seconds, self.time.now
        while self.time.now < end:
            await self.time.advance(min(end, self.time.now + _TICK), self._running)
            while not self._bus.idle:
                self._bus.tick()
            self.hub.tick()
            if self.time.now - looked >= _LOOK:
                looked = self.time.now
                self.alerts.update(self.hub.session, looked)

    async def analyse(self) -> None:
        """Hand the engine all there is, and wait for its last word."""
        engine = self.hub.engine
        assert engine is not None
        self.hub.submit_all()
        engine.start()
        for _ in range(3):  # what is under way is not counted as pending
            async with asyncio.timeout(300):
                while engine.status.pending:  # noqa: ASYNC110  # it is a thread's, and has no event
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.25)
        self.alerts.update(self.hub.session, self.time.now)

    async def close(self) -> None:
        await self.hub.stop()


async def watch(models: Mapping[str, ModelFactory]) -> Scene:
    """`models` by the file to be played: what was seen and heard in it before (`media.remember`)."""
    from media import FILM, READING

    scene = Scene()
    await scene.open("sim:text")
    await scene.play(150.0)
    await scene.open("sim:video")
    await scene.play(22.0)
    await scene.open(READING, (models[READING],))
    await scene.play(6.0)
    await scene.open(FILM, (models[FILM],))
    await scene.play(17.3)
    await scene.analyse()
    scene.hub.session.selected = "sim:text"
    return scene


async def trouble(earlier: bool = False) -> Scene:
    """All is well but with ``door-camera``, whose picture has been the same for `FROZEN_FOR` seconds.

    ``earlier``: that of ``lobby-camera`` was for a while, and moves again.
    """
    scene = Scene()
    await scene.run(Simulator("support-bot", Kind.TEXT, scene.hub.options))
    await scene.play(60.0)
    await scene.run(Simulator("hotline", Kind.AUDIO, scene.hub.options))
    seconds = 45.0 if earlier else 30.0
    before = scene.time.now + 11.0 if earlier else math.inf
    await scene.run(FrozenCamera("lobby-camera", scene.hub.options, before, before + 6.5))
    frozen = scene.time.now + seconds - FROZEN_FOR
    await scene.run(FrozenCamera("door-camera", scene.hub.options, frozen))
    await scene.play(seconds)
    await scene.analyse()
    scene.hub.session.selected = "door-camera"
    return scene
