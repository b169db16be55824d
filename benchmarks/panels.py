"""CPU time of one update of each panel beside `Static.update` and `DataTable.update_cell`, in one app and one run.

An update is what the dashboard does at every tick: a new view with a few changed figures, and the repaint that
follows, up to and including the bytes for the terminal. They go to a driver that throws them away: headless Textual
skips that stage, which would flatter whoever repaints most. Widgets take turns, so that a slow moment hits all alike.

    python benchmarks/panels.py [--updates 300] [--size 160x48]
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "widgets"), str(ROOT / "analysis"), str(ROOT / "adapters")]

from textual.app import App, ComposeResult  # noqa: E402
from textual.containers import Grid  # noqa: E402
from textual.content import Content  # noqa: E402
from textual.drivers.headless_driver import HeadlessDriver  # noqa: E402
from textual.geometry import Region  # noqa: E402
from textual.pilot import Pilot  # noqa: E402
from textual.widgets import DataTable, Static  # noqa: E402

from midstream_tui.themes import DEFAULT_THEME, THEMES  # noqa: E402
from midstream_widgets import LinePanel, StreamMetrics  # noqa: E402
from midstream_widgets.views import MessageLine  # noqa: E402
from tests.widgets.gallery import MESSAGES, METRICS, PANELS, PATTERNS, STATUS, SYSTEM, TEMPORAL  # noqa: E402

FRAME = "an empty frame (one cell of one panel)"
"""What Textual's compositor takes for any repaint at all, shared by all that changes in a frame."""


class Discarding(HeadlessDriver):
    """A terminal that costs nothing, and counts."""

    written = 0

    @property
    def is_headless(self) -> bool:
        return False  # so that the app encodes its output

    def write(self, data: str) -> None:
        Discarding.written += len(data.encode())


class Bench(App[None]):
    """The six panels, a Static and a DataTable with what Stream Metrics shows, in one grid."""

    CSS = "Grid { grid-size: 4 2; } Static, DataTable { border: round $border-blurred; height: 1fr; }"

    def __init__(self) -> None:
        super().__init__(driver_class=Discarding)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DEFAULT_THEME
        self.panels: dict[str, LinePanel[Any]] = {kind.__name__: kind(view) for kind, view in PANELS}
        self.static = Static()
        self.table: DataTable[str] = DataTable()

    def compose(self) -> ComposeResult:
        with Grid():
            yield from self.panels.values()
            yield self.static
            yield self.table

    def on_mount(self) -> None:
        self.table.add_columns(*[(name, name) for name in ("stream", "count", "bytes", "rate")])
        for row in METRICS.rows:
            self.table.add_row(row.stream, "0", "0", "0", key=row.stream)


def views(name: str) -> Iterator[object]:
    """An endless series of views that differ as a tick makes them differ."""
    for n in count(1):
        if name == "SystemMetrics":
            yield replace(
                SYSTEM,
                messages=150 + n,
                tokens=2340 + 5 * n,
                fps=59.0 + n % 2,
                uptime_s=323.0 + n / 15,
                bytes_per_s=1e6 + n,
            )
        elif name == "TemporalAnalysis":
            yield replace(TEMPORAL, exponent=-0.0234 - n * 1e-4, n=512 + n)
        elif name == "PatternDetection":
            yield replace(
                PATTERNS, utterances=n, moves=(replace(PATTERNS.moves[0], count=n), *PATTERNS.moves[1:])
            )
        elif name == "StreamingStatus":
            yield replace(STATUS, audio_level=-20.0 - n % 9)
        elif name == "StreamMetrics":
            yield replace(
                METRICS,
                rows=tuple(
                    replace(row, count=row.count + n, bytes=row.bytes + 1000 * n) for row in METRICS.rows
                ),
            )
        else:
            text = " ".join(["word"] * (n % 60))  # a message that grows by a word a tick
            last = MessageLine(6, "12:03:42", "chat-1", "assistant", text, open=True)
            yield replace(MESSAGES, messages=(*MESSAGES.messages[:-1], last))


def updates(app: Bench) -> dict[str, Callable[[], object]]:
    """One deed a name: what a tick does to that widget."""
    deeds: dict[str, Callable[[], object]] = {}
    every = {name: views(name) for name in app.panels}
    for name, panel in app.panels.items():
        series = every[name]
        deeds[name] = lambda panel=panel, series=series: setattr(panel, "view", next(series))
        deeds[f"{name}, equal view"] = lambda panel=panel: setattr(panel, "view", replace(panel.view))

    def all_panels() -> None:
        for name, panel in app.panels.items():
            panel.view = next(every[name])

    deeds["all six panels in one frame"] = all_panels
    deeds[FRAME] = lambda: app.panels["SystemMetrics"].refresh(Region(0, 0, 1, 1))
    numbers = count()

    def text() -> Content:
        n = next(numbers)
        return Content(
            "\n".join(f"{row.stream} ({row.kind}): {row.count + n} chunks" for row in METRICS.rows)
        )

    def cells() -> None:
        n = next(numbers)
        for row in METRICS.rows:
            app.table.update_cell(row.stream, "count", str(row.count + n))

    deeds["Static.update"] = lambda: app.static.update(text())
    deeds["Static.update(layout=False)"] = lambda: app.static.update(text(), layout=False)
    deeds["DataTable.update_cell, 1 cell"] = lambda: app.table.update_cell("sim", "count", str(next(numbers)))
    deeds["DataTable.update_cell, 5 cells"] = cells
    return deeds


async def settled() -> None:
    """Let the messages, the idle callbacks and the screen's repaint timer have their turn."""
    for _ in range(3):
        await asyncio.sleep(0.012)


async def measure(size: tuple[int, int], rounds: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Processor seconds of each update, and bytes written in all."""
    app = Bench()
    times: dict[str, list[float]] = {}
    written: dict[str, int] = {}

    async def drive(pilot: Pilot[object]) -> None:
        app.set_focus(app.query_one(StreamMetrics))
        deeds = {"(nothing)": lambda: None, **updates(app)}
        for turn in range(rounds + 5):
            for name, deed in deeds.items():
                await settled()
                before, bytes_before = time.process_time(), Discarding.written
                deed()
                await settled()
                if turn >= 5:
                    times.setdefault(name, []).append(time.process_time() - before)
                    written[name] = written.get(name, 0) + Discarding.written - bytes_before
        app.exit()

    await app.run_async(headless=False, size=size, mouse=False, auto_pilot=drive)
    return times, written


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--updates", type=int, default=100)
    arguments.add_argument("--size", default="160x48")
    chosen = arguments.parse_args()
    width, height = map(int, chosen.size.split("x"))
    times, written = asyncio.run(measure((width, height), chosen.updates))
    idle = statistics.median(times.pop("(nothing)"))
    machine = f"{platform.machine()}, Python {platform.python_version()}, Textual {version('textual')}"
    print(f"_{machine}, {chosen.size}, medians of {chosen.updates} updates, idle loop subtracted_\n")
    print("| update | CPU ms | beyond an empty frame | bytes to the terminal |\n|---|---:|---:|---:|")
    frame = statistics.median(times[FRAME]) - idle
    for name, each in times.items():
        cost, sent = statistics.median(each) - idle, written[name] / len(each)
        beyond = f"{1e3 * (cost - frame):.2f}" if sent and name != FRAME else "-"
        print(f"| {name} | {1e3 * cost:.2f} | {beyond} | {sent:.0f} |")


if __name__ == "__main__":
    main()
