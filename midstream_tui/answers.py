"""Answers to programs that send text and ask what MidStream makes of it: an agent for every stream, real results only.

Questions and their arguments: ``process`` message, role, reward; ``analyze`` [messages]; ``compare`` a, b, algorithm;
``detect_pattern`` sequence, pattern; ``behavior`` [rewards]; ``status``. Where the brackets' argument is missing, what
the stream has sent so far is meant.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from midstream_analysis.agent import MidStreamAgent

MOST_AGENTS = 64
MOST_ITEMS = 20_000
"""Items of one sequence."""
MOST_PAIRS = 25_000_000
"""Items of one sequence times those of the other: what a comparison of a tenth of a second has."""
_ALGORITHMS = ("dtw", "lcs", "edit", "euclidean")


class Answers:
    """Call it with (stream, what, arguments); it works in a thread, one question at a time."""

    def __init__(self) -> None:
        self._agents: OrderedDict[str, MidStreamAgent] = OrderedDict()
        self._asked: dict[str, Callable[[MidStreamAgent, Mapping[str, Any]], Any]] = {
            "process": _process,
            "analyze": _analyze,
            "compare": _compare,
            "detect_pattern": _detect,
            "behavior": _behavior,
            "status": lambda agent, arguments: agent.status,
        }
        self._turn: asyncio.Lock | None = None

    async def __call__(self, stream: str, what: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one question.

        Raises:
            ValueError: no such question, or arguments that it can't have.
        """
        if what not in self._asked:
            raise ValueError(f"no such question; there are {', '.join(self._asked)}")
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            return await asyncio.to_thread(self._answer, stream, what, arguments)

    def _answer(self, stream: str, what: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        from midstream_analysis.agent import MidStreamAgent  # numba: seconds, the first time

        agent = self._agents.pop(stream, None) or MidStreamAgent()
        self._agents[stream] = agent
        if len(self._agents) > MOST_AGENTS:
            self._agents.popitem(last=False)
        result: Mapping[str, Any] = plain(self._asked[what](agent, arguments))
        return result


def _process(agent: MidStreamAgent, arguments: Mapping[str, Any]) -> dict[str, Any]:
    message = next((arguments[key] for key in ("message", "text", "content") if key in arguments), None)
    if not isinstance(message, str):
        raise ValueError("process needs a `message` (text)")
    role, reward = arguments.get("role"), arguments.get("reward")
    if reward is not None and (isinstance(reward, bool) or not isinstance(reward, int | float)):
        raise ValueError("`reward` must be a number")
    move = agent.process_message(message, role if isinstance(role, str) else None, reward)
    return {"move": move, "messages": agent.status.messages, "meta_learning": agent.meta_learning}


def _analyze(agent: MidStreamAgent, arguments: Mapping[str, Any]) -> Any:
    messages = _list(arguments, ("messages", "conversation"), needed=False)
    return agent.analyze_conversation(messages)


def _compare(agent: MidStreamAgent, arguments: Mapping[str, Any]) -> dict[str, Any]:
    a = _list(arguments, ("a", "sequence1", "seq1"))
    b = _list(arguments, ("b", "sequence2", "seq2"))
    assert a is not None
    assert b is not None
    if len(a) * len(b) > MOST_PAIRS:
        raise ValueError(f"too long to compare: {len(a)} by {len(b)} items, at most {MOST_PAIRS} pairs")
    algorithm = arguments.get("algorithm", "dtw")
    if algorithm not in _ALGORITHMS:
        raise ValueError(f"`algorithm` must be one of {', '.join(_ALGORITHMS)}")
    return {"similarity": agent.compare_sequences(a, b, algorithm), "algorithm": algorithm}


def _detect(agent: MidStreamAgent, arguments: Mapping[str, Any]) -> dict[str, Any]:
    sequence, pattern = _list(arguments, ("sequence", "conversation")), _list(arguments, ("pattern",))
    assert sequence is not None
    assert pattern is not None
    positions = agent.detect_pattern(sequence, pattern)
    return {"positions": positions, "count": len(positions)}


def _behavior(agent: MidStreamAgent, arguments: Mapping[str, Any]) -> Any:
    return agent.analyze_behavior(_list(arguments, ("rewards", "data"), needed=False))


def _list(arguments: Mapping[str, Any], names: tuple[str, ...], needed: bool = True) -> list[Any] | None:
    found = next((arguments[name] for name in names if name in arguments), None)
    if found is None and not needed:
        return None
    if isinstance(found, str):
        found = list(found)
    if not isinstance(found, list) or not all(isinstance(item, str | int | float) for item in found):
        raise ValueError(f"`{names[0]}` must be a list of numbers or texts")
    if len(found) > MOST_ITEMS:
        raise ValueError(f"`{names[0]}` has {len(found)} items, at most {MOST_ITEMS} are taken")
    return found


def plain(value: Any) -> Any:
    """`value` as JSON has it: results become objects, what is not finite null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "item") and callable(value.item):  # a scalar of numpy
        return plain(value.item())
    return value
