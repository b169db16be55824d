"""The command in a real terminal: nothing hostile gets through, and the terminal is always given back."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest

from .terminal import Terminal, terminal

HOSTILE = {
    "osc 52 clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "osc 0 title": "\x1b]0;evil title\x1b\\",
    "c1 csi clear": "\x9b2J",
    "csi clear": "\x1b[2J\x1b[31mred",
    "dcs": "\x1bPq#0;2;0;0;0\x1b\\",
    "apc": "\x1b_Gevil\x1b\\",
    "bell and backspace": "\x07\x08\x08",
    "bidi": "\u202eoverride\u2066",
    "8-bit osc": "\x9d8;;http://evil\x9c",
}
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h")  # the alternate screen is left, the cursor shows


def given_back(screen: Terminal) -> bool:
    return all(screen.raw.rfind(code) > screen.raw.rfind(b"\x1b[?1049h") for code in RESTORED)


def test_hostile_bytes_never_reach_the_terminal(tmp_path: Path) -> None:
    lines = [f"BEGIN{n} {payload} END{n}" for n, payload in enumerate(HOSTILE.values())]
    lines += ["[/bold] closes nothing", "[@click=app.quit]no link[/]", "LAST LINE"]
    file = tmp_path / "hostile\x1b[41m.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    with terminal([str(file)], size=(120, 70)) as screen:
        screen.see("LAST LINE")
        screen.read(0.5)
        raw = bytes(screen.raw)
        for payload in (
            b"]52;",
            b"evil title",
            b"\x1b[2J\x1b[31m",
            b"\x1bPq",
            b"\x1b_G",
            b"\x08",
            b";http://evil",
        ):
            assert payload not in raw, payload
        text = raw.decode("utf-8")
        assert not set(text) & {"\x9b", "\x9d", "\x9c", "\u202e", "\u2066"}
        assert "\x07" not in re.sub(r"\x1b]22;\w*\x07", "", text)  # Textual's own pointer shapes
        assert "\x1b[41m" not in text
        for shown in ("BEGIN0", "END0", "[/bold] closes nothing", "[@click=app.quit]no link[/]"):
            assert shown in screen.text
        screen.press(b"q")
        assert screen.ended() == 0


@pytest.mark.parametrize("how", ["q", "ctrl+c", "SIGTERM", "SIGINT", "SIGHUP"])
def test_the_terminal_is_always_given_back(how: str) -> None:
    with terminal(["sim:text"]) as screen:
        screen.see("sim:text")
        if how.startswith("SIG"):
            screen.kill(getattr(signal, how))
        else:
            screen.press(b"q" if how == "q" else b"\x03")
        assert screen.ended() == 0
        assert given_back(screen)


def test_a_pipe_is_watched_while_keys_come_from_the_terminal() -> None:
    read, write = os.pipe()
    with terminal(["-"], stdin=read) as screen:
        os.close(read)
        os.write(write, b"a line through the pipe\n")
        screen.see("a line through the pipe")
        screen.press(b" ")
        screen.see("PAUSED")
        screen.press(b" ")
        os.write(write, b'{"text": "a reward", "role": "assistant", "reward": 0.75}\n')
        screen.see("a reward")
        screen.see("0.750")
        os.close(write)
        screen.see("ended")
        screen.press(b"q")
        assert screen.ended() == 0
        assert given_back(screen)


def test_without_a_source_the_picker_opens() -> None:
    with terminal([]) as screen:
        screen.see("A source is one of")
        screen.press(b"sim:text\r")
        screen.see("sim:text")
        screen.see("simulated")
        screen.press(b"q")
        assert screen.ended() == 0


def test_a_duration_ends_the_demo_by_itself() -> None:
    with terminal(["demo", "--mode", "text", "--duration", "2"]) as screen:
        assert screen.ended(30) == 0
        assert given_back(screen)


def test_without_a_terminal_it_says_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "midstream_tui", "sim:text"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "probe" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def gone_within(process: subprocess.Popen[bytes], seconds: float = 12.0) -> int:
    """The exit status of a process that is to end; it is ended if it does not."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@contextmanager
def painting(*, controlling: bool) -> Iterator[tuple[subprocess.Popen[bytes], FileIO]]:
    """The dashboard, painting into a pty: its process and the pty's master, which sends SIGHUP when `controlling`."""
    descriptor, slave = os.openpty()
    master = FileIO(descriptor, "r+")
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    script = "import fcntl, runpy, termios\n"
    script += "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n" if controlling else ""
    script += "import sys; sys.argv = ['midstream-tui', 'sim:all', '--duration', '600']\n"
    script += "runpy.run_module('midstream_tui', run_name='__main__')\n"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color"},
    )
    os.close(slave)
    try:
        seen = b""
        while b"sim-video" not in seen:
            assert select.select([master], [], [], 30)[0], "nothing was painted"
            seen += master.read(65536)
        yield process, master
    finally:
        master.close()
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.parametrize("controlling", [True, False], ids=["SIGHUP", "no signal"])
def test_it_ends_when_its_terminal_is_closed(controlling: bool) -> None:
    with painting(controlling=controlling) as (process, master):
        master.close()
        assert gone_within(process) == 0


def test_it_ends_though_its_terminal_takes_nothing_any_more() -> None:
    with painting(controlling=False) as (process, _):
        time.sleep(4.0)  # nobody reads: the pty is full, and so would be a queue of thirty writes
        process.send_signal(signal.SIGTERM)
        assert gone_within(process) == 0


def test_ctrl_z_stops_it_and_all_of_the_screen_comes_back() -> None:
    with terminal(["sim:text"]) as screen:
        screen.see("simulated")
        screen.press(b"\x1a")
        stat = Path(f"/proc/{screen.pid}/stat")
        screen.until(lambda: given_back(screen) and stat.read_text().rpartition(")")[2].split()[0] == "T")
        mark = len(screen.raw)
        screen.kill(signal.SIGCONT)
        for title in (
            "System Metrics",
            "Stream Metrics",
            "Recent Messages",
            "Quit",
        ):  # things that never change
            screen.until(lambda title=title: title.encode() in screen.raw[mark:])
        screen.press(b"q")
        assert screen.ended() == 0
        assert given_back(screen)


def test_what_another_program_wrote_goes_with_ctrl_l(tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("the only line\n", encoding="utf-8")
    with terminal([str(file)]) as screen:
        screen.see("the only line")
        screen.until(lambda: "ended" in screen.text)
        screen.read(1.0)
        screen.feed(b"\x1b7\x1b[20;10HBroadcast message\x1b8")
        screen.read(0.5)
        assert "Broadcast message" in screen.text
        screen.press(b"\x0c")
        screen.until(lambda: "Broadcast message" not in screen.text, 10.0)
        assert "the only line" in screen.text
        screen.press(b"q")
        assert screen.ended() == 0
