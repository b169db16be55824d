"""Programs ask, the agent answers: results are those of the library, and nonsense gets one line."""

from __future__ import annotations

import asyncio
import json
import math

import pytest

from midstream_adapters.base import Options
from midstream_analysis.agent import MidStreamAgent
from midstream_tui.answers import MOST_AGENTS, MOST_ITEMS, Answers
from midstream_tui.hub import Hub


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


async def test_agents_are_bounded() -> None:
    answers = Answers()
    await asyncio.gather(*(answers(f"s{n}", "process", {"message": "hi"}) for n in range(MOST_AGENTS + 5)))
    assert len(answers._agents) == MOST_AGENTS
    assert (await answers("s0", "status", {}))["messages"] == 0  # the oldest made room


def test_a_hub_with_an_engine_answers() -> None:
    assert Hub(Options()).options.answer is not None
    assert Hub(Options(), engine=False).options.answer is None
