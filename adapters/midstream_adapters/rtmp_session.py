"""RTMP conversations (Adobe, RTMP specification 1.0, sections 5.2 and 7) without I/O: bytes in; events and bytes out.

`Publishing` is the server's side of a publisher, `Playing` the client's side of a player (that of a publisher is in
`publish_rtmp`). Whoever owns one writes out `take()` after every call. The plain handshake is spoken, which every
server and encoder in use takes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl

from .rtmp_amf import AmfError, Value, decode, encode
from .rtmp_chunks import MAX_MESSAGE, ChunkReader, Message, ProtocolError, Type, chunks

EARLY_LIMIT = 1 << 16
"""Bytes of a message before a publisher was let in."""
_WINDOW = 2_500_000
_CHUNK = 4096
_HANDSHAKE = 1536
_CONTROL, _COMMAND = 2, 3  # chunk streams
_STREAM_EOF, _SET_BUFFER, _PING, _PONG = 1, 3, 6, 7
_BUFFER_MS = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """A publisher asks for `app` under `name` (with ``?...`` taken off into ``query``); answer `accept` or `refuse`."""

    app: str
    name: str
    query: dict[str, str]


@dataclass(frozen=True, slots=True)
class Started:
    """The server plays what was asked for."""


@dataclass(frozen=True, slots=True)
class Media:
    """An audio, video or data message, as FLV has it: ``kind`` is 8, 9 or 18 (22 for several in one)."""

    kind: int
    timestamp: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The peer says that this was all."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer turns down what was asked: its code (``NetStream.Play.StreamNotFound``) and its words."""

    code: str
    text: str


Said: TypeAlias = "Asked | Started | Media | Ended | Refused"


class _Session:
    """Handshake, chunks, acknowledgements and pings: what both sides have in common."""

    def __init__(self, limit: int, random: Callable[[int], bytes]) -> None:
        self.received = 0
        """Bytes so far."""
        self._reader = ChunkReader(limit)
        self._chunk_size = 128
        self._out = bytearray()
        self._head: bytearray | None = bytearray()  # of the handshake, until that is done
        self._window = 0
        self._acknowledged = 0
        self._random = random

    def take(self) -> bytes:
        """What is to be sent now."""
        out, self._out = bytes(self._out), bytearray()
        return out

    def receive(self, data: bytes) -> list[Said]:
        """Take bytes of the peer; return what it said.

        Raises:
            ProtocolError: it does not speak RTMP, or goes beyond the limits.
        """
        self.received += len(data)
        if self._head is not None:
            self._head += data
            if (rest := self._greet(self._head)) is None:
                return []
            self._head, data = None, rest
        said: list[Said] = []
        try:
            for message in self._reader.feed(data):
                self._handle(message, said)
        except AmfError as error:
            raise ProtocolError(str(error)) from None
        if self._window and self.received - self._acknowledged >= self._window:
            self._acknowledged = self.received
            self._control(Type.ACKNOWLEDGEMENT, struct.pack(">I", self.received & 0xFFFFFFFF))
        return said

    def _greet(self, head: bytearray) -> bytes | None:
        """Go on with the handshake; return the bytes after it once it is done."""
        raise NotImplementedError

    def _command(self, name: str, values: list[Value], message: Message, said: list[Said]) -> None:
        raise NotImplementedError

    def _media(self, media: Media, message: Message, said: list[Said]) -> None:
        said.append(media)

    def _handle(self, message: Message, said: list[Said]) -> None:
        kind, payload = message.kind, message.payload
        if kind == Type.USER_CONTROL:
            self._user_control(payload, said)
        elif kind == Type.WINDOW and len(payload) >= 4:
            self._window = max(1, int.from_bytes(payload[:4], "big") // 2)  # early: some peers wait for it
        elif kind in (Type.COMMAND, Type.COMMAND_AMF3):
            # An AMF3 command is a byte of its own and then AMF0, unless it holds AMF3 values, which nobody sends.
            values = decode(payload[1:] if kind == Type.COMMAND_AMF3 else payload)
            if values and isinstance(values[0], str):
                self._command(values[0], values[1:], message, said)
        elif kind in (Type.AUDIO, Type.VIDEO, Type.AGGREGATE, Type.DATA, Type.DATA_AMF3) and payload:
            if kind == Type.DATA_AMF3:
                kind, payload = Type.DATA, payload[1:]
            self._media(Media(kind, message.timestamp, payload), message, said)

    def _user_control(self, payload: bytes, said: list[Said]) -> None:
        if payload[:2] == struct.pack(">H", _PING):
            self._control(Type.USER_CONTROL, struct.pack(">H", _PONG) + payload[2:6])

    def _send(
        self, kind: Type, payload: bytes, *, stream: int = 0, number: int = _COMMAND, timestamp: int = 0
    ) -> None:
        self._out += chunks(Message(kind, stream, timestamp, payload), number, self._chunk_size)

    def _control(self, kind: Type, payload: bytes) -> None:
        self._send(kind, payload, number=_CONTROL)

    def _grow(self) -> None:
        """From now on, write larger chunks."""
        self._control(Type.CHUNK_SIZE, struct.pack(">I", _CHUNK))
        self._chunk_size = _CHUNK


class Publishing(_Session):
    """The server's side of one publisher to the application `app`."""

    def __init__(self, app: str, random: Callable[[int], bytes] = os.urandom) -> None:
        super().__init__(EARLY_LIMIT, random)
        self.encoder = ""
        """What the publisher calls itself."""
        self._app = app
        self._connected = False
        self._streams = 0
        self._asked = 0  # the message stream a publish was asked on
        self._accepted = False
        self._greeted = False

    def accept(self) -> None:
        """Let the publisher in: media comes from now on."""
        self._accepted = True
        self._reader.limit = MAX_MESSAGE
        self._control(Type.USER_CONTROL, struct.pack(">HI", 0, self._asked))
        self._status("status", "NetStream.Publish.Start", "publishing")

    def refuse(self, text: str) -> None:
        """Turn the publisher down; close the connection once this is sent."""
        self._status("error", "NetStream.Publish.BadName", text)

    def _greet(self, head: bytearray) -> bytes | None:
        if not head:
            return None
        if head[0] != 3:
            raise ProtocolError("not RTMP")
        if len(head) <= _HANDSHAKE:
            return None
        if not self._greeted:
            # A version of zero in S1 tells clients that there is no digest to check.
            self._out += b"\x03" + bytes(8) + self._random(_HANDSHAKE - 8) + head[1 : 1 + _HANDSHAKE]
            self._greeted = True
        done = 1 + 2 * _HANDSHAKE
        return bytes(head[done:]) if len(head) >= done else None

    def _command(self, name: str, values: list[Value], message: Message, said: list[Said]) -> None:
        number = values[0] if values and isinstance(values[0], float) else 0.0
        if name == "connect":
            self._connect(number, values, said)
        elif not self._connected:
            raise ProtocolError("a command before connect")
        elif name == "createStream":
            self._streams += 1
            if self._streams > 8:
                raise ProtocolError("too many streams on one connection")
            self._reply("_result", number, None, float(self._streams))
        elif name in ("releaseStream", "FCPublish", "getStreamLength"):
            self._reply("_result", number, None, None)
        elif name == "publish":
            self._publish(values, message, said)
        elif name in ("deleteStream", "closeStream", "FCUnpublish") and self._accepted:
            said.append(Ended("the publisher ended the stream"))
        elif name in ("play", "play2"):
            said.append(Refused("NetStream.Play.Failed", "nothing is played here"))

    def _connect(self, number: float, values: list[Value], said: list[Said]) -> None:
        about = values[1] if len(values) > 1 else None
        about = about if isinstance(about, dict) else {}
        app, encoder = about.get("app"), about.get("flashVer")
        app = app.partition("?")[0].strip("/") if isinstance(app, str) else ""
        self.encoder = encoder if isinstance(encoder, str) else ""
        if app != self._app:
            about = {
                "level": "error",
                "code": "NetConnection.Connect.Rejected",
                "description": "no such application",
            }
            self._reply("_error", number, None, about)
            said.append(Refused("NetConnection.Connect.Rejected", "wrong application"))
            return
        self._connected = True
        self._control(Type.WINDOW, struct.pack(">I", _WINDOW))
        self._control(Type.BANDWIDTH, struct.pack(">IB", _WINDOW, 2))
        self._grow()
        self._reply(
            "_result",
            number,
            {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0},
            {
                "level": "status",
                "code": "NetConnection.Connect.Success",
                "description": "connected",
                "objectEncoding": 0.0,
            },
        )

    def _publish(self, values: list[Value], message: Message, said: list[Said]) -> None:
        if self._asked:
            raise ProtocolError("a second publish on one connection")
        asked = values[2] if len(values) > 2 else None
        if not isinstance(asked, str) or not 1 <= message.stream <= self._streams:
            raise ProtocolError("a publish without a name or a stream")
        self._asked = message.stream
        name, _, query = asked.partition("?")
        try:
            parameters = dict(parse_qsl(query, max_num_fields=16))
        except ValueError:
            parameters = {}
        said.append(Asked(self._app, name, parameters))

    def _media(self, media: Media, message: Message, said: list[Said]) -> None:
        if self._accepted and message.stream == self._asked:  # else it was not let in: thrown away unread
            said.append(media)

    def _reply(self, name: str, number: float, *values: Value) -> None:
        self._send(Type.COMMAND, encode(name, number, *values))

    def _status(self, level: str, code: str, text: str) -> None:
        about = {"level": level, "code": code, "description": text}
        self._send(Type.COMMAND, encode("onStatus", 0.0, None, about), stream=self._asked, number=5)


class Client(_Session):
    """The client's side: connects to `app` of the server behind `address` (``rtmp://host/app``), for its `name`."""

    def __init__(
        self, address: str, app: str, name: str, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        super().__init__(MAX_MESSAGE, random)
        self._address, self._app, self._name = address, app, name
        self._stream = 0
        self._out += b"\x03" + bytes(8) + random(_HANDSHAKE - 8)

    def _greet(self, head: bytearray) -> bytes | None:
        if head and head[0] != 3:
            raise ProtocolError("the server does not speak RTMP")
        done = 1 + 2 * _HANDSHAKE
        if len(head) < done:
            return None
        self._out += head[1 : 1 + _HANDSHAKE]
        self._grow()
        self._send(Type.COMMAND, encode("connect", 1.0, self._about()))
        return bytes(head[done:])

    def _about(self) -> dict[str, Value]:
        """What `connect` tells of this client."""
        return {"app": self._app, "tcUrl": self._address, "fpad": False, "objectEncoding": 0.0}


class Playing(Client):
    """Asks the server behind `address` to play `name` of `app`."""

    def __init__(
        self, address: str, app: str, name: str, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        super().__init__(address, app, name, random)
        self._over = False

    def _about(self) -> dict[str, Value]:
        return super()._about() | {
            "flashVer": "LNX 9,0,124,2",
            "capabilities": 239.0,
            "audioCodecs": 3575.0,
            "videoCodecs": 252.0,
            "videoFunction": 1.0,
            "fourCcList": ["av01", "vp09", "hvc1", "Opus", "fLaC"],
        }

    def _command(self, name: str, values: list[Value], message: Message, said: list[Said]) -> None:
        number = values[0] if values else None
        about = values[2] if len(values) > 2 else None
        code, text = status(about)
        if name == "_result" and number == 1.0:
            self._control(Type.WINDOW, struct.pack(">I", _WINDOW))
            self._send(Type.COMMAND, encode("createStream", 2.0, None))
        elif name == "_result" and number == 2.0:
            self._stream = int(about) if isinstance(about, float) and 0 < about < 1 << 31 else 1
            # -2000: the live stream of this name, else the recorded one.
            self._send(
                Type.COMMAND,
                encode("play", 3.0, None, self._name, -2000.0),
                stream=self._stream,
                number=8,
            )
            self._control(Type.USER_CONTROL, struct.pack(">HII", _SET_BUFFER, self._stream, _BUFFER_MS))
        elif name == "_error" and number in (1.0, 2.0, 3.0):
            said.append(Refused(code or "NetConnection.Connect.Rejected", text))
        elif name == "close":
            said.append(Refused("NetConnection.Connect.Closed", "the server closed the connection"))
        elif name == "onStatus":
            self._status(code, text, _level(about), said)

    def _status(self, code: str, text: str, level: str, said: list[Said]) -> None:
        last = code.rpartition(".")[2]
        if last in ("UnpublishNotify", "Complete") or (last == "Stop" and not self._over):
            self._end(f"the server ended the stream ({code})", said)
        elif level == "error" or last in ("StreamNotFound", "Failed", "Rejected", "InsufficientBW"):
            said.append(Refused(code, text))
        elif last == "Start":
            said.append(Started())

    def _user_control(self, payload: bytes, said: list[Said]) -> None:
        super()._user_control(payload, said)
        if payload[:2] == struct.pack(">H", _STREAM_EOF):
            self._end("the server ended the stream (StreamEOF)", said)

    def _end(self, reason: str, said: list[Said]) -> None:
        if not self._over:
            self._over = True
            said.append(Ended(reason))


def status(about: Value) -> tuple[str, str]:
    """(code, description) of a status object; empty where it tells none."""
    if not isinstance(about, dict):
        return "", ""
    code, text = about.get("code"), about.get("description")
    return (code if isinstance(code, str) else ""), (text if isinstance(text, str) else "")


def _level(about: Value) -> str:
    level = about.get("level") if isinstance(about, dict) else None
    return level if isinstance(level, str) else ""
