"""The Realtime source over a real WebSocket, against servers that behave and servers that do not."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

import pytest

from midstream_adapters.base import Options, SourceError, supervise
from midstream_adapters.events import (
    AudioChunk,
    Dropped,
    Event,
    Figures,
    Kind,
    SpeechActivity,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
    Usage,
)
from midstream_adapters.openai_realtime import MAX_MESSAGE, RealtimeAdapter
from midstream_adapters.openai_realtime_target import target_of
from midstream_adapters.registry import open_source
from tests.adapters import realtime_scripts as rs
from tests.adapters.realtime_scripts import Close, Drop, Expect, Raw, Step, Wait
from tests.adapters.realtime_server import RealtimeServer, realtime_server
from tests.adapters.servers import QUICK, ListSink, always, answer, process, raw_http, watch

KEY = "sk-test-0123456789abcdef"
BYTES = KEY.encode()
SPOKEN = "Good morning, how are you?"


def options(url: str, **rest: Any) -> Options:
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url.replace("ws", "http", 1)}
    return Options(**{"env": env, "prompt": "Why?", **rest})


async def ask(
    *scripts: list[Step], attempts: int = 1, echo: list[RealtimeServer] | None = None, **rest: Any
) -> ListSink:
    async with realtime_server(*scripts) as server:
        if echo is not None:
            echo.append(server)
        opts = options(server.url, **rest)
        return await watch(open_source("openai-realtime:gpt-realtime", opts)[0], opts, attempts)


def only(sink: ListSink, kind: type[Event]) -> Any:
    (event,) = sink.of(kind)
    return event


def said(sink: ListSink) -> str:
    return "".join(e.text for e in sink.events if isinstance(e, TextChunk) and e.turn is not None)


async def test_a_prompt_is_asked_and_its_answer_heard() -> None:
    servers: list[RealtimeServer] = []
    sink = await ask(rs.ANSWER, echo=servers, system="Be brief.", headers={"X-Tenant": "t1"})
    (server,) = servers

    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]
    assert server.types == ["session.update", "conversation.item.create", "response.create"]
    assert server.got[0]["session"] == {"type": "realtime", "instructions": "Be brief."}
    assert server.got[1]["item"]["content"] == [{"type": "input_text", "text": "Why?"}]
    (request,) = server.requests
    assert request.path == "/v1/realtime?model=gpt-realtime"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["X-Tenant"] == "t1"

    started, ended = only(sink, TurnStarted), only(sink, TurnEnded)
    assert (started.model, started.prompt) == ("gpt-realtime", "Why?")
    assert ended.turn == started.turn
    assert ended.usage == Usage(127, 148, None, cached=64, prompt_audio=8, completion_audio=112)
    assert (ended.finish_reason, ended.error) == ("completed", None)
    assert said(sink) == SPOKEN
    texts = [e for e in sink.events if isinstance(e, TextChunk)]
    assert (texts[0].role, texts[0].turn, texts[0].text) == ("user", None, "Why?")
    assert {(e.role, e.turn) for e in texts[1:]} == {("assistant", started.turn)}

    chunks = [e for e in sink.events if isinstance(e, AudioChunk)]
    assert [c.pts for c in chunks] == pytest.approx([0.04 * n for n in range(6)])
    assert {(c.sample_rate, c.channels, c.duration) for c in chunks} == {(24_000, 1, 0.04)}
    for chunk in chunks:
        assert chunk.rms == pytest.approx(rs.RMS, rel=0.03)  # 17.6 periods of the tone
        assert chunk.peak == pytest.approx(rs.AMPLITUDE, rel=0.01)
    heard = sum(len(c.samples) for c in chunks) / chunks[0].rate
    assert heard == pytest.approx(0.24, abs=0.002)  # the resampler keeps a little back
    assert [e.speaking for e in sink.events if isinstance(e, SpeechActivity)] == [True, False]
    figures = {k: v for e in sink.events if isinstance(e, Figures) for k, v in e.values.items()}
    assert figures["requests_left"] == 999
    assert figures["tokens_reset_s"] == 0.5
    assert float(figures["first_audio_ms"]) > 0
    assert "turn_latency_ms" not in figures  # nobody had spoken
    bytes_sent = sum(len(json.dumps(step)) for step in rs.ANSWER if isinstance(step, dict))
    assert sink.nbytes + sum(c.nbytes for c in chunks) == bytes_sent


@pytest.mark.parametrize("script", ["PRESENT", "PREVIEW"])
async def test_present_and_preview_events_say_the_same(script: str) -> None:
    """Replayed by a server process; the second answer is text with two calls of one tool."""
    async with process("tests.adapters.realtime_server", script) as (url, _):
        opts = options(url, prompt=None)
        (adapter,) = open_source("openai-realtime:m", opts)
        sink = ListSink()
        task = asyncio.create_task(supervise(adapter, sink, opts))
        await sink.until(lambda events: State.LIVE in sink.states)
        for n in (1, 2):
            await adapter.send({"type": "response.create"})  # type: ignore[attr-defined]
            await sink.until(lambda events, n=n: len(sink.of(TurnEnded)) == n)  # type: ignore[misc]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert said(sink).startswith(f"{SPOKEN}Let me look.")
    assert len(sink.of(AudioChunk)) == 6
    calls: dict[str | None, str] = {}
    for event in sink.events:
        if isinstance(event, TextChunk) and event.tool:
            calls[event.tool] = calls.get(event.tool, "") + event.text
    assert calls == {"get_weather": '{"city": "Oslo"}', "get_weather #2": '{"city": "Oslo"}'}
    started, ended = sink.of(TurnStarted), sink.of(TurnEnded)
    assert [e.turn for e in started] == [e.turn for e in ended]  # type: ignore[attr-defined]
    assert {e.turn for e in sink.events if isinstance(e, TextChunk)} == {e.turn for e in started}  # type: ignore[attr-defined]


def answered(n: int) -> list[Step]:
    """The nth question and its answer."""
    response = f"resp_{n}"
    said = rs.delta("response.output_text.delta", f"Answer {n}.", response)
    return [Expect("response.create"), rs.created(response), said, rs.done(response)]


async def test_many_questions_are_asked_in_one_session_one_after_the_other() -> None:
    servers: list[RealtimeServer] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    script = [rs.CREATED, *answered(1), *answered(2), *answered(3)]
    sink = await ask(script, echo=servers, prompts=("One?", "Two?", "Three?"), rate=30.0, sleep=sleep)
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]
    assert sink.texts == ["One?", "Answer 1.", "Two?", "Answer 2.", "Three?", "Answer 3."]
    assert servers[0].types == ["conversation.item.create", "response.create"] * 3
    assert len(sink.of(TurnEnded)) == 3
    assert [round(seconds, 1) for seconds in slept] == [2.0, 4.0]  # from the first on, two seconds each


async def test_a_listening_session_is_asked_while_it_lives() -> None:
    """What fails there costs that answer only; what breaks off is asked again in the next session."""
    words = {"type": "server_error", "code": "oops", "message": "Try later"}
    bad = [Expect("response.create"), rs.created("resp_b"), rs.done("resp_b", "failed", error=words)]
    async with realtime_server([rs.CREATED, *answered(1), *bad, Expect("response.create"), Drop()],
                               [rs.CREATED, *answered(4)]) as server:  # fmt: skip
        opts = options(server.url, prompt=None)
        (adapter,) = open_source("openai-realtime:m", opts)
        assert isinstance(adapter, RealtimeAdapter)
        with pytest.raises(ValueError, match="has words"):
            adapter.ask("  ")
        sink = ListSink()
        task = asyncio.create_task(supervise(adapter, sink, opts, QUICK))
        for question in ("One?", "Two?", "Three?"):
            adapter.ask(question)
        await sink.until(lambda events: "Answer 4." in sink.texts and len(sink.of(TurnEnded)) == 4)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sink.texts == ["One?", "Answer 1.", "Two?", "Three?", "Answer 4."]
    errors = [e.error for e in sink.events if isinstance(e, TurnEnded)]
    assert errors == [None, "oops: Try later", "the connection was lost", None]
    assert sink.states == [State.CONNECTING, State.LIVE, State.RECONNECTING, State.CONNECTING, State.LIVE]


# -- hostile and broken servers

BEGUN = [rs.CREATED, Expect("response.create"), rs.created(), rs.delta("response.output_text.delta", "Half")]


async def test_malformed_events_cost_nothing_else() -> None:
    deep = '{"type":' + "[" * 100_000
    odd = [
        "", "no json", "[1]", "null", deep, '{"type": 7}', '{"no": "type"}', b"\xff\xfe", b"\x00",
        {"type": "response.created", "response": "x"}, {"type": "error", "error": 7},
        {"type": "response.output_audio.delta", "response_id": "resp_1", "delta": "%%%"},
        {"type": "response.output_audio.delta", "response_id": "resp_1", "delta": None},
        {"type": "rate_limits.updated", "rate_limits": [7, {"name": "\x1b[2J", "limit": 1}, {"name": "x", "limit": "1"}]},  # noqa: E501
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": -1},
        {"type": "conversation.item.input_audio_transcription.delta", "delta": {}},
        {"type": "response.output_item.added", "item": []},
        {"type": "response.done", "response": {"id": "other", "usage": {"input_tokens": "many"}}},
        {"type": "not.known.yet", "delta": "?"},
    ]  # fmt: skip
    script = [rs.CREATED, *odd[:9], Expect("response.create"), rs.created(), *odd[9:17], *odd[18:]]
    sink = await ask([*script, rs.delta("response.output_text.delta", "Fine."), rs.done()])
    assert sink.states[-1] is State.ENDED
    assert said(sink) == "Fine."
    drops = [(e.kind, e.where) for e in sink.events if isinstance(e, Dropped)]
    assert drops.count((Kind.TEXT, "malformed")) == 9
    assert drops.count((Kind.AUDIO, "malformed")) == 2
    figures = [k for e in sink.events if isinstance(e, Figures) for k in e.values]
    assert figures == ["errors"]


async def test_control_characters_are_taken_out_wherever_they_stand() -> None:
    script = [
        rs.CREATED, Expect("response.create"), rs.created(),
        rs.delta("response.output_text.delta", "a\x1b]52;c;eA==\x07b"),
        rs.error("bad \x1b[2J\nthing", "co\x1bde", "nobody's"),
        rs.done("resp_1", "failed", error={"message": "no\x07 more"}),
    ]  # fmt: skip
    sink = await ask(script)
    assert said(sink) == "ab"
    shown = [e.error or "" for e in sink.events if isinstance(e, TurnEnded)] + sink.reasons
    assert shown
    assert all(text.isprintable() for text in shown)


async def test_an_oversized_message_breaks_the_connection_and_is_counted() -> None:
    sink = await ask([*BEGUN, '{"type": "' + "x" * MAX_MESSAGE + '"}'])
    assert only(sink, TurnEnded).error == "a message over 4096 KiB"
    assert only(sink, Dropped).where == "limit"
    assert sink.states[-1] is State.FAILED  # after one attempt, as this test asked
    assert said(sink) == "Half"


async def test_a_large_message_is_read_without_holding_the_loop() -> None:
    pcm = rs.tone(10.0)
    sink = await ask(
        [
            rs.CREATED,
            Expect("response.create"),
            rs.created(),
            rs.delta("response.audio.delta", rs.base(pcm)),
            rs.done(),
        ]
    )
    chunks = [e for e in sink.events if isinstance(e, AudioChunk)]
    assert sum(c.duration for c in chunks) == pytest.approx(10.0)


async def test_a_deflate_bomb_is_refused_unopened() -> None:
    bomb = zlib.compressobj(9, wbits=-15)
    data = bomb.compress(b"0" * (64 << 20)) + bomb.flush(zlib.Z_SYNC_FLUSH)
    frame = b"\xc1\x7f" + len(data).to_bytes(8, "big") + data  # FIN, RSV1 (compressed), text
    servers: list[RealtimeServer] = []
    sink = await ask([*BEGUN, Raw(frame)], echo=servers)
    assert "Sec-WebSocket-Extensions" not in servers[0].requests[0].headers
    assert "1002" in only(sink, TurnEnded).error
    assert sink.states[-1] is State.FAILED


@pytest.mark.parametrize(
    ("step", "state", "said_of_it"),
    [
        (Close(1008, "policy"), State.FAILED, "1008 (policy violation) policy"),
        (Close(3000, "bad key"), State.FAILED, "bad key"),
        (
            Close(4000, "invalid_request_error.beta_api_shape_disabled"),
            State.FAILED,
            "beta_api_shape_disabled",
        ),
        (Close(1011, "oops"), State.RECONNECTING, "1011 (internal error) oops"),
        (Close(1001, "session of 60 minutes"), State.RECONNECTING, "session of 60 minutes"),
        (Close(1000), State.RECONNECTING, "1000 (OK)"),
        (Drop(), State.RECONNECTING, "the connection was lost"),
    ],
)
async def test_a_connection_lost_in_mid_answer(step: Step, state: State, said_of_it: str) -> None:
    sink = await ask([*BEGUN, Wait(0.05), step], rs.ANSWER, attempts=2)
    assert sink.states[2] is state
    assert said_of_it in sink.reasons[0]
    ends = sink.of(TurnEnded)
    assert said_of_it in ends[0].error  # type: ignore[attr-defined]
    if state is State.RECONNECTING:
        assert sink.states[-1] is State.ENDED
        assert said(sink) == f"Half{SPOKEN}"
        assert len(ends) == 2
        assert sink.texts.count("Why?") == 1  # asked again, shown once
    else:
        assert sink.states[-1] is State.FAILED
        assert len(ends) == 1


async def test_answers_that_break_off_are_not_paid_for_for_ever() -> None:
    servers: list[RealtimeServer] = []
    sink = await ask([*BEGUN, Drop()], attempts=None, echo=servers)  # type: ignore[arg-type]
    assert sink.states[-1] is State.FAILED
    assert "3 answers broke off" in sink.reasons[-1]
    assert len(servers[0].requests) == 3


async def test_an_error_before_the_session_is_said_with_its_code() -> None:
    """As OpenAI turns away what speaks the preview's protocol: upgrade, error, close 4000."""
    words = rs.error(
        "The Realtime Beta API is no longer supported.",
        "beta_api_shape_disabled",
        kind="invalid_request_error",
    )
    sink = await ask([words, Close(4000, "invalid_request_error.beta_api_shape_disabled")], attempts=5)
    assert sink.states == [State.CONNECTING, State.FAILED]
    assert sink.reasons[-1].startswith(
        "beta_api_shape_disabled: The Realtime Beta API is no longer supported."
    )


async def test_an_error_of_a_session_that_goes_on_is_shown_beside_it() -> None:
    words = rs.error("Cancellation failed: no active response", "response_cancel_not_active", "event_z")
    script = [*rs.ANSWER[:3], words, *rs.ANSWER[3:]]
    sink = await ask(script)
    assert sink.states == [State.CONNECTING, State.LIVE, State.LIVE, State.LIVE, State.ENDED]
    assert [e.reason for e in sink.events if isinstance(e, StateChanged)][
        3
    ] == ""  # said until the next good answer
    assert sink.reasons == ["response_cancel_not_active: Cancellation failed: no active response"]
    assert said(sink) == SPOKEN


async def test_a_server_that_opens_no_session() -> None:
    sink = await ask([Wait(0.6)], connect_timeout=0.3)
    assert sink.states == [State.CONNECTING, State.FAILED]
    assert sink.reasons == ["the server opened no session within 0.3 s"]


@pytest.mark.parametrize(
    ("reply", "states", "reason"),
    [
        (answer("401 Unauthorized", "application/json", b'{"error": {"message": "Incorrect API key: %b"}}' % BYTES),
         [State.CONNECTING, State.FAILED], "HTTP 401 Unauthorized: Incorrect API key: ***"),
        (answer("404 Not Found"), [State.CONNECTING, State.FAILED], "HTTP 404"),
        (answer("200 OK"), [State.CONNECTING, State.FAILED], "this is no WebSocket"),
        (answer("302 Found", location="ws://example.com/realtime"), [State.CONNECTING, State.FAILED], "redirect"),
        (answer("500 Internal Server Error"), [State.CONNECTING, State.RECONNECTING], "HTTP 500"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", [State.CONNECTING, State.RECONNECTING], "as a web server does"),
    ],
)  # fmt: skip
async def test_a_refused_handshake(reply: bytes, states: list[State], reason: str) -> None:
    async with raw_http(always(reply)) as url:
        opts = options(f"{url}/v1")
        sink = await watch(open_source("openai-realtime:m", opts)[0], opts, 2)
    assert sink.states[:2] == states
    assert reason in sink.reasons[0]
    assert KEY not in str(sink.events)


async def test_a_server_that_asks_for_patience_gets_it() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    reply = answer(
        "429 Too Many Requests", "application/json", b'{"error": {"message": "slow down"}}', retry_after="7"
    )
    async with raw_http(always(reply)) as url:
        opts = options(f"{url}/v1", sleep=sleep)
        sink = await watch(open_source("openai-realtime:m", opts)[0], opts, 2)
    assert slept == [7.0]
    assert sink.reasons[0] == "HTTP 429 Too Many Requests: slow down"


async def test_nobody_listens_there() -> None:
    opts = options("ws://127.0.0.1:1/v1")
    sink = await watch(open_source("openai-realtime:m", opts)[0], opts, 1)
    assert sink.states == [State.CONNECTING, State.FAILED]
    assert "cannot connect" in sink.reasons[0]


# -- where to, and with which key


@pytest.mark.parametrize(
    ("source", "env", "base", "model", "key"),
    [
        ("openai-realtime:m", {"OPENAI_API_KEY": "a"}, "wss://api.openai.com/v1", "m", "a"),
        ("openai-realtime:m", {"OPENAI_BASE_URL": "https://h.example/v1/", "OPENAI_API_KEY": "a"},
         "wss://h.example/v1", "m", "a"),
        ("openai-realtime:m", {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "ws://127.0.0.1:9/v1", "m", "none"),
        ("openai-realtime:m",
         {"MIDSTREAM_REALTIME_URL": "wss://p.example/x/realtime?tier=2", "AGENTIC_FLOW_API_KEY": "f",
          "OPENAI_API_KEY": "a"},
         "wss://p.example/x?tier=2", "m", "f"),
        ("openai-realtime+wss://p.example/x?model=q", {"OPENAI_API_KEY": "a"}, "wss://p.example/x", "q", "a"),
        ("openai-realtime+wss://p.example/x", {"OPENAI_API_KEY": "a", "OPENAI_REALTIME_MODEL": "e"},
         "wss://p.example/x", "e", "a"),
        ("openai-realtime+ws://localhost:8/x", {}, "ws://localhost:8/x", "gpt-realtime", "none"),
    ],
)  # fmt: skip
def test_where_a_session_is_opened(source: str, env: dict[str, str], base: str, model: str, key: str) -> None:
    target = target_of(source, env)
    assert (target.base, target.model, target.key) == (base, model, key)
    assert "key" not in repr(target)


@pytest.mark.parametrize(
    ("source", "env", "reason"),
    [
        ("openai-realtime:m", {}, "OPENAI_API_KEY is not set"),
        ("openai-realtime: ", {"OPENAI_API_KEY": "a"}, "name a model"),
        ("openai-realtime+wss://p.example/x", {}, "AGENTIC_FLOW_API_KEY or OPENAI_API_KEY is not set"),
        ("openai-realtime+ws://p.example/x", {"OPENAI_API_KEY": "a"}, "not sent unencrypted to p.example"),
        ("openai-realtime+wss://sk-abcdefghij@p.example/x", {"OPENAI_API_KEY": "a"}, "holds a key"),
        ("openai-realtime+wss://[::1/x", {"OPENAI_API_KEY": "a"}, "is no address"),
        ("openai-realtime:m", {"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "ftp://h"}, "OPENAI_BASE_URL is no WebSocket"),
    ],
)  # fmt: skip
def test_sources_that_can_not_be_used(source: str, env: dict[str, str], reason: str) -> None:
    with pytest.raises(SourceError, match=reason.replace("(", r"\(")) as caught:
        open_source(source, Options(env=env))
    assert "\n" not in str(caught.value)
    assert "abcdefghij" not in str(caught.value)
