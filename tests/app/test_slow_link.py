"""The dashboard over a slow way to its terminal: late by little, ever; it says so; keys answer; memory stays."""

from __future__ import annotations

import os
import re
import select
import time
from collections import deque
from pathlib import Path

from midstream_tui.outlet import LOST, QUESTION, Outlet

from .terminal import Terminal, terminal

ANSWER = b"\x1b[?2026;2$y"
CLOCK = r"(\d\d):(\d\d):(\d\d) *$"
RATE = 50_000
SIZE = (200, 60)
WORST = 6
"""Seconds. A frame of this screen, with its picture, takes one; where nothing holds it back forty are on their way."""


class Link:
    """Gives a terminal `rate` bytes a second of what the program writes; `room` bytes may be on their way.

    With much room a program is not made to wait, as over ssh; then only the terminal's answers tell how far it is.
    """

    def __init__(self, screen: Terminal, rate: float, room: int = 0, answers: bool = False) -> None:
        self.screen, self.rate, self.answers = screen, rate, answers
        self.room = max(room, int(rate / 20))
        self._way: deque[bytes] = deque()
        self._on_way = self.most = 0
        self._last = time.monotonic()
        self._credit = 0.0

    def carry(self, seconds: float) -> None:
        """Carry for so long."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self._credit = min(self._credit + (now - self._last) * self.rate, self.rate / 20)
            self._last = now
            self._take()
            while self._way and self._credit >= len(self._way[0]):
                data = self._way.popleft()
                self._credit -= len(data)
                self._on_way -= len(data)
                self._show(data)
            time.sleep(0.01)

    def _take(self) -> None:
        while self._on_way <= self.room and select.select([self.screen.master], [], [], 0)[0]:
            data = os.read(self.screen.master, 512)
            self._way.append(data)
            self._on_way += len(data)
            self.most = max(self.most, self._on_way)

    def _show(self, data: bytes) -> None:
        self.screen.feed(data)
        if self.answers:
            # a question may lie across two reads: it is looked for where it ends
            tail = bytes(self.screen.raw[-len(data) - len(QUESTION) + 1 :])
            for _ in range(tail.count(QUESTION.encode())):
                self.screen.press(ANSWER)

    @property
    def lag(self) -> float:
        """Seconds that the clock of the title line is behind, at least."""
        found = re.search(CLOCK, self.title)
        assert found, self.screen.text
        hours, minutes, seconds = map(int, found.groups())
        now = time.localtime()
        behind = (now.tm_hour - hours) * 3600 + (now.tm_min - minutes) * 60 + now.tm_sec - seconds
        return behind % 86400

    @property
    def title(self) -> str:
        return self.screen.text.splitlines()[0]

    def until(self, pattern: str, seconds: float = 30.0, title: bool = False) -> None:
        """Carry until `pattern` is found on the screen, or in the title line."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.title if title else self.screen.text):
            assert time.monotonic() < end, f"{pattern!r} not seen:\n{self.screen.text}"
            self.carry(0.05)


def test_a_lost_answer_holds_up_once_and_an_answer_is_trusted_again() -> None:
    now = 0.0
    with open(os.devnull, "w", encoding="utf-8") as file:
        outlet = Outlet(file, lambda: None, lambda: now)
        assert outlet.question() == ""  # a terminal that never answered is not asked
        outlet.answered()
        assert outlet.question() == QUESTION
        now = 0.09
        assert not outlet.behind()
        now = 0.2
        assert outlet.behind()
        outlet.answered()
        assert not outlet.behind()
        assert outlet.question() == ""  # not so soon
        now = 1.0
        assert outlet.question() == QUESTION
        now += LOST - 0.1
        assert outlet.behind()
        assert outlet.again() == QUESTION
        assert outlet.again() == ""
        now += 0.2
        assert not outlet.behind()
        now += LOST
        assert outlet.question() == QUESTION
        now += 1.0
        assert not outlet.behind()  # held up by this one no more
        outlet.answered()
        now += LOST
        assert outlet.question() == QUESTION
        now += 1.0
        assert outlet.behind()


def test_a_terminal_that_answers_gets_no_more_than_a_window_ahead() -> None:
    now = 0.0
    with open(os.devnull, "w", encoding="utf-8") as file:
        outlet = Outlet(file, lambda: None, lambda: now)
        outlet.answered()
        outlet.queued(100_000)
        assert outlet.question()
        assert outlet.waiting == 0.0
        assert outlet.behind()
        outlet.answered()
        assert not outlet.behind()


def test_a_link_that_was_slow_is_behind_at_its_first_sign_for_a_while() -> None:
    now = 0.0
    with open(os.devnull, "w", encoding="utf-8") as file:
        outlet = Outlet(file, lambda: None, lambda: now)
        outlet._writing = 0.0
        now = 0.02
        assert not outlet.behind()  # a fast one may be as late
        now = 0.06
        assert outlet.behind()
        outlet._writing, now = 1.0, 1.01
        assert outlet.behind()
        outlet._writing, now = 20.0, 20.01
        assert not outlet.behind()


def memory(pid: int) -> float:
    """Resident memory in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def settled_memory(link: Link, seconds: float = 30.0) -> float:
    """Resident memory in MB once kernels and screens are loaded, which takes a busy machine its time."""
    pid, end = link.screen.pid, time.monotonic() + seconds
    now = memory(pid)
    while True:
        link.carry(2.0)
        before, now = now, memory(pid)
        if now < before + 2 or time.monotonic() > end:
            return now


def test_a_slow_pty_gets_no_backlog() -> None:
    with terminal(["sim:all", "--refresh", "50"], SIZE) as screen:
        link = Link(screen, RATE)
        link.until(r"sim-video +video")
        screen.press(b"jjd")
        link.until(rf"› sim-video.*slow link: every.*{CLOCK}", title=True)
        begun = settled_memory(link)
        lags = []
        for _ in range(20):
            link.carry(0.5)
            lags.append(link.lag)
        assert max(lags) <= WORST, lags
        assert memory(screen.pid) < begun + 40
        screen.press(b"?")
        link.until("Keys of this screen", WORST)
        screen.press(b"q")


def test_a_way_with_room_for_minutes_gets_no_backlog_either_where_the_terminal_answers() -> None:
    with terminal(["sim:all", "--refresh", "50"], SIZE) as screen:
        link = Link(screen, RATE, room=2_000_000, answers=True)
        link.until(r"sim-video +video")
        screen.press(b"jjd")
        link.until(rf"› sim-video.*slow link: every.*{CLOCK}", title=True)
        link.most = 0
        lags = []
        for _ in range(8):
            link.carry(0.5)
            lags.append(link.lag)
        assert max(lags) <= WORST, lags
        assert link.most < WORST * RATE
        screen.press(b"?")
        link.until("Keys of this screen", WORST)
        screen.press(b"q")


def test_a_fast_link_is_left_alone() -> None:
    with terminal(["sim:all"]) as screen:
        raw, end = bytearray(), time.monotonic() + 40
        while raw.count(b"\x1b[?2026h") < 60:  # paints, once it knows that the terminal can take them as one
            assert time.monotonic() < end, f"{len(raw)} bytes written"
            if select.select([screen.master], [], [], 0.1)[0]:
                new = os.read(screen.master, 65536)
                raw += new
                tail = raw[-len(new) - len(QUESTION) + 1 :]
                screen.press(ANSWER * tail.count(QUESTION.encode()))
        assert raw.count(QUESTION.encode()) > 3
        assert b"slow link" not in raw
        screen.press(b"q")
