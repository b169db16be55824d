"""First paint of the dashboard beside that of an empty Textual app, alternately, in a real pty.

``python benchmarks/first_paint.py [--runs 9]`` prints both medians and their ratio (target: at most 1.3).
"""

from __future__ import annotations

import argparse
import statistics

from pty_run import PYTHON, run_in_pty

EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("READY")
Empty().run()
"""
COMMANDS = {
    "empty app": ([PYTHON, "-c", EMPTY], b"READY"),
    "dashboard": ([PYTHON, "-m", "midstream_tui", "sim:text"], b"Recent Messages"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for n in range(runs + 1):
        for name, (command, mark) in COMMANDS.items():
            run = run_in_pty(command, seconds=30, until=lambda seen, mark=mark: mark in seen)
            if n and run.first_paint is not None:  # the first round warms the disk
                took[name].append(run.first_paint)
    medians = {name: statistics.median(times) for name, times in took.items()}
    for name, median in medians.items():
        print(f"{name:<10} {median * 1e3:7.0f} ms  (median of {len(took[name])})")
    print(f"ratio      {medians['dashboard'] / medians['empty app']:7.2f}")


if __name__ == "__main__":
    main()
