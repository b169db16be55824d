"""Server-sent events from real servers and from hostile sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
from email.utils import formatdate

import pytest

from midstream_adapters.base import Options, supervise
from midstream_adapters.events import BytesReceived, Dropped, State, StateChanged, TextChunk, TurnEnded, Usage
from midstream_adapters.net import retry_after
from midstream_adapters.registry import open_source
from tests.adapters.servers import (
    QUICK,
    Handler,
    ListSink,
    Request,
    always,
    answer,
    free_port,
    process,
    raw_http,
    watch,
)  # fmt: skip

LIVE_SERVER = "tests.adapters.live_server"


async def stream(body: bytes, attempts: int = 1, **options: object) -> ListSink:
    async with raw_http(always(answer(body=body))) as url:
        opts = Options(**options)  # type: ignore[arg-type]
        return await watch(open_source(url, opts)[0], opts, attempts)


async def test_raw_text_and_bytes() -> None:
    body = ": hello\n\ndata: grüß\x1b[31m 👋\n\ndata: [bold]x\n\n".encode()
    sink = await stream(body)
    assert sink.texts == ["grüß 👋", "[bold]x"]
    assert sink.nbytes == len(body)
    assert sink.states == [State.CONNECTING, State.LIVE, State.FAILED]
    assert sink.reasons == ["the server closed the stream"]


async def test_json_with_text() -> None:
    sink = await stream(
        b'data: {"text": "hi", "role": "user", "tokens": 2, "reward": 1}\n\ndata: {"a": 1}\n\n'
    )
    first, second = (e for e in sink.events if isinstance(e, TextChunk))
    assert (first.text, first.role, first.tokens, first.reward) == ("hi", "user", 2, 1)
    assert second.text == '{"a": 1}'


def sse(*values: object) -> bytes:
    return b"".join(f"data: {v if isinstance(v, str) else json.dumps(v)}\n\n".encode() for v in values)


async def test_a_chat_stream_over_a_real_server() -> None:
    async with process(LIVE_SERVER, "sse") as (url, _):
        sink = await watch(open_source(f"sse+{url}/chat", Options())[0], Options())
    chunks = [e for e in sink.events if isinstance(e, TextChunk)]
    assert [(c.text, c.reasoning, c.role) for c in chunks] == [
        ("hmm", True, "assistant"),
        ("Grüße", False, "assistant"),
        (" ", False, "assistant"),
        ("👋🏽", False, "assistant"),
    ]  # fmt: skip
    assert {c.turn for c in chunks} == {"c1"}
    (end,) = sink.of(TurnEnded)
    assert isinstance(end, TurnEnded)
    assert (end.turn, end.usage, end.finish_reason, end.error) == ("c1", Usage(7, 3), "stop", None)
    assert sink.states[-1] is State.ENDED  # [DONE]: the answer is complete, and asking again would repeat it


async def test_the_responses_api() -> None:
    done = {
        "id": "r1",
        "status": "completed",
        "usage": {"input_tokens": 5, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}},
    }
    sink = await stream(
        sse(
            {"type": "response.created", "response": {"id": "r1"}},
            {"type": "response.reasoning_summary_text.delta", "delta": "think"},
            {"type": "response.output_text.delta", "delta": "Hi", "item_id": "m"},
            {"type": "response.output_text.done", "text": "Hi"},
            {"type": "response.completed", "response": done},
        )
    )
    assert [(e.text, e.reasoning, e.turn) for e in sink.events if isinstance(e, TextChunk)] == [
        ("think", True, "r1"),
        ("Hi", False, "r1"),
    ]
    (end,) = sink.of(TurnEnded)
    assert isinstance(end, TurnEnded)
    assert (end.turn, end.usage, end.finish_reason) == ("r1", Usage(5, 2, 1), "completed")
    assert sink.states[-1] is State.ENDED


async def test_anthropic_messages() -> None:
    sink = await stream(
        sse(
            {
                "type": "message_start",
                "message": {
                    "id": "msg_1",
                    "usage": {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 4},
                },
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "thinking_delta", "thinking": "hm"},
            },
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "name": "search"},
            },
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": "{}"},
            },
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}},
            {"type": "message_stop"},
        )
    )
    said = [e for e in sink.events if isinstance(e, TextChunk)]
    assert {e.role for e in said} == {"assistant"}
    assert [(e.text, e.reasoning, e.tool) for e in said] == [
        ("hm", True, None), ("Hello", False, None), ("", False, "search"), ("{}", False, "search"),
    ]  # fmt: skip
    (end,) = sink.of(TurnEnded)
    assert isinstance(end, TurnEnded)
    assert (end.turn, end.usage, end.finish_reason) == ("msg_1", Usage(9, 15, None, 4), "end_turn")


async def test_an_answer_that_breaks_off_ends_its_turn_with_an_error() -> None:
    sink = await stream(sse({"id": "c", "choices": [{"index": 0, "delta": {"content": "half"}}]}))
    (end,) = sink.of(TurnEnded)
    assert isinstance(end, TurnEnded)
    assert end.error == "the server closed the stream"
    assert sink.states[-1] is State.FAILED


HOSTILE = [
    {"choices": "x"},
    {"choices": [None, 3, {"delta": 5}]},
    {"choices": [{"delta": {"content": ["x"], "tool_calls": {}}}]},
    {"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": 1e99}},
    {"choices": [{"index": True, "delta": {"role": 1}}]},
    {"type": "response.completed"},
    {"type": "response.failed", "response": []},
    {"type": "content_block_delta", "delta": None},
    {"type": "message_delta", "usage": "x"},
    {"type": ["x"]},
    {"error": None},
    {"error": {"message": {}}},
    {"text": {"a": 1}},
]


async def test_payloads_of_the_wrong_shape_break_nothing() -> None:
    odd = ["{" * 5000, "[" * 100_000, '{"choices": [' * 5000, "[DONE", "\ufffd"]
    body = sse(*HOSTILE, *odd, "still here")
    sink = await stream(body)
    assert sink.texts[-1] == "still here"
    assert sink.nbytes == len(body)
    assert not [r for r in sink.reasons if "internal" in r]


async def test_a_10_mb_line_is_dropped_and_counted() -> None:
    body = b"data: " + b"x" * 10_000_000 + b"\n\ndata: after\n\n"
    sink = await stream(body)
    assert sink.texts == ["after"]
    assert [e.count for e in sink.events if isinstance(e, Dropped)] == [1]
    assert sink.nbytes == len(body)
    assert len(sink.of(BytesReceived)) > 5  # told while it came, not at its end


async def test_reconnects_with_the_last_id_and_the_servers_retry() -> None:
    asked: list[str | None] = []

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.append(request.headers.get("last-event-id"))
        if len(asked) == 3:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            writer.write(answer(body=f"retry: 40000\nid: {len(asked)}\ndata: x\n\n".encode()))

    options = Options(sleep=lambda _: asyncio.sleep(0))
    async with raw_http(handler) as url:
        sink = await watch(open_source(url, options)[0], options, attempts=9)
    assert asked == [None, "1", "2"]
    assert sink.states[-1] is State.ENDED
    waits = [e.retry_in for e in sink.events if isinstance(e, StateChanged) and e.retry_in is not None]
    assert waits == [40.0, 40.0]  # beyond what the backoff would have waited


@pytest.mark.parametrize(
    ("status", "headers", "state", "said"),
    [
        (
            "429 Too Many Requests",
            {"retry_after": "7"},
            State.RECONNECTING,
            "HTTP 429 Too Many Requests: slow down",
        ),
        ("503 Service Unavailable", {"retry_after": "9"}, State.RECONNECTING, "HTTP 503"),
        ("500 Internal Server Error", {}, State.RECONNECTING, "HTTP 500"),
        ("404 Not Found", {}, State.FAILED, "HTTP 404 Not Found"),
        ("401 Unauthorized", {}, State.FAILED, "a key or header is missing"),
        ("799 Odd", {}, State.RECONNECTING, "HTTP 799"),
    ],
)
async def test_statuses(status: str, headers: dict[str, str], state: State, said: str) -> None:
    reply = answer(
        status, "application/json", b'{"error": {"message": "slow down, sk-abcdefghijklmnop"}}', **headers
    )
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise asyncio.CancelledError

    sink, options = ListSink(), Options(sleep=sleep)
    async with raw_http(always(reply)) as url:
        try:
            await supervise(open_source(url, options)[0], sink, options)
        except asyncio.CancelledError:
            assert state is State.RECONNECTING
    assert sink.states[-1] is state
    assert said in sink.reasons[-1]
    assert "abcdefghijkl" not in sink.reasons[-1]
    least = float(headers.get("retry_after", 0))
    assert [seconds >= least for seconds in slept] == ([True] if state is State.RECONNECTING else [])


def test_retry_after_may_be_a_date() -> None:
    now = 1_700_000_000.0
    assert retry_after(formatdate(now + 90, usegmt=True), lambda: now) == pytest.approx(90, abs=1)
    assert retry_after(formatdate(now - 90, usegmt=True), lambda: now) == 0.0
    assert [retry_after(v) for v in (None, "", "soon", "-3", "５")] == [None] * 5


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            answer(kind="text/html; charset=utf-8", body=b"<html>"),
            "answered text/html; charset=utf-8, not text/event-stream",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", "without a content type"),
        (answer(content_encoding="gzip", body=gzip.compress(b"x" * 10_000_000)), "compresses"),
        (b"HTTP/1.1 302 Found\r\nlocation: ftp://h/\r\n\r\n", "no web address"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://[\r\n\r\n", "no web address"),
        (b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", "redirects"),
    ],
    ids=["html", "untyped", "gzip", "ftp", "bad-location", "loop"],
)
async def test_what_is_no_event_stream_is_final(reply: bytes, said: str) -> None:
    async with raw_http(always(reply)) as url:
        sink = await watch(open_source(url, Options())[0], Options(), attempts=5)
    assert sink.states == [State.CONNECTING, State.FAILED]
    assert said in sink.reasons[-1]


@pytest.mark.parametrize(
    "reply",
    [b"SSH-2.0-OpenSSH\r\n", b"", b"\x00" * 1000, b"HTTP/1.1 200 OK\r\n" + b"a: " + b"b" * 500_000],
    ids=["ssh", "nothing", "nul", "header"],
)
async def test_what_is_no_http_is_tried_again(reply: bytes) -> None:
    async with raw_http(always(reply)) as url:
        sink = await watch(open_source(url, Options())[0], Options(), attempts=2)
    assert sink.states[-1] is State.FAILED
    assert State.RECONNECTING in sink.states
    assert sink.reasons[-1].startswith("cannot connect")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_every_redirect_is_followed(status: int) -> None:
    async with raw_http(always(answer(body=b"data: hello\n\n"))) as there:
        away = f"HTTP/1.1 {status} Elsewhere\r\nlocation: {there}/x\r\ncontent-length: 0\r\n\r\n"
        async with raw_http(always(away.encode())) as here:
            sink = await watch(open_source(here, Options())[0], Options())
    assert sink.texts == ["hello"]


async def test_headers_are_not_for_the_host_a_redirect_names() -> None:
    got: list[Request] = []

    async def target(request: Request, writer: asyncio.StreamWriter) -> None:
        got.append(request)
        writer.write(answer(body=b"data: hello\n\n"))

    options = Options(headers={"X-Api-Key": "secret-key"})
    async with raw_http(target) as there:
        async with raw_http(always(f"HTTP/1.1 307 T\r\nlocation: {there}/x\r\n\r\n".encode())) as here:
            sink = await watch(open_source(here, options)[0], options)
        await watch(open_source(there, options)[0], options)
    assert sink.texts == ["hello"]
    assert ["x-api-key" in r.headers for r in got] == [False, True]
    assert got[0].headers["accept"] == "text/event-stream"


async def test_a_server_that_never_answers_times_out() -> None:
    async def silent(_request: Request, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    options = Options(connect_timeout=0.2)
    async with raw_http(silent) as url:
        sink = await watch(open_source(url, options)[0], options)
    assert sink.reasons == ["no answer within 0.2 s"]


async def test_nobody_listening() -> None:
    sink = await watch(open_source(f"http://127.0.0.1:{free_port()}/?token=abc", Options())[0], Options())
    assert sink.reasons[-1].startswith("cannot connect")
    assert "abc" not in str(sink.events)


def drip(*pieces: bytes) -> Handler:
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        await asyncio.sleep(60)

    return handler


async def test_split_utf8_and_idle_and_cancel() -> None:
    """Bytes one by one; then silence, which is no error; then a cancel, which is obeyed at once."""
    body = ":\n\ndata: é👋\r\n\r\n".encode()
    sink = ListSink()
    async with raw_http(drip(*(body[i : i + 1] for i in range(len(body))))) as url:
        task = asyncio.create_task(supervise(open_source(url, Options())[0], sink, Options()))
        await sink.until(lambda _: sink.texts == ["é👋"] and sink.nbytes >= len(body) - 1)
        await asyncio.sleep(0.1)
        assert sink.states == [State.CONNECTING, State.LIVE]
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=1)
        assert done


async def test_a_killed_server_comes_back() -> None:
    port = str(free_port())
    sink = ListSink()
    async with process(LIVE_SERVER, "sse", "--port", port) as (url, child):
        task = asyncio.create_task(
            supervise(open_source(f"{url}/ticks", Options())[0], sink, Options(), QUICK)
        )
        await sink.until(lambda _: len(sink.texts) >= 3)
        child.kill()
        await sink.until(lambda _: sink.states[-1] is State.RECONNECTING)
    before = len(sink.texts)
    async with process(LIVE_SERVER, "sse", "--port", port):
        await sink.until(lambda _: len(sink.texts) >= before + 3)
        task.cancel()
        await asyncio.wait([task])
    assert sink.states.count(State.LIVE) == 2
    assert sink.texts == [
        f"tick {n + 1}" for n in range(len(sink.texts))
    ]  # none lost, none twice: Last-Event-ID
