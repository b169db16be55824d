"""Programs ask, the agent answers: results are those of the library, and nonsense gets one line."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest
from websockets.asyncio.client import connect

from midstream_adapters.base import Options
from midstream_adapters.events import TextChunk, TurnEnded
from midstream_analysis.agent import MidStreamAgent
from midstream_tui.answers import (
    MOST_AGENTS,
    MOST_CHARS,
    MOST_HELD,
    MOST_HELD_CHARS,
    MOST_ITEMS,
    Answers,
    plain,
)
from midstream_tui.hub import Hub
from tests.adapters.recorder import until


async def test_results_are_the_agents() -> None:
    answers, agent = Answers(), MidStreamAgent()
    said = await answers("s", "process", {"message": "Hello there!", "role": "user", "reward": 1})
    move = agent.process_message("Hello there!", "user", 1.0)
    assert move is not None
    assert said["move"]["label"] == move.label
    assert said["messages"] == 1
    pair = {"a": [1, 2, 3], "b": [1, 2, 4], "algorithm": "dtw"}
    assert (await answers("s", "compare", pair))["similarity"] == agent.compare_sequences(
        [1, 2, 3], [1, 2, 4], "dtw"
    )
    words = {"seq1": "kitten", "seq2": "sitting", "algorithm": "edit"}
    assert (await answers("s", "compare", words))["similarity"] == agent.compare_sequences(
        "kitten", "sitting", "edit"
    )
    pattern = {"sequence": ["a", "b", "a", "b"], "pattern": ["a", "b"]}
    assert await answers("s", "detect_pattern", pattern) == {"positions": [0, 2], "count": 2}
    behavior = await answers("s", "behavior", {"rewards": [0.5] * 100})
    assert behavior["attractor_type"] == "fixed_point"
    assert (await answers("s", "behavior", {}))["n"] == 1  # the reward that the stream has sent
    assert (await answers("s", "status", {}))["messages"] == 1
    assert (await answers("other", "status", {}))["messages"] == 0  # a stream each
    conversation = await answers("s", "analyze", {"messages": ["hi", "hello", "bye"]})
    assert conversation["messages"] == 3
    json.dumps([behavior, conversation, said], allow_nan=False)


@pytest.mark.parametrize(
    ("what", "arguments", "why"),
    [
        ("sing", {}, "no such question; there are process, "),
        ("process", {}, "needs a `message`"),
        ("process", {"message": "x", "reward": "much"}, "must be a number"),
        ("compare", {"a": [1]}, "`b` must be a list"),
        ("compare", {"a": [1], "b": [2], "algorithm": "magic"}, "must be one of"),
        ("compare", {"a": [[1]], "b": [2]}, "`a` must be a list of numbers or texts"),
        ("compare", {"a": [0] * MOST_ITEMS, "b": [0] * MOST_ITEMS}, "too long to compare"),
        ("detect_pattern", {"sequence": [1], "pattern": [0] * (MOST_ITEMS + 1)}, "at most"),
        ("behavior", {"rewards": [math.inf]}, "finite"),
        ("behavior", {"rewards": ["a"]}, "number"),
    ],
)
async def test_wrong_questions_get_one_line(what: str, arguments: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        await Answers()("s", what, arguments)
    assert "\n" not in str(caught.value)


async def test_what_a_stream_has_sent_is_what_its_agent_knows() -> None:
    answers, agent = Answers(), MidStreamAgent()
    texts = ["Hello!", "Can you help me?", "Sure, what is it?", "Thanks a lot!"] * 25
    for n, text in enumerate(texts):
        answers.hear(TextChunk("s", float(n), text, "user", reward=n / 100))
        agent.process_message(text, "user", n / 100)
    said = await answers("s", "status", {})
    assert (said["messages"], said["rewards"]) == (100, 100)
    analysed = await answers("s", "analyze", {})
    assert analysed == plain(agent.analyze_conversation())
    assert len(analysed["moves"]) == 100
    assert (await answers("s", "behavior", {}))["n"] == 100
    assert (await answers("s", "status", {}))["messages"] == 100  # once only
    assert (await answers("s", "process", {"message": "Bye!"}))["messages"] == 101
    assert (await answers("other", "analyze", {}))["messages"] == 0


async def test_an_answer_in_pieces_is_one_message_and_thoughts_are_none() -> None:
    answers = Answers()
    for text in ("It ", "is ", "here."):
        answers.hear(TextChunk("s", 0.0, text, "assistant", "t1", final=False))
        answers.hear(TextChunk("s", 0.0, "Hm.", "assistant", "t1", final=False, reasoning=True))
    assert (await answers("s", "status", {}))["messages"] == 0
    answers.hear(TurnEnded("s", 1.0, "t1"))
    assert (await answers("s", "status", {}))["messages"] == 1


async def test_what_waits_for_a_question_is_bounded_and_all_is_counted() -> None:
    answers = Answers()
    for n in range(MOST_HELD + 50):
        answers.hear(TextChunk("s", 0.0, f"message {n}"))
    for _ in range(MOST_HELD_CHARS // MOST_CHARS + 10):
        answers.hear(TextChunk("long", 0.0, "x" * 2 * MOST_CHARS))
    talks = answers._agents
    assert len(talks["s"].held) == MOST_HELD
    assert sum(len(text) for text, _, _ in talks["long"].held) == talks["long"].chars <= MOST_HELD_CHARS
    said = await answers("s", "status", {})
    assert (said["messages"], said["history"]) == (MOST_HELD + 50, MOST_HELD)


async def test_texts_sent_over_a_websocket_are_what_a_question_is_about() -> None:
    hub = Hub(Options(env={}))
    (listener,) = hub.add("ws+listen://127.0.0.1:0")
    adapter: Any = hub.sources[listener].adapter
    try:
        await until(lambda: adapter.port)
        async with connect(f"ws://127.0.0.1:{adapter.port}/ingest/bot") as socket:
            for n in range(100):
                await socket.send(f"message {n}")
            await socket.send('{"type": "process", "message": "And this?"}')
            await socket.send('{"type": "status"}')
            await socket.send('{"type": "analyze"}')
            processed, status, analysed = [json.loads(await socket.recv())["result"] for _ in range(3)]
        assert processed["messages"] == status["messages"] == analysed["messages"] == 101
        assert hub.state().message_count == 101
    finally:
        await hub.stop()


async def test_agents_are_bounded() -> None:
    answers = Answers()
    await asyncio.gather(*(answers(f"s{n}", "process", {"message": "hi"}) for n in range(MOST_AGENTS + 5)))
    assert len(answers._agents) == MOST_AGENTS
    assert (await answers("s0", "status", {}))["messages"] == 0  # the oldest made room


def test_a_hub_with_an_engine_answers() -> None:
    assert Hub(Options()).options.answer is not None
    assert Hub(Options(), engine=False).options.answer is None
