"""The tap between the official SDK and a real llama.cpp server: same answers, and its figures are the client's own."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from openai import AsyncOpenAI

from midstream_adapters.base import Options, supervise
from midstream_adapters.events import TextChunk, TurnEnded, TurnStarted
from midstream_adapters.registry import open_source
from midstream_adapters.tap import TapListener
from midstream_tui.hub import Hub
from tests.adapters.servers import QUICK, ListSink, process
from tests.peers.llama_server import missing

pytestmark = [pytest.mark.peer, pytest.mark.skipif(missing() is not None, reason=missing() or "")]
MODEL = "smollm2-135m"


class Both:
    """Folds as the dashboard does, and keeps the events too."""

    def __init__(self) -> None:
        self.hub, self.kept = Hub(engine=False), ListSink()

    def emit(self, event: object) -> None:
        self.hub.emit(event)  # type: ignore[arg-type]
        self.kept.emit(event)  # type: ignore[arg-type]

    async def drain(self) -> None:
        await asyncio.sleep(0)


async def test_a_real_server_seen_through_the_tap() -> None:
    sink, log = Both(), []
    async with process("tests.peers.llama_server", "--until-stdin-closes", "--max-tokens", "16") as (url, _):
        options = Options(env={})
        (adapter,) = open_source(f"tap+listen://127.0.0.1:0?upstream={url}", options)
        assert isinstance(adapter, TapListener)
        task = asyncio.create_task(supervise(adapter, sink, options, QUICK))
        await sink.kept.until(lambda _: adapter.port)
        base = f"http://127.0.0.1:{adapter.port}/v1"
        http = httpx.AsyncClient(trust_env=False)
        question = [{"role": "user", "content": "Count from one to ten, in words."}]
        said = []
        async with AsyncOpenAI(
            api_key="sk-none-at-all-000", base_url=base, http_client=http, max_retries=0
        ) as client:
            for temperature in (0.0, 0.0):
                stream = await client.chat.completions.create(
                    model=MODEL, messages=question, stream=True, seed=1, temperature=temperature,  # type: ignore[call-overload]
                    stream_options={"include_usage": True},
                )  # fmt: skip
                text = ""
                async for chunk in stream:
                    if chunk.choices and chunk.choices[0].delta.content:
                        log.append(time.monotonic())
                        text += chunk.choices[0].delta.content
                said.append((text, chunk.usage))
            whole = await client.chat.completions.create(
                model=MODEL, messages=question, seed=1, temperature=0.0
            )  # type: ignore[arg-type]
            with pytest.raises(Exception, match="404"):
                await client.get("/nowhere", cast_to=object)
        await sink.kept.until(lambda events: sum(isinstance(e, TurnEnded) for e in events) == 4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    events = sink.kept.events
    turns = [e for e in events if isinstance(e, TurnStarted)]
    ends = {e.turn: e for e in events if isinstance(e, TurnEnded)}
    assert [t.model for t in turns] == [MODEL, MODEL, MODEL, None]
    assert ends[turns[3].turn].error is not None
    assert "404" in (ends[turns[3].turn].error or "")
    times = []
    for turn, (text, usage) in zip(turns[:2], said, strict=True):
        chunks = [e for e in events if isinstance(e, TextChunk) and e.turn == turn.turn]
        assert "".join(chunk.text for chunk in chunks) == text
        end = ends[turn.turn]
        assert end.usage is not None
        assert (end.usage.prompt, end.usage.completion) == (usage.prompt_tokens, usage.completion_tokens)
        assert end.error is None
        times += [chunk.at for chunk in chunks]
    assert len(times) == len(log)
    assert all(seen <= received for seen, received in zip(times, log, strict=True))
    assert whole.choices[0].message.content == "".join(
        e.text for e in events if isinstance(e, TextChunk) and e.turn == turns[2].turn
    )
    stream = sink.hub.state().streams[f"tap/{MODEL}"]
    assert [t.state for t in stream.turns_log] == ["complete"] * 3
    assert all(t.ttft_ms and t.e2e_ms and t.ttft_ms <= t.e2e_ms for t in stream.turns_log)
    assert stream.turns_log[0].itl_ms
    assert "sk-none" not in repr(events)
