"""20 000 text events a second into the dashboard in a real pty: loop lag, paints, drops, memory, CPU.

``python benchmarks/flood.py [--rate 20000] [--seconds 30]`` prints a line of JSON and a table of CPU by refresh rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from pty_run import PYTHON, run_in_pty

TEXT = "the quick brown fox jumps over the lazy dog and then it rests"
WORDS = TEXT.split()


async def _produce(app, rate: float) -> None:
    """A source in the loop, as a socket reader would be: a burst every 5 ms, then it waits for room."""
    from midstream_adapters.events import Kind, Provenance, State, StateChanged, StreamOpened, TextChunk
    from midstream_adapters.sanitize import CleanSink

    sink, clock = CleanSink(app.bus), time.monotonic
    sink.emit(StreamOpened("flood", clock(), "flood", frozenset({Kind.TEXT}), Provenance.LIVE))
    sink.emit(StateChanged("flood", clock(), State.LIVE))
    began, sent = clock(), 0
    while True:
        due = int((clock() - began) * rate)
        for n in range(sent, min(due, sent + 2000)):
            text = f"{WORDS[n % len(WORDS)]} {WORDS[n * 7 % len(WORDS)]} {n}"
            sink.emit(TextChunk("flood", clock(), text, "assistant", tokens=3, nbytes=len(text)))
        sent = max(sent, min(due, sent + 2000))
        app.sent = sent
        await sink.drain()
        await asyncio.sleep(0.005)


def child(rate: float, seconds: float, refresh: int, source: str, out: str) -> None:
    """The dashboard under load; writes what it measured of itself to `out` when it ends."""
    from midstream_tui.app import MidStreamApp
    from midstream_tui.config import RecentSources
    from midstream_tui.hub import Hub

    app = MidStreamApp(
        Hub(), [source] if source else [], refresh_ms=refresh, recent=RecentSources(Path(out).parent)
    )
    app.sent = 0
    lags: list[float] = []
    paints = 0
    paint = app.paint

    def counted() -> None:
        nonlocal paints
        paints += 1
        paint()

    app.paint = counted

    async def lag() -> None:
        await asyncio.sleep(min(8.0, seconds / 3))  # start-up (imports, compiling) is another benchmark's
        nonlocal paints
        paints, began, shown = 0, time.perf_counter(), app.hub.session.state().streams
        while time.perf_counter() - began < seconds:
            due = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - due)
        took = time.perf_counter() - began
        lags.sort()
        session = app.hub.session
        before = sum(stream.video_frames for stream in shown.values())
        frames = sum(stream.video_frames for stream in session.state().streams.values()) - before
        Path(out).write_text(
            json.dumps(
                {
                    "sent": app.sent,
                    "folded": session.transcript.total,
                    "video_frames": frames,
                    "video_seconds": round(took, 3),
                    "queued": len(app.bus),
                    "dropped": app.bus.dropped + session.dropped,
                    "unanalysed": app.hub.unanalysed,
                    "lag_p50_ms": round(lags[len(lags) // 2] * 1e3, 2),
                    "lag_p99_ms": round(lags[int(len(lags) * 0.99)] * 1e3, 2),
                    "lag_max_ms": round(lags[-1] * 1e3, 2),
                    "paints_per_s": round(paints / took, 2),
                    "fold_us": round(app.bus._cost * 1e6, 2),
                }
            )
        )
        app.exit()

    async def main() -> None:
        tasks = [asyncio.create_task(lag())]
        if rate:
            tasks.append(asyncio.create_task(_produce(app, rate)))
        await app.run_async()
        for task in tasks:
            task.cancel()

    asyncio.run(main())


def measure(rate: float, seconds: float, refresh: int, source: str = "") -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.json"
        settle = min(8.0, seconds / 3)
        command = [PYTHON, __file__, "--child", out, "--rate", str(rate), "--seconds", str(seconds)]
        command += ["--refresh", str(refresh), "--source", source]
        run = run_in_pty(command, seconds=seconds + settle + 30, settle=settle)
        result = json.loads(Path(out).read_text()) if Path(out).exists() else {"error": "no result"}
        memory = run.memory
        result |= {
            "refresh_ms": refresh,
            "cpu_percent": round(run.cpu * 100, 1),
            "kb_written_per_s": round(run.written / max(run.seconds, 1e-9) / 1e3, 1),
            "memory_mb": [round(memory[len(memory) // 2], 1), round(memory[-1], 1)] if memory else None,
        }
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--refresh", type=int, default=67)
    parser.add_argument("--source", default="")
    parser.add_argument("--child", metavar="OUT")
    args = parser.parse_args()
    if args.child:
        child(args.rate, args.seconds, args.refresh, args.source, args.child)
        return
    print(json.dumps(measure(args.rate, args.seconds, args.refresh)), flush=True)
    for refresh in (100, 67):
        print(
            json.dumps({"source": "sim:all"} | measure(0, min(args.seconds, 15), refresh, "sim:all")),
            flush=True,
        )


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    main()
