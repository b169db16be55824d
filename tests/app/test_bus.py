"""The bus: one message a kind and tick, bounded, every drop counted, text waited for."""

from __future__ import annotations

import asyncio
import threading

from hypothesis import given
from hypothesis import strategies as st

from midstream_adapters.events import (
    Dropped,
    Event,
    Kind,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
)
from midstream_tui.bus import Bus
from midstream_tui.messages import (
    AudioReceived,
    EventBatch,
    FramesReceived,
    StreamsChanged,
    StreamsOpened,
    TextReceived,
)

from .conftest import FakeClock, audio, frame, live, opened


class Post(list[EventBatch]):
    """The app's end: keeps the batches, and says they are folded when asked."""

    def __call__(self, batch: EventBatch) -> None:
        self.append(batch)

    def fold(self, bus: Bus) -> list[Event]:
        events = [event for batch in self for event in batch.events]
        for batch in self:
            bus.folded(len(batch.events), 1e-5 * len(batch.events))
        self.clear()
        return events


def text(n: int, stream: str = "s") -> TextChunk:
    return TextChunk(stream, float(n), str(n))


def test_one_message_a_kind_in_an_order_that_makes_sense(clock: FakeClock) -> None:
    post = Post()
    bus = Bus(post, clock=clock)
    bus.emit(live("s", 1.0))
    bus.emit(frame("s", 1.0))
    bus.emit(audio("s", 1.0))
    for n in range(20):
        bus.emit(text(n))
    bus.emit(opened("s", 1.0))
    assert bus.tick() == 24
    assert [type(batch) for batch in post] == [
        StreamsOpened,
        TextReceived,
        AudioReceived,
        FramesReceived,
        StreamsChanged,
    ]
    assert [event.text for event in post[1].events] == [str(n) for n in range(20)]  # type: ignore[attr-defined]


def test_turns_stay_in_order_with_their_text(clock: FakeClock) -> None:
    post = Post()
    bus = Bus(post, clock=clock)
    events = [
        TurnStarted("s", 1.0, "t"),
        text(1),
        TurnEnded("s", 2.0, "t"),
        TurnStarted("s", 3.0, "u"),
        text(2),
    ]
    for event in events:
        bus.emit(event)
    bus.tick()
    assert post[0].events == events


def test_nothing_is_posted_while_the_app_is_still_folding(clock: FakeClock) -> None:
    post = Post()
    bus = Bus(post, clock=clock)
    bus.emit(text(1))
    bus.tick()
    bus.emit(text(2))
    assert bus.tick() == 0
    assert len(post) == 1
    post.fold(bus)
    assert bus.tick() == 1


def test_a_tick_takes_what_can_be_folded_in_its_budget(clock: FakeClock) -> None:
    post = Post()
    bus = Bus(post, clock=clock, budget=0.005)
    for n in range(5000):
        bus.emit(text(n))
    for _ in range(20):
        bus.tick()
        for batch in list(post):
            bus.folded(len(batch.events), 1e-4 * len(batch.events))
        post.clear()
    for n in range(5000):
        bus.emit(text(n))
    assert 40 <= bus.tick() <= 70  # 5 ms at 100 us an event


def test_media_sheds_its_oldest_and_says_so(clock: FakeClock) -> None:
    post = Post()
    bus = Bus(post, clock=clock, media_bound=10)
    for n in range(25):
        bus.emit(frame("cam", float(n)))
    bus.tick()
    frames = [event for batch in post for event in batch.events if not isinstance(event, Dropped)]
    drops = [event for batch in post for event in batch.events if isinstance(event, Dropped)]
    assert [event.at for event in frames] == [float(n) for n in range(15, 25)]
    assert [(d.stream, d.kind, d.count, d.where) for d in drops] == [("cam", Kind.VIDEO, 15, "queue")]
    assert bus.dropped == 15


def test_media_never_pushes_text_out(clock: FakeClock) -> None:
    post = Post()
    bus = Bus(post, clock=clock, media_bound=4)
    bus.emit(text(1))
    for n in range(100):
        bus.emit(frame("cam", float(n)))
    bus.tick()
    assert any(event == text(1) for event in post.fold(bus))


async def test_text_makes_its_source_wait(clock: FakeClock) -> None:
    post = Post()
    bus = Bus(post, clock=clock, text_bound=100)
    sent = 0

    async def source() -> None:
        nonlocal sent
        for n in range(300):
            bus.emit(text(n))
            sent += 1
            await bus.drain()

    task = asyncio.create_task(source())
    await asyncio.sleep(0)
    assert sent == 50  # the high water mark
    got: list[Event] = []
    while not task.done() or len(bus):
        bus.tick()
        got += post.fold(bus)
        await asyncio.sleep(0)
    assert [event.text for event in got] == [str(n) for n in range(300)]  # type: ignore[attr-defined]
    assert bus.dropped == 0


def test_a_thread_waits_for_room(clock: FakeClock) -> None:
    post = Post()
    bus = Bus(post, clock=clock, text_bound=100)
    thread = threading.Thread(target=lambda: [bus.put(text(n), 10.0) for n in range(400)])
    thread.start()
    got: list[Event] = []
    while thread.is_alive() or len(bus):
        bus.tick()
        got += post.fold(bus)
        assert len(bus) <= 100
    thread.join()
    assert [event.text for event in got] == [str(n) for n in range(400)]  # type: ignore[attr-defined]


def test_text_of_one_who_cannot_wait_is_shed_but_counted(clock: FakeClock) -> None:
    post = Post()
    bus = Bus(post, clock=clock, text_bound=10)
    for n in range(13):
        bus.emit(text(n))
    bus.tick()
    events = post.fold(bus)
    assert [e.count for e in events if isinstance(e, Dropped)] == [3]
    assert [e.text for e in events if isinstance(e, TextChunk)] == [str(n) for n in range(3, 13)]


def test_the_rest_is_not_lost_when_the_screen_closes(clock: FakeClock) -> None:
    bus = Bus(Post(), clock=clock, media_bound=2)
    for event in (text(1), frame("c", 1.0), frame("c", 2.0), frame("c", 3.0)):
        bus.emit(event)
    rest = bus.rest()
    assert text(1) in rest
    assert [e.at for e in rest if e.stream == "c" and not isinstance(e, Dropped)] == [2.0, 3.0]
    assert [e.count for e in rest if isinstance(e, Dropped)] == [1]
    assert len(bus) == 0


kinds = st.sampled_from(["text", "frame", "audio", "state"])


@given(st.lists(kinds, max_size=80), st.integers(1, 20), st.integers(1, 20))
def test_what_goes_in_comes_out_or_is_counted(sent: list[str], text_bound: int, media_bound: int) -> None:
    clock, post = FakeClock(), Post()
    bus = Bus(post, clock=clock, text_bound=text_bound, media_bound=media_bound)
    for n, kind in enumerate(sent):
        match kind:
            case "text":
                bus.emit(text(n))
            case "frame":
                bus.emit(frame("s", float(n)))
            case "audio":
                bus.emit(audio("s", float(n)))
            case _:
                bus.emit(StateChanged("s", float(n), State.LIVE))
    came: list[Event] = []
    while len(bus):
        bus.tick()
        came += post.fold(bus)
    drops = sum(event.count for event in came if isinstance(event, Dropped))
    assert len([event for event in came if not isinstance(event, Dropped)]) + drops == len(sent)
