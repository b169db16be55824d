"""Record a walk through the real app: `python screenshots/cast.py`, which writes walk.cast and walk.webp beside it.

The cast is asciicast v2 (docs.asciinema.org/manual/asciicast/v2): `asciinema play` shows it. The film is drawn from it:
the bytes go through pyte, each screen through Rich and `rsvg-convert` (Debian librsvg2-bin).
"""

from __future__ import annotations

import argparse
import codecs
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
from PIL import Image
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from midstream_tui.export_png import renderer
from midstream_tui.svg_cells import on_grid

HERE = Path(__file__).parent
SIZE = (100, 30)
COMMAND = [sys.executable, "-m", "midstream_tui", "demo", "--refresh", "333"]
WALK: list[tuple[float, bytes]] = [
    (5.0, b"a"),  # the dashboard, then all streams
    (1.8, b"j"),
    (0.5, b"j"),
    (1.2, b"\r"),  # the pictures in depth
    (3.5, b"N"),
    (3.5, b"N"),  # the sound
    (3.0, b"L"),  # the conversation, and its messages
    (1.5, b"/"),
    *((0.2, bytes([letter])) for letter in b"role:user"),
    (1.5, b"\r"),
    (1.0, b"\x1b"),
    (0.7, b"\x1b"),
    (0.7, b"\x1b"),
    (1.0, b" "),  # freeze
    (2.5, b" "),
    (1.5, b"q"),
]
"""Seconds to wait, and then what is typed."""
_ASKS = re.compile(rb"\x1b\[\?[0-9;]*\$p|\x1b\[\?u|\x1b\[[0-9;]*[cn]|\x1b\[>[0-9;]*q|\x1b_G[^\x1b]*\x1b\\")
"""Questions to the terminal: one that plays the cast would answer them into the shell."""
_SYNC_ASKED, _SYNC_KNOWN = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
"""Synchronized output (DEC mode 2026): what is painted in one go is marked so, and no film shows half of it."""
_PRIVATE = re.compile(
    r"\x1b\[[<>=][0-9;]*[A-Za-z]|\x1b\[\?[0-9;]*[\$a-gi-km-z]+|\x1b[PX^_\]][^\x1b\x07]*(\x1b\\|\x07)"
)
"""What pyte does not know."""
FRAME, WIDTH, QUALITY = 0.4, 900, 75
"""Seconds of a picture of the film, its width in pixels, and WebP's quality."""
_BLACK = TerminalTheme((13, 17, 23), (215, 221, 229), [(0, 0, 0)] * 8, [(0, 0, 0)] * 8)
Event = tuple[float, str]


def record() -> list[Event]:
    """Run the walk in a pty; what it wrote as (seconds since its first output, text).

    Raises:
        RuntimeError: it did not end as it should.
    """
    with tempfile.TemporaryDirectory() as folder:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MIDSTREAM_", "OPENAI_", "NO_COLOR"))}
        env |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TZ": "UTC", "XDG_CONFIG_HOME": folder}
        env |= {"MIDSTREAM_STATE_DIR": folder, "PYTHONPATH": os.pathsep.join(sys.path)}
        env.pop("COLUMNS", None)
        env.pop("LINES", None)
        pid, master = pty.fork()
        if pid == 0:
            os.execve(COMMAND[0], COMMAND, env)
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        try:
            events = list(_walk(master))
            _, status = os.waitpid(pid, 0)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        finally:
            os.close(master)
    if status:
        raise RuntimeError(f"the app ended with {os.waitstatus_to_exitcode(status)}")
    return events


def _walk(master: int) -> Iterator[Event]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    first: float | None = None
    steps = iter(WALK)
    wait, keys = next(steps)
    due, last = time.monotonic() + wait, False
    while True:
        now = time.monotonic()
        if now >= due and not last:
            os.write(master, keys)
            wait, keys = next(steps, (15.0, b""))
            due, last = now + wait, not keys
        elif now >= due:
            raise RuntimeError("the app did not end")
        if not select.select([master], [], [], min(0.05, max(0.0, due - now)))[0]:
            continue
        time.sleep(0.01)  # what is painted together is read together
        try:
            data = os.read(master, 1 << 20)
        except OSError:  # the other end is closed
            return
        if not data:
            return
        if _SYNC_ASKED in data:
            os.write(master, _SYNC_KNOWN)
        if first is None:
            first = time.monotonic()
            due = first + wait
        yield time.monotonic() - first, decoder.decode(_ASKS.sub(b"", data))


def write_cast(events: list[Event], path: Path) -> None:
    """Write `events` as asciicast v2."""
    head = {"version": 2, "width": SIZE[0], "height": SIZE[1], "title": "midstream-tui demo"}
    head["env"] = {"TERM": "xterm-256color"}
    lines = [json.dumps(head), *(json.dumps([round(at, 3), "o", text]) for at, text in events)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_cast(path: Path) -> list[Event]:
    """The output of a cast that `write_cast` wrote."""
    return [(at, text) for at, _, text in map(json.loads, path.read_text(encoding="utf-8").splitlines()[1:])]


def screens(events: list[Event]) -> Iterator[pyte.Screen]:
    """The screen at every `FRAME` seconds; the same object each time."""
    screen = pyte.Screen(*SIZE)
    stream = pyte.Stream(screen)
    due = FRAME
    whole = True
    for at, text in events:
        while at >= due and whole:
            if any(line.strip() for line in screen.display):
                yield screen
            due += FRAME
        if "\x1b[?1049l" in text:  # the app has left its screen
            return
        if "\x1b[?2026" in text:
            whole = text.rfind("\x1b[?2026l") > text.rfind("\x1b[?2026h")
        stream.feed(_PRIVATE.sub("", text))


def drawn(screen: pyte.Screen) -> str:
    """The screen as SVG."""
    console = Console(
        record=True, width=SIZE[0], file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for y in range(SIZE[1]):
        line = Text(end="")
        for x in range(SIZE[0]):
            cell = screen.buffer[y][x]
            style = Style(
                color=_colour(cell.fg),
                bgcolor=_colour(cell.bg),
                bold=cell.bold,
                underline=cell.underscore,
                reverse=cell.reverse,
            )
            line.append(cell.data, style)
        console.print(line, soft_wrap=True)
    return console.export_svg(title="midstream-tui demo", theme=_BLACK)


def _colour(name: str) -> str | None:
    return None if name == "default" else f"#{name}" if re.fullmatch("[0-9a-f]{6}", name) else name


def film(events: list[Event], path: Path) -> None:
    """Write the film of `events` as animated WebP: half of a GIF's size, and all colours.

    Raises:
        OSError: no renderer is installed.
    """
    program = renderer()
    if program is None:
        raise OSError("no rsvg-convert here (Debian: librsvg2-bin)")
    pictures: list[Image.Image] = []
    lasts: list[int] = []
    before = ""
    for screen in screens(events):
        svg = on_grid(drawn(screen))
        if svg == before:
            lasts[-1] += round(FRAME * 1000)
            continue
        before = svg
        done = subprocess.run(
            [program, "-w", str(WIDTH)], input=svg.encode(), capture_output=True, check=True
        )
        with Image.open(io.BytesIO(done.stdout)) as picture:
            flat = Image.new("RGB", picture.size, (13, 17, 23))
            flat.paste(picture, mask=picture.getchannel("A"))
        pictures.append(flat)
        lasts.append(round(FRAME * 1000))
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=lasts, loop=0, quality=QUALITY, method=4
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE)
    parser.add_argument("--draw", action="store_true", help="only draw the film of the cast that is there")
    args = parser.parse_args()
    cast = args.folder / "walk.cast"
    if not args.draw:
        write_cast(record(), cast)
    film(read_cast(cast), args.folder / "walk.webp")


if __name__ == "__main__":
    main()
