"""`midstream-tui demo`: the dashboard on the simulator, or the simulator pushed to where others can watch it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from . import Refusal
from .arguments import add_screen_arguments, add_source_arguments, source_options, user_settings
from .watch import watch

if TYPE_CHECKING:
    from midstream_adapters.publish import Output
    from midstream_adapters.stream_simulator import StreamSimulator

ABOUT = "Watch the simulator; everything it shows says simulated."
MODES = ("all", "text", "audio", "video", "openai")
MODEL = "gpt-realtime"
QUESTION = "In a few sentences, explain how a river shapes its valley."


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the demo."""
    parser.add_argument(
        "--mode", choices=MODES, default="all", help="what to simulate (openai: a real Realtime session)"
    )
    parser.add_argument(
        "--publish",
        metavar="TARGET",
        help="no screen: push the simulator to rtmp[s]://host/app/key (or MIDSTREAM_STREAM_KEY),"
        " whip+http[s]://host/path (MIDSTREAM_WHIP_TOKEN) or hls:FOLDER",
    )
    add_screen_arguments(parser)
    add_source_arguments(parser)


def run(parsed: argparse.Namespace) -> int:
    """Open the dashboard on the simulator, or on a real question to OpenAI's Realtime API; or publish."""
    if parsed.publish is not None:
        return publish(parsed)
    if parsed.mode != "openai":
        return watch(parsed, [f"sim:{parsed.mode}"])
    if parsed.prompts is None:
        parsed.prompt = parsed.prompt or QUESTION
    return watch(parsed, [f"openai-realtime:{os.environ.get('OPENAI_REALTIME_MODEL') or MODEL}"])


def publish(parsed: argparse.Namespace) -> int:
    """Push the simulator until it is interrupted; return 0, or 1 when it was refused or lost.

    Raises:
        Refusal: it can't be published like this.
    """
    from midstream_adapters.base import SourceError
    from midstream_adapters.events import Kind
    from midstream_adapters.publish import Plan, open_output
    from midstream_adapters.stream_simulator import StreamSimulator

    kinds = {"all": {Kind.VIDEO, Kind.AUDIO}, "video": {Kind.VIDEO}, "audio": {Kind.AUDIO}}.get(parsed.mode)
    if kinds is None:
        raise Refusal(f"--publish takes pictures and sound, not --mode {parsed.mode}")
    try:
        simulator = StreamSimulator(parsed.frame_rate)
        plan = Plan(frozenset(kinds), parsed.frame_rate)
        output = open_output(parsed.publish, plan, source_options(parsed, user_settings()))
    except (SourceError, ValueError) as error:
        raise Refusal(str(error)) from None
    return asyncio.run(_push(output, simulator, parsed.duration))


async def _push(output: Output, simulator: StreamSimulator, duration: float | None) -> int:
    from midstream_adapters.base import Interrupted, SourceError, explain

    _say(f"connecting to {output.address}")
    pushing = asyncio.create_task(output.run(simulator))
    telling = asyncio.create_task(_tell(output, simulator))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(name, pushing.cancel)
    try:
        await asyncio.wait([pushing], timeout=duration)
        pushing.cancel()
        await pushing
    except asyncio.CancelledError:
        counts = output.counts
        _say(f"left {output.address} after {counts.frames} frames, {_size(counts.nbytes)}", last=True)
        return 0
    except (SourceError, Interrupted, OSError) as error:
        plain = OSError(error.strerror) if isinstance(error, OSError) and error.strerror else error
        _say(f"{output.address}: {explain(plain)}", last=True)
        return 1
    finally:
        telling.cancel()
    return 0


async def _tell(output: Output, simulator: StreamSimulator) -> None:
    """One line a second."""
    counts = output.counts
    before, then = (0, 0), time.monotonic()
    while True:
        await asyncio.sleep(1.0)
        now = time.monotonic()
        frames, nbytes = counts.frames - before[0], counts.nbytes - before[1]
        before, took, then = (counts.frames, counts.nbytes), now - then, now
        if counts.frames or counts.chunks:
            lost = counts.dropped + simulator.missed
            _say(
                f"publishing to {output.address}: {counts.frames} frames, {frames / took:.1f} fps,"
                f" {_size(counts.nbytes)}, {nbytes * 8 / took / 1000:.0f} kbit/s, {lost} dropped"
            )


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e6:.2f} MB"


def _say(text: str, last: bool = False) -> None:
    """A line of status on stderr; a terminal shows one, which changes."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="\n" if last else "", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)
