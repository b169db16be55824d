"""The engine thread: order, latest wins, bounds, failures, warm-up and stopping. Nothing here sleeps blindly."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import midstream_analysis
from midstream_analysis.engine import MAX_OBSERVABLES, MAX_SAMPLES, MAX_UTTERANCES, Engine, Series, Utterance
from midstream_analysis.observe import unknown
from midstream_analysis.report import AnalysisReport, Attractor, SeriesReport
from midstream_analysis.warmup import KernelsUnavailable, Step

PATIENCE = 20.0
PACKAGES = str(Path(midstream_analysis.__file__).parents[1])


class Inbox:
    """Where reports arrive; `until` waits for one that fits."""

    def __init__(self) -> None:
        self.reports: list[AnalysisReport] = []
        self._arrived = threading.Condition()

    def __call__(self, report: AnalysisReport) -> None:
        with self._arrived:
            self.reports.append(report)
            self._arrived.notify_all()

    def until(self, fits: Callable[[AnalysisReport], bool]) -> AnalysisReport:
        with self._arrived:
            found = self._arrived.wait_for(lambda: next(filter(fits, self.reports), None), PATIENCE)
        assert found, f"no such report among {len(self.reports)}; the last: {self.reports[-1:]}"
        return found


def series(observable: str = "x", deadline: float = 0.0, priority: int = 0, stream: str = "s") -> Series:
    return Series(stream, observable, np.arange(8.0), 1.0, deadline, priority)


class Recorder:
    """A job function that notes what it is given, and waits at the gate."""

    def __init__(self) -> None:
        self.seen: list[Series] = []
        self.gate, self.entered = threading.Event(), threading.Event()

    def __call__(self, job: Series) -> SeriesReport:
        self.seen.append(job)
        self.entered.set()
        assert self.gate.wait(PATIENCE)
        return unknown(job, "recorded")


@contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    engine.start()
    try:
        yield engine
    finally:
        assert engine.stop(PATIENCE)


def quiet(inbox: Inbox, **options: object) -> Engine:
    """An engine without warm-up that reports at once."""
    return Engine(inbox, **{"warm_up": (), "interval_s": 0.0, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(("policy", "order"), [("EDF", "cadbe"), ("FIFO", "abcde"), ("priority", "ebcda")])
def test_the_thread_obeys_its_policy(policy: str, order: str) -> None:
    work, inbox = Recorder(), Inbox()
    with running(quiet(inbox, policy=policy, analyse=work, clock=lambda: 0.0)) as engine:
        engine.submit(series("first"))
        assert work.entered.wait(PATIENCE)  # the thread is held: what follows waits together
        for name, deadline, priority in [("a", 2, 0), ("b", 4, 3), ("c", 1, 2), ("d", 3, 1), ("e", 9, 9)]:
            engine.submit(series(name, deadline, priority))
        work.gate.set()
        inbox.until(lambda report: len(report.series) == 6)
    assert "".join(job.observable for job in work.seen[1:]) == order


def test_the_latest_wins_and_what_it_replaced_is_counted() -> None:
    work, inbox = Recorder(), Inbox()
    with running(quiet(inbox, analyse=work)) as engine:
        engine.submit(series("first"))
        assert work.entered.wait(PATIENCE)
        for last in range(5):
            engine.submit(Series("s", "x", np.full(3, float(last)), 1.0, 0.0))
        work.gate.set()
        report = inbox.until(lambda report: ("s", "x") in report.series)
    assert [job.observable for job in work.seen] == ["first", "x"]
    assert work.seen[1].values.tolist() == [4.0] * 3
    assert report.superseded == engine.status.superseded == 4


def test_values_are_copied_and_bounded() -> None:
    work, inbox, mine = Recorder(), Inbox(), np.arange(MAX_SAMPLES + 10.0)
    work.gate.set()
    engine = quiet(inbox, analyse=work)
    engine.submit(Series("s", "x", mine, 1.0, 0.0))
    mine[:] = -1.0
    with running(engine):
        inbox.until(lambda report: bool(report.series))
    assert work.seen[0].values.tolist() == list(np.arange(10.0, MAX_SAMPLES + 10.0))


def test_a_job_that_raises_is_unknown_with_the_reason_and_the_thread_lives_on() -> None:
    def analyse(job: Series) -> SeriesReport:
        if job.observable == "bad":
            raise ValueError("no such\nthing")
        return unknown(job, "fine")

    inbox = Inbox()
    with running(quiet(inbox, analyse=analyse)) as engine:
        engine.submit(series("bad"))
        bad = inbox.until(lambda report: ("s", "bad") in report.series).series["s", "bad"].classification
        engine.submit(series("good"))
        good = inbox.until(lambda report: ("s", "good") in report.series).series["s", "good"].classification
        assert engine.status.alive
    assert (bad.label, bad.reason) == (Attractor.UNKNOWN, "ValueError: no such thing")
    assert good.reason == "fine"
    assert engine.status.errors == 1
    assert engine.status.last_error == "s/bad: ValueError: no such thing"


def test_a_callback_that_raises_is_counted_and_survived() -> None:
    inbox, called = Inbox(), threading.Event()

    def on_report(report: AnalysisReport) -> None:
        if not called.is_set():
            called.set()
            raise RuntimeError("gone")
        inbox(report)

    with running(quiet(inbox, analyse=lambda job: unknown(job, ""))) as engine:
        engine._on_report = on_report
        engine.submit(series("a"))
        assert called.wait(PATIENCE)
        engine.submit(series("b"))
        inbox.until(lambda report: ("s", "b") in report.series)
        assert engine.status.last_error == "on_report: RuntimeError: gone"


def test_reports_are_coalesced_and_never_change_afterwards() -> None:
    inbox, finished, seen = Inbox(), threading.Event(), []

    def work(job: Series) -> SeriesReport:
        seen.append(job)
        if len(seen) == 20:
            finished.set()
        return unknown(job, "")

    engine = Engine(inbox, clock=lambda: 0.0, warm_up=(), interval_s=60.0, analyse=work)
    with running(engine):
        first = inbox.until(
            lambda report: report.serial == 1
        )  # at the start, then none before the interval is over
        for i in range(20):
            engine.submit(series(f"{i}"))
        assert finished.wait(PATIENCE)
    assert len(inbox.reports) == 2  # and what was left when it stopped
    last = inbox.reports[-1]
    assert first.series == {}
    assert last.serial == 2
    assert len(last.series) == engine.status.done == 20


def test_late_jobs_are_counted() -> None:
    inbox = Inbox()
    with running(quiet(inbox, clock=lambda: 5.0, analyse=lambda job: unknown(job, ""))) as engine:
        engine.submit(series("late", deadline=4.9))
        engine.submit(series("on time", deadline=5.1))
        inbox.until(lambda report: len(report.series) == 2)
        assert engine.status.late == 1
        assert engine.status.done == 2


def test_forget_drops_reports_and_work_in_flight() -> None:
    work, inbox = Recorder(), Inbox()
    with running(quiet(inbox, analyse=work)) as engine:
        engine.hear(Utterance("s", "hello"))
        inbox.until(lambda report: "s" in report.conversations)
        engine.submit(series("x"))
        assert work.entered.wait(PATIENCE)
        engine.submit(series("waits"))
        engine.forget("s")
        engine.submit(series("y", stream="t"))
        work.gate.set()
        report = inbox.until(lambda report: ("t", "y") in report.series)
    assert set(report.series) == {("t", "y")}
    assert report.conversations == {}
    assert [job.observable for job in work.seen] == ["x", "y"]


def test_streams_observables_and_utterances_are_bounded() -> None:
    inbox = Inbox()
    engine = quiet(inbox, max_streams=2, analyse=lambda job: unknown(job, ""))
    assert all(engine.submit(series(f"{i}")) for i in range(MAX_OBSERVABLES))
    assert not engine.submit(series("one too many"))
    assert engine.submit(series("0"))
    for i in range(MAX_UTTERANCES + 7):
        engine.hear(Utterance("t", f"{i}"))
    engine.hear(Utterance("s", "still here"))
    engine.submit(series(stream="u"))  # t has been silent longest
    assert (engine.status.refused, engine.status.evicted) == (1, 1)
    assert engine.status.dropped == 7 + MAX_UTTERANCES
    with running(engine):
        report = inbox.until(lambda report: ("u", "x") in report.series and "s" in report.conversations)
    assert {stream for stream, _ in report.series} == {"s", "u"}
    assert set(report.conversations) == {"s"}
    assert report.dropped == 7 + MAX_UTTERANCES


def test_conversations_are_heard_in_order_and_counted() -> None:
    inbox = Inbox()
    engine = quiet(inbox)
    for i in range(300):
        engine.hear(Utterance(f"{i % 3}", f"message {i}"))
    engine.hear(Utterance("0", "and a piece", complete=False))
    with running(engine):
        inbox.until(
            lambda report: [report.conversations[s].utterances for s in report.conversations] == [100] * 3
        )


def test_start_does_not_wait_and_stop_is_obeyed_between_two_kernels() -> None:
    entered, gate, ran = threading.Event(), threading.Event(), []

    def slow() -> None:
        entered.set()
        assert gate.wait(PATIENCE)
        ran.append("slow")

    inbox = Inbox()
    engine = quiet(inbox, warm_up=(Step("slow", slow), Step("next", lambda: ran.append("next"))))
    engine.start()
    assert entered.wait(PATIENCE)
    assert not engine.stop(timeout=0.01)
    assert engine.status.alive
    gate.set()
    assert engine.stop(PATIENCE)
    assert ran == ["slow"]
    assert engine.status.warming == 0.5


def test_conversation_is_served_between_the_steps_and_series_after_the_needed_ones() -> None:
    inbox, work = Inbox(), Recorder()
    work.gate.set()
    heard, analysed = threading.Event(), threading.Event()

    def needed() -> None:
        assert heard.wait(PATIENCE)

    def later() -> None:
        assert analysed.wait(PATIENCE)

    steps = (Step("one", lambda: None), Step("two", needed), Step("three", later, needed=False))
    engine = quiet(inbox, warm_up=steps, analyse=work)
    engine.submit(series())
    engine.hear(Utterance("s", "hello"))
    with running(engine):
        early = inbox.until(lambda report: "s" in report.conversations)
        assert early.warming in (0.0, 0.5)
        assert early.series == {}
        heard.set()
        midway = inbox.until(lambda report: bool(report.series))
        assert midway.warming is None  # what the engine needs is warm, though one kernel is not
        analysed.set()


def test_a_warm_up_step_that_fails_is_counted_and_the_rest_goes_on() -> None:
    inbox, ran = Inbox(), []
    steps = (Step("bad", lambda: 1 // 0), Step("good", lambda: ran.append(1)))
    with running(quiet(inbox, warm_up=steps)) as engine:
        assert inbox.until(lambda report: report.warming is None).failed is None
        assert (
            engine.status.last_error == "warm-up/bad: ZeroDivisionError: integer division or modulo by zero"
        )
    assert ran == [1]


def test_without_numba_series_say_why_and_conversation_goes_on() -> None:
    def missing() -> None:
        raise KernelsUnavailable("numba cannot be loaded: no module")

    inbox, work = Inbox(), Recorder()
    engine = quiet(inbox, warm_up=(Step("numba", missing), Step("never", lambda: 1 // 0)), analyse=work)
    engine.submit(series())
    engine.hear(Utterance("s", "hello"))
    with running(engine):
        report = inbox.until(lambda report: bool(report.series and report.conversations))
    assert (
        report.failed == report.series["s", "x"].classification.reason == "numba cannot be loaded: no module"
    )
    assert report.warming is None
    assert work.seen == []
    assert engine.status.errors == 0


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="nothing compiles without JIT")
def test_stop_is_obeyed_within_a_step_before_the_next_kernel_compiles() -> None:
    import numba

    entered, ran = threading.Event(), []

    def many() -> None:
        for i in range(1000):
            numba.njit(lambda x, i=i: x + i)(1)
            ran.append(i)
            entered.set()

    engine = quiet(Inbox(), warm_up=(Step("many", many),))
    engine.start()
    assert entered.wait(PATIENCE)
    assert engine.stop(PATIENCE)
    assert len(ran) < 1000
    assert engine.status.warming == 0.0  # it starts over when the engine does
    assert engine.status.errors == 0


def test_a_real_series_and_a_real_conversation() -> None:
    x = np.full(512, 0.4)
    for i in range(1, len(x)):
        x[i] = 3.9 * x[i - 1] * (1.0 - x[i - 1])
    inbox = Inbox()
    with running(Engine(inbox, warm=False, interval_s=0.0)) as engine:
        engine.submit(Series("s", "reward", x, 0.5, 0.0))
        engine.submit(Series("s", "short", x[:5], 0.5, 0.0))
        engine.submit(Series("s", "broken", [1.0, float("nan")], 0.5, 0.0))
        for _ in range(4):
            for role, text in [
                ("user", "Hello there!"),
                ("user", "What is the capital of France?"),
                ("assistant", "The capital of France is Paris."),
                ("user", "Thank you very much!"),
            ]:
                engine.hear(Utterance("s", text, role, reward=0.5))
        report = inbox.until(
            lambda report: (
                len(report.series) == 3
                and "s" in report.conversations
                and report.conversations["s"].utterances == 16
            )
        )
        assert engine.status.errors == 1
    said = report.series["s", "reward"]
    assert said.classification.label is Attractor.CHAOTIC
    assert said.classification.dt == 0.5
    assert said.permutation_entropy is not None
    assert 0.0 < said.permutation_entropy < 1.0
    assert said.portrait is not None
    assert said.portrait.shape[1] == 3
    short = report.series["s", "short"]
    assert (short.classification.label, short.permutation_entropy) == (Attractor.UNKNOWN, None)
    assert "5 samples" in short.classification.reason
    assert "NaN" in report.series["s", "broken"].classification.reason
    talk = report.conversations["s"]
    assert (
        {"greeting", "question", "answer", "thanks"}
        >= {hit.label for hit in talk.moves}
        >= {"greeting", "question"}
    )
    assert any("greeting → question" in hit.label for hit in talk.sequences)
    assert talk.learning is not None
    assert talk.learning.predicted_next is not None
    assert talk.learning.average_reward == 0.5


def test_nothing_is_pending_when_all_is_reported_and_not_before() -> None:
    work, inbox = Recorder(), Inbox()
    with running(quiet(inbox, analyse=work)) as engine:
        engine.submit(series("a"))
        assert work.entered.wait(PATIENCE)
        assert engine.status.pending == 1  # in work
        engine.submit(series("b"))
        engine.hear(Utterance("s", "hello"))
        assert engine.status.pending == 3
        work.gate.set()
        inbox.until(lambda report: len(report.series) == 2 and "s" in report.conversations)
    assert engine.status.pending == 0


def test_it_starts_again() -> None:
    inbox = Inbox()
    engine = quiet(inbox, analyse=lambda job: unknown(job, ""))
    assert engine.stop(0.0)
    for name in "ab":
        with running(engine):
            engine.start()  # does nothing: it runs
            engine.submit(series(name))
            inbox.until(lambda report, name=name: ("s", name) in report.series)
    assert not engine.status.alive


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="policy must be one of EDF, FIFO, priority"):
        Engine(print, policy="LIFO")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_streams"):
        Engine(print, max_streams=0)


def test_importing_and_constructing_loads_neither_numpy_nor_numba() -> None:
    code = (
        "import sys; from midstream_analysis.engine import Engine; Engine(print);"
        "print([m for m in ('numpy', 'numba', 'scipy', 'llvmlite', 'textual') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": PACKAGES}
    )
    assert done.stdout.strip() == "[]", done.stderr
