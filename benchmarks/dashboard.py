"""The whole dashboard in a real pty: processor, bytes, and how soon a key shows, beside others in the same run.

``python benchmarks/dashboard.py [--seconds 12] [--presses 100]`` prints one table. Four streams: the simulator's three
and text from a WebSocket, served by this process. The peers: a dashboard of Textual's stock widgets (DataTable, Static,
Sparkline, Log) fed at the same rate with as much; two labels, for what Textual and the machine make of a key; and btop
where it is installed (Debian: btop). CPU is of one core; a row "without a screen" is what sources and analysis cost by
themselves. A busy machine makes keys late: its load is told.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pty_run import PYTHON, Run, run_in_pty

SIZE = (160, 48)
SETTLE = 15.0
"""Seconds until kernels are loaded and all streams flow."""
TEXT = "the stream says one word after the other and then it waits for what comes next"
WORDS = TEXT.split()
ASKED, ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"


@contextlib.contextmanager
def websocket_text() -> Iterator[str]:
    """A server of text, twenty messages a second to whoever connects; yields its address."""
    from websockets.sync.server import ServerConnection, serve

    def talk(connection: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            for n in itertools.count():
                connection.send(f"{WORDS[n % len(WORDS)]} {n}")
                time.sleep(0.05)

    with serve(talk, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        server.shutdown()


# -- children, each in a process of its own


def ours(refresh_ms: int, sources: list[str]) -> None:
    """The dashboard; 30 Hz is more than its own keys offer."""
    from midstream_tui.app import MidStreamApp
    from midstream_tui.config import RecentSources
    from midstream_tui.hub import Hub

    app = MidStreamApp(Hub(), sources, recent=RecentSources(Path(tempfile.gettempdir())))
    app.refresh_ms = refresh_ms
    app.run()


def headless(engine: bool, sources: list[str]) -> None:
    """Sources, fold and (with `engine`) analysis, ticked as the dashboard ticks them."""
    from midstream_tui.hub import Hub

    async def main() -> None:
        hub = Hub(engine=engine)
        hub.start()
        for source in sources:
            hub.add(source)
        while True:
            await asyncio.sleep(1 / 15)
            hub.tick()

    asyncio.run(main())


def stock(refresh_ms: int) -> None:
    """What one would write with the widgets that Textual has."""
    from textual.app import App, ComposeResult
    from textual.containers import Horizontal
    from textual.screen import ModalScreen
    from textual.widgets import DataTable, Footer, Header, Log, Sparkline, Static

    class Help(ModalScreen[None]):
        BINDINGS = [("escape", "dismiss", "Back")]  # noqa: RUF012

        def compose(self) -> ComposeResult:
            yield Static(
                "Keys of this panel\n" + "\n".join(f"{key}  does something" for key in "abcdefghijklm")
            )

    class Stock(App[None]):
        CSS = """
        Horizontal { height: 1fr; }
        Static, Sparkline, DataTable, Log { width: 1fr; height: 1fr; border: round grey; }
        """
        BINDINGS = [("question_mark", "help", "Help"), ("q", "quit", "Quit")]  # noqa: RUF012

        def compose(self) -> ComposeResult:
            yield Header(show_clock=True)
            with Horizontal():
                yield Static(id="system")
                yield Static(id="temporal")
                yield Static(id="patterns")
                yield Static(id="status")
            with Horizontal():
                yield DataTable()
                yield Log(max_lines=200)
            with Horizontal():
                yield Sparkline(id="one")
                yield Sparkline(id="two")
            yield Footer()

        def on_mount(self) -> None:
            table = self.query_one(DataTable)
            for name in ("stream", "kind", "state", "count", "rate", "fps", "drops"):
                table.add_column(name, key=name)
            for n in range(4):
                table.add_row(f"stream {n}", "text", "live", "0", "0", "0", "0", key=str(n))
            self.n, self.random = 0, random.Random(7)
            self.set_interval(refresh_ms / 1000, self.feed)

        def feed(self) -> None:
            self.n += 1
            n = self.n
            self.query_one("#system", Static).update(
                "\n".join(
                    f"{label}: {n * k}" for k, label in enumerate(("Messages", "Tokens", "FPS", "Rate"), 1)
                )
            )
            self.query_one("#status", Static).update(
                f"Audio: ACTIVE {n % 60} dB\nVideo: ACTIVE\nStreams: 4 active"
            )
            if n % 15 == 0:  # as analysis does
                self.query_one("#temporal", Static).update(f"Attractor: CHAOTIC\nLyapunov: {n / 1000}")
                self.query_one("#patterns", Static).update(f"question {n % 100} %\nanswer {n % 90} %")
            table = self.query_one(DataTable)
            for row in range(4):
                table.update_cell(str(row), "count", str(n * (row + 1)))
                table.update_cell(str(row), "rate", f"{n % (97 + row)} B/s")
            if n % 3 == 0:
                self.query_one(Log).write_line(f"message {n} {' '.join(WORDS)}")
            for name in ("#one", "#two"):
                self.query_one(name, Sparkline).data = [self.random.random() for _ in range(70)]

        def action_help(self) -> None:
            self.push_screen(Help())

    Stock().run()


def bare() -> None:
    """As little as a Textual app can be, changing one label at 15 Hz: what the machine and Textual make of a key."""
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Bare(App[None]):
        BINDINGS = [("space", "turn", "Turn")]  # noqa: RUF012
        on = False

        def compose(self) -> ComposeResult:
            yield Static("0", id="count")
            yield Static("-", id="said")

        def on_mount(self) -> None:
            counts = itertools.count()
            self.set_interval(1 / 15, lambda: self.query_one("#count", Static).update(str(next(counts))))

        def action_turn(self) -> None:
            self.on = not self.on
            self.query_one("#said", Static).update("PAUSED" if self.on else "-")

    Bare().run()


# -- a terminal with somebody at it


@dataclass
class Typist:
    """Answers what terminals are asked; from `settle` on presses `key`, `presses` times, and waits until it `shows`."""

    opening: bytes = b""
    key: bytes = b"?"
    shows: bytes = b"Keys of this"
    back: bytes = b"\x1b"
    presses: int = 0
    settle: float = SETTLE
    latencies: list[float] = field(default_factory=list)
    missed: int = 0
    _began: float = 0.0
    _due: float = 0.0
    _pressed: float | None = None
    _seen: bytes = b""
    _tail: bytes = b""
    _random: random.Random = field(default_factory=lambda: random.Random(11))

    def __call__(self, master: int, data: bytes) -> None:
        now = time.perf_counter()
        self._began = self._began or now
        self._tail += data  # a question may lie across two reads
        if asked := self._tail.count(ASKED):
            os.write(master, ANSWER * asked)
            self._tail = b""
        self._tail = self._tail[1 - len(ASKED) :]
        if self.opening and now - self._began > self.settle - 5:
            os.write(master, self.opening)
            self.opening = b""
        if now - self._began < self.settle or not self.presses:
            return
        if self._pressed is not None:
            self._seen += data
            if self.shows in self._seen:
                self.latencies.append(now - self._pressed)
            elif now - self._pressed < 3.0:
                return
            else:
                self.missed += 1
            self.presses -= 1
            self._pressed, self._seen = None, b""
            os.write(master, self.back)
            self._due = now + 0.25 + 0.15 * self._random.random()
        elif now >= self._due:
            self._pressed = time.perf_counter()
            os.write(master, self.key)

    def told(self) -> str:
        if len(self.latencies) < 10:
            return "- | -"
        cuts = statistics.quantiles(self.latencies, n=100, method="inclusive")
        missed = f" ({self.missed} missed)" if self.missed else ""
        return f"{1e3 * cuts[49]:.0f} ms | {1e3 * cuts[98]:.0f} ms{missed}"


def child(*arguments: str) -> list[str]:
    return [PYTHON, __file__, "--child", *arguments]


def row(name: str, command: list[str], seconds: float, typist: Typist, env: dict[str, str]) -> None:
    """Measure the processor without keys first, then how soon keys show."""
    presses, typist.presses = typist.presses, 0
    run: Run = run_in_pty(
        command,
        size=SIZE,
        seconds=typist.settle + seconds,
        settle=typist.settle,
        terminal=typist,
        env=env,
    )
    told = "- | -"
    if presses:
        typing = Typist(
            key=typist.key, shows=typist.shows, back=typist.back, presses=presses, settle=typist.settle
        )
        run_in_pty(command, size=SIZE, seconds=typing.settle + presses * 0.5, terminal=typing, env=env)
        told = typing.told()
    written = run.written / max(run.seconds, 1e-9) / 1e3
    print(f"| {name} | {100 * run.cpu:.1f} % | {written:.1f} | {told} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--presses", type=int, default=100)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--child", nargs="+", metavar="WHAT")
    chosen = parser.parse_args()
    if chosen.child:
        what, *rest = chosen.child
        if what == "ours":
            ours(int(rest[0]), rest[1:])
        elif what == "bare":
            bare()
        elif what == "stock":
            stock(int(rest[0]))
        else:
            headless(what == "engine", rest)
        return
    print(f"_{SIZE[0]}x{SIZE[1]}, 4 streams, load average {os.getloadavg()[0]:.1f} at the start_\n")
    print(
        "| | CPU of one core | KB/s written | key to paint p50 | p99 |\n|---|---:|---:|---:|---:|", flush=True
    )
    with websocket_text() as address, tempfile.TemporaryDirectory() as folder:
        Path(folder, "btop").mkdir()
        Path(folder, "btop/btop.conf").write_text("update_ms = 100\n")
        sources = ["sim:all", address]
        freeze, turn = (
            Typist(key=b" ", shows=b"PAUSED", back=b" ", presses=chosen.presses, settle=settle)
            for settle in (SETTLE, 4.0)
        )
        rows = [
            ("sources without a screen", child("sources", *sources), Typist()),
            ("sources and analysis without a screen", child("engine", *sources), Typist()),
            ("dashboard, 10 Hz", child("ours", "100", *sources), Typist()),
            ("dashboard, 15 Hz, ? opens help", child("ours", "67", *sources), Typist(presses=chosen.presses)),
            ("dashboard, 15 Hz, space freezes", child("ours", "67", *sources), freeze),
            ("dashboard, 30 Hz", child("ours", "33", *sources), Typist()),
            ("detail of text, 15 Hz", child("ours", "67", *sources), Typist(opening=b"d")),
            ("detail of video, 15 Hz", child("ours", "67", *sources), Typist(opening=b"jjd")),
            ("two labels, 15 Hz, space", child("bare"), turn),
            ("stock widgets, 10 Hz", child("stock", "100"), Typist(settle=5.0)),
            (
                "stock widgets, 15 Hz, ? opens help",
                child("stock", "67"),
                Typist(settle=5.0, presses=chosen.presses),
            ),
            ("stock widgets, 30 Hz", child("stock", "33"), Typist(settle=5.0)),
        ]
        if btop := shutil.which("btop"):
            rows.append(("btop, 10 Hz (its most)", [btop, "--utf-force"], Typist(settle=4.0)))
        for name, command, typist in rows:
            if chosen.only in name:
                row(name, command, chosen.seconds, typist, {"XDG_CONFIG_HOME": folder})
    print(f"\n_load average {os.getloadavg()[0]:.1f} at the end_")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    main()
