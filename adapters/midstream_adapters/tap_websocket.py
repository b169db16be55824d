"""A WebSocket between a client and a model as a tap saw it go by (OpenAI's Realtime, and Responses over a WebSocket).

The frames pass as they are, compressed too; here a copy is read, each direction by a protocol object of `websockets`
that never gets to send. A turn begins when ``response.create`` was written; one that the server began by itself (voice
activity) has no such time, and so no TTFT.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHeaderFormat, PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.headers import parse_extension
from websockets.protocol import OPEN, Protocol, Side

from .base import Sink
from .events import BytesReceived, Dropped, Event, Kind, TextChunk, TurnEnded, TurnStarted
from .payload import PayloadReader, parse_object
from .tap_question import MAX_PROMPT, Places, text_of

MAX_MESSAGE = 1 << 24
"""Bytes of a message, inflated: a Realtime client may append 15 MiB of sound at once."""
MOST_PENDING = 64
_QUIET = logging.Logger("tap", logging.CRITICAL)  # the library would log whole frames
_SOUND = re.compile(rb'"type"\s*:\s*"(?:input_audio_buffer\.append|response\.(?:output_)?audio\.delta)"')
_TOLD = re.compile(r"response\.|error$")


class Direction:
    """Messages of one direction. ``side`` is that of the end which receives them."""

    def __init__(self, side: Side, extensions: str) -> None:
        self.blind = ""
        """Why nothing more is read here, or ""."""
        self._protocol = Protocol(side, state=OPEN, max_size=MAX_MESSAGE, logger=_QUIET)
        self._parts: list[bytes] = []
        self._text = False
        try:
            offered = parse_extension(extensions) if extensions else []
        except InvalidHeaderFormat:
            offered = []
            self.blind = "its extensions can't be read"
        for name, parameters in offered:
            if name != "permessage-deflate":
                self.blind = f"the extension {name[:40]} is not known here"
                break
            # Who receives inflates with one context, unless the sender was to begin anew with every message.
            sender = "server" if side is Side.CLIENT else "client"
            anew = any(key == f"{sender}_no_context_takeover" for key, _ in parameters)
            self._protocol.extensions = [PerMessageDeflate(anew, False, 15, 15)]

    def feed(self, data: bytes) -> list[bytes]:
        """The text messages that `data` completes."""
        if self.blind:
            return []
        out: list[bytes] = []
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode in (Opcode.TEXT, Opcode.CONT):
                self._text |= frame.opcode == Opcode.TEXT
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    if self._text:
                        out.append(b"".join(self._parts))
                    self._parts.clear()
                    self._text = False
        self._protocol.data_to_send()  # pongs and the like, which the two ends say themselves
        error = self._protocol.parser_exc
        if isinstance(error, PayloadTooBig | ProtocolError | UnicodeDecodeError | EOFError):
            self.blind = f"a message could not be read: {type(error).__name__}"
        elif error is not None and not isinstance(error, ConnectionClosed):
            self.blind = f"its frames can't be followed: {type(error).__name__}"
        return out


class WebSocketWatch:
    """Takes the bytes of both directions, emits the turns that go by."""

    def __init__(self, places: Places, sink: Sink, model: str, headers: dict[str, str]) -> None:
        self._places, self._sink, self._model = places, sink, model
        extensions = headers.get("sec-websocket-extensions", "")
        self._from_client = Direction(Side.SERVER, extensions)
        self._from_server = Direction(Side.CLIENT, extensions)
        self._at = 0.0
        self._reader: PayloadReader | None = None
        self._asked: deque[tuple[float, str]] = deque(
            maxlen=MOST_PENDING
        )  # responses asked for, not yet begun
        self._said = ""
        self._told_blind = False

    def up(self, at: float, data: bytes) -> None:
        """Bytes that the client sent."""
        self._at = at
        for message in self._from_client.feed(data):
            if _SOUND.search(message, 0, 256) is None and (value := parse_object(message)) is not None:
                self._asks(value)
        self._check()

    def down(self, at: float, data: bytes) -> None:
        """Bytes that the server sent."""
        self._at = at
        for message in self._from_server.feed(data):
            reader = self._reading()
            if _SOUND.search(message, 0, 256) or (value := parse_object(message)) is None:
                self._sink.emit(BytesReceived(reader.stream, at, Kind.TEXT, len(message)))
            else:
                self._answers(reader, value, message)
        self._check()

    def lost(self, at: float, reason: str) -> None:
        """The connection is over: answers that are not complete broke off."""
        self._at = at
        if self._reader is not None:
            self._emit(self._reader.lost(reason))
            self._unanswered(self._reader, reason)

    def gap(self, at: float) -> None:
        """Bytes were not seen: frames can't be told apart any more."""
        self._at = at
        self._from_client.blind = self._from_server.blind = "bytes went by that could not be looked at"
        self._check()

    def _reading(self) -> PayloadReader:
        if self._reader is None:
            stream = self._places.stream(self._model, self._at, self._sink)
            self._reader = PayloadReader(stream, lambda: self._at)
        return self._reader

    def _check(self) -> None:
        if not self._told_blind and (why := self._from_client.blind or self._from_server.blind):
            self._told_blind = True
            reader = self._reading()
            self._sink.emit(Dropped(reader.stream, self._at, Kind.TEXT, 1, "unreadable WebSocket"))
            self._emit(reader.lost(f"not followed any more: {why}"))

    def _asks(self, value: dict[str, Any]) -> None:
        """An event of the client's."""
        kind = value.get("type")
        if kind == "response.create":
            asked = value.get("response") if isinstance(value.get("response"), dict) else value
            said = asked.get("input") if isinstance(asked, dict) else None
            model = asked.get("model") if isinstance(asked, dict) else None
            if self._reader is None and not self._model and isinstance(model, str):
                self._model = model
            self._asked.append((self._at, self._said or text_of(said)))
            self._said = ""
            self._reading()
        elif (
            kind == "conversation.item.create"
            and isinstance(item := value.get("item"), dict)
            and item.get("role") == "user"
            and (text := text_of(item.get("content")))
        ):
            self._said = text[:MAX_PROMPT]
            self._sink.emit(TextChunk(self._reading().stream, self._at, self._said, "user", sent=True))

    def _answers(self, reader: PayloadReader, value: dict[str, Any], message: bytes) -> None:
        """An event of the server's."""
        kind = value.get("type")
        if kind == "response.created":
            self._begin(reader, value.get("response"))
        elif kind == "conversation.item.input_audio_transcription.completed":
            if isinstance(text := value.get("transcript"), str) and text:
                self._sink.emit(TextChunk(reader.stream, self._at, text, "user", sent=True))
                return
        elif kind == "error" and self._asked:
            error = value.get("error")
            said = error.get("message") if isinstance(error, dict) else None
            self._unanswered(reader, said if isinstance(said, str) else "the server told of an error")
            return
        if isinstance(kind, str) and _TOLD.match(kind) and kind != "error":
            self._emit(reader.read(message.decode("utf-8", "replace"), len(message)))
        else:
            self._sink.emit(BytesReceived(reader.stream, self._at, Kind.TEXT, len(message)))

    def _begin(self, reader: PayloadReader, response: object) -> None:
        """The server has begun an answer: the oldest one asked for, or one of its own accord."""
        turn = response.get("id") if isinstance(response, dict) else None
        if self._asked and isinstance(turn, str) and turn:
            at, said = self._asked.popleft()
            self._sink.emit(TurnStarted(reader.stream, at, turn, self._model or None, said or None))

    def _unanswered(self, reader: PayloadReader, error: str) -> None:
        """End what was asked for and never begun."""
        while self._asked:
            at, said = self._asked.popleft()
            turn = self._places.turn(reader.stream)
            self._sink.emit(TurnStarted(reader.stream, at, turn, self._model or None, said or None))
            self._sink.emit(TurnEnded(reader.stream, self._at, turn, error=error))

    def _emit(self, events: list[Event]) -> None:
        for event in events:
            self._sink.emit(event)
