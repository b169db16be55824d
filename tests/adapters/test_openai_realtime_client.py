"""`OpenAIRealtimeClient` against the scripted server."""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import Any

import pytest

from midstream_adapters.base import Backoff, Options
from midstream_adapters.emitter import MOST_PENDING
from midstream_adapters.events import AudioChunk, Figures, State, Transcript, TurnEnded
from midstream_tui import OpenAIRealtimeClient, RealtimeConfig, RealtimeError
from tests.adapters import realtime_scripts as rs
from tests.adapters.realtime_scripts import Close, Drop, Expect, Step, Wait
from tests.adapters.realtime_server import RealtimeServer, realtime_server
from tests.adapters.recorder import until
from tests.adapters.servers import ListSink

KEY = "sk-test-0123456789abcdef"
SPOKEN = "Good morning, how are you?"
QUICK = Backoff(first=0.02, most=0.05, settled=60.0)


def client(server: RealtimeServer, sink: ListSink | None = None, **config: Any) -> OpenAIRealtimeClient:
    given = {"api_key": KEY, "url": server.url, "options": Options(env={}), **config}
    return OpenAIRealtimeClient(RealtimeConfig(**given), sink=sink, backoff=QUICK)


async def test_listeners_hear_both_names_of_an_event_once() -> None:
    for script, names in (
        (rs.PRESENT, ("response.audio_transcript.delta", "response.audio.delta", "response.text.delta")),
        (rs.PREVIEW, ("response.output_audio_transcript.delta", "response.output_audio.delta",
                      "response.output_text.delta")),
    ):  # fmt: skip
        heard: dict[str, list[Any]] = {}

        def note(name: str, heard: dict[str, list[Any]] = heard) -> Any:
            return lambda value: heard.setdefault(name, []).append(value)

        async with realtime_server(script) as server:
            mine = client(server)
            for name in (
                *names,
                "response.done",
                "response.function_call_arguments.delta",
                "audio",
                "event",
                "error",
            ):
                mine.on(name, note(name))
            mine.once(names[0], note("once"))
            await mine.connect()
            for n in (1, 2):
                await mine.send_text("Hello")
                await until(lambda n=n, heard=heard: len(heard.get("response.done", [])) == n)  # type: ignore[misc]
            await mine.disconnect()
        assert "".join(heard[names[0]]) == SPOKEN
        assert heard["once"] == ["Good "]
        assert b"".join(map(base64.b64decode, heard[names[1]])) == b"".join(
            rs.tone(0.04, 0.04 * n) for n in range(6)
        )
        assert heard[names[2]] == ["Let me ", "look."]
        assert [chunk.rms for chunk in heard["audio"]] == pytest.approx([rs.RMS] * 6, rel=0.03)
        assert heard["response.done"][0]["response"]["usage"] == rs.USAGE
        assert len(heard["response.function_call_arguments.delta"]) == 4
        assert len(heard["event"]) == sum(isinstance(step, dict) for step in script)
        assert "error" not in heard
        assert (mine.usage.prompt, mine.usage.completion, mine.usage.cached) == (254, 296, 128)
        assert (mine.usage.prompt_audio, mine.usage.completion_audio, mine.usage.reasoning) == (16, 224, None)


async def test_what_each_method_sends() -> None:
    async with realtime_server([rs.CREATED]) as server:
        async with client(server) as mine:
            assert mine.connected
            assert mine.session["id"] == "sess_1"
            await mine.send_text("One", "system", respond=False)
            await mine.send_text("Two", "assistant", respond=False)
            await mine.send_audio(rs.tone(9.0))
            await mine.commit_audio()
            await mine.clear_audio()
            named = await mine.create_response(instructions="Sing.")
            await mine.cancel_response()
            await mine.cancel_response("resp_9")
            await mine.truncate("item_1", 1500)
            await mine.update_session(instructions="Be kind.")
            await mine.send({"type": "conversation.item.delete", "item_id": "item_1", "event_id": "mine"})
            await until(lambda: "conversation.item.delete" in server.types)
        assert not mine.connected
        with pytest.raises(ConnectionError, match="no session"):
            await mine.send_text("late")
    appended = server.of("input_audio_buffer.append")
    assert b"".join(base64.b64decode(event["audio"]) for event in appended) == rs.tone(9.0)
    assert len(appended) == 3
    assert len({event["event_id"] for event in server.got}) == len(server.got)
    plain = [
        {k: v for k, v in event.items() if k != "event_id"} for event in server.got if event not in appended
    ]
    assert plain == [
        {"type": "conversation.item.create",
         "item": {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "One"}]}},
        {"type": "conversation.item.create",
         "item": {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Two"}]}},
        {"type": "input_audio_buffer.commit"},
        {"type": "input_audio_buffer.clear"},
        {"type": "response.create", "response": {"instructions": "Sing."}},
        {"type": "response.cancel"},
        {"type": "response.cancel", "response_id": "resp_9"},
        {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 1500},
        {"type": "session.update", "session": {"type": "realtime", "instructions": "Be kind."}},
        {"type": "conversation.item.delete", "item_id": "item_1"},
    ]  # fmt: skip
    assert server.of("response.create")[0]["event_id"] == named
    assert server.got[-1]["event_id"] == "mine"


@pytest.mark.parametrize(
    ("created", "sent"),
    [
        (rs.CREATED, {
            "type": "realtime", "instructions": "Be brief.", "output_modalities": ["audio"],
            "audio": {
                "input": {"turn_detection": {"type": "semantic_vad"}, "transcription": {"model": "whisper-1"}},
                "output": {"voice": "alloy"},
            },
        }),
        (rs.CREATED_PREVIEW, {
            "instructions": "Be brief.", "modalities": ["text", "audio"], "voice": "alloy",
            "turn_detection": {"type": "semantic_vad"}, "input_audio_transcription": {"model": "whisper-1"},
        }),
    ],
)  # fmt: skip
async def test_a_session_is_set_up_in_the_servers_words(created: Any, sent: Any) -> None:
    settings: dict[str, Any] = {
        "voice": "alloy",
        "instructions": "Be brief.",
        "output": "audio",
        "transcription": "whisper-1",
    }
    async with (
        realtime_server([created]) as server,
        client(server, turn_detection="semantic_vad", **settings),
    ):
        await until(lambda: server.got)
    assert [event["session"] for event in server.got] == [sent]


async def test_a_lost_session_is_opened_again_with_all_its_settings() -> None:
    told: list[str] = []
    async with realtime_server(
        [rs.CREATED, Expect("response.create"), Close(1011, "oops")], rs.ANSWER
    ) as server:
        mine = client(server, voice="alloy", turn_detection="none")
        mine.on("connected", lambda session: told.append(f"connected {session['id']}"))
        mine.on("disconnected", told.append)
        mine.on("error", lambda error: told.append(f"error {error}"))
        await mine.connect()
        await mine.update_session(audio={"output": {"speed": 1.2}})
        await mine.update_session(instructions="Be kind.")
        await mine.create_response()
        await until(lambda: len(told) == 3)
        await mine.send_text("Again")
        await until(lambda: mine.usage.prompt)
        await mine.disconnect()
        await mine.disconnect()
    assert [told[0], told[2], told[3]] == ["connected sess_1", "connected sess_1", "disconnected"]
    assert "1011 (internal error) oops" in told[1]
    updates = [event["session"] for event in server.of("session.update")]
    audio = {"input": {"turn_detection": None}, "output": {"voice": "alloy"}}
    assert updates[0] == {"type": "realtime", "audio": audio}
    assert updates[-1] == {
        "type": "realtime", "instructions": "Be kind.",
        "audio": {"input": {"turn_detection": None}, "output": {"voice": "alloy", "speed": 1.2}},
    }  # fmt: skip
    assert len(server.requests) == 2


async def test_a_spoken_turn() -> None:
    """Voice activity, input transcription, the answer's sound, and the latency between them."""
    sink, heard = ListSink(), list[Transcript]()
    async with realtime_server(rs.TALK) as server, client(server, sink) as mine:
        mine.on("transcript", heard.append)
        for n in range(40):
            await mine.send_audio(rs.tone(0.02, 0.02 * n))
        await sink.until(lambda _: bool(sink.of(TurnEnded)))
    assert [(t.text, t.final, t.role) for t in heard] == [
        ("Good ", False, "user"),
        ("Good day!", True, "user"),
    ]
    assert (heard[1].began, heard[1].ended) == (0.04, 0.6)
    figures = {k: float(v) for e in sink.events if isinstance(e, Figures) for k, v in e.values.items()}
    assert 0.0 < figures["first_audio_ms"] <= figures["turn_latency_ms"]
    assert figures["turn_latency_ms"] == pytest.approx(
        figures["first_audio_ms"] + figures["end_of_turn_delay_ms"]
    )
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]


async def test_errors_have_codes_and_no_key() -> None:
    errors: list[Exception] = []
    words = rs.error(f"Bad key {KEY}", "invalid_value", "event_7", "invalid_request_error")
    async with realtime_server(
        [rs.CREATED, Expect("response.cancel"), words, Close(1008, "policy")]
    ) as server:
        mine = client(server)
        mine.on("error", errors.append)
        await mine.connect()
        await mine.cancel_response()
        await mine.wait()
    first, last = errors
    assert isinstance(first, RealtimeError)
    assert (first.code, first.kind, first.event_id) == ("invalid_value", "invalid_request_error", "event_7")
    assert str(first) == "invalid_value: Bad key sk-***" or str(first) == "invalid_value: Bad key ***"
    assert isinstance(last, ConnectionError)
    assert "1008" in str(last)
    assert KEY not in str(errors)
    assert KEY not in repr(mine.config)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([Close(3000, "invalid_request_error.invalid_api_key")], "invalid_api_key"),
        ([Drop()], "not connected within 0.5 s: the connection was lost"),
        ([Wait(0.8)], "not connected within 0.5 s"),
    ],
)
async def test_connecting_in_vain(script: list[Step], reason: str) -> None:
    async with realtime_server(script) as server:
        mine = client(server)
        with pytest.raises(ConnectionError, match=reason):
            await mine.connect(timeout=0.5)
        assert not mine.connected
    with pytest.raises(ConnectionError, match="OPENAI_API_KEY is not set"):
        await OpenAIRealtimeClient(RealtimeConfig(options=Options(env={}))).connect()


async def test_listeners_that_fail_or_dawdle(caplog: pytest.LogCaptureFixture) -> None:
    """What a listener raises is told once; while too many coroutines run, the source waits, and nothing is lost."""
    deltas = [rs.delta("response.output_text.delta", f"{n} ") for n in range(3 * MOST_PENDING)]
    told: list[Exception] = []
    running = most = 0
    heard: list[str] = []

    async def slow(delta: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        heard.append(delta)
        running -= 1

    def broken(event: dict[str, Any]) -> None:
        raise ValueError(f"oops {KEY}")

    async with realtime_server(
        [rs.CREATED, Expect("response.create"), rs.created(), *deltas, rs.done()]
    ) as server:
        mine = client(server)
        mine.on("response.text.delta", slow)
        mine.on("response.done", broken)
        mine.on("error", told.append)
        await mine.connect()
        await mine.create_response()
        await until(lambda: told)
        await mine.wait_for_complete()
        mine.remove_listener("response.output_text.delta", slow)
        assert not mine.listeners("response.text.delta")
        with pytest.raises(RuntimeError, match="connected already"):
            await mine.connect()
        await mine.disconnect()
    assert sorted(heard, key=int) == [f"{n} " for n in range(3 * MOST_PENDING)]
    assert most <= MOST_PENDING
    (error,) = told
    assert "a listener of 'response.done' raised ValueError: oops" in str(error)
    assert KEY not in str(error)
    mine.remove_all_listeners()
    with caplog.at_level(logging.WARNING):
        mine.emit("error", RuntimeError(f"nobody hears {KEY}"))
    assert "nobody hears" in caplog.text
    assert KEY not in caplog.text


async def test_decoded_sound_matches_what_was_sent() -> None:
    chunks: list[AudioChunk] = []
    async with realtime_server(rs.ANSWER) as server:
        mine = client(server)
        mine.on("audio", chunks.append)
        await mine.connect()
        await mine.create_response()
        await until(lambda: mine.usage.prompt)
        await mine.disconnect()
    assert sum(chunk.duration for chunk in chunks) == pytest.approx(0.24)
