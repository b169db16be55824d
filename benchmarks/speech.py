"""Transcription of recorded speech: word errors, real-time factor on one core, and the dashboard's loop lag meanwhile.

``python benchmarks/speech.py [--whisper FOLDER] [--seconds S] [--rounds N]``. Needs Debian's pocketsphinx-testdata (ten
real recordings, 34 s, 92 words). The real-time factor is processor time of the whole process over seconds of sound,
median of runs, pinned to one core. The lag is how late a 5 ms timer in the app's loop fires, in a real pty, while a
film with speech plays in real time; runs with and without transcription take turns, so that what else the machine does
hits both alike.
Targets: at most 10 % word errors, real-time factor under 0.15, lag p99 under 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import harness  # noqa: F401  first: it pins the thread pools, before anything imports numpy
from pty_run import PYTHON, run_in_pty

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from midstream_adapters.events import Event, Transcript
from midstream_adapters.hearing import Hearing
from midstream_adapters.speech_activity import RATE, SileroVad
from midstream_adapters.speech_engines import Shared, Transcriber, maker
from tests.adapters.speech_clips import chunks, clips, encode, errors, joined

SETTLE = 6.0
LONGEST_START = 30


def timed(work: Callable[[], list[str]], seconds: float) -> tuple[float, list[str]]:
    """Processor time of all threads over `seconds` of sound, and what was said."""
    began = time.process_time()
    said = work()
    return (time.process_time() - began) / seconds, said


def alone(engine: Transcriber) -> list[str]:
    """The recordings, each in one call."""
    return [engine.transcribe(clip.samples) for clip in clips()]


def heard(engine: Shared) -> list[str]:
    """The final texts of the recordings, each with silence around it, as a listener hears them."""
    texts = []
    for clip in clips():
        said: list[Event] = []
        hearing = Hearing("s", said.append, time.monotonic, engine, SileroVad())
        for chunk in chunks(joined([clip.samples])):
            hearing.hear(chunk)
        hearing.flush()
        texts.append(" ".join(e.text for e in said if isinstance(e, Transcript) and e.final))
    return texts


def accuracy(engines: list[str], repeats: int) -> None:
    recordings = clips()
    seconds = sum(len(clip.samples) for clip in recordings) / RATE
    print(f"{len(recordings)} recordings, {seconds:.1f} s\n")
    print(
        "| engine | word errors, bare calls | word errors, as a stream | real-time factor, bare | as a stream |"
    )
    print("|---|---:|---:|---:|---:|")
    for name in engines:
        engine = Shared(maker(name))
        bare = engine.load(os.environ)
        bare.transcribe(recordings[0].samples)
        ways = {
            "bare": (partial(alone, bare), seconds),
            "stream": (partial(heard, engine), seconds + 0.8 * len(recordings)),
        }
        runs = [{how: timed(way, length) for how, (way, length) in ways.items()} for _ in range(repeats)]
        factor = {how: f"{statistics.median(run[how][0] for run in runs):.3f}" for how in ways}
        rates = {}
        for how in ways:
            said = runs[0][how][1]
            counts = [errors(clip.text, text) for clip, text in zip(recordings, said, strict=True)]
            wrong, words = sum(w for w, _ in counts), sum(n for _, n in counts)
            rates[how] = f"{wrong} of {words} = {100 * wrong / words:.1f} %"
        print(
            f"| {bare.name} | {rates['bare']} | {rates['stream']} | {factor['bare']} | {factor['stream']} |"
        )


def child(source: str, transcribe: bool, seconds: float, out: str) -> None:
    """The dashboard on `source`; writes how late its loop was, and what it heard."""
    from midstream_adapters.base import Options
    from midstream_adapters.speech import listener
    from midstream_tui.app import MidStreamApp
    from midstream_tui.config import RecentSources
    from midstream_tui.hub import Hub

    options = Options(models=(listener(),) if transcribe else ())
    app = MidStreamApp(Hub(options), [source], recent=RecentSources(Path(out).parent))
    late: list[float] = []

    async def lag() -> None:
        await asyncio.sleep(SETTLE)  # start-up (imports, kernels, the model) is another benchmark's
        engine = app.hub.engine
        assert engine is not None
        for _ in range(LONGEST_START):
            streams = app.hub.state().streams.values()
            if engine.status.warming is None and all("speech" in s.figures for s in streams if transcribe):
                break
            await asyncio.sleep(1.0)
        used, began = time.process_time(), time.perf_counter()
        while time.perf_counter() - began < seconds:
            due = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            late.append(1e3 * (time.perf_counter() - due))
        used = (time.process_time() - used) / (time.perf_counter() - began)
        state = app.hub.state().to_json()
        (stream,) = state["streams"].values()
        Path(out).write_text(json.dumps({"late": late, "cpu": used, "stream": stream}))
        app.exit()

    async def main() -> None:
        task = asyncio.create_task(lag())
        await app.run_async()
        task.cancel()

    asyncio.run(main())


def lags(seconds: float, rounds: int) -> None:
    def percentile(values: list[float], share: float) -> float:
        return sorted(values)[min(len(values) - 1, int(share * len(values)))]

    late: dict[bool, list[float]] = {True: [], False: []}
    used: dict[bool, list[float]] = {True: [], False: []}
    told: list[dict[str, object]] = []
    drops = 0
    with tempfile.TemporaryDirectory() as folder:
        speech = joined([clip.samples for clip in clips()], 0.4)
        times = int((SETTLE + LONGEST_START + seconds) * RATE / len(speech)) + 1
        film = encode(Path(folder) / "film.mp4", joined([speech] * times))
        for _ in range(rounds):
            for transcribe in (True, False):
                out = f"{folder}/out.json"
                command = [PYTHON, __file__, "--child", out, "--film", str(film), "--seconds", str(seconds)]
                run_in_pty(
                    command + ["--transcribe"] * transcribe, seconds=SETTLE + LONGEST_START + seconds + 20
                )
                result = json.loads(Path(out).read_text())
                Path(out).unlink()
                late[transcribe] += result["late"]
                used[transcribe].append(result["cpu"])
                if transcribe:
                    told += result["stream"]["transcripts"]
                    drops += result["stream"]["drops"].get("speech", 0)
    print("\n| lag of the dashboard's loop, ms | timers | p50 | p99 | max | share of a core |")
    print("|---|---:|---:|---:|---:|---:|")
    for transcribe, name in ((False, "film with speech"), (True, "film with speech, transcribed")):
        ms, share = late[transcribe], statistics.median(used[transcribe])
        print(
            f"| {name} | {len(ms)} | {percentile(ms, 0.5):.2f} | {percentile(ms, 0.99):.2f} | {max(ms):.1f} "
            f"| {share:.3f} |"
        )
    finals = sorted(float(str(words["lag"])) for words in told if words["final"])
    print(
        f"\n{len(finals)} final texts, {percentile(finals, 0.5):.2f} s (p50) and {finals[-1]:.2f} s (max) after their "
        f"last sound; {drops} chunks shed"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whisper", metavar="FOLDER", help="measure this faster-whisper model as well")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", metavar="OUT", help=argparse.SUPPRESS)
    parser.add_argument("--film", help=argparse.SUPPRESS)
    parser.add_argument("--transcribe", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.film, args.transcribe, args.seconds, args.child)
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    accuracy(["moonshine"] + ([f"whisper:{args.whisper}"] if args.whisper else []), 3)
    os.sched_setaffinity(0, cores)
    lags(args.seconds, args.rounds)


if __name__ == "__main__":
    main()
