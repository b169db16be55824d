"""The engine thread: owns all numba work, obeys deadlines, and speaks in frozen reports.

One daemon thread does everything: warm-up, series jobs in the order of the scheduler, conversations in between, and
the reports. Callers only put things in (`submit`, `hear`, `forget`; any thread, microseconds) and are called back.
Nothing here imports numpy or numba before the thread does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from midstream_analysis.jobs import EngineStatus, Policy, Series, Utterance
from midstream_analysis.observe import observe, unknown
from midstream_analysis.report import AnalysisReport, ConversationReport, SeriesReport
from midstream_analysis.scheduling import Pending, Scheduler
from midstream_analysis.warmup import KernelsUnavailable, Step, Stopped, steps, stoppable

if TYPE_CHECKING:
    from midstream_analysis.dialogue import Dialogue

__all__ = ["Engine", "EngineStatus", "Series", "Utterance"]

MAX_OBSERVABLES = 32  # of one stream
MAX_SAMPLES = 4096  # of one series; the newest count
MAX_UTTERANCES = 4096  # that wait, of one stream
BATCH = 16  # utterances of one stream before the next stream has its turn
SLICE_S = 0.002  # of conversation work before series, reports and other threads have their turn
REST_S = 0.0005  # in which the thread gives the interpreter away after a slice of conversation

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Stream:
    """All that the engine holds of one stream. `forget` drops it whole; work in flight then has nowhere to report."""

    name: str
    dialogue: Dialogue | None = None
    heard: deque[Utterance] = field(default_factory=deque)
    series: dict[str, SeriesReport] = field(default_factory=dict)
    observables: set[str] = field(default_factory=set)
    said: ConversationReport | None = None
    stale: bool = False


def _dialogue(stream: str) -> Dialogue:
    from midstream_analysis.dialogue import Dialogue  # and numpy, in the engine's thread

    return Dialogue(stream)


class Engine:
    """Analyses series and conversations in a thread of its own.

    Args:
        on_report: called on the engine's thread with each report; it must be quick and must not raise (if it does,
            that is counted and the thread goes on).
        policy: "EDF", "FIFO" or "priority"; see `scheduling`.
        clock: monotonic seconds, the clock of the deadlines.
        warm: compile or load every kernel at the start; False leaves each to its first use.
        max_streams: the streams remembered; the one that has been silent longest makes room for a new one.
        interval_s: the least time between two reports, in seconds.
        analyse, warm_up: what is done for a series, and at the start (for tests).

    Raises:
        ValueError: an unknown policy, or a bound that is not positive.
    """

    def __init__(
        self,
        on_report: Callable[[AnalysisReport], None],
        *,
        policy: Policy = "EDF",
        clock: Callable[[], float] = time.monotonic,
        warm: bool = True,
        max_streams: int = 64,
        interval_s: float = 0.1,
        analyse: Callable[[Series], SeriesReport] = observe,
        warm_up: Sequence[Step] | None = None,
    ) -> None:
        if max_streams < 1 or interval_s < 0:
            raise ValueError("max_streams must be at least 1 and interval_s at least 0")
        self._on_report, self._clock, self._analyse = on_report, clock, analyse
        self._max_streams, self._interval = max_streams, interval_s
        self._scheduler = Scheduler(policy)
        self._steps = deque(steps(warm) if warm_up is None else warm_up)
        self._needed = sum(step.needed for step in self._steps)
        self._wake = threading.Condition()  # guards all below
        self._streams: OrderedDict[str, _Stream] = OrderedDict()  # the longest silent first
        self._talking: deque[_Stream] = deque()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._dirty, self._news = True, False  # something to report; a result among it
        self._failed: str | None = None
        self._last_error: str | None = None
        self._done = self._late = self._dropped = self._refused = self._evicted = self._errors = (
            self._serial
        ) = 0
        self._busy_s = 0.0
        self._last_s: float | None = None

    # --- any thread -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread and return at once. Does nothing when it runs."""
        with self._wake:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping = False
            self._thread = threading.Thread(target=self._run, name="midstream-engine", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Ask the thread to end and wait for it, up to `timeout` seconds; True when it has ended.

        A kernel that is compiling cannot be interrupted: the thread ends after it (and, a daemon, never keeps the
        process).
        """
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def submit(self, series: Series) -> bool:
        """Ask for the analysis of `series`; it replaces one that still waits with the same stream and observable.

        The values are copied, at most the newest `MAX_SAMPLES`. False when the stream has too many observables.
        """
        series = replace(series, values=series.values[-MAX_SAMPLES:].copy())
        with self._wake:
            stream = self._touch(series.stream)
            if series.observable not in stream.observables and len(stream.observables) >= MAX_OBSERVABLES:
                self._refused += 1
                return False
            stream.observables.add(series.observable)
            self._scheduler.put(series, self._clock())
            self._wake.notify_all()
        return True

    def hear(self, utterance: Utterance) -> None:
        """Queue what was said, in order; when the stream's queue is full its oldest utterance is dropped, counted."""
        with self._wake:
            stream = self._touch(utterance.stream)
            if not stream.heard:
                self._talking.append(stream)
            elif len(stream.heard) >= MAX_UTTERANCES:
                stream.heard.popleft()
                self._dropped += 1
            stream.heard.append(utterance)
            self._wake.notify_all()

    def forget(self, stream: str) -> None:
        """Drop all that is known of `stream` and all that waits; work in flight for it is not reported."""
        with self._wake:
            self._drop(stream)
            self._wake.notify_all()

    @property
    def status(self) -> EngineStatus:
        """The engine's health, now."""
        with self._wake:
            return EngineStatus(
                alive=self._thread is not None and self._thread.is_alive(),
                policy=self._scheduler.policy,
                warming=self._warming,
                failed=self._failed,
                pending=len(self._scheduler) + sum(len(s.heard) for s in self._talking) + self._news,
                done=self._done,
                late=self._late,
                superseded=self._scheduler.superseded,
                dropped=self._dropped,
                refused=self._refused,
                evicted=self._evicted,
                errors=self._errors,
                last_error=self._last_error,
                mean_job_s=self._busy_s / self._done if self._done else None,
                last_job_s=self._last_s,
            )

    # --- with the lock held -----------------------------------------------------------------------------------

    @property
    def _warming(self) -> float | None:
        left = sum(step.needed for step in self._steps)
        return 1.0 - left / self._needed if left else None

    def _touch(self, name: str) -> _Stream:
        stream = self._streams.get(name)
        if stream is None:
            if len(self._streams) >= self._max_streams:
                silent = next(iter(self._streams))
                self._dropped += len(self._streams[silent].heard)
                self._evicted += 1
                self._drop(silent)
            stream = self._streams[name] = _Stream(name)
        self._streams.move_to_end(name)
        return stream

    def _drop(self, name: str) -> None:
        if (stream := self._streams.pop(name, None)) is not None:
            stream.heard.clear()
            if stream in self._talking:
                self._talking.remove(stream)
            self._scheduler.discard(name)
            self._dirty = True

    def _ready(self) -> bool:
        """Whether series can be analysed: all that they need is warm."""
        return not any(step.needed for step in self._steps)

    def _blame(self, what: str, error: BaseException) -> str:
        line = " ".join(str(error).split())
        reason = f"{type(error).__name__}: {line}" if line else type(error).__name__
        self._errors += 1
        self._last_error = f"{what}: {reason}"
        log.debug("%s failed", what, exc_info=error)
        return reason

    # --- the engine's thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        next_post = self._clock()
        while True:
            with self._wake:
                wait = max(next_post - self._clock(), 0.0) if self._dirty else None
                idle = not (self._steps or self._talking or (self._scheduler and self._ready()))
                if not self._stopping and idle and wait != 0.0:
                    self._wake.wait(wait)
                if self._stopping:
                    break
                job = self._scheduler.pop() if self._ready() else None
                stream = self._streams.get(job.series.stream) if job else None
                if job:
                    self._dirty = self._news = True  # from now on: what is in work is not yet reported
            if job and stream:
                self._do(job, stream)
            self._converse()
            # A step of the warm-up may take seconds: results do not wait for it.
            if self._dirty and (self._clock() >= next_post or (self._news and self._steps)):
                self._post()
                next_post = self._clock() + self._interval
            # What the engine itself does not need is warmed up while there is nothing else to do.
            if self._steps and not self._stopping and not (self._ready() and self._scheduler):
                self._warm_one()
        if self._dirty:
            self._post()

    def _do(self, job: Pending, stream: _Stream) -> None:
        started = time.perf_counter()
        reason = self._failed
        if reason is None:
            try:
                with stoppable(lambda: self._stopping):
                    result = self._analyse(job.series)
            except Stopped:
                return
            except Exception as error:
                with self._wake:
                    reason = self._blame("/".join(job.series.key), error)
        if reason is not None:
            result = unknown(job.series, reason)
        with self._wake:
            self._last_s = time.perf_counter() - started
            self._busy_s += self._last_s
            self._done += 1
            self._late += self._clock() > job.deadline
            stream.series[job.series.observable] = result

    def _converse(self) -> None:
        """Hear what waits, a batch a stream in turn, for at most a slice of time."""
        until = time.perf_counter() + SLICE_S
        busy = False
        while self._talking and time.perf_counter() < until:
            busy = True
            with self._wake:
                if not self._talking:
                    return
                stream = self._talking.popleft()
                batch = [stream.heard.popleft() for _ in range(min(BATCH, len(stream.heard)))]
                if stream.heard:
                    self._talking.append(stream)
                stream.stale = self._dirty = self._news = True
            for utterance in batch:
                try:
                    stream.dialogue = stream.dialogue or _dialogue(stream.name)
                    stream.dialogue.hear(utterance)
                except Exception as error:
                    with self._wake:
                        self._blame(f"{stream.name}/conversation", error)
        if busy:
            time.sleep(REST_S)

    def _warm_one(self) -> None:
        """Do the next step of the warm-up. One that fails is counted; without numba there are no others."""
        step = self._steps[0]
        try:
            with stoppable(lambda: self._stopping):
                step.run()
        except Stopped:
            return
        except KernelsUnavailable as error:
            with self._wake:
                self._failed = str(error)
                self._steps.clear()
        except Exception as error:
            with self._wake:
                self._blame(f"warm-up/{step.name}", error)
        with self._wake:
            if self._steps:
                self._steps.popleft()
            self._dirty = True

    def _post(self) -> None:
        """Send one frozen report of the latest of everything. Its dictionaries are fresh and never written again."""
        with self._wake:
            stale = [(stream, stream.dialogue) for stream in self._streams.values() if stream.stale]
        for stream, dialogue in stale:
            stream.stale = False
            try:
                stream.said = dialogue.report() if dialogue else None
            except Exception as error:
                with self._wake:
                    self._blame(f"{stream.name}/conversation", error)
        with self._wake:
            self._dirty = False
            self._serial += 1
            report = AnalysisReport(
                series={
                    (s.name, key): said for s in self._streams.values() for key, said in s.series.items()
                },
                conversations={s.name: s.said for s in self._streams.values() if s.said is not None},
                warming=self._warming,
                failed=self._failed,
                dropped=self._dropped,
                superseded=self._scheduler.superseded,
                serial=self._serial,
            )
        try:
            self._on_report(report)
        except Exception as error:
            with self._wake:
                self._blame("on_report", error)
        self._news = False  # now, so that whoever sees nothing pending has seen it all
