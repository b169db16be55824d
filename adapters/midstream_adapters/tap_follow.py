"""Where the answers of one connection begin and end: h11 reads a copy of the bytes that a proxy has passed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import h11

from .tap_frames import Tell, What, packed

MAX_HEAD = 1 << 16
TOLD_HEADERS = frozenset({
    "content-type", "content-encoding", "retry-after", "sec-websocket-extensions", "upgrade",
})  # fmt: skip
"""Headers that the observer hears of; keys and cookies never leave the proxy."""


class Asked(NamedTuple):
    """A request whose answer is not complete."""

    exchange: int
    method: str
    upgrade: bool


class Follower:
    """Tells of the answers to `waiting`, in order. Without I/O; never raises, whatever a server sends."""

    def __init__(self, tell: Tell) -> None:
        self.waiting: deque[Asked] = deque()
        self.switched: int | None = None
        """The exchange that has become a WebSocket."""
        self._tell = tell
        self._answer: h11.Connection | None = None
        self._blind = False  # the answers can't be followed any more
        self._lasting = False  # the last answer did not say that the connection ends with it

    def unfinished(self) -> list[int]:
        """Exchanges that are not over."""
        return [self.switched] if self.switched is not None else [asked.exchange for asked in self.waiting]

    @property
    def idle(self) -> bool:
        """Whether every answer is known to be whole, and the client was let believe that it may ask more."""
        return self._lasting and not self._blind and self.switched is None and not self.waiting

    def feed(self, data: bytes, at: float) -> None:
        """Tell the observer of bytes that have been passed on; b"" is their end."""
        while not self._blind:
            if self.switched is not None:
                if data:
                    self._tell(What.DOWN, self.switched, at, data)
                return
            if not self.waiting:
                return  # what nobody asked for, or the end between two requests
            asked = self.waiting[0]
            try:
                rest = self._read(asked, data, at)
            except h11.RemoteProtocolError as error:
                if data:
                    self._tell(
                        What.LOST, asked.exchange, at, f"the answer can't be followed: {error}".encode()
                    )
                    self.waiting.popleft()
                    self._blind = True
                return  # an end within an answer: `run` says so
            if rest is None:
                return
            data = rest
            if not data:
                return

    def _read(self, asked: Asked, data: bytes, at: float) -> bytes | None:
        """Read on in the answer to `asked`; return what follows it, None while it lasts."""
        if self._answer is None:
            self._answer = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
            headers = [("Host", "x")]
            if asked.upgrade:
                headers += [("Connection", "upgrade"), ("Upgrade", "websocket")]
            self._answer.send(h11.Request(method=asked.method, target="/", headers=headers))
            self._answer.send(h11.EndOfMessage())
        answer = self._answer
        answer.receive_data(data)
        body = b""
        while True:
            event = answer.next_event()
            if isinstance(event, h11.Data):
                body += event.data
                continue
            if body:
                self._tell(What.RESPONSE_BODY, asked.exchange, at, body)
                body = b""
            if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                self._tell(What.SWITCHED, asked.exchange, at, packed(headers=told_headers(event.headers)))
                self.switched = asked.exchange
            elif isinstance(event, h11.Response):
                told = packed(status=event.status_code, headers=told_headers(event.headers))
                self._tell(What.RESPONSE, asked.exchange, at, told)
            elif isinstance(event, h11.EndOfMessage):
                self._lasting = answer.their_state is h11.DONE
                self._tell(What.RESPONSE_END, asked.exchange, at, b"")
            elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                return None
            if isinstance(event, h11.EndOfMessage) or self.switched is not None:
                self.waiting.popleft()
                self._answer = None
                return bytes(answer.trailing_data[0])


def told_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Of `headers` (names in lower case) those that the observer may know."""
    found: dict[str, str] = {}
    for name, value in headers:
        if (key := name.decode("latin-1")) in TOLD_HEADERS:
            text = value.decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text
    return found
