"""`midstream-tui probe`: measure sources without a screen, print the state as JSON."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from midstream_adapters.base import Backoff, Options
from midstream_adapters.events import Provenance
from midstream_adapters.loading import LOADING
from midstream_adapters.unopened import Unopened

from .alert_rules import BUILT_IN, Rule
from .alerts import Alerts
from .export import to_json
from .hub import Hub
from .state import DashboardState, StreamState

DEFAULT_SECONDS = 10.0
ANALYSIS_WAIT = 5.0
TICK = 1 / 15
LOADING_WAIT = 60.0
"""Seconds that libraries may take to load before the time of measuring begins all the same."""
UNTIRING = Backoff(attempts=None)


async def measure(
    sources: Sequence[str],
    options: Options,
    *,
    seconds: float | None = None,
    analysis: bool = True,
    analysis_wait: float = ANALYSIS_WAIT,
    stop: asyncio.Event | None = None,
    rules: Mapping[str, Rule] = BUILT_IN,
    backoff: Backoff = UNTIRING,
    enough: Callable[[Hub], bool] | None = None,
) -> DashboardState:
    """Watch `sources` until all have ended, or for `seconds`; files without a limit are read to their end.

    The seconds count from the first attempts on: while a library that a source needs is loading, they don't.

    The analysis of what came may take `analysis_wait` seconds more (kernels compile on the very first run); what is
    not known by then is None. Setting `stop` ends the watching early, as does `enough`, which is asked at every tick.
    `rules` are judged once a second (see `Alerts`).

    Raises:
        UnknownSource: a source can't be named. One that can't be used is a stream that has failed.
    """
    hub = Hub(options, engine=analysis, backoff=backoff)
    alerts = hub.session.alerts = Alerts(rules)
    judged = options.clock()
    hub.start()
    try:
        for source in sources:
            hub.add(source, keep=True)
        limit = seconds
        if limit is None and not all(
            held.adapter.info.provenance is Provenance.FILE
            for held in hub.sources.values()
            if not isinstance(held.adapter, Unopened)
        ):
            limit = DEFAULT_SECONDS
        deadline = None if limit is None else options.clock() + limit
        patience = options.clock() + LOADING_WAIT
        while not all(task.done() for task in hub.tasks):
            if limit is not None and hub.loading and options.clock() < patience:
                deadline = options.clock() + limit  # what is measured is the source, not this machine's disk
            left = TICK if deadline is None else min(TICK, deadline - options.clock())
            if left <= 0 or (stop is not None and stop.is_set()):
                break
            await asyncio.wait(hub.tasks, timeout=left)
            hub.tick()
            if enough is not None and enough(hub):
                break
            if options.clock() - judged >= 1.0:
                judged = options.clock()
                alerts.update(hub.session, judged)
        state = hub.state()  # before the tasks are cancelled: states and rates as they are while it flows
        if hub.engine is not None:
            hub.submit_all()
            until = options.clock() + analysis_wait
            while (status := hub.engine.status).warming is not None or status.pending:
                if options.clock() > until or status.failed:
                    break
                await asyncio.sleep(TICK)
            state = hub.analysed(state)
        return state
    finally:
        await hub.stop()


def complaint(state: DashboardState) -> str:
    """Why a source did not deliver, one line a stream; empty when all did."""
    lines = []
    for name, stream in state.streams.items():
        if stream.state == "failed":
            lines.append(f"{name}: failed: {stream.reason}")
        elif not _delivered(stream) and not any(other.startswith(f"{name}/") for other in state.streams):
            # (a listener's own stream carries nothing: its publishers' do)
            lines.append(f"{name}: nothing came: {_why(stream)}")
    return "\n".join(lines)


def _why(stream: StreamState) -> str:
    loading = stream.figures.get(LOADING)
    return f"still {LOADING} {loading}" if loading else stream.reason or stream.state


def _delivered(stream: StreamState) -> bool:
    """Whether anything came of a source. What a model was asked is text of its stream, but no answer."""
    if not stream.turns or stream.audio_chunks or stream.video_frames:
        return stream.chunks > 0
    return stream.wire.completed > 0 or any(turn.chunks for turn in stream.turns_log)


async def probe(
    sources: Sequence[str],
    options: Options,
    *,
    seconds: float | None = None,
    analysis: bool = True,
    rules: Mapping[str, Rule] = BUILT_IN,
) -> int:
    """Print the state of `sources` as JSON; return 0 when every one delivered, else 1 with the reason on stderr."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # what was measured until then is printed all the same
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    state = await measure(sources, options, seconds=seconds, analysis=analysis, stop=stop, rules=rules)
    print(to_json(state))
    if trouble := complaint(state):
        print(f"midstream-tui: {trouble}", file=sys.stderr)
        return 1
    return 0
