"""Run a program in a real pty and measure it from outside: CPU, resident memory, bytes written to the terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, field

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Run:
    """What was seen of one run. ``cpu`` is of one core, over the time between `settle` and the end."""

    seconds: float
    cpu: float
    written: int
    first_paint: float | None
    memory: list[float] = field(default_factory=list)
    """Resident memory in MB, once a second."""
    status: int = 0


def _cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int) -> float:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * PAGE / 1e6


def run_in_pty(
    command: list[str],
    *,
    size: tuple[int, int] = (160, 48),
    seconds: float = 10.0,
    settle: float = 0.0,
    until: Callable[[bytes], bool] | None = None,
    env: dict[str, str] | None = None,
    terminal: Callable[[int, bytes], object] | None = None,
    born: Callable[[int], object] | None = None,
    over: Callable[[], bool] | None = None,
) -> Run:
    """Run `command` for `seconds` (it is then sent SIGTERM), or until `until(all output so far)` is true.

    `terminal(master, data)` is called with what was written, or with nothing some twenty times a second, and may write.
    `born` is told the program's process id; when `over()` is true the run ends before its time.
    """
    started = time.perf_counter()
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, **(env or {}))
        os.execvp(command[0], command)
    if born is not None:
        born(pid)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    seen = bytearray()
    run = Run(0.0, 0.0, 0, None)
    base: tuple[float, float, int] | None = None
    sampled = started
    try:
        while (now := time.perf_counter()) - started < seconds and not (over is not None and over()):
            if base is None and now - started >= settle:
                base = (now, _cpu_seconds(pid), run.written)
            if now - sampled >= 1.0:
                sampled = now
                run.memory.append(_memory(pid))
            ready, _, _ = select.select([master], [], [], 0.05)
            if not ready:
                if terminal is not None:
                    terminal(master, b"")
                continue
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            run.written += len(data)
            if terminal is not None:
                terminal(master, data)
            if until is not None and run.first_paint is None:
                seen += data
                if until(bytes(seen)):
                    run.first_paint = time.perf_counter() - started
                    break
        if base is not None:
            run.seconds = time.perf_counter() - base[0]
            run.cpu = (_cpu_seconds(pid) - base[1]) / run.seconds
            run.written -= base[2]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        run.status = _reap(pid, master)
        os.close(master)
    return run


def _reap(pid: int, master: int) -> int:
    """Read the terminal empty until the child has ended, killing it after five seconds."""
    end = time.perf_counter() + 5
    while time.perf_counter() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if select.select([master], [], [], 0.05)[0]:
            with contextlib.suppress(OSError):
                os.read(master, 65536)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


PYTHON = sys.executable
