"""What a tap makes of one exchange, frame by frame: answers of every kind, whole and broken."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from midstream_adapters.events import (
    Dropped,
    TextChunk,
    TurnEnded,
    Usage,
)
from midstream_adapters.tap_exchange import Exchange
from midstream_adapters.tap_frames import What, packed
from midstream_adapters.tap_question import Places, question
from tests.adapters.servers import ListSink
from tests.adapters.test_openai_chat import ANSWER, USAGE, chunk, sse
from tests.adapters.test_tap import ASKED, KEY, PARTS


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
