"""Chat completions and Realtime sessions of aimock, a server that nobody here wrote, through our sources and client."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Event, State, TextChunk, Transcript, TurnEnded, TurnStarted
from midstream_adapters.registry import open_source
from midstream_tui import OpenAIRealtimeClient, RealtimeConfig
from tests.adapters.recorder import until
from tests.adapters.servers import ListSink, watch
from tests.peers.aimock import aimock, missing

pytestmark = [pytest.mark.peer, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

RIVER = "A river carries stones and sand, and so it cuts its valley deeper and wider with every flood."
CALL = '{"city":"Oslo"}'


def on(word: str, response: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"match": {"userMessage": word}, "response": response, **more}


FIXTURES = (
    on("river", {"content": RIVER}),
    on("weather", {"toolCalls": [{"name": "get_weather", "arguments": CALL}]}),
    on("again", {"content": "Once more."}),
    on("broken", {"content": RIVER}, truncateAfterChunks=3),
    on("overloaded", {"error": {"message": "Slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"},
                      "status": 429}),
    on("patience", {"content": "Never said."}, chaos={"rateLimitRate": 1}),
    {"match": {"endpoint": "realtime-transcription"}, "response": {"transcription": {"text": "Good day to you."}}},
)  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str, None, None]:
    with aimock(tmp_path_factory.mktemp("aimock"), *FIXTURES) as url:
        yield url


async def ask(source: str, url: str, prompt: str, attempts: int = 1, **rest: Any) -> ListSink:
    options = Options(env={"OPENAI_BASE_URL": url}, prompt=prompt, **rest)
    return await watch(open_source(source, options)[0], options, attempts, timeout=60)


def only(sink: ListSink, kind: type[Event]) -> Any:
    (event,) = sink.of(kind)
    return event


def answer(sink: ListSink) -> list[TextChunk]:
    return [e for e in sink.events if isinstance(e, TextChunk) and e.turn is not None and e.text]


SOURCES = ("openai:gpt-4o-mini", "openai-realtime:gpt-realtime")


@pytest.mark.parametrize("source", SOURCES)
async def test_an_answer(url: str, source: str) -> None:
    sink = await ask(source, url, "Tell me of the river.")
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]
    started, ended, chunks = only(sink, TurnStarted), only(sink, TurnEnded), answer(sink)
    assert "".join(chunk.text for chunk in chunks) == RIVER
    assert len(chunks) == -(-len(RIVER) // 8)  # one chunk a message, as it was sent
    assert {chunk.turn for chunk in chunks} == {started.turn} == {ended.turn}
    times = [started.at, *(chunk.at for chunk in chunks), ended.at]
    assert times == sorted(times)
    assert ended.error is None
    if source.startswith("openai:"):
        assert ended.usage is not None
        assert ended.usage.completion > 0
    else:
        assert ended.usage is None  # it tells zeros, which count nothing
        assert ended.finish_reason == "completed"


@pytest.mark.parametrize("source", SOURCES)
async def test_a_tool_call(url: str, source: str) -> None:
    sink = await ask(source, url, "What weather is it?")
    assert sink.states[-1] is State.ENDED
    assert {(chunk.role, chunk.tool) for chunk in answer(sink)} == {("assistant", "get_weather")}
    assert "".join(chunk.text for chunk in answer(sink)) == CALL


@pytest.mark.parametrize("source", SOURCES)
async def test_answers_that_break_off_are_asked_for_three_times(url: str, source: str) -> None:
    sink = await ask(source, url, "broken", attempts=None)  # type: ignore[arg-type]
    assert sink.states[-1] is State.FAILED
    assert "3 answers broke off" in sink.reasons[-1]
    ends = sink.of(TurnEnded)
    assert len(ends) == 3
    assert all(end.error for end in ends)  # type: ignore[attr-defined]
    assert RIVER.startswith(answer(sink)[0].text)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_server_that_is_overloaded_is_tried_again(url: str, source: str) -> None:
    sink = await ask(source, url, "overloaded", attempts=2)
    assert sink.states[1:3] in ([State.RECONNECTING, State.CONNECTING], [State.LIVE, State.RECONNECTING])
    assert any("Slow down" in reason for reason in sink.reasons)
    assert not answer(sink)


async def test_retry_after_of_a_429_is_waited_for(url: str) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    sink = await ask(SOURCES[0], url, "patience", attempts=2, sleep=sleep)
    assert "HTTP 429" in sink.reasons[0]
    assert slept
    assert slept[0] >= 1.0


async def test_the_protocol_of_the_preview_is_refused_as_openai_does(url: str) -> None:
    sink = await ask(SOURCES[1], url, "river", attempts=5, headers={"OpenAI-Beta": "realtime=v1"})
    assert sink.states == [State.CONNECTING, State.FAILED]
    assert sink.reasons[0].startswith(
        "beta_api_shape_disabled: The Realtime Beta API is no longer supported."
    )


async def test_the_client_talks_for_several_turns(url: str) -> None:
    heard: list[str] = []
    done: list[Any] = []
    settings = RealtimeConfig(
        instructions="Be brief.", output="text", options=Options(env={"OPENAI_BASE_URL": url})
    )
    client = OpenAIRealtimeClient(settings)
    client.on("response.text.delta", heard.append)
    client.on("response.done", done.append)
    async with client:
        await until(lambda: client.session.get("instructions") == "Be brief.")  # the server has told it back
        for n, (prompt, reply) in enumerate((("the river?", RIVER), ("and again", "Once more.")), 1):
            heard.clear()
            await client.send_text(prompt)
            await until(lambda n=n: len(done) == n)  # type: ignore[misc]
            assert "".join(heard) == reply


async def test_speech_is_transcribed(url: str) -> None:
    heard: list[Transcript] = []
    env = {"MIDSTREAM_REALTIME_URL": f"{url.replace('http', 'ws', 1)}/realtime?intent=transcription"}
    client = OpenAIRealtimeClient(RealtimeConfig(model="gpt-4o-transcribe", options=Options(env=env)))
    client.on("transcript", heard.append)
    async with client:
        await client.send_audio(bytes(48_000))
        await client.commit_audio()
        await until(lambda: heard and heard[-1].final)
    assert heard[-1].text == "Good day to you."
    assert [t.text for t in heard] == sorted((t.text for t in heard), key=len)
    assert (heard[-1].role, heard[-1].began, heard[-1].ended) == ("user", 0.0, 1.0)
