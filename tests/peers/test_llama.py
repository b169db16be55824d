"""A real model on a real llama.cpp server, asked through the official SDK."""

from __future__ import annotations

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import State, TextChunk, TurnEnded, TurnStarted
from midstream_adapters.registry import open_source
from tests.adapters.servers import process, watch
from tests.peers.llama_server import missing

pytestmark = [pytest.mark.peer, pytest.mark.skipif(missing() is not None, reason=missing() or "")]


async def test_an_answer_of_a_real_model() -> None:
    async with process("tests.peers.llama_server", "--until-stdin-closes", "--max-tokens", "12") as (url, _):
        assert url.startswith("http://127.0.0.1:")
        options = Options(env={"OPENAI_BASE_URL": url}, prompt="Count from one to twenty, in words.")
        sink = await watch(open_source("openai:smollm2-135m", options)[0], options, timeout=120)
        wrong = Options(env={"OPENAI_BASE_URL": f"{url}/nowhere"})
        lost = await watch(open_source("openai:smollm2-135m", wrong)[0], wrong, timeout=60)

    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]
    (started,) = (e for e in sink.events if isinstance(e, TurnStarted))
    (ended,) = (e for e in sink.events if isinstance(e, TurnEnded))
    chunks = [e for e in sink.events if isinstance(e, TextChunk) and e.turn == started.turn]
    assert "".join(c.text for c in chunks).strip()
    assert {c.role for c in chunks} == {"assistant"}
    times = [c.at for c in chunks]
    assert started.at < times[0]  # TTFT is more than nothing
    assert times == sorted(times)
    assert times[-1] <= ended.at
    assert ended.error is None
    assert ended.usage is not None
    assert ended.usage.prompt > 5
    assert 1 < ended.usage.completion <= 12
    assert len(chunks) <= ended.usage.completion  # a chunk holds one token or more
    assert ended.finish_reason in ("stop", "length")
    assert sink.nbytes > sum(len(c.text) for c in chunks)

    assert lost.states == [State.CONNECTING, State.FAILED]
    assert "HTTP 404" in lost.reasons[-1]
