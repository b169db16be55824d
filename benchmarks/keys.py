"""How soon a key shows, of every key that changes the screen, in one dashboard under load in a real pty.

``python benchmarks/keys.py [--presses 40] [--only help]`` prints one table: milliseconds from the key to the bytes that
show what it does, and the processor time that the event loop's thread took meanwhile, which a busy machine does not
change (Linux's schedstat). Streams and size are those of ``benchmarks/dashboard.py``.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field

from dashboard import ANSWER, ASKED, SETTLE, SIZE, child, websocket_text
from pty_run import run_in_pty

ESCAPE = b"\x1b"
PANELS = tuple(
    name.encode()
    for name in (
        "System Metrics",
        "Temporal Analysis",
        "Pattern Detection",
        "Streaming Status",
        "Stream Metrics",
        "Recent Messages",
    )
)
CHARTS = (
    b"Observable",
    b"Phase Portrait",
    b"Video",
    b"Waveform",
    b"Spectrogram",
    b"Token Timeline",
    b"Turns",
)


@dataclass
class Key:
    """One row: from the screen that ``opening`` leads to, `key` makes any of `shows` appear; `back` undoes it."""

    name: str
    key: bytes
    shows: tuple[bytes, ...]
    back: bytes = b""
    opening: bytes = b""
    closing: bytes = b""
    latencies: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    missed: int = 0

    def row(self) -> str:
        cells = [f"{1e3 * value:.0f}" for times in (self.latencies, self.processor) for value in cuts(times)]
        missed = f" ({self.missed} missed)" if self.missed else ""
        return f"| {self.name}{missed} | {' | '.join(cells or ['-'] * 6)} |"


def cuts(times: list[float]) -> list[float]:
    """p50, p99 and the most."""
    if len(times) < 2:
        return []
    at = statistics.quantiles(times, n=100, method="inclusive")
    return [at[49], at[98], max(times)]


# Of the dashboard, `v` comes last but one: it leaves a layout in which others have no sign of theirs.
KEYS = (
    Key("`?` help", b"?", (b"Keys of this",), b"?"),
    Key("`s` streams", b"s", (b"A source is one of",), ESCAPE),
    Key("`a` overview", b"a", (b"All Streams",), ESCAPE),
    Key("`d` detail", b"d", CHARTS, ESCAPE),
    Key("`L` log", b"L", (b"Filter",), ESCAPE),
    Key("`A` alerts", b"A", (b"alerts",), ESCAPE),
    Key("`E` export as", b"E", (b"Markdown: a report",), ESCAPE),
    Key("`i` options", b"i", (b"Options of",), ESCAPE),
    Key("`ctrl+p` palette", b"\x10", (b"open its detail",), ESCAPE),
    Key("`space` freeze", b" ", (b"PAUSED",), b" "),
    Key("`tab` next panel", b"\t", PANELS),
    Key("`1` panel", b"1", (b"Temporal Analysis",), b"1"),
    Key("`z` one panel", b"z", PANELS, b"z"),
    Key("`v` layout", b"v", PANELS),
    Key("`t` theme", b"t", PANELS),
    Key("`?` help of a detail", b"?", (b"Keys of this",), b"?", b"d", ESCAPE),
    Key("`n` next detail", b"n", CHARTS, b"", b"d", ESCAPE),
    Key("`v` layout of a detail", b"v", CHARTS + PANELS, b"", b"d", ESCAPE),
    Key("`/` filter of the log", b"/", (b"regular expression",), ESCAPE, b"L", ESCAPE),
)


class Typist:
    """Presses each key of `keys` `presses` times, waits until it shows, undoes it, and waits a random while."""

    def __init__(self, keys: list[Key], presses: int) -> None:
        self._keys, self._presses = keys, presses
        self._steps = self._run()
        self._master = self._pid = 0
        self._data = self._tail = b""
        self._random = random.Random(11)
        self.done = False

    def started(self, pid: int) -> None:
        self._pid = pid

    def __call__(self, master: int, data: bytes) -> None:
        self._master, self._data = master, data
        self._tail += data  # a question may lie across two reads
        if asked := self._tail.count(ASKED):
            os.write(master, ANSWER * asked)
            self._tail = b""
        self._tail = self._tail[1 - len(ASKED) :]
        self.done = self.done or next(self._steps, None) is None

    def _run(self):  # type: ignore[no-untyped-def]
        """A step at each call: yields until something more comes."""
        yield from self._wait(SETTLE)
        for key in self._keys:
            yield from self._type(key.opening)
            for _ in range(self._presses):
                yield from self._press(key)
                yield from self._type(key.back)
                yield from self._wait(0.3 + 0.1 * self._random.random())
            yield from self._type(key.closing)
            print(key.row(), flush=True)

    def _wait(self, seconds: float):  # type: ignore[no-untyped-def]
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            yield True

    def _type(self, what: bytes):  # type: ignore[no-untyped-def]
        if what:
            os.write(self._master, what)
            yield from self._wait(0.6 if what == ESCAPE else 0.4)

    def _press(self, key: Key):  # type: ignore[no-untyped-def]
        pressed, processor, seen = time.perf_counter(), self._processor(), b""
        os.write(self._master, key.key)
        while time.perf_counter() - pressed < 3.0:
            yield True
            seen += self._data
            if any(sign in seen for sign in key.shows):
                key.latencies.append(time.perf_counter() - pressed)
                key.processor.append(self._processor() - processor)
                return
        key.missed += 1

    def _processor(self) -> float:
        """Seconds that the first thread of the program, which runs the event loop, has been on a processor."""
        with open(f"/proc/{self._pid}/task/{self._pid}/schedstat") as stat:
            return int(stat.read().split()[0]) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--presses", type=int, default=40)
    parser.add_argument("--only", default="", help="rows whose name holds this; several apart by a comma")
    chosen = parser.parse_args()
    keys = [key for key in KEYS if any(part in key.name for part in chosen.only.split(","))]
    typist = Typist(keys, chosen.presses)
    print(f"_{SIZE[0]}x{SIZE[1]}, 4 streams, 15 Hz, load average {os.getloadavg()[0]:.1f} at the start_\n")
    print("| ms | p50 | p99 | max | CPU p50 | CPU p99 | CPU max |\n|---|---:|---:|---:|---:|---:|---:|")
    with websocket_text() as address, tempfile.TemporaryDirectory() as folder:
        run_in_pty(
            child("ours", "67", "sim:all", address),
            size=SIZE,
            seconds=SETTLE + len(keys) * (3.0 + 4.0 * chosen.presses),
            terminal=typist,
            born=typist.started,
            over=lambda: typist.done,
            env={"XDG_CONFIG_HOME": folder},
        )
    print(f"\n_load average {os.getloadavg()[0]:.1f} at the end_")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    main()
