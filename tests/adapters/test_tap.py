"""The tap as a source: requests through its real process become turns; answers of every kind, and broken ones."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import time
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from midstream_adapters.base import Options, SourceError, supervise
from midstream_adapters.events import (
    Dropped,
    Event,
    State,
    StateChanged,
    StreamOpened,
    TextChunk,
    TurnEnded,
    TurnStarted,
    Usage,
)
from midstream_adapters.payload import PayloadReader
from midstream_adapters.registry import open_source, stream_name
from midstream_adapters.tap import TapListener
from midstream_adapters.tap_exchange import Exchange
from midstream_adapters.tap_frames import What, packed
from midstream_adapters.tap_question import Places, question
from midstream_adapters.tap_websocket import WebSocketWatch
from tests.adapters.servers import QUICK, ListSink, Request, answer, free_port, raw_http
from tests.adapters.test_openai_chat import ANSWER, USAGE, chunk, sse

KEY = "sk-test-0123456789abcdef"
SAID = [{"role": "system", "content": "s"}, {"role": "user", "content": "Why?"}]
PARTS = [{"type": "text", "text": "a"}, {"type": "image_url"}]
ASKED = {"model": "m1", "stream": True, "messages": SAID}


def source(upstream: str, port: int = 0) -> str:
    return f"tap+listen://127.0.0.1:{port}?upstream={upstream}"


@asynccontextmanager
async def tap(upstream: str) -> AsyncGenerator[tuple[ListSink, str, httpx.AsyncClient], None]:
    """A tap before `upstream`; gives what it says, its base URL and a client."""
    options = Options(env={})
    (adapter,) = open_source(source(upstream), options)
    assert isinstance(adapter, TapListener)
    sink = ListSink()
    task = asyncio.create_task(supervise(adapter, sink, options, QUICK))
    try:
        await sink.until(lambda _: any("base URL" in reason for reason in sink.reasons))
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as client:
            yield sink, f"http://127.0.0.1:{adapter.port}", client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def ended(sink: ListSink, count: int = 1) -> list[TurnEnded]:
    return [e for e in sink.events if isinstance(e, TurnEnded)][:count]


async def until_ended(sink: ListSink, count: int = 1) -> list[TurnEnded]:
    await sink.until(lambda _: len(ended(sink, count)) == count)
    return ended(sink, count)


# -- through the real process


async def test_every_request_is_a_turn_of_its_model_and_no_key_is_told() -> None:
    got: list[Request] = []

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        got.append(request)
        writer.write(answer(body=ANSWER) if b"stream" in request.body else answer(kind="application/json"))

    async with raw_http(handler) as url, tap(url) as (sink, base, client):
        reply = await client.post(f"{base}/v1/chat/completions", json=ASKED)
        assert reply.content == ANSWER
        (end,) = await until_ended(sink)
        await client.get(f"{base}/v1/models", params={"key": KEY})
        await until_ended(sink, 2)
    assert got[0].headers["authorization"] == f"Bearer {KEY}"
    (started, other) = (e for e in sink.events if isinstance(e, TurnStarted))
    assert (started.stream, started.model, started.prompt) == ("tap/m1", "m1", "Why?")
    assert (other.stream, other.model, other.prompt) == ("tap/other requests", None, "GET /v1/models")
    said = [(e.text, e.role) for e in sink.events if isinstance(e, TextChunk) and e.stream == "tap/m1"]
    assert said == [("Why?", "user"), ("Be", "assistant"), ("cause.", "assistant")]
    assert (end.turn, end.usage, end.finish_reason, end.error) == (
        started.turn,
        Usage(11, 4, None, 2),
        "stop",
        None,
    )
    opened = [e.stream for e in sink.events if isinstance(e, StreamOpened)]
    assert opened == ["tap", "tap/m1", "tap/other requests"]
    last = {e.stream: e.state for e in sink.events if isinstance(e, StateChanged)}
    assert last["tap/m1"] is State.ENDED
    assert KEY not in repr(sink.events)


async def test_times_lie_between_those_of_the_two_ends() -> None:
    """Chunk for chunk: sent by the server, then seen by the tap, then received by the client, on one clock."""
    sent: list[float] = []

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer())
        for n in range(30):
            sent.append(time.monotonic())
            writer.write(sse(chunk(f"w{n} ")))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(sse(chunk(finish="stop"), "[DONE]"))

    received: list[float] = []
    async with raw_http(handler) as url, tap(url) as (sink, base, client):
        asked = time.monotonic()
        async with client.stream("POST", f"{base}/v1/chat/completions", json=ASKED) as reply:
            seen = b""
            async for piece in reply.aiter_raw():
                seen += piece
                received += [time.monotonic()] * (seen.count(b'"w') - len(received))
        await until_ended(sink)
    started = next(e for e in sink.events if isinstance(e, TurnStarted))
    taps = [e.at for e in sink.events if isinstance(e, TextChunk) and e.turn is not None]
    assert len(sent) == len(taps) == len(received) == 30
    assert asked < started.at < taps[0]
    assert all(s <= t <= r for s, t, r in zip(sent, taps, received, strict=True))


async def test_compressed_websocket_frames_pass_and_are_read() -> None:
    """A real client and server that negotiate permessage-deflate through the tap; turns of Realtime's events."""
    pictures: list[Any] = []

    async def speak(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "session.created", "session": {"model": "rt"}}))
        async for message in socket:
            event = json.loads(message)
            pictures.append(event)
            if event["type"] != "response.create":
                continue
            usage = {
                "input_tokens": 7,
                "output_tokens": 3,
                "input_token_details": {"cached_tokens": 2, "audio_tokens": 5},
            }
            for said in (
                {"type": "response.created", "response": {"id": "resp_1"}},
                {"type": "response.output_audio.delta", "response_id": "resp_1", "delta": "AAAA" * 9000},
                {"type": "response.output_text.delta", "response_id": "resp_1", "delta": "Hel"},
                {"type": "response.output_text.delta", "response_id": "resp_1", "delta": "lo " * 900},
                {
                    "type": "response.done",
                    "response": {"id": "resp_1", "status": "completed", "usage": usage},
                },
                {"type": "rate_limits.updated", "rate_limits": []},
            ):
                await socket.send(json.dumps(said))

    async with serve(speak, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with tap(f"http://127.0.0.1:{port}") as (sink, base, _):
            async with connect(f"ws{base[4:]}/v1/realtime?model=rt", proxy=None) as socket:
                assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]  # type: ignore[union-attr]
                await socket.recv()
                content = [{"type": "input_text", "text": "Say hello"}]
                item = {"type": "message", "role": "user", "content": content}
                await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
                await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 300_000}))
                await socket.send(json.dumps({"type": "response.create"}))
                (end,) = await until_ended(sink)
                await socket.send(json.dumps({"type": "response.create"}))  # and leave
            await asyncio.sleep(0.1)
    assert [p["type"] for p in pictures[:2]] == ["conversation.item.create", "input_audio_buffer.append"]
    started = next(e for e in sink.events if isinstance(e, TurnStarted))
    assert (started.stream, started.turn, started.prompt) == ("tap/rt", "resp_1", "Say hello")
    texts = [e.text for e in sink.events if isinstance(e, TextChunk) and e.role == "assistant"]
    assert texts[:2] == ["Hel", "lo " * 900]
    assert end.usage == Usage(7, 3, None, 2, 5, None)
    assert end.finish_reason == "completed"
    assert not [e for e in sink.events if isinstance(e, Dropped)]


async def test_a_port_that_is_taken_is_final_and_a_killed_process_is_not() -> None:
    async with raw_http(lambda request, writer: asyncio.sleep(0)) as url:
        taken = int(url.rpartition(":")[2])
        sink = ListSink()
        options = Options(env={})
        (adapter,) = open_source(source("http://127.0.0.1:9", taken), options)
        assert await supervise(adapter, sink, options, QUICK) is State.FAILED
        assert "can't listen on tap+listen://127.0.0.1" in sink.reasons[-1]
        async with tap(url) as (sink, _, _):
            children = [int(p) for p in os.listdir("/proc") if p.isdigit() and _parent(p) == os.getpid()]
            for child in children:
                if "tap_process" in _command(child):
                    os.kill(child, 9)
            await sink.until(lambda _: State.RECONNECTING in sink.states)
            assert "process is gone" in sink.reasons[-1]
    assert not [c for c in children if "tap_process" in _command(c)]


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline") as line:
            return line.read()
    except OSError:
        return ""


async def test_a_fault_in_one_exchange_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read = PayloadReader.read

    def broken(self: PayloadReader, data: str, nbytes: int) -> list[Event]:
        if "poison" in data:
            raise RuntimeError("a fault")
        return read(self, data, nbytes)

    monkeypatch.setattr(PayloadReader, "read", broken)
    poison = answer(body=sse(chunk("poison"), chunk(finish="stop"), "[DONE]"))
    replies = iter((poison, answer(body=ANSWER)))

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(next(replies))

    async with raw_http(handler) as url, tap(url) as (sink, base, client):
        assert b"poison" in (await client.post(f"{base}/v1/chat/completions", json=ASKED)).content
        assert (await client.post(f"{base}/v1/chat/completions", json=ASKED)).content == ANSWER
        first, second = await until_ended(sink, 2)
    assert (first.error, second.error) == ("internal error: RuntimeError", None)
    assert State.FAILED not in sink.states


# -- from frames to events


class Watch:
    """One exchange, fed frame by frame."""

    def __init__(self, body: Any = ASKED, path: str = "/v1/chat/completions") -> None:
        self.sink = ListSink()
        self.now = 10.0
        turns = iter(range(1, 99))
        places = Places(
            lambda model, at, sink: f"tap/{model or 'other'}", lambda stream: f"{stream}:{next(turns)}"
        )
        self.exchange = Exchange(places, self.sink)
        self.take(What.REQUEST, packed(method="POST", path=path, model="", headers={}))
        self.take(What.REQUEST_BODY, body if isinstance(body, bytes) else json.dumps(body).encode())
        self.take(What.REQUEST_END)

    def take(self, what: What, data: bytes = b"") -> None:
        self.now += 0.1
        self.exchange.take(what, self.now, data)

    def answer(
        self, *pieces: bytes, status: int = 200, kind: str = "text/event-stream", **headers: str
    ) -> Watch:
        named = {"content-type": kind} | {k.replace("_", "-"): v for k, v in headers.items()}
        self.take(What.RESPONSE, packed(status=status, headers=named))
        for piece in pieces:
            self.take(What.RESPONSE_BODY, piece)
        return self

    def end(self, what: What = What.RESPONSE_END, data: bytes = b"") -> TurnEnded:
        self.take(what, data)
        assert self.exchange.over
        (ended,) = (e for e in self.sink.events if isinstance(e, TurnEnded))
        return ended

    @property
    def said(self) -> list[str]:
        return [e.text for e in self.sink.events if isinstance(e, TextChunk) and e.role != "user"]


def test_an_http_error_is_a_failed_turn() -> None:
    body = json.dumps({"error": {"message": f"slow down, {KEY}"}}).encode()
    watch = Watch().answer(body, status=429, kind="application/json", retry_after="7")
    assert watch.end().error == "HTTP 429 Too Many Requests: slow down, sk-***; it asks to wait 7 s"
    assert watch.exchange.failed
    assert "HTTP 500" in (Watch().answer(b"<html>", status=500, kind="text/html").end().error or "")


def test_an_error_within_the_stream_ends_the_turn_once() -> None:
    watch = Watch().answer(sse(chunk("half"), {"error": {"message": "overloaded", "code": 500}}, "[DONE]"))
    assert watch.end().error == "overloaded"
    assert watch.said == ["half"]
    assert watch.exchange.failed


@pytest.mark.parametrize("reason", ["the client hung up", "the connection upstream was lost: reset"])
def test_an_answer_that_breaks_off(reason: str) -> None:
    assert Watch().answer(sse(chunk("half"))).end(What.LOST, reason.encode()).error == reason
    assert Watch().end(What.LOST, reason.encode()).error == reason
    assert "without saying" in (Watch().answer(sse(chunk("half"))).end().error or "")


def test_a_10_mb_line_is_dropped_and_the_answer_goes_on() -> None:
    stream = sse(chunk("a"), "x" * 10_000_000, chunk("b"), chunk(finish="stop"), "[DONE]")
    watch = Watch().answer(*(stream[i : i + 65536] for i in range(0, len(stream), 65536)))
    assert watch.end().error is None
    assert watch.said == ["a", "b"]
    assert [(e.count, e.where) for e in watch.sink.events if isinstance(e, Dropped)] == [(1, "limit")]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
def test_a_compressed_answer_is_read(encoding: str) -> None:
    raw = zlib.compressobj(wbits=-15)
    packed_ = {
        "gzip": gzip.compress(ANSWER), "deflate": zlib.compress(ANSWER),
        "raw deflate": raw.compress(ANSWER) + raw.flush(),
    }[encoding]  # fmt: skip
    watch = Watch().answer(
        *(packed_[i : i + 7] for i in range(0, len(packed_), 7)), content_encoding=encoding.split()[-1]
    )
    assert watch.end().usage == Usage(11, 4, None, 2)
    assert watch.said == ["Be", "cause."]


@pytest.mark.parametrize(
    ("encoding", "body", "why"),
    [
        ("br", b"\x1b", "compressed (br)"),
        ("gzip", b"not gzip", "no gzip"),
        ("gzip", gzip.compress(bytes(100 << 20), 1), "more than 4 MiB at once"),
    ],
    ids=["br", "no gzip", "bomb"],
)
def test_what_can_not_be_read_is_told_and_still_timed(encoding: str, body: bytes, why: str) -> None:
    watch = Watch().answer(body, body, content_encoding=encoding)
    assert watch.end().error is None
    assert why in watch.exchange.complaint
    assert [e.where for e in watch.sink.events if isinstance(e, Dropped)] == ["unreadable answer"]


def test_answers_that_are_not_streamed() -> None:
    message = {"role": "assistant", "content": "Because."}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    whole = {"object": "chat.completion", "choices": [choice], "usage": USAGE["usage"]}
    response = {
        "object": "response", "id": "r", "status": "completed",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "Yes"}]},
            {"type": "function_call", "name": "f", "arguments": "{}"},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}},
    }  # fmt: skip
    chat = Watch().answer(json.dumps(whole).encode(), kind="application/json")
    assert (chat.end().usage, chat.said) == (Usage(11, 4, None, 2), ["Because."])
    responses = Watch().answer(json.dumps(response).encode(), kind="application/json")
    assert responses.end().usage == Usage(3, 2, 1)
    pieces = [(e.text, e.reasoning, e.tool) for e in responses.sink.events if isinstance(e, TextChunk)][1:]
    assert pieces == [("hm", True, None), ("Yes", False, None), ("{}", False, "f")]
    vectors = {"object": "list", "data": [{"embedding": [0.1] * 100}], "usage": {"prompt_tokens": 5}}
    embedded = Watch({"model": "e", "input": ["text"]}).answer(
        json.dumps(vectors).encode(), kind="application/json"
    )
    assert (embedded.end().usage, embedded.said) == (Usage(5, 0), [])


def test_the_responses_api() -> None:
    call = {"type": "function_call", "id": "fc", "name": "search", "arguments": ""}
    usage = {"input_tokens": 4, "output_tokens": 9, "input_tokens_details": {"cached_tokens": 1}}
    stream = sse(
        {"type": "response.created", "response": {"id": "r1"}},
        {"type": "response.reasoning_summary_text.delta", "item_id": "rs", "delta": "thinking"},
        {"type": "response.output_item.added", "item": call},
        {"type": "response.function_call_arguments.delta", "item_id": "fc", "delta": '{"q":1}'},
        {"type": "response.output_text.delta", "item_id": "m", "delta": "Done."},
        {"type": "response.output_text.done", "item_id": "m", "text": "Done."},
        {"type": "response.completed", "response": {"id": "r1", "status": "completed", "usage": usage}},
    )  # fmt: skip
    watch = Watch({"model": "o", "input": "Find it"}, "/v1/responses").answer(stream)
    assert watch.end().usage == Usage(4, 9, None, 1)
    pieces = [(e.text, e.reasoning, e.tool) for e in watch.sink.events if isinstance(e, TextChunk)]
    assert pieces == [
        ("Find it", False, None),
        ("thinking", True, None),
        ("", False, "search"),
        ('{"q":1}', False, "search"),
        ("Done.", False, None),
    ]


def test_an_answer_before_the_request_is_complete() -> None:
    watch = Watch.__new__(Watch)
    Watch.__init__(watch, b'{"messages": [{"role": "user", "content": "' + b"x" * 2_000_000)
    assert watch.answer(b"", status=413, kind="text/plain").end().error == "HTTP 413 Request Entity Too Large"


def test_what_was_not_looked_at_is_told() -> None:
    watch = Watch().answer(sse(chunk("a")) + b'data: {"cho')
    watch.take(What.GAP, b"100000")
    watch.take(What.RESPONSE_BODY, b'ices": []}\n\n' + sse(chunk("z"), chunk(finish="stop"), "[DONE]"))
    assert watch.end().error is None
    assert watch.said == ["a", "z"]
    assert [e.where for e in watch.sink.events if isinstance(e, Dropped)] == ["tap queue"]


@pytest.mark.parametrize(
    ("body", "model", "prompt"),
    [
        (ASKED, "m1", "Why?"),
        ({"model": "m", "messages": [{"role": "user", "content": PARTS}]}, "m", "a"),
        ({"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "b"}]}]}, "m", "b"),
        ({"model": "m", "prompt": ["c", "d"]}, "m", "c\nd"),
        ({"model": 7, "messages": "no"}, "", "no"),
        (b'{"messages": ["cut off', "", ""),
        (b'{"model": "m\\u00e9", "messages": ["cut off', "mé", ""),
        (b"", "", ""),
        ([1, 2], "", ""),
    ],
)  # fmt: skip
def test_what_a_request_asks(body: Any, model: str, prompt: str) -> None:
    asked = question(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert (asked.model, asked.prompt) == (model, prompt)


def test_an_answer_in_one_piece_that_is_too_long_is_told() -> None:
    watch = Watch().answer(*[b'{"choices": ["' + b"x" * 600_000] * 3, kind="application/json")
    assert watch.end().error is None
    assert [e.where for e in watch.sink.events if isinstance(e, Dropped)] == ["limit"]
    assert watch.said == []


@pytest.mark.parametrize("switched", [True, False])
def test_a_request_for_a_websocket_is_a_turn_only_where_it_is_refused(switched: bool) -> None:
    sink = ListSink()
    exchange = Exchange(Places(lambda model, at, sink: f"tap/{model}", lambda stream: f"{stream}:1"), sink)
    asked = packed(method="GET", path="/v1/realtime", model="rt", headers={"upgrade": "WebSocket"})
    exchange.take(What.REQUEST, 1.0, asked)
    exchange.take(What.REQUEST_END, 1.0, b"")
    if switched:
        exchange.take(What.SWITCHED, 2.0, packed(headers={}))
        exchange.take(What.LOST, 3.0, b"the client hung up")
        assert sink.events == []
    else:
        exchange.take(What.RESPONSE, 2.0, packed(status=401, headers={"content-type": "text/plain"}))
        exchange.take(What.RESPONSE_BODY, 2.0, b"no key")
        exchange.take(What.RESPONSE_END, 2.0, b"")
        (end,) = (e for e in sink.events if isinstance(e, TurnEnded))
        assert (end.turn, end.error) == (
            "tap/rt:1",
            "HTTP 401 Unauthorized: no key (a key or header is missing, or was refused)",
        )
    assert exchange.over


# -- WebSocket frames


def frames(*messages: bytes, deflate: bool = False, mask: bool = False) -> bytes:
    """What one end sends."""
    extensions = [PerMessageDeflate(False, False, 15, 15)] if deflate else []
    return b"".join(Frame(Opcode.TEXT, m).serialize(mask=mask, extensions=extensions) for m in messages)


def watched(extensions: str = "") -> tuple[ListSink, WebSocketWatch]:
    sink = ListSink()
    turns = iter(range(1, 99))
    places = Places(lambda model, at, sink: f"tap/{model}", lambda stream: f"{stream}:{next(turns)}")
    return sink, WebSocketWatch(places, sink, "rt", {"sec-websocket-extensions": extensions})


CREATED = json.dumps({"type": "response.created", "response": {"id": "r"}}).encode()
DELTA = json.dumps({"type": "response.output_text.delta", "response_id": "r", "delta": "x"}).encode()


@pytest.mark.parametrize("deflate", [False, True])
def test_frames_are_read_however_they_are_cut(deflate: bool) -> None:
    sink, watch = watched("permessage-deflate; client_max_window_bits=15" if deflate else "")
    watch.up(1.0, frames(b'{"type": "response.create"}', deflate=deflate, mask=True))
    data = frames(CREATED, *[DELTA] * 50, deflate=deflate) + Frame(Opcode.PING, b"p").serialize(mask=False)
    for n, byte in enumerate(data):
        watch.down(2.0 + n / 1e6, bytes([byte]))
    (started,) = (e for e in sink.events if isinstance(e, TurnStarted))
    assert (started.at, started.turn) == (1.0, "r")
    assert "".join(e.text for e in sink.events if isinstance(e, TextChunk)) == "x" * 50
    watch.lost(3.0, "the client hung up")
    assert [e.error for e in sink.events if isinstance(e, TurnEnded)] == ["the client hung up"]


@pytest.mark.parametrize(
    ("extensions", "data"),
    [
        ("permessage-deflate", frames(b" " * (20 << 20), deflate=True)),
        ("permessage-deflate", b"\xc1\x7f" + (1 << 40).to_bytes(8, "big")),
        ("", b"\xff" * 100),
        ("x-secret-codec", frames(DELTA)),
        ("permessage-deflate;;=", frames(DELTA)),
        ("permessage-deflate", b"\xc1\x05hello"),
    ],
    ids=["bomb", "endless", "reserved bits", "unknown extension", "odd header", "no deflate"],
)
def test_what_can_not_be_followed_ends_its_turns_and_nothing_else(extensions: str, data: bytes) -> None:
    sink, watch = watched(extensions)
    watch.up(1.0, frames(b'{"type": "response.create"}', deflate="deflate" in extensions, mask=True))
    watch.down(2.0, data)
    watch.down(3.0, data)
    watch.lost(4.0, "closed")
    assert [e.where for e in sink.events if isinstance(e, Dropped)] == ["unreadable WebSocket"]
    assert len([e for e in sink.events if isinstance(e, TurnStarted)]) == len(
        [e for e in sink.events if isinstance(e, TurnEnded)]
    )


def test_malformed_events_pass_by() -> None:
    sink, watch = watched()
    odd: list[Any] = [
        b"not json", b"[1]", b'{"type": 7}', b'{"type": "response.created", "response": 3}',
        b'{"type": "conversation.item.input_audio_transcription.completed", "transcript": "I said"}',
        b'{"type": "error", "error": {"message": "no such voice"}}',
    ]  # fmt: skip
    watch.up(
        0.5, frames(b'{"type": "response.create", "response": []}', b'{"type": "session.update"}', mask=True)
    )
    watch.down(1.0, frames(*odd))
    assert [(e.text, e.role) for e in sink.events if isinstance(e, TextChunk)] == [("I said", "user")]
    assert [e.error for e in sink.events if isinstance(e, TurnEnded)] == ["no such voice"]
    assert not [e for e in sink.events if isinstance(e, Dropped)]


# -- the source string


def test_how_a_tap_is_named() -> None:
    plain = Options(env={})
    (adapter,) = open_source("tap+listen://127.0.0.1:8790?upstream=https://api.openai.com", plain)
    assert adapter.info.stream == "tap"
    open_source("tap+listen://127.0.0.1:8790?upstream=https%3A%2F%2Fapi.openai.com%2Fv1", plain)
    open_source("tap+listen://0.0.0.0:1?upstream=http://h", Options(env={"MIDSTREAM_TAP_TOKEN": "t"}))
    open_source("tap+listen://127.0.0.1", Options(env={"OPENAI_BASE_URL": "http://h/v1"}))
    assert stream_name("tap+listen://h?upstream=http://x", {"tap"}) == "tap#2"
    port = free_port()
    for wrong, why in (
        ("tap+listen://127.0.0.1", "name the upstream"),
        ("tap+listen://0.0.0.0?upstream=http://h", "MIDSTREAM_TAP_TOKEN"),
        ("tap+listen://127.0.0.1?upstream=ftp://h", "not a web address"),
        ("tap+listen://127.0.0.1?upstream=http://u:secret@h", "has no user"),
        ("tap+listen://127.0.0.1/path?upstream=http://h", "neither a path"),
        (f"tap+listen://127.0.0.1:{port}?upstream=http://localhost:{port}", "the tap itself"),
        ("tap+listen://[::1?upstream=http://h", "not an address"),
    ):
        with pytest.raises(SourceError, match=why) as caught:
            open_source(wrong, plain)
        assert "secret" not in str(caught.value)
