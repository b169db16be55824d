"""An OpenAI Realtime session: text, sound, transcripts, tool calls and speech activity over one WebSocket.

The official SDK makes the connection and writes to it; messages are read here, since its own parser has no bounds.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo
from .events import (
    AudioChunk,
    Dropped,
    Event,
    Kind,
    Provenance,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
)
from .lines import BATCH
from .loading import load
from .net import is_loopback
from .openai_realtime_events import RealtimeReader
from .openai_realtime_questions import MAX_BROKEN, Questions
from .openai_realtime_target import Target, target_of
from .openai_realtime_values import Json, is_preview, message
from .payload import parse_object
from .redact import MASK, redact

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.resources.realtime.realtime import AsyncRealtimeConnection
    from websockets.exceptions import ConnectionClosed

MAX_MESSAGE = 4 << 20
"""Bytes of one message: a minute of sound in base64."""
LARGE = 1 << 18
"""Bytes of a message from which on it is read in a thread."""
PING_EVERY = 10.0
CLOSE_WITHIN = 0.1
_FINAL = frozenset({1008, 3000, 3003})
"""Close codes that no retry helps: policy violation (RFC 6455), unauthorized, forbidden (IANA's registry)."""
_FINAL_ERRORS = frozenset({"invalid_api_key", "insufficient_quota", "model_not_found", "invalid_model"})


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """Return the adapter for ``openai-realtime:MODEL`` or ``openai-realtime+wss://host/path[?model=MODEL]``.

    With prompts it asks those, and ends with the last answer; without, it listens, and asks what it is told to `ask`.

    Raises:
        SourceError: no model, no key, or an address that is none.
    """
    session: Json = {"instructions": options.system} if options.system else {}
    return [RealtimeAdapter(target_of(source, options.env), stream_id, options, lambda _: session)]


class RealtimeAdapter:
    """One session, opened anew with each run: `settings` and every ``session.update`` so far are then sent again.

    (What was said before is not: the server's conversation starts empty.) ``settings`` gives the session's fields, in
    the preview's form where it is called with True. ``hear`` is called with every server event as it came, after the
    events that were made of it.
    """

    def __init__(
        self,
        target: Target,
        stream: str,
        options: Options,
        settings: Callable[[bool], Json] = lambda _: {},
        hear: Callable[[Json], None] | None = None,
    ) -> None:
        kinds = frozenset({Kind.TEXT})  # sound comes where the session has it
        self.info = StreamInfo(stream, target.shown, kinds, Provenance.LIVE)
        self._target, self._options = target, options
        self._settings, self._hear = settings, hear
        self._updates: Json = {}
        self._reader = RealtimeReader(stream, options.clock, target.model, self._hide)
        self._reading, self._sending = asyncio.Lock(), asyncio.Lock()
        self._connection: AsyncRealtimeConnection | None = None
        self._sink: Sink | None = None
        self._questions = Questions(options)

    @property
    def session(self) -> Json:
        """The session as the server told it last; empty while there is none."""
        return self._reader.session

    def ask(self, text: str) -> None:
        """Ask `text` in the session when all that was asked before has been answered.

        Raises:
            ValueError: `text` is empty, or too many questions wait already.
        """
        self._questions.add(text)

    async def send(self, event: Mapping[str, Any]) -> str:
        """Write one client event; return its ``event_id``, which is made up where it has none.

        Raises:
            ConnectionError: there is no session now.
        """
        return await self._write(event)

    async def _write(self, event: Mapping[str, Any], show: bool = True, question: bool = False) -> str:
        """Write one client event, which may be a question's; with `show` False the texts in it make no message."""
        event = {"event_id": f"event_{uuid4().hex[:20]}", **event}
        data = json.dumps(event)
        from websockets.exceptions import ConnectionClosed

        async with self._sending:  # so that requests are in the reader's order on the wire, too
            connection, sink = self._connection, self._sink
            if connection is None or sink is None or not self._reader.ready:
                raise ConnectionError("there is no session to send to")
            async with self._reading:
                events = self._reader.sent(event, self._options.clock())
            for said in events:
                if show or not isinstance(said, TextChunk):
                    sink.emit(said)
                if question and isinstance(said, TurnStarted):
                    self._questions.turn = said.turn
            try:
                await connection.send_raw(data)  # its `send` looks at types for 40 ms, the first time
            except ConnectionClosed as closed:
                raise ConnectionError(self._hide(f"the connection was lost: {closed}")) from None
        if event.get("type") == "session.update" and isinstance(event.get("session"), dict):
            _merge(self._updates, event["session"])
        return str(event["event_id"])

    async def run(self, sink: Sink) -> None:
        """Open a session and emit what it says, until all is answered or the server ends it well."""
        await load("openai", _load, self.info.stream, sink, self._options.clock)
        client = await asyncio.to_thread(self._client)
        questions = self._questions
        questions.begin()
        try:
            async with client:
                await self._converse(await self._connect(client), sink)
        except Interrupted as error:
            if not questions.broke():
                questions.done()
                if questions.given:
                    raise SourceError(
                        f"{error} ({MAX_BROKEN} answers broke off; no more are asked for)"
                    ) from None
            raise
        except SourceError:
            if questions.turn is not None:
                questions.done()
            raise

    async def _converse(self, connection: AsyncRealtimeConnection, sink: Sink) -> None:
        from websockets.exceptions import ConnectionClosed

        self._connection, self._sink = connection, sink
        lost = "the session was left"
        asking: asyncio.Task[None] | None = None
        try:
            await self._open(connection, sink)
            asking = asyncio.create_task(self._asking(), name=f"questions {self.info.stream}")
            for n in count(1):
                if await self._next(connection, sink):
                    return
                if n % BATCH == 0:  # what has been received already is given out without a pause
                    await asyncio.sleep(0)
        except ConnectionClosed as closed:
            failure = self._closed(closed, sink)
            if failure is not None:
                lost = str(failure)
                raise failure from None
        except (SourceError, Interrupted) as error:
            lost = str(error)
            raise
        finally:
            if asking is not None:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            self._connection = self._sink = None
            for event in self._reader.lost(lost):
                sink.emit(event)
            await connection.close()

    async def _open(self, connection: AsyncRealtimeConnection, sink: Sink) -> None:
        """Wait for the session, and set it up."""
        options, reader = self._options, self._reader
        try:
            async with asyncio.timeout(options.connect_timeout):
                while not reader.ready:
                    await self._next(connection, sink)
        except TimeoutError:
            raise Interrupted(f"the server opened no session within {options.connect_timeout:g} s") from None
        preview = is_preview(reader.session)
        session = _merge(_merge({}, self._settings(preview)), self._updates)
        if session:
            if not preview:
                session.setdefault("type", "realtime")
            with suppress(ConnectionError):  # what comes next says why it was closed
                await self.send({"type": "session.update", "session": session})
        sink.emit(StateChanged(self.info.stream, options.clock(), State.LIVE))

    async def _asking(self) -> None:
        """Ask what there is to ask, as long as there is a session."""
        questions = self._questions
        while True:
            question = await questions.next()
            try:
                await self._write(message(question), show=not questions.shown)
                questions.shown = True
                await self._write({"type": "response.create"}, question=True)
            except ConnectionError:  # what is read next says why
                return

    async def _next(self, connection: AsyncRealtimeConnection, sink: Sink) -> bool:
        """Read one message and emit what it says; true when all questions are answered.

        Raises:
            SourceError, Interrupted: the answer to a question failed.
        """
        data = await connection.recv_bytes()
        async with self._reading:
            if len(data) < LARGE:
                value, events = self._read(data)
            else:
                value, events = await asyncio.to_thread(self._read, data)
        questions, ended = self._questions, None
        for event in events:
            sink.emit(event)
            if isinstance(event, TurnEnded) and event.turn == questions.turn:
                ended = event
            elif isinstance(event, TextChunk | AudioChunk):
                questions.answered |= questions.turn is not None
        if value is not None and self._hear is not None:
            self._hear(value)
        await sink.drain()
        if ended is None:
            return False
        if ended.error is not None and questions.given:
            raise self._failure(ended.error, asked=True)
        questions.done()
        return questions.over

    def _read(self, data: bytes) -> tuple[Json | None, list[Event]]:
        value = parse_object(data)
        return value, self._reader.read(value, len(data))

    def _failure(
        self, reason: str, code: int | None = None, asked: bool = False
    ) -> SourceError | Interrupted:
        """Whether what failed may pass; `asked`: it is what we asked for that failed, or there is no session."""
        error = self._reader.error or self._reader.failure
        final = code in _FINAL
        if error is not None:
            wrong = error.kind == "invalid_request_error" and not (error.code or "").startswith("rate_limit")
            final |= error.code in _FINAL_ERRORS or (asked and wrong)
        return SourceError(reason) if final else Interrupted(reason)

    def _closed(self, closed: ConnectionClosed, sink: Sink) -> SourceError | Interrupted | None:
        """What the end of the connection means; ``None``: nothing is missing."""
        from .ws_failures import closing

        reader = self._reader
        code, reason = closing(closed, MAX_MESSAGE)
        if code == 1009 and closed.rcvd is None:
            sink.emit(Dropped(self.info.stream, self._options.clock(), Kind.TEXT, 1, "limit"))
        if code == 1000 and reader.ready and not reader.answering:
            return None
        if reader.error is not None:
            reason = f"{reader.error} ({reason})"
        reason = self._hide(reason)
        if closed.rcvd is not None and closed.rcvd.reason.startswith("invalid_request_error"):
            return SourceError(reason)  # as OpenAI closes, with codes of its own (4000)
        return self._failure(reason, code if closed.rcvd is not None else None, asked=not reader.ready)

    # -- connecting

    def _client(self) -> AsyncOpenAI:
        import openai

        env, base = self._options.env, self._target.base
        return openai.AsyncOpenAI(
            api_key=self._target.key,
            base_url=f"http{base.removeprefix('ws')}",
            websocket_base_url=base,
            organization=env.get("OPENAI_ORG_ID"),
            project=env.get("OPENAI_PROJECT_ID"),
            max_retries=0,
        )

    async def _connect(self, client: AsyncOpenAI) -> AsyncRealtimeConnection:
        """Open the WebSocket.

        Raises:
            SourceError, Interrupted, TimeoutError: it can't be opened; the text says why, without the key.
        """
        from .ws_failures import unopened

        options, base = self._options, self._target.base
        native: dict[str, Any] = {
            "max_size": MAX_MESSAGE,
            "compression": None,  # sound hardly shrinks, and what is not inflated can't be a bomb
            "open_timeout": options.connect_timeout,
            "ping_interval": PING_EVERY,
            "ping_timeout": PING_EVERY,
            "close_timeout": CLOSE_WITHIN,
            "proxy": None if is_loopback(urlsplit(base).hostname) else True,
        }
        if base.startswith("wss:"):
            native["ssl"] = await asyncio.to_thread(ssl.create_default_context)
        try:
            return await client.realtime.connect(
                model=self._target.model,
                extra_headers=dict(options.headers),
                websocket_connection_options=cast(Any, native),
            ).enter()
        except Exception as error:
            failure = unopened(error, options.connect_timeout)
            if failure is error:
                raise
            failure.args = (self._hide(str(failure)),)
            raise failure from None

    def _hide(self, text: str) -> str:
        """Take the key out of what the server says, whatever its form."""
        key = self._target.key
        return redact(text.replace(key, MASK) if len(key) > 6 else text)


def _load() -> None:
    """Load what takes its time, off the event loop: more than a second, the first time."""
    for module in ("openai.resources.realtime.realtime", "websockets.asyncio.client"):
        import_module(module)
    for module in ("openai_realtime_audio", "ws_failures"):
        import_module(f"{__package__}.{module}")


def _merge(into: Json, more: Mapping[str, Any]) -> Json:
    """Put the fields of `more` into `into`, objects within objects likewise; return it."""
    for name, value in more.items():
        mine = into.get(name)
        if isinstance(value, dict):
            into[name] = _merge(mine if isinstance(mine, dict) else {}, value)
        else:
            into[name] = value
    return into
