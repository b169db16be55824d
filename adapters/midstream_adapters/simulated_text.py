"""A simulated conversation: scripted turns between a user and an assistant, streamed token by token.

What an analysis can find in it: the rewards of the assistant's turns follow a known law (`REWARD_LAWS`), by default the
logistic map at r = 3.9 (May 1976), which is chaotic with a Lyapunov exponent of about 0.5 per turn.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from .events import Event, TextChunk, TurnEnded, TurnStarted, Usage
from .simulated_scripts import SCRIPTS

Law = Callable[[float], float]

REWARD_LAWS: dict[str, Law] = {
    "logistic": lambda x: 3.9 * x * (1.0 - x),  # chaotic
    "periodic": lambda x: 3.5 * x * (1.0 - x),  # the same map settles on a cycle of four
    "settling": lambda x: 2.5 * x * (1.0 - x),  # and on the fixed point 0.6
}
"""Maps of [0, 1] onto itself, from one assistant turn to the next; the reward is 0.6 + 0.4 x."""

MODEL = "simulated"
_PIECES = re.compile(r"\s*(?:[^\W\d_]{1,7}|\d{1,3}|[^\w\s]|_)")


def tokens_of(text: str) -> list[str]:
    """Cut `text` into pieces much like a byte-pair tokenizer would; joined they are `text` again."""
    pieces = _PIECES.findall(text)
    rest = text[sum(map(len, pieces)) :]
    return [*pieces, rest] if rest else pieces


class SimulatedConversation:
    """Iterates, without end, over the events of stream `stream`; their ``at`` is seconds since the beginning.

    Scripts come in a random order, all of them before any comes again. `law` names one of `REWARD_LAWS`.
    """

    def __init__(self, stream: str, rng: random.Random | None = None, law: str = "logistic") -> None:
        self._stream = stream
        self._rng = rng or random.Random()
        self._law = REWARD_LAWS[law]
        self._x = self._rng.uniform(0.2, 0.8)
        self._at = 0.0
        self._turns = 0

    def __iter__(self) -> Iterator[Event]:
        while True:
            for script in self._rng.sample(SCRIPTS, len(SCRIPTS)):
                context = 0
                for role, text in script:
                    if role == "user":
                        self._at += self._rng.uniform(0.5, 1.4)  # reading, typing
                        count = len(tokens_of(text))
                        context += count
                        said = len(text.encode())
                        yield TextChunk(self._stream, self._at, text, role, tokens=count, nbytes=said)
                        prompt = text
                    else:
                        yield from self._answer(text, prompt, context)
                        context += len(tokens_of(text))
                self._at += self._rng.uniform(1.0, 2.0)

    def _answer(self, text: str, prompt: str, context: int) -> Iterator[Event]:
        """One turn of the assistant's: request, tokens with their gaps, reward on the last, usage."""
        rng, stream = self._rng, self._stream
        self._turns += 1
        turn = f"turn-{self._turns}"
        yield TurnStarted(stream, self._at, turn, MODEL, prompt)
        self._at += rng.lognormvariate(-1.1, 0.35)  # to the first token: median 0.33 s
        pieces = tokens_of(text)
        self._x = self._law(self._x)
        for i, piece in enumerate(pieces):
            if i:
                stall = rng.uniform(0.15, 0.4) if rng.random() < 0.01 else 0.0
                self._at += rng.lognormvariate(-3.6, 0.5) + stall  # median 27 ms
            last = i == len(pieces) - 1
            yield TextChunk(
                stream,
                self._at,
                piece,
                "assistant",
                turn,
                tokens=1,
                nbytes=len(piece.encode()),
                final=last,
                reward=0.6 + 0.4 * self._x if last else None,
            )
        yield TurnEnded(stream, self._at, turn, Usage(context, len(pieces)), "stop")
