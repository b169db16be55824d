"""Many questions to one model: from a file, at a rate, asked again; and the Responses API through the official SDK."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from midstream_adapters.base import SourceError, supervise
from midstream_adapters.events import State, TextChunk, TurnEnded, TurnStarted, Usage
from midstream_adapters.openai_chat import MOST_WAITING, ChatAdapter
from midstream_adapters.prompts import MOST, read_prompts
from midstream_adapters.registry import open_source
from tests.adapters.recorder import FakeTime
from tests.adapters.servers import Handler, ListSink, answer, raw_http, watch
from tests.adapters.test_openai_chat import ANSWER, chunk, options, scripted, sse

REFUSAL = answer("400 Bad Request", "application/json", b'{"error": {"message": "not this one"}}')
BROKEN = answer(body=sse(chunk("half")))


def turns(sink: ListSink) -> list[tuple[str | None, str | None]]:
    """Prompt and error of every turn."""
    ends = {e.turn: e.error for e in sink.events if isinstance(e, TurnEnded)}
    return [(e.prompt, ends[e.turn]) for e in sink.events if isinstance(e, TurnStarted)]


async def ask(handler: Handler, *prompts: str, attempts: int = 5, model: str = "openai:m") -> ListSink:
    async with raw_http(handler) as url:
        opts = options(url, prompt=None, prompts=prompts)
        return await watch(open_source(model, opts)[0], opts, attempts)


async def test_prompts_are_asked_one_after_the_other_without_a_shared_conversation() -> None:
    got, handler = scripted(answer(body=ANSWER))
    sink = await ask(handler, "one", "two", "three")
    assert turns(sink) == [("one", None), ("two", None), ("three", None)]
    asked = [json.loads(request.body)["messages"] for request in got]
    assert asked == [[{"role": "user", "content": text}] for text in ("one", "two", "three")]
    assert sink.states[-1] is State.ENDED
    assert [e.text for e in sink.events if isinstance(e, TextChunk) and e.role == "user"] == [
        "one",
        "two",
        "three",
    ]


async def test_a_rejected_prompt_fails_alone_and_a_broken_answer_is_asked_for_again() -> None:
    _, handler = scripted(REFUSAL, BROKEN, answer(body=ANSWER))
    sink = await ask(handler, "bad", "broken", "good")
    errors = [(prompt, (error or "")[:30]) for prompt, error in turns(sink)]
    assert errors == [
        ("bad", "HTTP 400 Bad Request: not this"),
        ("broken", "the answer broke off"),
        ("broken", ""),
        ("good", ""),
    ]
    said = [e.text for e in sink.events if isinstance(e, TextChunk) and e.role == "user"]
    assert said == ["bad", "broken", "good"]
    assert sink.states[-1] is State.ENDED


async def test_the_rate_is_that_of_beginnings() -> None:
    """Thirty a minute: one each two seconds, however long the answers take."""
    time = FakeTime()

    async def handler(request: object, writer: asyncio.StreamWriter) -> None:
        time.now += 0.5
        writer.write(answer(body=ANSWER))

    async with raw_http(handler) as url:
        opts = options(
            url, prompt=None, prompts=("a", "b", "c", "d"), rate=30.0, clock=time.clock, sleep=time.sleep
        )
        sink = await watch(open_source("openai:m", opts)[0], opts)
    said = [e.at for e in sink.events if isinstance(e, TextChunk) and e.role == "user"]
    assert [round(at - said[0], 3) for at in said] == [0.0, 2.0, 4.0, 6.0]


async def test_asking_again_while_it_answers_and_after_it_has_ended() -> None:
    release = asyncio.Event()

    async def handler(request: object, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(answer(body=ANSWER))

    sink = ListSink()
    async with raw_http(handler) as url:
        opts = options(url)
        (adapter,) = open_source("openai:m", opts)
        assert isinstance(adapter, ChatAdapter)
        task = asyncio.create_task(supervise(adapter, sink, opts))
        await sink.until(lambda _: sink.of(TurnStarted))
        adapter.ask("And then?")
        with pytest.raises(ValueError, match="words"):
            adapter.ask("  ")
        release.set()
        await task
        assert [prompt for prompt, _ in turns(sink)] == ["Why?", "And then?"]
        adapter.ask("Once more")
        await supervise(adapter, sink, opts)
        assert [prompt for prompt, _ in turns(sink)] == ["Why?", "And then?", "Once more"]
        await supervise(adapter, sink, opts)  # nothing asked: the first question again
        assert [prompt for prompt, _ in turns(sink)][3:] == ["Why?"]
        for n in range(MOST_WAITING):
            adapter.ask(f"{n}")
        with pytest.raises(ValueError, match="100 questions wait"):
            adapter.ask("one too many")
    assert len({e.turn for e in sink.events if isinstance(e, TurnStarted)}) == 4


async def test_the_responses_api() -> None:
    usage = {"input_tokens": 5, "output_tokens": 8, "output_tokens_details": {"reasoning_tokens": 6}}
    body = sse(
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.reasoning_summary_text.delta", "delta": "let me see"},
        {"type": "response.output_text.delta", "delta": "Because"},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "usage": usage}},
    )
    got, handler = scripted(answer(body=body))
    sink = await ask(handler, "Why?", model="openai-responses:o")
    assert got[0].line == "POST /v1/responses HTTP/1.1"
    asked = json.loads(got[0].body)
    assert (asked["model"], asked["input"], asked["stream"]) == ("o", "Why?", True)
    assert "stream_options" not in asked
    (end,) = (e for e in sink.events if isinstance(e, TurnEnded))
    assert (end.usage, end.finish_reason, end.error) == (Usage(5, 8, 6), "completed", None)
    said = [(e.text, e.reasoning) for e in sink.events if isinstance(e, TextChunk)]
    assert said == [("Why?", False), ("let me see", True), ("Because", False)]
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]


async def test_a_response_that_fails() -> None:
    failed = {"id": "r", "status": "failed", "error": {"message": "too hard"}}
    body = sse(
        {"type": "response.created", "response": {"id": "r"}}, {"type": "response.failed", "response": failed}
    )
    sink = await ask(scripted(answer(body=body))[1], "Why?", attempts=1, model="openai-responses:o")
    assert turns(sink) == [("Why?", "too hard")]
    assert sink.states[-1] is State.FAILED


def test_prompts_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prompts"
    file.write_text('Why?\n\n{"prompt": "How?"}\n{"text": "a\\nb"}\n{not json\n')
    assert read_prompts(str(file)) == ("Why?", "How?", "a\nb", "{not json")
    for text, why in (
        ("\n \n", "holds no prompt"),
        ('a\n{"model": "m"}\n', "line 2: no prompt"),
        ("a\n" * (MOST + 1), "more than"),
    ):
        file.write_text(text)
        with pytest.raises(SourceError, match=why):
            read_prompts(str(file))
    with pytest.raises(SourceError, match="No such file"):
        read_prompts(str(tmp_path / "none"))
