"""Programs post text: what arrives, while it still comes; who may, how fast, and what is refused and counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import httpx
import pytest

from midstream_adapters import ingest
from midstream_adapters.events import (
    Figures,
    Kind,
    State,
    StateChanged,
    TextChunk,
)
from tests.adapters.ingest_ends import BEARER, NAME, TOKEN, listening, states, texts
from tests.adapters.recorder import FakeTime, until


def client(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)


async def test_lines_show_while_the_request_still_goes_on() -> None:
    async with listening("http") as (sink, port), client(port) as http:
        go_on = asyncio.Event()

        async def body() -> AsyncGenerator[bytes]:
            yield b"first line\r\nsec"
            await go_on.wait()
            yield b"ond line\n\nlast"

        post = asyncio.create_task(
            http.post("/ingest/log", content=body(), headers={"Content-Type": "text/plain"})
        )
        await until(lambda: texts(sink, f"{NAME}/log") == [("first line", None)])
        assert not post.done()
        go_on.set()
        answer = await post
        assert (answer.status_code, answer.json()) == (200, {"accepted": 3, "bytes": 29})
        assert [text for text, _ in texts(sink, f"{NAME}/log")] == ["first line", "second line", "last"]


async def test_posts_may_share_a_connection_until_one_is_refused_in_its_midst() -> None:
    async with listening("http") as (sink, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for kind, length, body in (
            ("text/plain", 5, b"hello"),
            ("text/plain", 2, b"hi"),
            ("application/json", 5 << 20, b"x" * (2 << 20)),
        ):
            head = f"POST /ingest HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
            writer.write(head.encode() + body)
            await until(lambda: sink.of(StateChanged, f"{NAME}/posts"))
        said = await reader.read()
        assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"413"]
        assert [text for text, _ in texts(sink, f"{NAME}/posts")] == ["hello", "hi"]
        writer.close()


async def test_between_requests_a_stream_waits_and_does_not_stall() -> None:
    async with listening("http") as (sink, port), client(port) as http:
        for _ in range(2):
            await http.post("/ingest/log", content=b"x", headers={"Content-Type": "text/plain"})
        assert states(sink, f"{NAME}/log") == [State.LIVE, State.LISTENING] * 2


async def test_every_kind_of_body() -> None:
    async with listening("http") as (sink, port), client(port) as http:
        for kind, body, accepted in (
            ("application/x-ndjson", b'{"text": "a", "role": "user"}\n{"text": "b"}\n', 2),
            ("application/json", b'[{"text": "c"},\n {"text": "d"}, "e"]', 3),
            ("application/json; charset=utf-8", b'{\n"text":\n"f"}', 1),
            ("text/event-stream", b'data: g\n\n: comment\n\ndata: {"text": "h"}\n\n', 2),
            ("text/plain", "ümlaut\n".encode(), 1),
        ):
            answer = await http.post("/ingest", content=body, headers={"Content-Type": kind})
            assert (answer.status_code, answer.json()) == (200, {"accepted": accepted, "bytes": len(body)})
        assert [text for text, _ in texts(sink, f"{NAME}/posts")] == [
            "a",
            "b",
            "c",
            "d",
            "e",
            "f",
            "g",
            "h",
            "ümlaut",
        ]
        # Posts come and go, their stream stays.
        assert states(sink, f"{NAME}/posts") == [State.LIVE, State.LISTENING] * 5
        assert sum(e.nbytes for e in sink.events if hasattr(e, "nbytes")) >= 140


async def test_refusals_say_why_and_lose_nothing_else() -> None:
    time = FakeTime()
    async with listening("http", env=TOKEN, sleep=time.sleep) as (sink, port), client(port) as http:
        kind = {"Content-Type": "text/plain"}
        assert (await http.get("/ingest")).status_code == 405
        assert (await http.post("/other", content=b"x", headers=kind)).status_code == 404
        assert (await http.post("/ingest", content=b"x", headers=kind)).status_code == 401
        wrong = {**kind, "Authorization": "Bearer nope"}
        answer = await http.post("/ingest", content=b"x", headers=wrong)
        assert (answer.status_code, answer.json()["error"]) == (401, "wrong or missing token")
        assert time.sleeps == [ingest.PENALTY] * 2
        image = {**BEARER, "Content-Type": "image/png"}
        assert (await http.post("/ingest", content=b"x", headers=image)).status_code == 415
        broken = {**BEARER, "Content-Type": "application/json"}
        assert (await http.post("/ingest", content=b"{", headers=broken)).status_code == 400
        big = await http.post("/ingest", content=b"[" + b" " * (2 << 20) + b"]", headers=broken)
        assert big.status_code == 413
        assert sink.of(Figures, f"{NAME}/posts")[-1].values == {
            "requests refused": 2, "refused bytes": 1 + 2 + (2 << 20),
        }  # fmt: skip
        assert not sink.of(TextChunk)
        assert (await http.post("/ingest", content=b"x", headers={**BEARER, **kind})).json()["accepted"] == 1


async def test_pages_of_other_sites_may_not_post() -> None:
    async with listening("http") as (sink, port), client(port) as http:
        headers = {"Content-Type": "text/plain", "Origin": "https://evil.example"}
        assert (await http.post("/ingest", content=b"x", headers=headers)).status_code == 403
        headers["Origin"] = "http://127.0.0.1:5173"
        assert (await http.post("/ingest", content=b"x", headers=headers)).status_code == 200
        assert len(sink.of(TextChunk)) == 1


async def test_a_flood_is_refused_with_a_time_to_wait() -> None:
    time = FakeTime()
    env = {"MIDSTREAM_INGEST_RATE": "10"}
    async with listening("http", env=env, clock=time.clock) as (sink, port), client(port) as http:
        answer = await http.post("/ingest", content=b"x\n" * 100, headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert (answer.json()["accepted"], answer.json()["refused_bytes"]) == (20, 160)
        assert len(sink.of(TextChunk)) == 20
        assert sink.dropped == {(Kind.TEXT, "rate limit"): 80}
        figures = [e.values for e in sink.of(Figures, f"{NAME}/posts")]
        assert figures == [{"requests refused": 1, "refused bytes": 160}]
        time.now += 1.0
        answer = await http.post("/ingest", content=b"y\n" * 10, headers={"Content-Type": "text/plain"})
        assert answer.json() == {"accepted": 10, "bytes": 20}


@pytest.mark.parametrize(
    ("kind", "body", "messages"),
    [
        ("application/json", json.dumps([{"text": str(n)} for n in range(10)]).encode(), 6),
        ("text/event-stream", b": hello\n\n" + b"data: x\n\n" * 10, 6),
        ("text/plain", b"x\n \n" * 10, 6),
    ],
)
async def test_what_a_refusal_refuses_is_counted_in_messages_whatever_they_came_in(
    kind: str, body: bytes, messages: int
) -> None:
    time, env = FakeTime(), {"MIDSTREAM_INGEST_RATE": "2"}
    async with listening("http", env=env, clock=time.clock) as (sink, port), client(port) as http:
        answer = await http.post("/ingest", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["accepted"]) == (429, 10 - messages)
        assert len(sink.of(TextChunk)) == 10 - messages
        assert sink.dropped == {(Kind.TEXT, "rate limit"): messages}


async def test_what_of_a_long_body_was_not_read_is_counted_in_bytes() -> None:
    time, env = FakeTime(), {"MIDSTREAM_INGEST_RATE": "2"}
    async with listening("http", env=env, clock=time.clock) as (sink, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /ingest/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n"
        )
        writer.write(b"ab\n" * 7)
        assert b" 429 " in await reader.readline()
        writer.close()
        assert sink.dropped == {(Kind.TEXT, "rate limit"): 3}
        assert sink.of(Figures, f"{NAME}/x")[-1].values == {"requests refused": 1, "refused bytes": 1000 - 12}


async def test_a_long_line_comes_in_parts_and_a_sender_that_breaks_off_keeps_what_it_sent() -> None:
    async with listening("http") as (sink, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /ingest/x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 9999999\r\n\r\n"
        )
        writer.write(b"a" * (3 << 20) + b"\nwhole\nhalf")
        await until(lambda: ("whole", None) in texts(sink, f"{NAME}/x"))
        writer.transport.abort()
        del reader
        assert sum(len(text) for text, _ in texts(sink, f"{NAME}/x")) == (3 << 20) + len("whole")
        figures = lambda: [e.values["senders"] for e in sink.of(Figures) if e.stream == NAME]  # noqa: E731
        await until(lambda: figures()[-1] == 0)


async def test_a_sink_that_is_full_makes_the_sender_wait() -> None:
    async with listening("http") as (sink, port), client(port) as http:
        sink.room.clear()
        post = asyncio.create_task(
            http.post("/ingest", content=b"x\n", headers={"Content-Type": "text/plain"})
        )
        await until(lambda: sink.of(TextChunk))
        await asyncio.sleep(0.05)
        assert not post.done()
        sink.room.set()
        assert (await post).status_code == 200
