"""The library face: from any thread, before, during and after; and the examples that the README shows."""

from __future__ import annotations

import asyncio
import importlib.util
import random
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

from midstream_adapters.base import Options, SourceError
from midstream_analysis.report import Attractor
from midstream_tui import DashboardConfig, MidStreamDashboard

EXAMPLES = Path(__file__).parents[2] / "examples"


def headless(**settings: object) -> MidStreamDashboard:
    options = Options(rng=random.Random(1))
    return MidStreamDashboard(
        DashboardConfig(headless=True, size=(120, 40), analysis=False, options=options, **settings)  # type: ignore[arg-type]
    )


async def settled(dashboard: MidStreamDashboard, messages: int) -> None:
    """Wait until that many messages are counted."""
    async with asyncio.timeout(15):
        while dashboard.state.message_count < messages:  # noqa: ASYNC110 (the state is polled, by design)
            await asyncio.sleep(0.02)


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_before_during_and_after_the_screen() -> None:
    dashboard = headless()
    dashboard.process_message("before", 1)
    assert dashboard.state.message_count == 1
    async with dashboard:
        assert dashboard.running
        dashboard.process_message("during", 2)
        await settled(dashboard, 2)
        dashboard.process_message("at the last moment", 4)
    assert not dashboard.running
    dashboard.process_message("after", 8)
    state = dashboard.state
    assert (state.message_count, state.total_tokens, state.tokens_estimated) == (4, 15, False)


async def test_it_can_be_started_again_with_another_refresh() -> None:
    dashboard = headless()
    for refresh in (100, 500, 1000):
        await dashboard.start(refresh)
        with pytest.raises(RuntimeError, match="already"):
            await dashboard.start()
        dashboard.process_message("x")
        await dashboard.stop()
        await dashboard.stop()
    assert dashboard.state.message_count == 3
    with pytest.raises(ValueError, match="50 to 5000"):
        await dashboard.start(10)


async def test_started_again_its_sources_go_on_and_are_not_doubled() -> None:
    dashboard = headless(sources=("sim:text",))
    for _ in range(2):
        await dashboard.start(100)
        before = dashboard.state.message_count
        await settled(dashboard, before + 1)
        await dashboard.stop()
    state = dashboard.state
    assert list(state.streams) == ["sim:text"]
    assert state.message_count >= 2


async def test_many_threads_lose_nothing() -> None:
    dashboard = headless()
    async with dashboard:
        threads = [
            threading.Thread(
                target=lambda n=n: [
                    dashboard.process_message(f"{n}", 1, stream_id=f"t{n}") for _ in range(2000)
                ]
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        await settled(dashboard, 8000)
        for thread in threads:
            await asyncio.to_thread(thread.join)
    state = dashboard.state
    assert (state.message_count, state.total_tokens, state.dropped) == (8000, 8000, 0)
    assert {stream.messages for stream in state.streams.values()} == {2000}


def test_unknown_formats_are_counted_and_nothing_is_claimed() -> None:
    dashboard = headless()
    dashboard.process_stream("a", bytes(1024), "audio")
    dashboard.process_stream("v", bytes(3000), "video")
    dashboard.process_stream("t", "grüß dich".encode(), "text")
    streams = dashboard.state.streams
    assert (streams["a"].audio_chunks, streams["a"].bytes, streams["a"].sample_rate) == (1, 1024, None)
    assert (streams["v"].video_frames, streams["v"].bytes, streams["v"].width) == (1, 3000, None)
    assert dashboard.state.recent_messages[0].text == "grüß dich"


def test_told_formats_are_measured() -> None:
    dashboard = headless()
    square = b"\x00\x40" * 480 + b"\x00\xc0" * 480  # half of full scale
    dashboard.process_stream("a", square, "audio", sample_rate=48_000)
    dashboard.process_stream("v", bytes([200]) * (32 * 18 * 3), "video", size=(32, 18))
    dashboard.process_stream("v", bytes([100]) * (32 * 18 * 3), "video", size=(32, 18))
    session = dashboard._hub.session
    chunk, frames = session.streams["a"].audio[-1], list(session.streams["v"].frames)
    assert (chunk.rms, chunk.peak, chunk.duration) == (pytest.approx(0.5), pytest.approx(0.5), 0.02)
    assert (frames[0].luma, frames[0].motion) == (pytest.approx(200), None)
    assert (frames[1].luma, frames[1].motion) == (pytest.approx(100), pytest.approx(100))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda d: d.process_stream("s", b"", "smell"), "smell"),
        (lambda d: d.process_stream("s", bytes(3), "audio", sample_rate=48_000), "PCM"),
        (lambda d: d.process_stream("s", bytes(100), "video", size=(10, 10)), "RGB24"),
        (lambda d: d.process_message("x", -1), "negative"),
    ],
)
def test_wrong_data_is_refused_clearly(call: object, says: str) -> None:
    dashboard = headless()
    with pytest.raises(ValueError, match=says):
        call(dashboard)  # type: ignore[operator]
    assert dashboard.state.message_count == 0
    with pytest.raises(TypeError):
        dashboard.process_message(b"bytes")  # type: ignore[arg-type]


def test_hostile_text_and_names_are_cleaned() -> None:
    dashboard = headless()
    dashboard.process_message("\x1b]52;c;ZXZpbA==\x07hi", stream_id="na\x1b[2Jme")
    state = dashboard.state
    assert state.recent_messages[0].text == "hi"
    assert all("\x1b" not in name for name in state.streams)


async def test_sources_can_be_added() -> None:
    dashboard = headless()
    async with dashboard:
        assert len(dashboard.add_source("sim:all")) == 3
        with pytest.raises(SourceError):
            dashboard.add_source("nosuch://x")
        await settled(dashboard, 1)


def test_run_shows_the_screen_on_this_thread_and_raises_what_the_producer_raises() -> None:
    dashboard = headless()

    def produce(board: MidStreamDashboard) -> None:
        assert threading.current_thread() is not threading.main_thread()
        board.process_message("from the producer", 3)
        raise RuntimeError("the producer broke")

    with pytest.raises(RuntimeError, match="the producer broke"):
        dashboard.run(producer=produce)
    assert dashboard.state.total_tokens == 3


def test_the_agent_hears_what_was_said_before_and_after() -> None:
    dashboard = headless()
    dashboard.process_message("Hello there!", role="user")
    agent = dashboard.agent
    dashboard.process_message("What is the time?", role="user")
    assert agent.status.messages == 2
    assert agent is dashboard.agent


# -- the examples


async def test_example_basic_dashboard() -> None:
    dashboard = await example("basic_dashboard").main(headless())
    await settled(dashboard, 1)
    state = dashboard.state
    assert (state.message_count, state.total_tokens) == (1, 5)
    assert state.streams["audio-1"].audio_chunks == 1
    assert state.streams["audio-2"].sample_rate == 48_000
    await dashboard.stop()


async def test_example_stream_simulator() -> None:
    dashboard = headless()
    async with dashboard:
        frames = await asyncio.to_thread(example("stream_simulator").produce, dashboard, 1.5)
    state = dashboard.state
    assert 30 <= frames <= 50
    video, audio = state.streams["video"], state.streams["audio"]
    shed = sum(video.drops.values())
    assert 0 < video.video_frames + shed <= frames
    assert video.bytes == video.video_frames * 640 * 360 * 3
    assert audio.audio_chunks > 0


def test_example_agent(capsys: pytest.CaptureFixture[str]) -> None:
    found = example("agent").main(headless())
    assert found["positions"] == [0, 4]
    assert 0.0 <= found["similarity"] <= 1.0
    assert found["analysis"].attractor_type is Attractor.UNKNOWN
    assert found["analysis"].lyapunov_exponent is None
    assert "Pattern found at positions: [0, 4]" in capsys.readouterr().out


async def test_example_state_and_refresh() -> None:
    state = await example("state_and_refresh").main(headless())
    assert state.message_count == 1
    assert state.recent_messages[0].text == "one"


def test_a_limited_producer_sends_one_an_interval() -> None:
    dashboard = headless()
    limited = example("state_and_refresh").Limited(dashboard, 0.05)
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        limited.process("x")
        time.sleep(0.001)
    assert 2 <= dashboard.state.message_count <= 6
