"""Answers to programs that send text and ask what MidStream makes of it: an agent for every stream, real results only.

Questions and their arguments: ``process`` message, role, reward; ``analyze`` [messages]; ``compare`` a, b, algorithm;
``detect_pattern`` sequence, pattern; ``behavior`` [rewards]; ``status``. Where the brackets' argument is missing, what
the stream has sent so far is meant: of what came since the last question, at most the last `MOST_HELD` messages.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from midstream_adapters.events import Event, TextChunk, TurnEnded

from .transcript import Message, Transcript

if TYPE_CHECKING:
    from midstream_analysis.agent import MidStreamAgent

MOST_AGENTS = 64
MOST_HELD = 1000
"""Messages of one stream that wait for a question: as many as an agent remembers."""
MOST_HELD_CHARS = 500_000
MOST_CHARS = 4096
"""Characters of one message that an agent is given."""
MOST_ITEMS = 20_000
"""Items of one sequence."""
MOST_PAIRS = 25_000_000
"""Items of one sequence times those of the other: what a comparison of a tenth of a second has."""
_ALGORITHMS = ("dtw", "lcs", "edit", "euclidean")


Heard = tuple[str, str | None, float | None]
"""A message: text, role, reward."""


@dataclass(slots=True)
class _Conversation:
    """One stream's agent, made at the first question, and what it has yet to be told."""

    agent: MidStreamAgent | None = None
    held: deque[Heard] = field(default_factory=deque)
    chars: int = 0
    unread: int = 0
    """Messages that made room before a question came: counted, but not analysed."""

    def hold(self, message: Message) -> None:
        text = message.text[:MOST_CHARS]
        self.held.append((text, message.role, message.reward))
        self.chars += len(text)
        while len(self.held) > MOST_HELD or self.chars > MOST_HELD_CHARS:
            self.chars -= len(self.held.popleft()[0])
            self.unread += 1

    def take(self) -> deque[Heard]:
        """What was held, which is held no more."""
        held, self.held, self.chars = self.held, deque(), 0
        return held


class Answers:
    """Call it with (stream, what, arguments); it works in a thread, one question at a time.

    Calls, and `hear`, are the event loop's.
    """

    def __init__(self) -> None:
        self._agents: OrderedDict[str, _Conversation] = OrderedDict()
        self._speaking = Transcript(keep=1)
        """The messages of all streams that are still being said."""
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
            talk = self._of(stream)
            return await asyncio.to_thread(self._answer, talk, talk.take(), what, arguments)

    def hear(self, event: Event) -> None:
        """Hold what a stream says, beside its questions, until it asks."""
        closed: list[Message] = []
        if isinstance(event, TextChunk) and (event.text or event.turn is not None):
            message, _ = self._speaking.add(event)
            closed = [] if message.open else [message]
        elif isinstance(event, TurnEnded):
            closed = self._speaking.close(event.stream, event.turn)
        for message in closed:
            if message.chars and not message.reasoning and not message.tool:
                self._of(event.stream).hold(message)

    def _of(self, stream: str) -> _Conversation:
        """The conversation of `stream`; that which was silent for longest makes room."""
        talk = self._agents.pop(stream, None) or _Conversation()
        self._agents[stream] = talk
        if len(self._agents) > MOST_AGENTS:
            self._agents.popitem(last=False)
        return talk

    def _answer(
        self, talk: _Conversation, held: deque[Heard], what: str, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        from midstream_analysis.agent import MidStreamAgent  # numba: seconds, the first time

        agent = talk.agent = talk.agent or MidStreamAgent()
        for text, role, reward in held:
            agent.process_message(text, role, reward)
        result: dict[str, Any] = plain(self._asked[what](agent, arguments))
        if what in ("status", "process"):  # these count all that the stream has sent
            result["messages"] += talk.unread
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
