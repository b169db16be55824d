"""Addresses that are listened on, and the streams of those who send to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

from .base import Options, Sink, SourceError
from .events import State, StateChanged
from .net import is_loopback
from .redact import redact

GRACE = 60.0
"""Seconds that a sender which was lost has to come back; then its stream is over."""
_OVER = (State.ENDED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: ``parts`` of the source as written, and the ``secret`` that senders must have, if any."""

    parts: SplitResult
    host: str
    port: int
    secret: str | None

    @classmethod
    def of(cls, source: str, options: Options, port: int, variable: str) -> Address:
        """The address of ``SCHEME://[host][:port]...``: 127.0.0.1 and `port` where it says nothing else.

        The secret is in the environment's `variable`, whose last word says what it is (``..._KEY``, ``..._TOKEN``).

        Raises:
            SourceError: no address, a secret in it, or a host that others can reach and no secret set.
        """
        try:
            parts = urlsplit(source)
            host, number = parts.hostname or "127.0.0.1", port if parts.port is None else parts.port
        except ValueError as error:
            raise SourceError(f"not an address: {redact(source)} ({error})") from None
        found = cls(parts, host, number, options.env.get(variable) or None)
        if parts.query or parts.fragment or parts.username is not None:
            raise found.secret_within(variable)
        if found.secret is None and not is_loopback(host):
            word = _word(variable)
            raise SourceError(
                f"{host} can be reached by others: set {variable} to the {word} senders must have"
            )
        return found

    def secret_within(self, variable: str) -> SourceError:
        """What to raise where the source holds what may be the secret."""
        return SourceError(
            f"{self.parts.scheme}://HOST:PORT/PATH has no {_word(variable)} in it: set {variable}"
        )


def _word(variable: str) -> str:
    return variable.rpartition("_")[2].lower()


@dataclass(slots=True)
class Slot:
    """A sender's stream; it outlives the connection, so that who comes back finds its history."""

    stream: str
    source: str = ""
    state: State | None = None
    busy: int = 0
    """Connections that send to it now."""
    waiting: asyncio.TimerHandle | None = None


S = TypeVar("S", bound=Slot)


class Slots(Generic[S]):
    """The streams of a listener's senders, `most` of them: the longest gone makes room for who is new.

    `make` makes the slot of a stream. A stream whose sender was lost ends when nobody has come back within `grace` s.
    """

    def __init__(
        self, own: str, make: Callable[[str], S], options: Options, most: int, grace: float = GRACE
    ) -> None:
        self._own, self._make, self._clock = own, make, options.clock
        self._most, self._grace = most, grace
        self._slots: dict[str, S] = {}  # who entered or left last is last

    def __iter__(self) -> Iterator[S]:
        return iter(self._slots.values())

    def of(self, sink: Sink, name: str = "") -> S | None:
        """The slot of `name`, which may be busy, else of the first number that nobody uses; None without room."""
        busy = {slot.stream for slot in self if slot.busy}
        stream = f"{self._own}/{name}" if name else self._number(busy)
        if stream not in self._slots:
            if len(self._slots) >= self._most and not self._forget(sink):
                return None
            self._slots[stream] = self._make(stream)
        return self._slots[stream]

    def enter(self, slot: S) -> None:
        """Somebody sends to `slot` from now on."""
        slot.busy += 1
        self._touch(slot)

    def leave(self, slot: S) -> None:
        """Somebody has left `slot`."""
        slot.busy -= 1
        self._touch(slot)

    def say(self, sink: Sink, slot: S, state: State, reason: str) -> None:
        """Tell the state of `slot`: where a sender is lost, the wait for it begins."""
        slot.state = state
        if slot.waiting is not None:
            slot.waiting.cancel()
            slot.waiting = None
        sink.emit(StateChanged(slot.stream, self._clock(), state, reason))
        if state is State.RECONNECTING:
            slot.waiting = asyncio.get_running_loop().call_later(
                self._grace, self._give_up, sink, slot, reason
            )

    def close(self, sink: Sink) -> None:
        """The listener was closed, and with it every stream that was not over."""
        for slot in self:
            if slot.state not in _OVER:
                self.say(sink, slot, State.ENDED, "the listener was closed")

    def _number(self, busy: set[str]) -> str:
        return next(s for n in range(1, len(busy) + 2) if (s := f"{self._own}/{n}") not in busy)

    def _touch(self, slot: S) -> None:
        self._slots[slot.stream] = self._slots.pop(slot.stream, slot)

    def _forget(self, sink: Sink) -> bool:
        gone = next((slot for slot in self if not slot.busy), None)
        if gone is None:
            return False
        if gone.state not in (None, *_OVER):
            self.say(sink, gone, State.ENDED, "gone for long: another sender needed the room")
        del self._slots[gone.stream]
        return True

    def _give_up(self, sink: Sink, slot: S, reason: str) -> None:
        slot.waiting = None
        if not slot.busy:
            self.say(sink, slot, State.ENDED, f"{reason}; nobody came back within {self._grace:g} s")
