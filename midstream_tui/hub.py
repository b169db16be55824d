"""Joins sources, the fold and the engine: what the app, `probe` and the library face all stand on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from midstream_adapters.base import (
    Adapter,
    Backoff,
    Options,
    Sink,
    SourceError,
    UnknownSource,
    supervise,
)
from midstream_adapters.events import Event, State
from midstream_adapters.loading import LOADING
from midstream_adapters.registry import open_as, open_source, stream_name
from midstream_adapters.unopened import Unopened
from midstream_analysis.engine import Engine, Series, Utterance
from midstream_analysis.jobs import Policy
from midstream_analysis.report import AnalysisReport

from .answers import Answers
from .event_log import EventLog
from .session import OBSERVABLES, Area, Session
from .state import ANALYSED, DashboardState
from .transcript import Message
from .turns import Objectives

WORDS_A_TICK = 32
"""Messages handed to the engine between two ticks: at a flood, conversation analysis looks at a sample."""
PIECES_A_TICK = 128
"""Likewise pieces of messages still being generated, for which only loops are looked for."""
FOCUS_EVERY = 1.0
OTHERS_EVERY = 4.0
LEAST_SAMPLES = 2


@dataclass(slots=True)
class Source:
    """A source in use: what was asked for, its adapter and the task that supervises it."""

    asked: str
    adapter: Adapter
    options: Options
    task: asyncio.Task[State] | None = None


class Hub:
    """Owns the session, the engine and the sources. Adding and removing sources is the event loop's business.

    Without a sink of its own (the app gives its bus) events are folded where they are emitted, under the lock.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        engine: bool = True,
        policy: Policy = "EDF",
        on_report: Callable[[AnalysisReport], None] | None = None,
        backoff: Backoff | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.options = options or Options()
        if engine and self.options.answer is None:
            answers = Answers()
            self.options = replace(self.options, answer=answers, hear=answers.hear)
        self.lock = threading.RLock()
        self.session = Session(
            self.options.clock, wall, self._said, self._piece, Objectives.of(self.options.env)
        )
        self.sink: Sink = self
        self.sources: dict[str, Source] = {}
        self.log: EventLog | None = None
        """The last events, where somebody may want them."""
        self.unanalysed = 0
        """Messages, and pieces of them, that conversation analysis did not look at, because they came too fast."""
        self._words, self._pieces = WORDS_A_TICK, PIECES_A_TICK
        self._backoff = backoff
        self.on_report = on_report
        self.engine = Engine(self._reported, policy=policy, clock=self.options.clock) if engine else None
        self._submitted: dict[tuple[str, str], tuple[int, float]] = {}

    # -- folding

    def emit(self, event: Event) -> None:
        """Fold `event` at once: the sink of the headless modes."""
        with self.lock:
            self.session.apply(event)

    async def drain(self) -> None:
        """Give the loop a turn: folding at once, there is always room."""
        await asyncio.sleep(0)

    def fold(self, events: Sequence[Event]) -> frozenset[Area]:
        """Fold a batch."""
        with self.lock:
            if self.log is not None:
                self.log.add(events)
            return self.session.apply_all(events)

    def take(self, report: AnalysisReport) -> frozenset[Area]:
        """Take the engine's report into the session."""
        with self.lock:
            return self.session.take(report)

    def state(self) -> DashboardState:
        """A snapshot, from any thread."""
        with self.lock:
            return self.session.state()

    def analysed(self, state: DashboardState) -> DashboardState:
        """`state` with the engine's word of now: figures stay of the moment it was taken."""
        newer = self.state()
        return replace(
            state,
            **{name: getattr(newer, name) for name in ANALYSED},
            streams={
                name: replace(stream, observables=newer.streams[name].observables)
                for name, stream in state.streams.items()
            },
        )

    def _reported(self, report: AnalysisReport) -> None:
        if self.on_report is not None:
            self.on_report(report)
        else:
            self.take(report)

    def _said(self, message: Message) -> None:
        if self.engine is None or message.reasoning or message.tool:
            return
        if self._words <= 0:
            self.unanalysed += 1
            return
        self._words -= 1
        self._hear(message, message.text[:4096], True)

    def _piece(self, message: Message, text: str) -> None:
        """A message still being generated: its loops are to be found before it ends, if it ever does."""
        if self.engine is None or message.reasoning or message.tool or not text:
            return
        if self._pieces <= 0:
            self.unanalysed += 1
            return
        self._pieces -= 1
        self._hear(message, text, False)

    def _hear(self, message: Message, text: str, complete: bool) -> None:
        assert self.engine is not None
        self.engine.hear(
            Utterance(
                message.stream,
                text,
                message.role,
                message.at,
                message.reward,
                complete=complete,
                serial=message.serial,
            )
        )

    # -- the engine

    def start(self) -> None:
        """Start the engine thread; returns at once."""
        if self.engine is not None:
            self.engine.start()

    def tick(self) -> None:
        """What is due regularly: samples of rates, series for the engine. Cheap; call it every tick."""
        with self.lock:
            now = self.options.clock()
            self._words, self._pieces = WORDS_A_TICK, PIECES_A_TICK
            self.session.tick(now)
            if self.engine is not None:
                self._submit(now)

    def submit_all(self) -> None:
        """Hand every series to the engine now, whenever it was looked at last."""
        self._submitted.clear()
        self.tick()

    def _submit(self, now: float) -> None:
        assert self.engine is not None
        focus = self.session.focus()
        looked_at = (focus[0].stream, focus[1]) if focus is not None else None
        for name, tally in self.session.streams.items():
            for observable in OBSERVABLES:
                series = tally.series.get(observable)
                if series is None or len(series.samples) < LEAST_SAMPLES:
                    continue
                key = (name, observable)
                total, at = self._submitted.get(key, (0, -1e9))
                every = FOCUS_EVERY if key == looked_at else OTHERS_EVERY
                if series.total == total or now - at < every:
                    continue
                self._submitted[key] = (series.total, now)
                self.engine.submit(
                    Series(
                        name,
                        observable,
                        list(series.samples),
                        series.dt,
                        now + every,
                        int(key == looked_at),
                        series.total,
                    )
                )

    # -- sources

    def add(self, source: str, options: Options | None = None, *, keep: bool = False) -> list[str]:
        """Open `source` and supervise it in the running loop; return the ids of its streams.

        With `keep`, a source that can't be used now becomes a stream that has failed and says why; `restart` tries
        again.

        Raises:
            UnknownSource: the source can't be named; nothing was added.
            SourceError: it can't be used, and is not to be kept.
        """
        options = options or self.options
        taken = frozenset(self.sources) | frozenset(self.session.streams)
        adapters: list[Adapter]
        try:
            adapters = open_source(source, options, taken)
        except SourceError as error:
            if not keep or isinstance(error, UnknownSource):
                raise
            adapters = [Unopened(source, stream_name(source.strip(), taken), error)]
        for adapter in adapters:
            held = self.sources[adapter.info.stream] = Source(source, adapter, options)
            self._run(held)
        return [adapter.info.stream for adapter in adapters]

    def _run(self, held: Source) -> None:
        held.task = asyncio.get_running_loop().create_task(
            supervise(held.adapter, self.sink, held.options, self._backoff),
            name=f"source {held.adapter.info.stream}",
        )

    async def remove(self, stream: str) -> None:
        """Close a stream and forget its history; a listener's publishers go with it."""
        held = self.sources.pop(stream, None)
        if held is not None and held.task is not None:
            held.task.cancel()
            await asyncio.gather(held.task, return_exceptions=True)
        with self.lock:
            names = set(self.session.streams) - set(self.sources)
            gone = {stream, *(name for name in names if held and name.startswith(f"{stream}/"))}
            for name in gone:
                self.session.forget(name, closed=held is not None)
        if self.engine is not None:
            for name in gone:
                self.engine.forget(name)
        self._submitted = {key: seen for key, seen in self._submitted.items() if key[0] not in gone}

    async def restart(self, stream: str) -> None:
        """Connect a stream again at once; its history is kept."""
        held = self.sources[stream]
        if held.task is not None:
            held.task.cancel()
            await asyncio.gather(held.task, return_exceptions=True)
        if isinstance(held.adapter, Unopened):
            try:
                held.adapter = open_as(stream, held.asked.strip(), held.options)[0]
            except SourceError as error:
                held.adapter = Unopened(held.asked, stream, error)
        self._run(held)

    async def change(self, stream: str, options: Options) -> None:
        """Connect a stream anew with other options; its history is kept.

        Raises:
            SourceError: its source can't be used with them; nothing has changed.
        """
        held = self.sources[stream]
        kin = {name for name, other in self.sources.items() if other.asked == held.asked}
        taken = (frozenset(self.sources) | frozenset(self.session.streams)) - kin
        found = [a for a in open_source(held.asked, options, taken) if a.info.stream == stream]
        if not found:
            raise SourceError(f"{stream} can't be made anew; close it and open its source again")
        if held.task is not None:
            held.task.cancel()
            await asyncio.gather(held.task, return_exceptions=True)
        held.adapter, held.options = found[0], options
        self._run(held)

    def resume(self) -> None:
        """Connect again what `stop` ended; history is kept. Sources that ended of themselves stay ended."""
        for held in self.sources.values():
            if held.task is not None and held.task.cancelled():
                self._run(held)

    @property
    def loading(self) -> bool:
        """Whether a source waits for a library to load: its first attempt has not begun."""
        with self.lock:
            return any(LOADING in tally.figures and not tally.over for tally in self.session.streams.values())

    @property
    def tasks(self) -> list[asyncio.Task[State]]:
        return [held.task for held in self.sources.values() if held.task is not None]

    async def stop(self) -> None:
        """End every source, then the engine thread. History stays readable."""
        tasks = self.tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.engine is not None:
            # A kernel that is compiling can't be interrupted; the thread is a daemon and must not hold up the exit.
            await asyncio.to_thread(self.engine.stop, 0.5)
