"""One request and its answer as a tap saw them go by: bytes in, the events of a turn out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from .base import Interrupted, Sink
from .events import BytesReceived, Dropped, Event, Kind, TextChunk, TurnEnded, TurnStarted, Usage
from .inflate import Inflater, UnreadableError
from .net import detail, refused
from .payload import PayloadReader, parse_object
from .redact import redact
from .sanitize import clean_line
from .sse import SSEDecoder
from .tap_frames import What
from .tap_proxy import SEEN, TAIL
from .tap_question import Places, question
from .tap_websocket import WebSocketWatch
from .tokens import Count, counter

MAX_ANSWER = 1 << 20
"""Bytes of an answer that is not streamed; of a longer one only its times are known."""
MAX_REFUSAL = 4096
_ANSWERS = ("choices", "output", "content")


class Exchange:
    """Takes the frames of one exchange and emits its turn. ``over`` once nothing more is to come."""

    def __init__(self, places: Places, sink: Sink) -> None:
        self.over = False
        self.failed = False
        self.complaint = ""
        self._places, self._sink = places, sink
        self._line = ""
        self._model = ""
        self._upgrading = False
        self._body = b""
        self._asked: tuple[str, str] | None = None  # stream, turn
        self._at = 0.0
        self._ended = False
        self._status = 0
        self._kind = ""
        self._wait: str | None = None
        self._inflater: Inflater | None = None
        self._decoder: SSEDecoder | None = None
        self._reader: PayloadReader | None = None
        self._whole = b""
        self._too_long = False
        self._socket: WebSocketWatch | None = None
        self._count: Count | None = None
        self._take: dict[What, Callable[[bytes], None]] = {
            What.REQUEST: self._request,
            What.REQUEST_BODY: self._request_body,
            What.REQUEST_END: self._start,
            What.RESPONSE: self._response,
            What.RESPONSE_BODY: self._response_body,
            What.RESPONSE_END: self._end,
            What.LOST: self._lost,
            What.SWITCHED: self._switched,
            What.UP: self._up,
            What.DOWN: self._down,
            What.GAP: self._gap,
        }

    def take(self, what: What, at: float, data: bytes) -> None:
        """Take the next frame, of time `at`."""
        self._at = at
        if not self.over:
            self._take[what](data)

    # -- the request

    def _request(self, data: bytes) -> None:
        head = json.loads(data)
        self._line = f"{head['method']} {redact(head['path'])}"
        self._model = head["model"]
        self._upgrading = head["headers"].get("upgrade", "").lower() == "websocket"

    def _request_body(self, data: bytes) -> None:
        self._body = (self._body + data)[: SEEN + TAIL]

    def _start(self, data: bytes = b"") -> None:
        """The request is written: the turn begins, in the stream of the model it asks."""
        if self._asked is not None:
            return
        asked = question(self._body)
        self._body = b""
        self._model = self._model or asked.model
        if self._upgrading:
            return  # a WebSocket says more of its turns itself
        stream = self._places.stream(self._model, self._at, self._sink)
        turn = self._places.turn(stream)
        self._asked = stream, turn
        self._count = counter(self._model)
        if asked.prompt:
            self._sink.emit(TextChunk(stream, self._at, asked.prompt, "user", sent=True))
        prompt = asked.prompt or self._line
        self._sink.emit(TurnStarted(stream, self._at, turn, self._model or None, prompt))

    # -- the answer

    def _response(self, data: bytes) -> None:
        head = json.loads(data)
        headers: dict[str, str] = head["headers"]
        self._status = head["status"]
        self._kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        self._wait = headers.get("retry-after")
        self._inflater = Inflater(headers.get("content-encoding", ""))
        if self._asked is None:
            self._upgrading = False  # it did not become a WebSocket: a turn like others
            self._start()
        assert self._asked is not None
        stream, turn = self._asked
        self._reader = PayloadReader(stream, lambda: self._at, turn)
        self._decoder = SSEDecoder() if self._kind == "text/event-stream" and self._status < 400 else None

    def _response_body(self, data: bytes) -> None:
        if self._inflater is None or self._asked is None:
            return
        try:
            for piece in self._inflater.feed(data):
                self._piece(piece)
        except UnreadableError as error:
            self._inflater = None
            self._too_long = True
            self.complaint = str(error)
            self._sink.emit(Dropped(self._asked[0], self._at, Kind.TEXT, 1, "unreadable answer"))

    def _piece(self, data: bytes) -> None:
        assert self._asked is not None
        assert self._reader is not None
        if self._decoder is None:
            limit = MAX_ANSWER if self._status < 400 else MAX_REFUSAL
            if len(self._whole) + len(data) > limit and not self._too_long and self._status < 400:
                self._too_long = True
                self._sink.emit(Dropped(self._asked[0], self._at, Kind.TEXT, 1, "limit"))
            self._whole = (self._whole + data)[:limit]
            self._sink.emit(BytesReceived(self._asked[0], self._at, Kind.TEXT, len(data)))
            return
        for event in self._decoder.feed(data):
            if event.dropped:
                self._sink.emit(Dropped(self._asked[0], self._at, Kind.TEXT, 1, "limit"))
            if event.data is None:
                self._sink.emit(BytesReceived(self._asked[0], self._at, Kind.TEXT, event.nbytes))
            else:
                self._emit(self._reader.read(event.data, event.nbytes))

    def _end(self, data: bytes = b"") -> None:
        """The answer is complete as HTTP; whether it is one as an answer is its payload's word."""
        if self._status >= 400:
            said = refused(self._status, detail(self._whole.decode("utf-8", "replace")), self._wait)
            wait = said.retry_after if isinstance(said, Interrupted) else None
            self._finish(redact(str(said)) + (f"; it asks to wait {wait:g} s" if wait else ""))
            return
        if self._reader is not None:
            if self._decoder is None:
                self._read_whole(self._reader)
            self._emit(self._reader.lost("the answer ended without saying that it is complete"))
        self._finish(None)

    def _read_whole(self, reader: PayloadReader) -> None:
        """An answer that was not streamed: one chunk, or none where it is no text."""
        value = None if self._too_long else parse_object(self._whole)
        if value is None or self._asked is None:
            return
        if any(isinstance(value.get(name), list) for name in _ANSWERS) or value.get("error"):
            self._emit(reader.read(self._whole.decode("utf-8", "replace"), 0))
        elif isinstance(usage := value.get("usage"), dict) and type(n := usage.get("prompt_tokens")) is int:
            self._emit([TurnEnded(self._asked[0], self._at, self._asked[1], Usage(n, 0))])  # embeddings

    def _lost(self, data: bytes) -> None:
        reason = clean_line(redact(data.decode("utf-8", "replace")))
        if self._socket is not None:
            self._socket.lost(self._at, reason)
            self.over = True
            return
        if self._asked is None:
            self._upgrading = False
            self._start()
        if self._reader is not None and self._status < 400:
            self._emit(self._reader.lost(reason))
        self._finish(reason)

    def _finish(self, error: str | None) -> None:
        """End the turn, if its payload has not done so; and the exchange."""
        if not self._ended and self._asked is not None:
            self._emit([TurnEnded(self._asked[0], self._at, self._asked[1], error=error)])
        self.failed |= error is not None and self._status >= 400
        self.over = True

    def _emit(self, events: list[Event]) -> None:
        turn = self._asked[1] if self._asked is not None else None
        for event in events:
            if isinstance(event, TurnEnded) and event.turn == turn:
                if self._ended:
                    continue
                self._ended = True
                self.failed |= event.error is not None
                self.complaint = event.error or self.complaint
            elif (
                isinstance(event, TextChunk)
                and event.tokens is None
                and self._count is not None
                and event.text
            ):
                event = replace(event, tokens=self._count(event.text))
            self._sink.emit(event)

    # -- a WebSocket

    def _switched(self, data: bytes) -> None:
        headers = json.loads(data)["headers"]
        self._socket = WebSocketWatch(self._places, self._sink, self._model, headers)

    def _up(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.up(self._at, data)

    def _down(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.down(self._at, data)

    def _gap(self, data: bytes) -> None:
        """Bytes went by that nobody looked at: of a request's middle that is meant, of an answer it is a loss."""
        if self._socket is not None:
            self._socket.gap(self._at)
        elif self._asked is not None:
            self._sink.emit(Dropped(self._asked[0], self._at, Kind.TEXT, 1, "tap queue"))
            self._decoder = SSEDecoder() if self._decoder is not None else None
            if self._inflater is not None and self._inflater.active:
                self._inflater = None
