"""Recent messages: pieces of a turn become one message; bounded, and what is not kept is counted, never hidden."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from midstream_adapters.events import TextChunk
from midstream_adapters.events import Transcript as Heard
from midstream_adapters.redact import redact
from midstream_analysis.report import PatternHit

if TYPE_CHECKING:
    from midstream_widgets.views import MessageLine

KEEP = 1000
MOST_TOTAL = 8_000_000
"""Characters of all messages kept, about: long ones make room sooner."""
MOST_OPEN = 256
MOST_CHARS = 65_536


@dataclass(slots=True)
class Message:
    """One message; `open` while its turn still speaks. ``at`` is the monotonic time of its first piece."""

    serial: int
    at: float
    stream: str
    role: str | None
    parts: list[str] = field(default_factory=list)
    chars: int = 0
    truncated: int = 0
    tokens: int = 0
    tokens_estimated: bool = False
    reward: float | None = None
    move: str = ""
    """What it does in the conversation (question, answer...), once the engine has said so."""
    reasoning: bool = False
    tool: str | None = None
    open: bool = False
    line: tuple[tuple[object, ...], MessageLine] | None = field(default=None, compare=False, repr=False)
    """As it was last shown, and from what: two hundred are asked for at every paint, and few have changed."""
    _shown: tuple[str, str] = ("", "")

    def replace(self, text: str) -> None:
        """Put `text` in the place of all there was: a transcript was heard better."""
        self.parts, self.chars, self.truncated = [], 0, 0
        self.append(text)

    def append(self, text: str) -> None:
        room = MOST_CHARS - self.chars
        if len(text) > room:
            self.truncated += len(text) - room
            text = text[:room]
        if text:
            self.parts.append(text)
            self.chars += len(text)

    @property
    def text(self) -> str:
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""

    @property
    def shown(self) -> str:
        """`text` with secrets redacted, as it may reach a screen or a disk; worked out once a change."""
        text = self.text
        if self._shown[0] is not text:
            self._shown = (text, redact(text))
        return self._shown[1]


class Transcript:
    """The last messages of all streams, in order of their first piece."""

    def __init__(self, keep: int = KEEP) -> None:
        self.messages: deque[Message] = deque(maxlen=keep)
        self.total = 0
        self._open: OrderedDict[tuple[str, str, str | None, bool, str | None], Message] = OrderedDict()
        self._unheard: OrderedDict[tuple[str, int, str], Message] = OrderedDict()
        """Segments that have a partial transcript: their final one may come after the stream has ended."""

    def add(self, chunk: TextChunk) -> tuple[Message, bool]:
        """File one chunk; return its message, and whether that message began with it."""
        if chunk.turn is None:
            message = self._begin(chunk)
            message.append(chunk.text)
            message.reward = chunk.reward
            return message, True
        key = (chunk.stream, chunk.turn, chunk.role, chunk.reasoning, chunk.tool)
        held = self._open.get(key)
        message = held or self._begin(chunk)
        message.append(chunk.text)
        if chunk.reward is not None:
            message.reward = chunk.reward
        if chunk.final:
            message.open = False
            self._open.pop(key, None)
        elif held is None:
            message.open = True
            self._open[key] = message
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)[1].open = False
        return message, held is None

    def hear(self, heard: Heard) -> tuple[Message, bool]:
        """File a transcript: its segment is one message, whose text each better hearing replaces."""
        key = (heard.stream, heard.segment, heard.role)
        held = self._unheard.pop(key, None)
        message = held or self._begin(TextChunk(heard.stream, heard.at, "", heard.role))
        message.replace(heard.text)
        message.open = not heard.final
        if message.open:
            self._unheard[key] = message
            if len(self._unheard) > MOST_OPEN:
                self._unheard.popitem(last=False)[1].open = False
        return message, held is None

    def close(self, stream: str, turn: str | None = None) -> list[Message]:
        """The turn (or every turn of the stream) is over: return the messages that this closed."""
        keys = [key for key in self._open if key[0] == stream and (turn is None or key[1] == turn)]
        closed = [self._open.pop(key) for key in keys]
        for message in closed:
            message.open = False
        if turn is None:
            for heard, message in self._unheard.items():
                message.open &= heard[0] != stream
        return closed

    def note(self, moves: Iterable[tuple[int, PatternHit]]) -> None:
        """Write down the moves of messages, by their serial numbers; of those that are gone nothing is kept."""
        if not self.messages:
            return
        first = self.messages[0].serial
        for serial, hit in moves:
            # Serial numbers have no gaps, so a message's place follows from its own.
            if 0 <= (place := serial - first) < len(self.messages):
                self.messages[place].move = hit.label

    def _begin(self, chunk: TextChunk) -> Message:
        self.total += 1
        if self.total % 256 == 0:
            size = sum(message.chars for message in self.messages)
            while size > MOST_TOTAL:
                size -= self.messages.popleft().chars
        message = Message(
            self.total, chunk.at, chunk.stream, chunk.role, reasoning=chunk.reasoning, tool=chunk.tool
        )
        self.messages.append(message)
        return message
