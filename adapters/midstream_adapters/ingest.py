"""Pushing in: what ``ws+listen://`` and ``http+listen://`` have in common. Each sender is a stream of its own.

With MIDSTREAM_INGEST_TOKEN set, every sender must bear it (``Authorization: Bearer``, or ``?token=`` where a client
can't set headers). Without, the listener is on loopback, and only pages of this machine may send: a browser's Origin
has to be loopback, so that no web site the user visits can.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from .base import Clock, Options, Sink, SourceError, StreamInfo
from .events import Dropped, Event, Figures, Kind, Provenance, State, StateChanged, StreamOpened
from .listener import GRACE, Address, Slot, Slots
from .net import bracketed, is_loopback
from .payload import PayloadReader
from .redact import redact
from .sanitize import clean_line

TOKEN = "MIDSTREAM_INGEST_TOKEN"
RATE = "MIDSTREAM_INGEST_RATE"
DEFAULT_RATE = 2000.0
"""Messages a second that one sender may send in the long run; twice as many at once."""
MAX_MESSAGE = 1 << 20
"""Bytes of one message or line."""
MOST = 64
"""Senders at once."""
MOST_STREAMS = 128
PENALTY = 0.5
"""Seconds that a wrong token takes, so that tokens can't be tried out quickly."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,39}")


class TokenBucket:
    """Lets `rate` items a second through, and up to `burst` at once (RFC 2698's single-rate case)."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._level, self._at = burst, clock()

    def take(self) -> float:
        """Zero when one more item may pass, else the seconds until it may."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level >= 1.0:
            self._level -= 1.0
            return 0.0
        return (1.0 - self._level) / self._rate


class RateLimited(Exception):
    """A sender is too fast; ``wait`` is the seconds until it may go on."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"too fast: try again in {wait:.3g} s")
        self.wait = wait


@dataclass(slots=True, kw_only=True)
class Guest(Slot):
    """A sender's stream, with what reads it and what slows it down."""

    reader: PayloadReader
    bucket: TokenBucket
    opened: bool = False
    refused_requests: int = 0
    refused_bytes: int = 0


class Door:
    """One listening address: who may come in, and the streams of those who did."""

    def __init__(
        self, at: Address, path: str, stream: str, options: Options, rate: float, grace: float
    ) -> None:
        self.scheme, self.host, self.port = at.parts.scheme.lower(), at.host, at.port
        self.token = at.secret.encode() if at.secret is not None else None
        self.path, self.stream, self.options, self.rate = path, stream, options, rate
        self.guests = Slots(stream, self._guest, options, MOST_STREAMS, grace)
        self.turned_away = 0

    def _guest(self, stream: str) -> Guest:
        clock = self.options.clock
        bucket = TokenBucket(self.rate, 2 * self.rate, clock)
        return Guest(stream=stream, reader=PayloadReader(stream, clock), bucket=bucket)

    @classmethod
    def of(cls, source: str, stream: str, options: Options, port: int, grace: float = GRACE) -> Door:
        """The door that `source` names: 127.0.0.1, `port` and ``/ingest`` where it says nothing else.

        Raises:
            SourceError: no address, a secret in it, a host that others can reach and no token set, or a bad rate.
        """
        at = Address.of(source, options, port, TOKEN)
        path = "/" + (at.parts.path.strip("/") or "ingest")
        if not re.fullmatch(r"(/[A-Za-z0-9._~\-]{1,64}){1,8}", path):
            raise SourceError(f"not a path to send to: {redact(path)}")
        rate = options.env.get(RATE, "").strip() or str(DEFAULT_RATE)
        try:
            value = float(rate)
        except ValueError:
            value = 0.0
        if not 0.0 < value < 1e9:
            raise SourceError(f"{RATE} is a number of messages a second above zero, not {rate[:40]!r}")
        return cls(at, path, stream, options, value, grace)

    @property
    def address(self) -> str:
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}{self.path}"

    # -- letting in

    def name_of(self, path: str, query: Mapping[str, list[str]]) -> str | None:
        """The name under which a request wants to send, ``""`` for none; None when it asks for something else."""
        path = path.rstrip("/")
        if path != self.path and not path.startswith(f"{self.path}/"):
            return None
        name = path.removeprefix(self.path).removeprefix("/") or query.get("stream", [""])[0]
        return name if not name or _NAME.fullmatch(name) else None

    def refusal(self, headers: Mapping[str, str], query: Mapping[str, list[str]]) -> tuple[int, str] | None:
        """Why a request may not come in, as an HTTP status and one line; None when it may."""
        if self.token is None:
            origin = headers.get("origin")
            if origin is not None and not _local(origin):
                return 403, f"no sending from other sites' pages unless {TOKEN} is set"
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else query.get("token", [""])[0]
        right = hmac.compare_digest(given.encode("utf-8", "replace"), self.token)
        return None if right else (401, "wrong or missing token")

    def enter(self, sink: Sink, name: str, about: str, *, alone: bool) -> Guest | None:
        """The stream of a sender: its named one, else the first number that nobody uses; None without room.

        `alone`: the connection *is* the stream, so one in use is not shared.
        """
        if self.present >= MOST:
            return None
        guest = self.guests.of(sink, name)
        if guest is None or (alone and guest.busy):
            return None
        self.guests.enter(guest)
        if not guest.opened or alone:
            guest.opened = True
            guest.source = clean_line(redact(about), 200)
            now, kinds = self.options.clock(), frozenset({Kind.TEXT})
            sink.emit(StreamOpened(guest.stream, now, guest.source, kinds, Provenance.LIVE))
        if guest.busy == 1:
            self.guests.say(sink, guest, State.LIVE, "")
        self.tell(sink)
        return guest

    def leave(self, sink: Sink, guest: Guest, state: State | None, reason: str = "") -> None:
        """A sender has gone; `state` is its stream's from now on, None where the next may go on with it."""
        self.guests.leave(guest)
        for event in guest.reader.lost(reason or "the sender has left") if state is not None else ():
            sink.emit(event)
        if state is None and not guest.busy:  # no stall: nobody has a request open that could go on
            state, reason = State.LISTENING, "waiting for the next request"
        if state is not None:
            self.guests.say(sink, guest, state, reason)
        self.tell(sink)

    def close(self, sink: Sink) -> None:
        """The listener was closed: every sender's stream is over."""
        for guest in self.guests:
            for event in guest.reader.lost("the listener was closed"):
                sink.emit(event)
        self.guests.close(sink)

    @property
    def present(self) -> int:
        """Connections that send now."""
        return sum(guest.busy for guest in self.guests)

    def admit(self, sink: Sink, guest: Guest, messages: int = 1) -> None:
        """Let one message of a sender in.

        Raises:
            RateLimited: it is too fast; the message, and all `messages` that go with it, are counted as dropped.
        """
        if wait := guest.bucket.take():
            sink.emit(Dropped(guest.stream, self.options.clock(), Kind.TEXT, messages, "rate limit"))
            raise RateLimited(wait)

    def take(
        self,
        sink: Sink,
        guest: Guest,
        text: str,
        nbytes: int,
        messages: int = 1,
        hear: Callable[[Event], None] | None = None,
    ) -> None:
        """One message of a sender becomes events, of which `hear` is told. Raises `RateLimited` as `admit` does."""
        self.admit(sink, guest, messages)
        for event in guest.reader.read(text, nbytes):
            sink.emit(event)
            if hear is not None:
                hear(event)

    def refuse(self, sink: Sink, guest: Guest, nbytes: int) -> None:
        """Count a request that was answered before it was taken, or read, whole; `nbytes` of it made no message."""
        guest.refused_requests += 1
        guest.refused_bytes += nbytes
        values = {"requests refused": guest.refused_requests, "refused bytes": guest.refused_bytes}
        sink.emit(Figures(guest.stream, self.options.clock(), values))

    def turn_away(self, sink: Sink, peer: str, why: str) -> None:
        """Count and tell a refusal at the door."""
        self.turned_away += 1
        self.tell(sink, f"a sender from {peer} was refused: {why}")

    def tell(self, sink: Sink, note: str = "") -> None:
        """The listener's own state and figures."""
        now = self.options.clock()
        token = "token needed" if self.token is not None else f"no token needed: {TOKEN} is not set"
        text = f"listening on {self.address} ({token}), {self.present} sending"
        sink.emit(StateChanged(self.stream, now, State.LISTENING, f"{text}; {note}" if note else text))
        sink.emit(Figures(self.stream, now, {"senders": self.present, "senders refused": self.turned_away}))


class Doorkeeper:
    """A listener with a door. ``port`` tells what the system chose for 0."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.info = StreamInfo(door.stream, door.address, frozenset(), Provenance.LIVE)

    @property
    def port(self) -> int:
        return self._door.port


def query_of(target: str) -> tuple[str, dict[str, list[str]]]:
    """The path and the query of a request's target.

    Raises:
        ValueError: it has too many parameters.
    """
    path, _, query = target.partition("?")
    return path, parse_qs(query, max_num_fields=16)


def _local(origin: str) -> bool:
    try:
        return is_loopback(urlsplit(origin).hostname)
    except ValueError:
        return False
