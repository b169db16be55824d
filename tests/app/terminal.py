"""A real terminal for tests: the command in a pty, its bytes kept and its screen drawn by pyte."""

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pyte

COMMAND = [sys.executable, "-m", "midstream_tui"]


class Terminal:
    """What the program wrote (`raw`), and what a terminal makes of it (`text`)."""

    def __init__(self, pid: int, master: int, size: tuple[int, int]) -> None:
        self.pid, self.master, self.raw = pid, master, bytearray()
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.status: int | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def read(self, seconds: float) -> None:
        """Take what the program writes within `seconds`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.status is None:
            if select.select([self.master], [], [], min(left, 0.05))[0]:
                try:
                    data = os.read(self.master, 65536)
                except OSError:  # the other end is closed
                    data = b""
                if not data:
                    self._reap()
                    return
                self.feed(data)

    def feed(self, data: bytes) -> None:
        """Let the terminal show `data`."""
        self.raw += data
        # pyte does not know the private forms that Textual asks terminals with
        with contextlib.suppress(Exception):
            self._stream.feed(data)

    def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        """Read until `holds()`; fails with the screen when it does not in time."""
        end = time.monotonic() + seconds
        while not holds():
            assert self.status is None, f"ended with {self.status}, screen:\n{self.text}"
            assert time.monotonic() < end, f"not seen, screen:\n{self.text}"
            self.read(0.1)

    def see(self, text: str, seconds: float = 30.0) -> None:
        """Read until `text` is on the screen."""
        self.until(lambda: text in self.text, seconds)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def ended(self, seconds: float = 15.0) -> int:
        """Read until the program has ended; return its exit status."""
        end = time.monotonic() + seconds
        while self.status is None:
            assert time.monotonic() < end, f"still running, screen:\n{self.text}"
            self.read(0.1)
            self._reap(block=False)
        return self.status

    def _reap(self, block: bool = True) -> None:
        if self.status is None:
            done, status = os.waitpid(self.pid, 0 if block else os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(status)


@contextmanager
def terminal(
    arguments: Sequence[str], size: tuple[int, int] = (120, 40), stdin: int | None = None
) -> Iterator[Terminal]:
    """Run the command with `arguments` in a pty; ends it, by its id, when the block is left."""
    pid, master = pty.fork()
    if pid == 0:
        if stdin is not None:
            os.dup2(stdin, 0)
        # An explicit environment: readline, which pytest loads, puts LINES and COLUMNS behind os.environ's back.
        own = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        env = {
            name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")
        }
        os.execve(COMMAND[0], [*COMMAND, *arguments], env | own)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    session = Terminal(pid, master, size)
    try:
        yield session
    finally:
        if session.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            session._reap()
        os.close(master)
