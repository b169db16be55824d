"""Many streams, long streams, and the screen beside them. Needs ffmpeg. Some two minutes on two cores.

``python benchmarks/streams.py [--most 24] [--seconds 4]`` prints three tables:

- how many 720p30 H.264 + AAC streams are held, each decoded and folded as the dashboard does it, all in one process;
  beside them as many ``ffmpeg -re -i clip -f null -``, a process each, in the same run. Held: the slowest stream shows
  97 % of its frames. CPU is of one core; the decoders' threads are in it.
- resident memory over 100 000 small frames, read as fast as they decode.
- the event loop's lag and the screen's rate in a pty, with four publishers on an RTMP ingest.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pty_run import PAGE, PYTHON, run_in_pty

SETTLE = 2.0
"""Seconds before frames are counted: everything is open by then."""
HELD = 0.97
FPS = 30
FRAMES = 100_000
NULL = subprocess.DEVNULL


def ffmpeg(command: str, path: Path) -> Path:
    """Make the file `path`."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *command.split(), str(path)], check=True)
    return path


def resident() -> float:
    """Resident memory of this process, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def processor(*pids: int) -> float:
    """Seconds of processor time that these processes have had."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


# -- children, each in a process of its own


async def hold(clip: str, count: int, seconds: float) -> dict[str, float]:
    """Play `count` streams in real time into one fold; the frames of the slowest, as a part of those due."""
    from midstream_adapters.base import Options, supervise
    from midstream_adapters.media import MediaFile
    from midstream_tui.session import Session

    class Sink:
        def __init__(self) -> None:
            self.session = Session()

        def emit(self, event: object) -> None:
            self.session.apply(event)

        async def drain(self) -> None:
            await asyncio.sleep(0)

    sink, options = Sink(), Options()
    names = [f"s{n}" for n in range(count)]
    tasks = [
        asyncio.create_task(supervise(MediaFile(Path(clip), name, options), sink, options)) for name in names
    ]

    def frames() -> list[int]:
        streams = sink.session.state().streams
        return [streams[name].video_frames for name in names]

    await asyncio.sleep(SETTLE)
    before, then, spent = frames(), time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    took, spent = time.monotonic() - then, time.process_time() - spent
    slowest = min(b - a for a, b in zip(before, frames(), strict=True))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return {"shown": slowest / (took * FPS), "cpu": spent / took}


async def endure(clip: str) -> dict[str, object]:
    """Read every frame of a long clip as fast as it decodes; the memory on the way."""
    from midstream_adapters.base import Options, supervise
    from midstream_adapters.events import VideoFrame
    from midstream_adapters.media import MediaFile
    from midstream_tui.session import Session

    session, seen, memory = Session(), 0, []

    class Sink:
        def emit(self, event: object) -> None:
            nonlocal seen
            session.apply(event)
            if isinstance(event, VideoFrame):
                seen += 1
                if seen % (FRAMES // 10) == 0:
                    memory.append(round(resident(), 1))

        async def drain(self) -> None:
            return

    began = time.monotonic()
    await supervise(MediaFile(Path(clip), "long", Options(fast=True)), Sink(), Options())
    return {"frames": seen, "memory": memory, "seconds": time.monotonic() - began}


# -- the parent


def child(*arguments: object) -> dict[str, object]:
    """Run this file as a child and return what it says of itself."""
    done = subprocess.run(
        [PYTHON, __file__, "--child", *map(str, arguments)], capture_output=True, check=True
    )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def peers(clip: Path, count: int, seconds: float) -> dict[str, float]:
    """The same with ffmpeg: as many processes, their frames by what they tell on the way."""
    length = f"{SETTLE + seconds + 1:g}"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-re", "-stats_period", "0.02", "-progress", "pipe:1"]
    command += ["-i", str(clip), "-t", length, "-f", "null", "-"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    counts = [0] * count

    def follow(n: int) -> None:
        stream = running[n].stdout
        assert stream is not None
        for line in stream:
            if found := re.fullmatch(r"frame=(\d+)\s*", line):
                counts[n] = int(found[1])

    threads = [threading.Thread(target=follow, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        pids = [process.pid for process in running]
        time.sleep(SETTLE)
        before, then, spent = list(counts), time.monotonic(), processor(*pids)
        time.sleep(seconds)
        took, spent = time.monotonic() - then, processor(*pids) - spent
        slowest = min(b - a for a, b in zip(before, counts, strict=True))
    finally:
        for process in running:
            process.kill()
            process.wait()
        for thread in threads:
            thread.join()
    return {"shown": slowest / (took * FPS), "cpu": spent / took}


def capacity(folder: Path, most: int, seconds: float) -> Iterator[str]:
    """How many streams are held, ours and ffmpeg's by turns."""
    clip = ffmpeg(
        f"-f lavfi -i testsrc2=s=1280x720:r={FPS},noise=alls=12:allf=t -f lavfi -i anoisesrc=a=0.05"
        f" -t {SETTLE + seconds + 8:g} -pix_fmt yuv420p -c:v libx264 -preset veryfast -g {2 * FPS}"
        " -b:v 3M -maxrate 3M -bufsize 3M -c:a aac",
        folder / "720.mp4",
    )
    yield "| 720p30 streams | ours: slowest shows | CPU | ffmpeg: slowest shows | CPU |"
    yield "|---:|---:|---:|---:|---:|"
    held = {"ours": 0, "ffmpeg": 0}
    lost = {"ours": False, "ffmpeg": False}
    for count in (n for n in (1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 32) if n <= most):
        cells = []
        for who in held:
            if lost[who]:
                cells += ["-", "-"]
                continue
            found = child("hold", clip, count, seconds) if who == "ours" else peers(clip, count, seconds)
            cells += [f"{found['shown']:.1%}", f"{found['cpu']:.0%}"]
            if float(str(found["shown"])) >= HELD:
                held[who] = count
            else:
                lost[who] = True
        yield f"| {count} | {' | '.join(cells)} |"
        if all(lost.values()):
            break
    yield f"\nheld: ours {held['ours']}, ffmpeg {held['ffmpeg']} (the last count before frames were late)\n"


def endurance(folder: Path) -> Iterator[str]:
    """Memory over a hundred thousand frames."""
    path = ffmpeg(
        f"-f lavfi -i testsrc=s=64x36:r={FPS} -frames:v {FRAMES} -pix_fmt yuv420p"
        " -c:v libx264 -preset ultrafast -g 60",
        folder / "long.mp4",
    )
    found = child("endure", path)
    memory = found["memory"]
    assert isinstance(memory, list)
    yield f"| frames | {' | '.join(str(FRAMES // 10 * (n + 1)) for n in range(len(memory)))} |"
    yield "|---|" + "---:|" * len(memory)
    yield f"| resident MB | {' | '.join(map(str, memory))} |"
    yield f"\n{found['frames']} frames in {found['seconds']:.1f} s; first to last: {memory[-1] - memory[0]:+.1f} MB\n"


def screen(folder: Path, seconds: float, publishers: int = 4) -> Iterator[str]:
    """The dashboard in a pty while publishers, whose media is only copied, push 720p30 to its ingest."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clip, out = folder / "720.mp4", folder / "lag.json"
    running: list[subprocess.Popen[bytes]] = []
    over = threading.Event()

    def push() -> None:
        while not over.wait(0.2):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
                break
        for n in range(publishers if not over.is_set() else 0):
            command = f"ffmpeg -nostdin -v quiet -re -stream_loop -1 -i {clip} -c copy -f flv"
            running.append(subprocess.Popen([*command.split(), f"rtmp://127.0.0.1:{port}/live/cam{n}"]))

    pushing = threading.Thread(target=push)
    pushing.start()
    flood = str(Path(__file__).with_name("flood.py"))
    source = f"rtmp+listen://127.0.0.1:{port}/live"
    command = [
        PYTHON,
        flood,
        "--child",
        str(out),
        "--rate",
        "0",
        "--seconds",
        f"{seconds:g}",
        "--source",
        source,
    ]
    settle = min(8.0, seconds / 3)
    try:
        run = run_in_pty(command, seconds=seconds + settle + 30, settle=settle)
    finally:
        over.set()
        pushing.join()
        for process in running:
            process.kill()
            process.wait()
    if not out.exists():
        yield "no result: the dashboard did not come up"
        return
    found = json.loads(out.read_text())
    rate = found["video_frames"] / found["video_seconds"]
    yield "| live streams | frames/s in all | loop lag p50 | p99 | most | paints/s | CPU | dropped |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|"
    lags = " | ".join(f"{found[f'lag_{name}_ms']} ms" for name in ("p50", "p99", "max"))
    yield (
        f"| {publishers} | {rate:.0f} | {lags} | {found['paints_per_s']} | {run.cpu:.0%} | {found['dropped']} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--child", nargs="+")
    args = parser.parse_args()
    if args.child:
        name, clip, *rest = args.child
        job = hold(clip, int(rest[0]), float(rest[1])) if name == "hold" else endure(clip)
        print(json.dumps(asyncio.run(job)))
        return
    began = time.monotonic()
    print(f"_{os.cpu_count()} cores; load average before: {os.getloadavg()[0]:.1f}; others slow both_\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in (capacity(folder, args.most, args.seconds), endurance(folder), screen(folder, 15.0)):
            for line in part:
                print(line, flush=True)
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    main()
