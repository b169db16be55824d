"""Supervision: what an adapter raises becomes a state, and it comes back as often and as late as it should."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.base import (
    Backoff,
    Interrupted,
    Options,
    Sink,
    SourceError,
    StreamInfo,
    explain,
    supervise,
)
from midstream_adapters.events import Kind, Provenance, State, StateChanged, StreamOpened, TextChunk
from tests.adapters.servers import ListSink

Step = Callable[[Sink], Awaitable[None]]


class World:
    """A clock that only sleeping moves, and a record of the sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self.options = Options(clock=lambda: self.now, sleep=self.sleep, rng=random.Random(5))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Scripted:
    """An adapter whose runs are the given steps, in order; the last repeats."""

    def __init__(self, *steps: Step | Exception, reconnects: bool = True) -> None:
        self.info = StreamInfo("s", "script", frozenset({Kind.TEXT}), Provenance.LIVE, reconnects)
        self.runs = 0
        self._steps = steps

    async def run(self, sink: Sink) -> None:
        step = self._steps[min(self.runs, len(self._steps) - 1)]
        self.runs += 1
        if isinstance(step, Exception):
            raise step
        await step(sink)


async def done(_sink: Sink) -> None: ...


def lasting(world: World, seconds: float, error: Exception) -> Step:
    async def step(sink: Sink) -> None:
        sink.emit(StateChanged("s", world.now, State.LIVE))
        world.now += seconds
        raise error

    return step


async def test_a_source_that_ends() -> None:
    world, sink, adapter = World(), ListSink(), Scripted(done)
    assert await supervise(adapter, sink, world.options) is State.ENDED
    assert isinstance(sink.events[0], StreamOpened)
    assert sink.states == [State.CONNECTING, State.ENDED]
    assert not world.slept


async def test_a_final_error_is_not_tried_again_and_tells_no_secret() -> None:
    world, sink = World(), ListSink()
    adapter = Scripted(SourceError("refused\x1b[2J\nhttps://u:pw@h/?token=abc"))
    assert await supervise(adapter, sink, world.options) is State.FAILED
    assert adapter.runs == 1
    assert sink.reasons == ["refused https://***@h/?token=***"]


@pytest.mark.parametrize("error", [Interrupted("lost"), ConnectionResetError("lost"), TimeoutError("lost")])
async def test_a_loss_is_tried_again(error: Exception) -> None:
    world, sink, adapter = World(), ListSink(), Scripted(error, error, done)
    assert await supervise(adapter, sink, world.options) is State.ENDED
    assert sink.states == [
        State.CONNECTING, State.RECONNECTING, State.CONNECTING, State.RECONNECTING, State.CONNECTING, State.ENDED,
    ]  # fmt: skip
    told = [e.retry_in for e in sink.events if isinstance(e, StateChanged) and e.state is State.RECONNECTING]
    assert told == world.slept
    assert sink.reasons == ["lost", "lost"]


async def test_an_adapters_own_fault_is_said_and_ends_only_this_stream() -> None:
    world, sink = World(), ListSink()
    assert await supervise(Scripted(KeyError("oops")), sink, world.options) is State.FAILED
    assert "internal error: KeyError" in sink.reasons[0]


async def test_attempts_are_bounded_and_a_settled_connection_starts_anew() -> None:
    world, sink = World(), ListSink()
    lost = Interrupted("lost")
    adapter = Scripted(lost, lost, lasting(world, 60.0, lost), lost)
    assert await supervise(adapter, sink, world.options, Backoff(attempts=3)) is State.FAILED
    assert adapter.runs == 5  # two, the long one which counts as the first, and two more


async def test_what_does_not_reconnect_fails_at_once() -> None:
    world, sink, adapter = World(), ListSink(), Scripted(OSError("disk"), reconnects=False)
    assert await supervise(adapter, sink, world.options) is State.FAILED
    assert (adapter.runs, sink.reasons) == (1, ["disk"])


@pytest.mark.parametrize(
    ("wish", "least", "most"), [(20.0, 20.0, 20.0), (1e9, 300.0, 300.0), (0.0, 0.25, 0.5)]
)
async def test_the_servers_wish_is_followed_within_reason(wish: float, least: float, most: float) -> None:
    world = World()
    await supervise(Scripted(Interrupted("busy", retry_after=wish), done), ListSink(), world.options)
    assert least <= world.slept[0] <= most


async def test_text_is_cleaned_whatever_the_adapter_does() -> None:
    async def speak(sink: Sink) -> None:
        sink.emit(TextChunk("s", 0.0, "\x1b]0;t\x07hi \x1b[31m[bold]", turn=None))
        await sink.drain()

    sink = ListSink()
    await supervise(Scripted(speak), sink, World().options)
    assert sink.texts == ["hi [bold]"]


async def test_cancelling_passes_through() -> None:
    async def forever(_sink: Sink) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(supervise(Scripted(forever), ListSink(), World().options))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@given(st.integers(1, 10_000), st.integers())
def test_backoff_stays_between_its_floor_and_its_ceiling(attempt: int, seed: int) -> None:
    backoff = Backoff(first=0.5, factor=2.0, most=30.0)
    delay = backoff.delay(attempt, random.Random(seed))
    assert 0.25 <= delay <= min(30.0, 0.5 * 2.0 ** min(attempt - 1, 32))


def test_backoff_spreads_over_its_range() -> None:
    rng = random.Random(1)
    delays = [Backoff().delay(7, rng) for _ in range(400)]
    assert min(delays) < 3.0 < 27.0 < max(delays)


def test_explain_is_one_clean_short_line() -> None:
    assert explain(ValueError()) == "ValueError"
    assert explain(OSError("a\nb\x1b[2J")) == "a b"
    assert len(explain(OSError("x" * 10_000))) == 300


def test_options_never_show_the_environment_or_headers() -> None:
    shown = repr(Options(env={"OPENAI_API_KEY": "hunter2"}, headers={"Authorization": "Bearer hunter3"}))
    assert "hunter" not in shown
