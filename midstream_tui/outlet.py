"""The terminal's side of the app: what was written is counted until the terminal has taken it, and it may go away.

Textual's driver writes through a thread with a queue of thirty writes. A slow terminal fills it, and then the event
loop waits; a closed one ends the thread, and then leaving waits for ever. Here neither happens: the queue has no end,
for nothing is painted while output waits (`behind`), and a terminal that is gone or takes nothing is given up.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.messages import TerminalSupportsSynchronizedOutput

LATE, ANSWER_LATE = 0.05, 0.1
"""Seconds that a write may wait, or an answer be later than the fastest one, before the link is behind."""
SOON, WARY = 0.005, 10.0
"""Seconds that a write may wait within so many of one that waited: a link that was slow is taken at its first sign."""
ASK_EVERY, ASK_BEHIND = 0.5, 8192
"""Seconds, or characters written, after which the terminal is asked again how far it is."""
WINDOW = (32768, 1 << 20)
"""Least and most characters on their way to a terminal that answers: doubled by an answer in time, halved by a late
one, as TCP's congestion window is."""
FARTHEST = 0.5
"""Seconds that the way there and back takes at most; more than that is waiting."""
AGAIN, LOST = 1.5, 10.0
"""Seconds after which a question is put again, and after which an answer is not waited for any more."""
GRACE = 3.0
"""Seconds that a leaving app waits for the terminal to take what gives it back."""
QUESTION = "\x1b[?2026$p"  # DECRQM: a terminal that knew it at the start answers it always
_CHUNK, _GATHER = 8192, 32768


class Outlet:
    """A text file over a terminal's descriptor for the writer thread, and what is known of the way to the terminal.

    Two signs tell that it lags: the descriptor takes nothing more (a local pty, a serial line), or the terminal's
    answer to a question put behind a paint is late: ssh alone keeps two megabytes on their way before a write waits.
    """

    def __init__(
        self, file: TextIO, lost: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fd = file.fileno()
        self._encoding = file.encoding or "utf-8"
        self._lost, self._clock = lost, clock
        self._parts: list[bytes] = []
        self._gathered = 0
        self._queued = 0  # characters, in all
        self._writing: float | None = None  # since when
        self._slow_at = -WARY
        self._asked: float | None = None
        self._next_question = self._again_at = 0.0
        self._asked_at = self._shown = 0  # `_queued` at the question, and at the last that was answered
        self._window = WINDOW[0]
        self._answers: deque[float] = deque(maxlen=600)  # seconds each
        self._trusted = True
        self.answers = False
        """Whether this terminal answers questions."""
        self.gone = False
        """Whether the terminal is no more."""
        self.given_up = threading.Event()

    # -- what is on its way

    def queued(self, characters: int) -> None:
        """So much was handed to the writer thread."""
        self._queued += characters

    @property
    def waiting(self) -> float:
        """Seconds that the writer thread has been at what it writes; 0.0 when the terminal has taken all.

        Output that the thread has not come to is not counted: that would be our own slowness.
        """
        since = self._writing
        return 0.0 if since is None or self.gone else self._clock() - since

    def behind(self) -> bool:
        """Whether more output now would only be late."""
        waiting, now = self.waiting, self._clock()
        if waiting > (SOON if now - self._slow_at < WARY else LATE):
            self._slow_at = now
            return True
        self._forget_lost()
        asked = self._asked
        if asked is None or not self._trusted:
            return False
        return self._late(self._clock() - asked) or self._queued - self._shown > self._window

    def _late(self, seconds: float) -> bool:
        return seconds > min(FARTHEST, min(self._answers, default=0.0)) + ANSWER_LATE

    def _forget_lost(self) -> None:
        """An answer lost on its way, say by a multiplexer without a client, holds up once and then no more."""
        asked = self._asked  # an answer may come in between, on the thread that reads
        if asked is not None and self._clock() - asked > LOST:
            self._asked, self._trusted = None, False

    # -- questions

    def question(self) -> str:
        """What to write behind a paint: a question when one is due, else ""."""
        now = self._clock()
        self._forget_lost()
        if not self.answers or self._asked is not None or self.given_up.is_set():
            return ""
        much = self._trusted and self._queued - self._asked_at >= ASK_BEHIND
        if now < self._next_question and not much:
            return ""
        self._asked, self._next_question = now, now + (ASK_EVERY if self._trusted else LOST)
        self._asked_at = self._queued
        return QUESTION

    def again(self) -> str:
        """What to write while nothing is painted: the question once more when its answer is overdue, else ""."""
        now = self._clock()
        if self._asked is None or not self._trusted or now - max(self._asked, self._again_at) < AGAIN:
            return ""
        self._again_at = now
        return QUESTION

    def answered(self) -> None:
        """The terminal has answered, and so has shown everything before the question."""
        asked, self._asked = self._asked, None
        self.answers = self._trusted = True
        if asked is not None:
            took, self._shown = self._clock() - asked, self._asked_at
            window = self._window // 2 if self._late(took) else 2 * self._window
            self._window = max(WINDOW[0], min(WINDOW[1], window))
            self._answers.append(took)

    @property
    def unanswered(self) -> bool:
        """Whether an answer may still come."""
        return self._asked is not None

    # -- the file of the writer thread

    def fileno(self) -> int:
        return self._fd

    def write(self, text: str) -> int:
        data = text.encode(self._encoding, "replace")
        self._parts.append(data)
        self._gathered += len(text)
        if self._gathered >= _GATHER:
            self.flush()
        return len(text)

    def flush(self) -> None:
        data = b"".join(self._parts)
        self._parts, self._gathered = [], 0
        self._writing = self._clock()
        self._push(memoryview(data))
        self._writing = None

    def _push(self, data: memoryview) -> None:
        while data and not self.gone and not self.given_up.is_set():
            try:
                if select.select([], [self._fd], [], 0.1)[1]:
                    data = data[os.write(self._fd, data[:_CHUNK]) :]
            except BlockingIOError:
                time.sleep(0.005)  # somebody else made the terminal non-blocking
            except (OSError, ValueError):
                self.lose()

    def look(self) -> None:
        """Notice a terminal that was closed while nothing is written to it."""
        poll = select.poll()
        poll.register(self._fd, 0)
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
            self.lose()

    def lose(self) -> None:
        """The terminal is gone: say so once; whatever comes is thrown away."""
        if not self.gone:
            self.gone = True
            self._lost()


class TerminalDriver(LinuxDriver):
    """Textual's driver over an `Outlet`. Leaving takes a few seconds at most, whatever the terminal does."""

    outlet: Outlet

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._update: list[str] = []  # of the event loop alone

    def start_application_mode(self) -> None:
        if not hasattr(self, "outlet"):
            assert self._file is not None
            self.outlet = Outlet(self._file, self._gone)
            self._file = self.outlet  # type: ignore[assignment]
        self.outlet.given_up.clear()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None:
            self._writer_thread._queue.maxsize = 0  # see above: bounded by not painting

    def write(self, data: str) -> None:
        """Hand `data` to the writer thread; a synchronised update, which Textual writes in three, as one."""
        if data == SYNC_START or self._update:
            self._update.append(data)
            if data != SYNC_END:
                return
            data = "".join(self._update)
            self._update.clear()
        self.outlet.queued(len(data))
        super().write(data)

    def process_message(self, message: Message) -> None:
        if isinstance(message, TerminalSupportsSynchronizedOutput):
            known = self.outlet.answers
            self.outlet.answered()
            if known:
                return  # an answer to us; the app knows since the first
        super().process_message(message)

    def run_input_thread(self) -> None:
        try:
            super().run_input_thread()
        except OSError:
            self.outlet.lose()

    def stop_application_mode(self) -> None:
        end = time.monotonic() + 1.0
        while self.outlet.unanswered and not self.outlet.gone and time.monotonic() < end:
            time.sleep(0.01)  # else the answer would be typed into the shell
        super().stop_application_mode()

    def close(self) -> None:
        thread = self._writer_thread
        if thread is None:
            return
        thread._queue.put(None)
        thread.join(0.2 if self.outlet.gone else GRACE)
        self.outlet.given_up.set()
        thread.join(0.3)

    def _gone(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._app.exit)
        except RuntimeError:  # the loop is closed: we are leaving
            return
