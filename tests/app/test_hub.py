"""Sources, fold and engine joined: lives of streams, the analysis that comes back, and what is bounded."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from midstream_adapters.base import Adapter, Options, Sink, SourceError, StreamInfo
from midstream_adapters.events import (
    Figures,
    Kind,
    Provenance,
    State,
    StateChanged,
    TextChunk,
    TurnStarted,
)
from midstream_adapters.loading import LOADING
from midstream_analysis.report import Attractor
from midstream_tui.hub import WORDS_A_TICK, Hub
from midstream_tui.probe import complaint, measure

from .conftest import FakeClock


async def test_files_are_folded_to_their_end(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    hub = Hub(Options(fast=True), engine=False)
    assert hub.add(str(tmp_path / "a.txt")) == ["a.txt"]
    assert [await task for task in hub.tasks] == [State.ENDED]
    state = hub.state()
    assert (state.message_count, state.streams["a.txt"].state) == (2, "ended")
    await hub.stop()


async def test_the_same_source_twice_is_two_streams(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    hub = Hub(Options(fast=True), engine=False)
    hub.add(str(tmp_path / "a.txt"))
    hub.add(str(tmp_path / "a.txt"))
    await asyncio.gather(*hub.tasks)
    assert list(hub.state().streams) == ["a.txt", "a.txt#2"]


async def test_a_wrong_source_adds_nothing() -> None:
    hub = Hub(engine=False)
    with pytest.raises(SourceError):
        hub.add("nosuch://x")
    assert hub.sources == {}


async def test_a_source_that_cannot_be_used_now_is_a_failed_stream_until_it_can(tmp_path: Path) -> None:
    hub, late = Hub(Options(fast=True, env={}), engine=False), tmp_path / "late.txt"
    with pytest.raises(SourceError):
        hub.add("nosuch://x", keep=True)
    assert hub.add("openai:gpt-x", keep=True) == ["openai:gpt-x"]
    assert hub.add(str(late), keep=True) == ["late.txt"]
    await asyncio.gather(*hub.tasks)
    streams = hub.state().streams
    assert {stream.state for stream in streams.values()} == {"failed"}
    assert "OPENAI_API_KEY is not set" in streams["openai:gpt-x"].reason
    assert "no such file" in streams["late.txt"].reason
    late.write_text("here\n")
    for stream in streams:
        await hub.restart(stream)
    await asyncio.gather(*hub.tasks)
    streams = hub.state().streams
    assert (streams["late.txt"].state, streams["late.txt"].chunks) == ("ended", 1)
    assert (streams["late.txt"].provenance, streams["late.txt"].reason) == ("file", "")
    assert streams["openai:gpt-x"].state == "failed"
    await hub.stop()


async def test_removing_ends_the_source_and_forgets_it() -> None:
    hub = Hub(engine=False)
    (stream,) = hub.add("sim:text")
    task = hub.sources[stream].task
    await asyncio.sleep(0.05)
    await hub.remove(stream)
    assert task is not None
    assert task.cancelled()
    assert hub.state().streams == {}


async def test_restarting_keeps_the_history(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    hub = Hub(Options(fast=True), engine=False)
    (stream,) = hub.add(str(tmp_path / "a.txt"))
    await asyncio.gather(*hub.tasks)
    await hub.restart(stream)
    await asyncio.gather(*hub.tasks)
    assert hub.state().streams[stream].messages == 2


async def test_a_flood_is_sampled_for_the_engine_and_that_is_counted(clock: FakeClock) -> None:
    hub = Hub(Options(clock=clock))  # the engine is there, but not started: it only queues
    for _ in range(WORDS_A_TICK + 10):
        hub.emit(TextChunk("s", clock.now, "x"))
    assert hub.unanalysed == 10
    hub.tick()
    hub.emit(TextChunk("s", clock.now, "x"))
    assert hub.unanalysed == 10


async def test_a_loop_is_found_while_it_is_still_being_generated() -> None:
    hub = Hub()
    hub.start()
    hub.emit(TurnStarted("llm", 1.0, "t"))
    for _ in range(60):
        for word in ("and ", "then ", "it ", "went ", "on "):
            hub.emit(TextChunk("llm", 1.0, word, "assistant", "t", final=False))
        hub.tick()
    assert hub.session.transcript.messages[-1].open
    async with asyncio.timeout(60):
        while not (  # noqa: ASYNC110 (the engine answers when it has time)
            (report := hub.session.report) and (said := report.conversations.get("llm")) and said.repetition
        ):
            await asyncio.sleep(0.02)
    assert said.repetition.period == 5
    await hub.stop()


async def test_rewards_on_a_chaotic_map_are_found_chaotic(tmp_path: Path) -> None:
    """From a file of lines to a verdict, through the adapter, the fold and the engine thread."""
    x, lines = 0.3, []
    for _ in range(600):
        x = 3.9 * x * (1 - x)
        lines.append(f'{{"text": "step", "tokens": 1, "reward": {x}}}\n')
    (tmp_path / "rewards.ndjson").write_text("".join(lines))
    state = await measure([str(tmp_path / "rewards.ndjson")], Options(fast=True), analysis_wait=120.0)
    assert state.attractor_type == Attractor.CHAOTIC
    assert state.is_chaotic
    assert state.analysed == "rewards.ndjson: reward"
    assert state.lyapunov_exponent == pytest.approx(0.496, rel=0.15)  # of the logistic map at r = 3.9
    assert complaint(state) == ""


async def test_too_few_samples_stay_unknown(tmp_path: Path) -> None:
    (tmp_path / "few.ndjson").write_text('{"text": "a", "reward": 0.5}\n' * 5)
    state = await measure([str(tmp_path / "few.ndjson")], Options(fast=True), analysis_wait=120.0)
    assert state.attractor_type == Attractor.UNKNOWN
    assert (state.lyapunov_exponent, state.is_chaotic) == (None, None)


class SlowToLoad:
    """A source whose library takes `seconds` to load; it then speaks at once, and goes on."""

    def __init__(self, seconds: float) -> None:
        self.info = StreamInfo("slow", "slow", frozenset({Kind.TEXT}), Provenance.LIVE)
        self._seconds = seconds

    async def run(self, sink: Sink) -> None:
        sink.emit(Figures("slow", time.monotonic(), {LOADING: "a library"}))
        await asyncio.sleep(self._seconds)
        sink.emit(Figures("slow", time.monotonic(), {LOADING: ""}))
        sink.emit(StateChanged("slow", time.monotonic(), State.LIVE))
        await asyncio.sleep(0.1)
        sink.emit(TextChunk("slow", time.monotonic(), "here"))
        await asyncio.sleep(60.0)


@pytest.mark.parametrize(("wait", "chunks"), [(60.0, 1), (0.0, 0)])
async def test_the_time_of_a_probe_counts_from_the_first_attempt(
    wait: float, chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(source: str, options: Options, taken: object) -> list[Adapter]:
        return [SlowToLoad(1.5)]

    monkeypatch.setattr("midstream_tui.hub.open_source", opened)
    monkeypatch.setattr("midstream_tui.probe.LOADING_WAIT", wait)
    state = await measure(["slow"], Options(), seconds=1.0, analysis=False)
    assert state.streams["slow"].chunks == chunks
    assert complaint(state) == ("" if chunks else "slow: nothing came: still loading a library")
    assert (LOADING in state.streams["slow"].figures) == (not chunks)
