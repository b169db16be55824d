"""Ours against a peer, measured alternately in one run, so that a slow moment of the machine hits both alike.

Import this module before numpy or numba: it pins every thread pool to one thread. Times are processor time of
the whole process (a peer cannot hide work in threads; a busy machine disturbs little); a ratio is peer over
ours, of medians.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

for _pool in ("NUMBA", "OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ[f"{_pool}_NUM_THREADS"] = "1"

Thunk = Callable[[], object]


class PeerMissingError(RuntimeError):
    """A peer is not installed; the row says so and the run goes on."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Median seconds a call, and `ratio` = peer / ours (above 1: ours is faster)."""

    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        return self.peer / self.ours


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `target` is the least ratio wanted (None: none was set).

    `agree` compares the values; text says what a plain yes cannot (a largest difference) and counts as agreeing.
    """

    operation: str
    peer: str
    timing: Timing | None
    target: float | None
    agree: bool | str | None
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.timing is None or self.target is None:
            return None
        return self.timing.ratio >= self.target and self.agree is not False


def peer(name: str, distribution: str | None = None) -> Any:
    """Import the peer module `name`, or raise PeerMissingError with what to install."""
    try:
        return import_module(name)
    except ImportError as error:
        package = distribution or name.partition(".")[0]
        raise PeerMissingError(f"{package} is missing: install the `bench` group ({error})") from None


def label(distribution: str) -> str:
    """`distribution` with its installed version, as shown in the peer column."""
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return distribution


def _loops(call: Thunk, least: float) -> int:
    """How many calls one measurement needs to last `least` seconds."""
    number = 1
    while True:
        start = time.perf_counter()
        for _ in range(number):
            call()
        elapsed = time.perf_counter() - start
        if elapsed >= least:
            return number
        number = max(number + 1, int(number * min(10.0, 1.2 * least / max(elapsed, 1e-9))))


def _measure(call: Thunk, number: int) -> float:
    start = time.process_time()
    for _ in range(number):
        call()
    return (time.process_time() - start) / number


def interleaved(
    ours: Thunk,
    peer: Thunk,
    *,
    repeats: int = 11,
    warmup: int = 1,
    least: float = 0.005,
    budget: float = 30.0,
) -> Timing:
    """Time `ours` and `peer` alternately `repeats` times after `warmup` calls each (which also compile).

    A fast call is looped until one measurement lasts `least` seconds. After `budget` seconds of measuring no
    further repeat starts, but three are always made.
    """
    for _ in range(warmup):
        ours()
        peer()
    loops = (_loops(ours, least), _loops(peer, least))
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + budget
    for k in range(max(repeats, 3)):
        if k >= 3 and time.perf_counter() > end:
            break
        order = (0, 1) if k % 2 == 0 else (1, 0)
        for i in order:
            times[i].append(_measure((ours, peer)[i], loops[i]))
    return Timing(statistics.median(times[0]), statistics.median(times[1]))


def collect(*benchmarks: Callable[[], Iterable[Row]]) -> Iterator[Row]:
    """Run each benchmark, yielding rows as they come (progress on stderr); a missing peer becomes a row."""
    for benchmark in benchmarks:
        try:
            for row in benchmark():
                print(f"  {row.operation}: {_ratio(row)} {row.note}", file=sys.stderr)
                yield row
        except PeerMissingError as error:
            yield Row(benchmark.__name__.replace("_", " "), "-", None, None, None, str(error))


def seconds(value: float) -> str:
    """A time with three figures and a fitting unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * scale >= 1.0:
            return f"{value * scale:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def _ratio(row: Row) -> str:
    return "-" if row.timing is None else f"{row.timing.ratio:.3g}x"


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table, under one line that names the machine."""
    verdict = {True: "", False: " (missed)", None: ""}
    agree = {True: "yes", False: "NO", None: "-"}
    lines = [
        "| operation | peer | ours | peer | ratio | target | values agree |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        ours, theirs = (seconds(row.timing.ours), seconds(row.timing.peer)) if row.timing else ("-", "-")
        target = "-" if row.target is None else f">= {row.target:g}x{verdict[row.met]}"
        same = row.agree if isinstance(row.agree, str) else agree[row.agree]
        cells = (row.operation, row.peer, ours, theirs, _ratio(row), target, f"{same} {row.note}".strip())
        lines.append(f"| {' | '.join(cells)} |")
    machine = (
        f"{platform.machine()}, Python {platform.python_version()}, one thread, warm, medians of one run"
    )
    return "\n".join([f"_{machine}_", "", *lines])
