"""Programs push text in, over WebSockets and HTTP: what arrives, who may, how fast, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from midstream_adapters import ingest
from midstream_adapters.base import Options, SourceError, supervise
from midstream_adapters.events import (
    State,
    StateChanged,
    StreamOpened,
    TextChunk,
)
from midstream_adapters.ingest import Door, TokenBucket
from midstream_adapters.registry import open_source
from tests.adapters.ingest_ends import BEARER, NAME, TOKEN, listening, states, texts
from tests.adapters.recorder import FakeTime, Recorder, until

# -- WebSocket


async def test_what_is_sent_over_a_websocket_shows_and_its_end_is_told() -> None:
    async with listening("ws") as (sink, port):
        async with connect(f"ws://127.0.0.1:{port}/ingest/bot") as socket:
            await socket.send("plain text")
            await socket.send('{"text": "an object", "role": "assistant", "tokens": 2, "reward": 0.5}')
            await socket.send("esc\x1b]0;title\x07aped")
            await until(lambda: len(texts(sink, f"{NAME}/bot")) == 3)
        await until(lambda: states(sink, f"{NAME}/bot")[-1:] == [State.ENDED])
        assert texts(sink, f"{NAME}/bot") == [
            ("plain text", None),
            ("an object", "assistant"),
            ("escaped", None),
        ]
        chunk = sink.of(TextChunk)[1]
        assert (chunk.tokens, chunk.reward) == (2, 0.5)
        assert [e.kinds for e in sink.of(StreamOpened) if e.stream == f"{NAME}/bot"] == [frozenset({"text"})]


async def test_a_sender_that_comes_back_goes_on_with_its_stream_and_others_get_numbers() -> None:
    async with listening("ws") as (sink, port):
        for text in ("one", "two"):
            async with connect(f"ws://127.0.0.1:{port}/ingest?stream=bot") as socket:
                await socket.send(text)
                await until(lambda wanted=text: (wanted, None) in texts(sink, f"{NAME}/bot"))  # type: ignore[misc]
            await until(lambda: states(sink, f"{NAME}/bot")[-1] is State.ENDED)
        async with (
            connect(f"ws://127.0.0.1:{port}/ingest") as a,
            connect(f"ws://127.0.0.1:{port}/ingest") as b,
        ):
            await a.send("first")
            await b.send("second")
            await until(lambda: texts(sink, f"{NAME}/1") and texts(sink, f"{NAME}/2"))
            async with connect(f"ws://127.0.0.1:{port}/ingest/1") as c:
                with pytest.raises(ConnectionClosed) as closed:
                    await c.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1013


async def test_a_sender_that_is_cut_off_is_lost_not_ended() -> None:
    async with listening("ws") as (sink, port):
        socket = await connect(f"ws://127.0.0.1:{port}/ingest/bot")
        await socket.send("hello")
        await until(lambda: texts(sink, f"{NAME}/bot"))
        socket.transport.abort()
        await until(lambda: states(sink, f"{NAME}/bot")[-1] is State.RECONNECTING)
    assert states(sink, f"{NAME}/bot")[-1] is State.ENDED  # with the listener


async def test_a_sender_that_is_cut_off_and_stays_away_is_over() -> None:
    door = Door.of("ws+listen://127.0.0.1:0", "in", Options(env={}), 1, grace=0.02)
    sink = Recorder()
    guest = door.enter(sink, "bot", "x", alone=True)
    assert guest is not None
    door.leave(sink, guest, State.RECONNECTING, "the sender was lost")
    await until(lambda: states(sink, "in/bot")[-1] is State.ENDED)
    assert "nobody came back within 0.02 s" in sink.of(StateChanged, "in/bot")[-1].reason


def test_those_who_left_make_room_for_new_names() -> None:
    door = Door.of("ws+listen://127.0.0.1:0", "in", Options(env={}), 1)
    sink = Recorder()
    for n in range(3 * ingest.MOST_STREAMS):
        guest = door.enter(sink, f"bot{n}", "x", alone=True)
        assert guest is not None
        door.leave(sink, guest, State.ENDED)
    assert len(list(door.guests)) == ingest.MOST_STREAMS


async def test_tokens_paths_and_origins_are_checked() -> None:
    time = FakeTime()
    async with listening("ws", env=TOKEN, sleep=time.sleep) as (sink, port):
        base = f"ws://127.0.0.1:{port}"
        for url, headers, status in (
            (f"{base}/ingest", {}, 401),
            (f"{base}/ingest?token=let-me-in-pleasf", {}, 401),
            (f"{base}/ingest", {"Authorization": "Basic let-me-in-please"}, 401),
            (f"{base}/elsewhere", BEARER, 404),
            (f"{base}/ingest/a/b", BEARER, 404),
        ):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=headers)
            assert refused.value.response.status_code == status
        assert time.sleeps == [ingest.PENALTY] * 3
        async with connect(f"{base}/ingest", additional_headers=BEARER):
            await until(lambda: states(sink, f"{NAME}/1") == [State.LIVE])
        async with connect(f"{base}/ingest?token=let-me-in-please", origin="https://evil.example"):  # type: ignore[arg-type]
            await until(lambda: len(states(sink, f"{NAME}/1")) >= 2)
        assert "let-me-in" not in repr(sink.events)
    async with listening("ws") as (_, port):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{port}/ingest", origin="https://evil.example")  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
        async with connect(f"ws://127.0.0.1:{port}/ingest", origin="http://localhost:3000"):  # type: ignore[arg-type]
            pass


async def test_who_sends_too_fast_is_told_and_what_was_shed_is_counted() -> None:
    time = FakeTime()
    async with listening("ws", env={"MIDSTREAM_INGEST_RATE": "2"}, clock=time.clock) as (sink, port):
        async with connect(f"ws://127.0.0.1:{port}/ingest/bot") as socket:
            for n in range(6):
                await socket.send(f"message {n}")
            replies = [json.loads(await socket.recv()) for _ in range(2)]
            assert [reply["retry_after"] for reply in replies] == [0.5, 0.5]
            time.now += 0.5
            await socket.send("later")
            await until(lambda: ("later", None) in texts(sink, f"{NAME}/bot"))
        assert len(texts(sink, f"{NAME}/bot")) == 5  # four at once, and one after half a second
        assert sum(sink.dropped.values()) == 2


async def test_messages_that_are_too_big_end_the_connection_also_when_they_were_packed_small() -> None:
    async with listening("ws") as (sink, port):
        for big in ("x" * (ingest.MAX_MESSAGE + 1), "\0" * (40 << 20)):
            async with connect(f"ws://127.0.0.1:{port}/ingest/bot", max_size=None) as socket:
                await socket.send(big)
                with pytest.raises(ConnectionClosed) as closed:
                    await socket.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1009
        async with connect(f"ws://127.0.0.1:{port}/ingest/bot") as socket:  # and the listener stands
            await socket.send("small")
            await until(lambda: texts(sink, f"{NAME}/bot") == [("small", None)])


async def test_binary_messages_are_counted_and_refused() -> None:
    async with listening("ws") as (_, port), connect(f"ws://127.0.0.1:{port}/ingest") as socket:
        await socket.send(b"\x00\x01")
        assert "binary" in json.loads(await socket.recv())["error"]


async def test_questions_are_answered_with_what_the_answerer_says() -> None:
    asked: list[tuple[str, str, Any]] = []

    async def answer(stream: str, what: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append((stream, what, dict(arguments)))
        if what == "compare":
            raise ValueError("nothing to compare")
        return {"said": what}

    async with (
        listening("ws", answer=answer) as (sink, port),
        connect(f"ws://127.0.0.1:{port}/ingest/b") as socket,
    ):
        await socket.send('{"type": "process", "id": 7, "payload": {"message": "hello", "role": "user"}}')
        assert json.loads(await socket.recv()) == {
            "type": "result", "of": "process", "id": 7, "result": {"said": "process"},
        }  # fmt: skip
        await socket.send('{"type": "compare", "a": []}')
        assert json.loads(await socket.recv()) == {
            "type": "error",
            "of": "compare",
            "error": "nothing to compare",
        }
        await socket.send(
            '{"type": "response.output_text.delta", "delta": "an answer"}'
        )  # no question of ours
        await until(lambda: len(texts(sink, f"{NAME}/b")) == 2)
    assert texts(sink, f"{NAME}/b")[0] == ("hello", "user")
    assert asked[0] == (f"{NAME}/b", "process", {"message": "hello", "role": "user"})


async def test_without_an_answerer_questions_get_an_error() -> None:
    async with listening("ws") as (_, port), connect(f"ws://127.0.0.1:{port}/ingest") as socket:
        await socket.send('{"type": "status"}')
        assert "switched off" in json.loads(await socket.recv())["error"]


# -- addresses


@pytest.mark.parametrize(
    ("source", "env", "why"),
    [
        ("ws+listen://0.0.0.0:1", {}, "MIDSTREAM_INGEST_TOKEN"),
        ("http+listen://127.0.0.1:1/a?token=b", {}, "has no token in it"),
        ("http+listen://u:p@127.0.0.1:1", {}, "has no token in it"),
        ("ws+listen://127.0.0.1:99999", {}, "not an address"),
        ("ws+listen://127.0.0.1:1/a b", {}, "not a path"),
        *(
            ("ws+listen://127.0.0.1:1", {"MIDSTREAM_INGEST_RATE": rate}, "above zero")
            for rate in ("-1", "0", "nan", "inf", "1e9", "fast")
        ),
    ],
)
def test_addresses_that_cannot_be(source: str, env: dict[str, str], why: str) -> None:
    with pytest.raises(SourceError, match=why):
        open_source(source, Options(env=env))


def test_a_rate_may_be_below_one_a_second() -> None:
    options = Options(env={"MIDSTREAM_INGEST_RATE": "0.3"})
    assert Door.of("ws+listen://127.0.0.1:1", "in", options, 1).rate == 0.3


def test_defaults() -> None:
    (listener,) = open_source("ws+listen://", Options(env={}))
    assert listener.info.source == "ws+listen://127.0.0.1:8787/ingest"


async def test_a_port_that_is_taken_is_told() -> None:
    async with listening("http") as (_, port):
        (listener,) = open_source(f"ws+listen://127.0.0.1:{port}", Options(env={}))
        sink = Recorder()
        assert await supervise(listener, sink, Options(env={})) is State.FAILED
        assert "can't listen on" in sink.of(StateChanged)[-1].reason


# -- the bucket


@given(
    rate=st.floats(0.5, 1000.0),
    steps=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=60),
)
def test_a_bucket_never_lets_more_through_than_rate_and_burst(rate: float, steps: list[float]) -> None:
    time = FakeTime(0.0)
    bucket = TokenBucket(rate, 2 * rate + 1, time.clock)
    passed = 0
    for step in steps:
        time.now += step
        while not (wait := bucket.take()):
            passed += 1
        assert 0.0 < wait <= 1.0 / rate
        assert passed <= 2 * rate + 1 + rate * time.now + 1e-6
    time.now += wait * (1 + 1e-9) + 1e-9
    assert bucket.take() == 0.0  # after the wait that it told, one passes


def test_the_number_of_senders_is_bounded() -> None:
    door = Door.of("ws+listen://127.0.0.1:0", "in", Options(env={}), 1)
    sink = Recorder()
    guests = [door.enter(sink, "", "x", alone=True) for _ in range(ingest.MOST + 3)]
    assert sum(guest is not None for guest in guests) == ingest.MOST
    assert guests[0] is not None
    door.leave(sink, guests[0], State.ENDED)
    again = door.enter(sink, "", "x", alone=True)
    assert again is not None
    assert again.stream == "in/1"
