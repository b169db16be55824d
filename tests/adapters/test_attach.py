"""Models beside a stream: what they see, what they say, and that they never hold it up."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from midstream_adapters import attach
from midstream_adapters.base import Options, Sink, StreamInfo, supervise
from midstream_adapters.events import (
    AudioChunk,
    Event,
    Kind,
    Provenance,
    State,
    StateChanged,
    TextChunk,
    Transcript,
)
from tests.adapters.recorder import Recorder


def chunk(stream: str, pts: float = 0.0) -> AudioChunk:
    return AudioChunk(stream, pts, np.zeros(160, np.float32), 16_000, 16_000, 1, pts, 0.01, 0.0, 0.0)


class Ear:
    """Says how many chunks it heard, once it is closed."""

    def __init__(self, stream: str, sink: Sink, options: Options) -> None:
        self.stream, self.sink, self.heard = stream, sink, 0

    def take(self, event: Event) -> None:
        self.heard += isinstance(event, AudioChunk)

    async def close(self) -> None:
        self.sink.emit(Transcript(self.stream, 0.0, 1, f"{self.heard}\x1b[2J", 0.0, 1.0, True))


class Source:
    info = StreamInfo("s", "s", frozenset({Kind.AUDIO}), Provenance.SIMULATED, reconnects=False)

    def __init__(self, events: list[Event]) -> None:
        self.events = events

    async def run(self, sink: Sink) -> None:
        sink.emit(StateChanged("s", 0.0, State.LIVE))
        for event in self.events:
            sink.emit(event)


async def test_a_model_sees_the_media_of_its_stream_and_its_words_are_cleaned() -> None:
    recorder = Recorder()
    events: list[Event] = [chunk("s/a"), TextChunk("s/a", 0.0, "hi"), chunk("s/b"), chunk("s/a", 0.01)]
    await supervise(Source(events), recorder, Options(models=(Ear,)))
    words = {event.stream: event.text for event in recorder.events if isinstance(event, Transcript)}
    assert words == {"s/a": "2", "s/b": "1"}
    assert [event for event in recorder.events if isinstance(event, AudioChunk)] == [
        event for event in events if isinstance(event, AudioChunk)
    ]


async def test_a_model_that_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "CLOSING", 0.05)

    class Stuck(Ear):
        async def close(self) -> None:
            await asyncio.sleep(60)

    state = await asyncio.wait_for(supervise(Source([chunk("s")]), Recorder(), Options(models=(Stuck,))), 5)
    assert state is State.ENDED


async def test_only_so_many_streams_of_a_source_get_models() -> None:
    made: list[str] = []

    class Counted(Ear):
        def __init__(self, stream: str, sink: Sink, options: Options) -> None:
            super().__init__(stream, sink, options)
            made.append(stream)

    await supervise(Source([chunk(f"s/{n}") for n in range(100)]), Recorder(), Options(models=(Counted,)))
    assert made == [f"s/{n}" for n in range(attach.MOST_STREAMS)]


async def test_models_of_publishers_that_have_left_make_room() -> None:
    made: list[str] = []
    closed: list[str] = []

    class Counted(Ear):
        def __init__(self, stream: str, sink: Sink, options: Options) -> None:
            super().__init__(stream, sink, options)
            made.append(stream)

        async def close(self) -> None:
            closed.append(self.stream)

    events: list[Event] = []
    for n in range(3 * attach.MOST_STREAMS):
        events += [chunk(f"s/{n}"), StateChanged(f"s/{n}", 0.0, State.ENDED)]
    await supervise(Source(events), Recorder(), Options(models=(Counted,)))
    assert made == [f"s/{n}" for n in range(3 * attach.MOST_STREAMS)]
    assert sorted(closed) == sorted(made)
