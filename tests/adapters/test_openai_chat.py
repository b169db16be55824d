"""Chat completions through the official SDK, against sockets that answer as servers do, well and badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from midstream_adapters.base import Options, SourceError, supervise
from midstream_adapters.events import (
    Dropped,
    Event,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
    Usage,
)
from midstream_adapters.registry import open_source
from tests.adapters.servers import Handler, ListSink, Request, always, answer, free_port, raw_http, watch

KEY = "sk-test-0123456789abcdef"


def options(url: str = "", **rest: Any) -> Options:
    env = {"OPENAI_API_KEY": KEY} | ({"OPENAI_BASE_URL": f"{url}/v1"} if url else {})
    return Options(**{"env": env, "prompt": "Why?", **rest})


def chunk(content: str | None = None, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    if content is not None:
        delta["content"] = content
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip


USAGE = {
    "id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [],
    "usage": {"prompt_tokens": 11, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}},
}  # fmt: skip


def sse(*values: Any) -> bytes:
    return b"".join(f"data: {v if isinstance(v, str) else json.dumps(v)}\n\n".encode() for v in values)


ANSWER = sse(chunk("", role="assistant"), chunk("Be"), chunk("cause."), chunk(finish="stop"), USAGE, "[DONE]")


async def ask(handler: Handler, attempts: int = 1, **rest: Any) -> ListSink:
    async with raw_http(handler) as url:
        opts = options(url, **rest)
        return await watch(open_source("openai:m", opts)[0], opts, attempts)


def scripted(*replies: bytes) -> tuple[list[Request], Handler]:
    """A handler that gives one reply after the other, and the requests it got."""
    got: list[Request] = []

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        got.append(request)
        writer.write(replies[min(len(got), len(replies)) - 1])

    return got, handler


def only(sink: ListSink, kind: type[Event]) -> Any:
    (event,) = sink.of(kind)
    return event


async def test_one_question_is_one_turn() -> None:
    got, handler = scripted(answer(body=ANSWER))
    sink = await ask(handler, system="Be brief.", headers={"X-Tenant": "t1"})
    (request,) = got
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-tenant"] == "t1"
    body = json.loads(request.body)
    assert body["model"] == "m"
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
    ]

    said = [(e.role, e.text) for e in sink.events if isinstance(e, TextChunk)]
    assert said == [("user", "Why?"), ("assistant", "Be"), ("assistant", "cause.")]
    started, ended = only(sink, TurnStarted), only(sink, TurnEnded)
    assert (started.model, started.prompt) == ("m", "Why?")
    assert (ended.usage, ended.finish_reason, ended.error) == (Usage(11, 4, None, 2), "stop", None)
    assert {e.turn for e in sink.events if isinstance(e, TextChunk) and e.role == "assistant"} == {
        started.turn
    }
    assert ended.turn == started.turn
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]
    assert sink.nbytes == len(ANSWER)
    order = [type(e).__name__ for e in sink.events]
    assert order.index("TurnStarted") < order.index("TurnEnded")


async def test_the_clock_starts_when_the_request_is_written() -> None:
    """Not before the connection is made, and not when the answer comes."""
    received = asyncio.Event()
    release = asyncio.Event()

    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        received.set()
        await release.wait()
        writer.write(answer(body=ANSWER))

    sink = ListSink()
    async with raw_http(handler) as url:
        opts = options(url)
        task = asyncio.create_task(supervise(open_source("openai:m", opts)[0], sink, opts))
        await asyncio.wait_for(received.wait(), 20)
        assert len(sink.of(TurnStarted)) == 1
        assert sink.states == [State.CONNECTING]
        release.set()
        assert await asyncio.wait_for(task, 10) is State.ENDED


async def test_nobody_listening_starts_no_turn() -> None:
    opts = options(f"http://127.0.0.1:{free_port()}")
    sink = await watch(open_source("openai:m", opts)[0], opts)
    assert sink.reasons[-1].startswith("cannot connect: ")
    assert not sink.of(TurnStarted)
    assert not sink.of(TurnEnded)


async def test_reasoning_and_tool_calls() -> None:
    call: Callable[..., dict[str, Any]] = lambda **f: chunk(tool_calls=[{"index": 0, "function": f}])  # noqa: E731
    body = sse(
        chunk(reasoning_content="Let me see"), chunk("Yes"), call(name="search", arguments=""),
        call(arguments='{"q":'), call(arguments="1}"), chunk(finish="tool_calls"), "[DONE]",
    )  # fmt: skip
    sink = await ask(always(answer(body=body)))
    said = [e for e in sink.events if isinstance(e, TextChunk)][1:]
    assert {e.role for e in said} == {"assistant"}
    assert [(e.text, e.reasoning, e.tool) for e in said] == [
        ("Let me see", True, None),
        ("Yes", False, None),
        ("", False, "search"),  # the call shows before its first argument
        ('{"q":', False, "search"),
        ("1}", False, "search"),
    ]
    assert only(sink, TurnEnded).finish_reason == "tool_calls"


async def test_a_server_that_refuses_stream_options_is_asked_without() -> None:
    refusal = answer(
        "400 Bad Request", "application/json", b'{"error": {"message": "Unrecognized: stream_options"}}'
    )
    got, handler = scripted(refusal, answer(body=sse(chunk("Hi"), chunk(finish="stop"), "[DONE]")))
    sink = await ask(handler)
    assert ["stream_options" in json.loads(r.body) for r in got] == [True, False]
    assert sink.states[-1] is State.ENDED
    assert only(sink, TurnEnded).usage is None
    assert len({e.turn for e in sink.events if isinstance(e, TurnStarted)}) == 1


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        ("400 Bad Request", State.FAILED, "HTTP 400 Bad Request"),
        ("401 Unauthorized", State.FAILED, "a key or header is missing, or was refused"),
        ("403 Forbidden", State.FAILED, "HTTP 403"),
        ("404 Not Found", State.FAILED, "HTTP 404"),
        ("429 Too Many Requests", State.RECONNECTING, "HTTP 429"),
        ("500 Internal Server Error", State.RECONNECTING, "HTTP 500"),
        ("503 Service Unavailable", State.RECONNECTING, "HTTP 503"),
    ],
)
async def test_statuses(status: str, state: State, said: str) -> None:
    body = json.dumps({"error": {"message": f"no: {KEY}\x1b[2J", "type": "x"}}).encode()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise asyncio.CancelledError

    sink = ListSink()
    async with raw_http(always(answer(status, "application/json", body, retry_after="13"))) as url:
        opts = options(url, sleep=sleep)
        try:
            await supervise(open_source("openai:m", opts)[0], sink, opts)
        except asyncio.CancelledError:
            assert state is State.RECONNECTING
    assert sink.states[-1] is state
    assert said in sink.reasons[-1]
    assert "no: " in sink.reasons[-1]
    assert "0123456789" not in str(sink.events)
    assert only(sink, TurnEnded).error is not None
    assert [s >= 13 for s in slept] == ([True] if state is State.RECONNECTING else [])


async def test_a_key_of_no_known_form_is_not_told_either() -> None:
    env = {"OPENAI_API_KEY": "correct horse battery"}
    reply = answer("401 Unauthorized", "text/plain", b"bad key correct horse battery")
    async with raw_http(always(reply)) as url:
        opts = options(env=env | {"OPENAI_BASE_URL": url})
        sink = await watch(open_source("openai:m", opts)[0], opts)
    assert "bad key" in sink.reasons[-1]
    assert "horse" not in str(sink.events)


async def test_a_refusal_without_end_is_not_read_to_it() -> None:
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("400 Bad Request", "application/json"))
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    sink = await ask(handler)
    assert sink.reasons[-1].startswith("HTTP 400 Bad Request")
    assert len(sink.reasons[-1]) <= 300


async def test_an_answer_that_breaks_off_is_asked_for_again_but_not_for_ever() -> None:
    half = answer(body=sse(chunk("half")))
    _, handler = scripted(half, answer(body=ANSWER))
    sink = await ask(handler, attempts=9)
    ends = [e for e in sink.events if isinstance(e, TurnEnded)]
    assert [e.error for e in ends] == ["the answer broke off", None]
    assert ends[0].turn != ends[1].turn
    assert sink.states[-1] is State.ENDED
    assert [e.text for e in sink.events if isinstance(e, TextChunk) and e.role == "user"] == ["Why?"]

    got, handler = scripted(half)
    sink = await ask(handler, attempts=99)
    assert len(got) == 3
    assert sink.states[-1] is State.FAILED
    assert "3 answers broke off" in sink.reasons[-1]


async def test_a_torn_connection_is_a_loss() -> None:
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        body = sse(chunk("half"))
        writer.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    sink = await ask(handler)
    assert only(sink, TurnEnded).error.startswith("the answer broke off: ")
    assert sink.states[-1] is State.FAILED


async def test_an_error_within_the_stream() -> None:
    body = sse(chunk("half"), {"error": {"message": f"overloaded {KEY}", "type": "server_error"}}, "[DONE]")
    sink = await ask(always(answer(body=body)))
    assert only(sink, TurnEnded).error == "overloaded sk-***"
    assert sink.reasons[-1] == "overloaded sk-***"


async def test_a_server_that_does_not_stream() -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Because."}}
    whole = {"object": "chat.completion", "choices": [choice], "usage": USAGE["usage"]}
    sink = await ask(always(answer(kind="application/json", body=json.dumps(whole).encode())))
    assert sink.texts == ["Why?", "Because."]
    assert only(sink, TurnEnded).usage == Usage(11, 4, None, 2)
    assert sink.states[-1] is State.ENDED


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(kind="text/html", body=b"<html>"), "answered text/html, not an event stream"),
        (answer(kind="application/json", body=b'{"a": "' + b"x" * 2_000_000 + b'"}'), "over 1024 KiB"),
        (answer(content_encoding="gzip", body=b"x"), "compresses"),
    ],
    ids=["html", "endless", "gzip"],
)
async def test_what_is_no_answer_is_final(reply: bytes, said: str) -> None:
    sink = await ask(always(reply), attempts=5)
    assert sink.states[-1] is State.FAILED
    assert sink.states.count(State.CONNECTING) == 1
    assert said in sink.reasons[-1]


async def test_a_10_mb_line_is_dropped_and_the_answer_goes_on() -> None:
    body = sse(chunk("a"), "x" * 10_000_000, chunk("b"), chunk(finish="stop"), "[DONE]")
    sink = await ask(always(answer(body=body)))
    assert sink.texts == ["Why?", "a", "b"]
    assert only(sink, Dropped).count == 1
    assert sink.nbytes == len(body)


async def test_cancelling_within_an_answer() -> None:
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body=sse(chunk("a"))))
        await writer.drain()
        await asyncio.sleep(60)

    sink = ListSink()
    async with raw_http(handler) as url:
        opts = options(url)
        task = asyncio.create_task(supervise(open_source("openai:m", opts)[0], sink, opts))
        await sink.until(lambda _: "a" in sink.texts)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=1)
        assert done


def test_what_can_be_told_before_asking() -> None:
    with pytest.raises(SourceError, match="OPENAI_API_KEY"):
        open_source("openai:m", Options(env={}))
    with pytest.raises(SourceError, match="OPENAI_API_KEY"):
        open_source("openai:m", Options(env={"OPENAI_BASE_URL": "https://models.example.com/v1"}))
    with pytest.raises(SourceError, match="not a web address") as caught:
        open_source("openai:m", Options(env={"OPENAI_BASE_URL": "ftp://u:pw@h/v1"}))
    assert "pw" not in str(caught.value)
    for base in (
        "http://localhost:8080/v1",
        "http://127.0.0.1:1/v1",
        "http://[::1]:1/v1",
        "http://192.168.1.9/v1",
        "http://ollama:11434/v1",
    ):
        assert open_source("openai:m", Options(env={"OPENAI_BASE_URL": base}))


async def test_without_a_key_on_this_machine() -> None:
    got, handler = scripted(answer(body=ANSWER))
    async with raw_http(handler) as url:
        opts = options(env={"OPENAI_BASE_URL": url})
        sink = await watch(open_source("openai:m", opts)[0], opts)
    assert sink.states[-1] is State.ENDED
    assert got[0].line.startswith("POST /chat/completions")
    assert not [e for e in sink.events if isinstance(e, StateChanged) and e.reason]
