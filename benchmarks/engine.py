"""Lag of a 15 Hz asyncio ticker beside the engine thread: idle, classifying back to back, and hearing a flood of text.

``python benchmarks/engine.py [SECONDS]``. The lag is how late a tick's timer fires; the same loop without the engine
is measured before and after, in the same run. Target: p99 under 10 ms while `classify` runs back to back.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable

import harness  # noqa: F401  first: it pins the thread pools, before anything imports numpy or numba

import numpy as np  # isort: skip

from midstream_analysis.engine import Engine, Series, Utterance
from midstream_analysis.report import AnalysisReport

RATE = 15.0
WORDS = [
    "could",
    "you",
    "tell",
    "me",
    "how",
    "far",
    "it",
    "is",
    "from",
    "here",
    "to",
    "the",
    "station",
    "and",
    "when",
    "the",
    "next",
    "train",
    "leaves",
    "please",
]


async def lags(seconds: float, tick: Callable[[], None]) -> np.ndarray:
    """Run `tick` at 15 Hz for `seconds`; return how late each was, in seconds."""
    loop = asyncio.get_running_loop()
    late: list[float] = []
    due = loop.time()
    end = due + seconds
    while due < end:
        due += 1 / RATE
        await asyncio.sleep(due - loop.time())
        late.append(loop.time() - due)
        tick()
    return np.array(late)


def chaotic(n: int) -> np.ndarray:
    x = np.empty(n)
    x[0] = 0.4
    for i in range(1, n):
        x[i] = 3.9 * x[i - 1] * (1 - x[i - 1])
    return x


def flows(n: int) -> list[np.ndarray]:
    """Series that take each way through the classifier: chaos, noise, tones, a random walk."""
    rng = np.random.default_rng(0)
    t = np.arange(n)
    tones = np.sin(0.31 * t) + np.sin(0.5 * t + 1) + 0.05 * rng.standard_normal(n)
    return [chaotic(n), rng.standard_normal(n), tones, np.cumsum(rng.standard_normal(n))]


def row(name: str, late: np.ndarray, note: str = "") -> None:
    p50, p99, top = np.percentile(late, 50) * 1e3, np.percentile(late, 99) * 1e3, late.max() * 1e3
    print(f"{name:<34} {len(late):>6} {p50:>9.2f} {p99:>9.2f} {top:>9.2f}   {note}", flush=True)


def main(seconds: float = 20.0) -> None:
    ready, serial = threading.Event(), [0]

    def on_report(report: AnalysisReport) -> None:
        serial[0] = report.serial
        if report.warming is None:
            ready.set()

    engine = Engine(on_report)
    idle = lambda: None  # noqa: E731
    print(f"{'lag of a 15 Hz ticker, ms':<34} {'ticks':>6} {'p50':>9} {'p99':>9} {'max':>9}")
    row("no engine", asyncio.run(lags(seconds, idle)))
    engine.start()
    warm = asyncio.run(warming(ready))
    row("warming up", warm, f"{len(warm) / RATE:.1f} s")
    gc.freeze()
    waves = flows(1000)

    def classify() -> None:
        deadline = time.monotonic() + 1 / RATE
        for i in range(12):  # more than can be done in a tick: the thread never idles
            engine.submit(Series("s", f"{i}", waves[i % len(waves)], 1.0, deadline))

    before = engine.status
    row(
        "classify n=1000 back to back",
        asyncio.run(lags(seconds, classify)),
        jobs(engine, before.done, seconds),
    )

    def talk() -> None:
        for i in range(1333):  # 20 000 pieces a second
            engine.hear(Utterance("s", f"{WORDS[i % len(WORDS)]} ", "assistant", complete=False))
        engine.hear(Utterance("s", " ".join(WORDS), "user"))

    row(
        "20 000 pieces of text a second", asyncio.run(lags(seconds, talk)), f"dropped {engine.status.dropped}"
    )

    def messages() -> None:
        for _ in range(32):
            engine.hear(Utterance("t", " ".join(WORDS), "user", reward=0.5))

    dropped = engine.status.dropped
    row(
        "480 messages a second",
        asyncio.run(lags(seconds, messages)),
        f"dropped {engine.status.dropped - dropped}",
    )

    def both() -> None:
        classify()
        talk()
        messages()

    before = engine.status
    row("all of it", asyncio.run(lags(seconds, both)), jobs(engine, before.done, seconds))
    engine.stop()
    row("no engine", asyncio.run(lags(seconds, idle)))
    print(engine.status)


async def warming(ready: threading.Event) -> np.ndarray:
    late: list[float] = []
    while not ready.is_set():
        late.extend(await lags(1 / RATE, lambda: None))
    return np.array(late)


def jobs(engine: Engine, before: int, seconds: float) -> str:
    status = engine.status
    return f"{(status.done - before) / seconds:.0f} jobs/s, the last {1e3 * (status.last_job_s or 0):.1f} ms"


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
