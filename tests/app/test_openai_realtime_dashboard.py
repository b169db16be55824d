"""The specification's "OpenAI Realtime Integration", in its Python form: text to messages, sound to a stream."""

from __future__ import annotations

import base64
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from midstream_adapters.base import Options
from midstream_tui import DashboardConfig, MidStreamDashboard, OpenAIRealtimeClient, RealtimeConfig
from tests.adapters import realtime_scripts as rs
from tests.adapters.realtime_server import realtime_server
from tests.adapters.recorder import until


def script(preview: bool) -> list[Any]:
    """An answer of both: sound, then text."""
    prefix = "" if preview else "output_"
    text = [rs.delta(f"response.{prefix}text.delta", piece) for piece in ("It is ", "a friendly ", "talk.")]
    begin = [rs.CREATED_PREVIEW if preview else rs.CREATED, rs.Expect("response.create"), rs.created()]
    return [*begin, *rs.spoken(prefix), *text, rs.done()]


@pytest.mark.parametrize("preview", [True, False])
async def test_the_specification_s_example(preview: bool) -> None:
    async with realtime_server(script(preview)) as server:
        environ = {
            "OPENAI_API_KEY": "sk-test-0123456789",
            "OPENAI_BASE_URL": server.url.replace("ws", "http", 1),
        }
        dashboard = MidStreamDashboard(DashboardConfig(headless=True, size=(120, 40), analysis=False))
        await dashboard.start()

        client = OpenAIRealtimeClient(
            RealtimeConfig(
                api_key=environ["OPENAI_API_KEY"],
                model="gpt-4o-realtime-preview-2024-10-01",
                voice="alloy",
                options=Options(env=environ),
            )
        )

        # Connect dashboard to OpenAI events
        @client.on("response.text.delta")
        def on_text(delta: str) -> None:
            dashboard.process_message(delta, len(delta))

        @client.on("response.audio.delta")
        def on_audio(delta: str) -> None:
            dashboard.process_stream("openai-audio", base64.b64decode(delta), "audio", sample_rate=24_000)

        finished: list[Any] = []
        client.on("response.done", finished.append)
        await client.connect()
        await client.send_text("Analyze this conversation...")
        await until(lambda: finished)
        await client.disconnect()
        await dashboard.stop()

    state = dashboard.state
    assert [m.text for m in state.recent_messages] == ["It is ", "a friendly ", "talk."]
    assert state.total_tokens == len("It is a friendly talk.")
    sound = state.streams["openai-audio"]
    assert (sound.audio_chunks, sound.sample_rate, sound.channels) == (6, 24_000, 1)
    assert sound.media_s["audio"] == pytest.approx(0.24)
    assert sound.bytes == 2 * round(0.24 * rs.RATE)


async def test_a_dashboard_beside_a_client_shows_the_session_as_a_stream() -> None:
    async with realtime_server(rs.ANSWER) as server:
        dashboard = MidStreamDashboard(DashboardConfig(headless=True, size=(120, 40), analysis=False))
        async with dashboard:
            config = RealtimeConfig(api_key="sk-test-0123456789", url=server.url, options=Options(env={}))
            async with OpenAIRealtimeClient(config, sink=dashboard) as client:
                await client.send_text("Good morning")
                await until(lambda: client.usage.prompt)
    stream = dashboard.state.streams["openai-realtime"]
    assert (stream.state, stream.turns, stream.audio_chunks) == ("ended", 1, 6)
    assert stream.latency.ttft_ms is not None
    assert stream.figures["requests_left"] == 999
    assert [(m.role, m.text) for m in dashboard.state.recent_messages] == [
        ("user", "Good morning"), ("assistant", "Good morning, how are you?"),
    ]  # fmt: skip


async def test_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).parents[2] / "examples" / "openai_realtime.py"
    spec = importlib.util.spec_from_file_location("example_openai_realtime", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    async with realtime_server(rs.ANSWER) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url.replace("ws", "http", 1))
        made = MidStreamDashboard(DashboardConfig(headless=True, size=(120, 40), analysis=False))
        dashboard, client = await example.main(made)
        await until(lambda: client.usage.prompt)
        await client.disconnect()
        await dashboard.stop()
    assert "".join(m.text for m in made.state.recent_messages).endswith("how are you?")
    assert made.state.streams["openai-audio"].audio_chunks == 6
    assert server.of("session.update")[0]["session"]["audio"]["output"]["voice"] == "alloy"
