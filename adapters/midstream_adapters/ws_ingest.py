"""``ws+listen://``: programs send text over a WebSocket, and may ask what MidStream makes of it.

A text message is text, NDJSON's object (``{"text": ..., "role": ...}``) or an event of an OpenAI-compatible API. One
whose ``type`` is in `ASKED` is a question, with its arguments beside the type or in ``payload``. The answer is
``{"type": "result", "of": TYPE, "id": ..., "result": {...}}`` or ``{"type": "error", ...}``. ``process`` is also a
message of the stream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any

from .base import Adapter, Options, Sink, SourceError, explain
from .events import BytesReceived, Kind, State
from .ingest import MAX_MESSAGE, PENALTY, Door, Doorkeeper, Guest, RateLimited, query_of
from .lines import BATCH
from .payload import parse_object

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

PORT = 8787
ASKED = ("process", "analyze", "compare", "detect_pattern", "behavior", "status")
PING_EVERY = 20.0
_NO_ANSWERS = "nobody answers here: the analysis is switched off"


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``ws+listen://[host][:port][/path]``. Raises `SourceError` as `Door.of` does."""
    return [WebSocketListener(Door.of(source, stream_id, options, PORT))]


class WebSocketListener(Doorkeeper):
    """Waits for senders at one address; `run` goes on until it is cancelled. Port 0 lets the system choose."""

    async def run(self, sink: Sink) -> None:
        """Listen until cancelled; every sender's stream then ends.

        Raises:
            SourceError: the address can't be listened on.
        """
        await asyncio.to_thread(import_module, "websockets.asyncio.server")
        from websockets.asyncio.server import serve

        door = self._door
        names: dict[Any, str] = {}

        async def enter(connection: ServerConnection, request: Request) -> Response | None:
            return await self._admit(connection, request, names, sink)

        async def connected(connection: ServerConnection) -> None:
            await self._serve(connection, names.pop(connection.id), sink)

        try:
            server = await serve(
                connected, door.host, door.port, process_request=enter, max_size=MAX_MESSAGE, max_queue=16,
                open_timeout=10.0, ping_interval=PING_EVERY, ping_timeout=PING_EVERY, close_timeout=1.0,
                server_header=None,
            )  # fmt: skip
        except OSError as error:
            raise SourceError(f"can't listen on {door.address}: {explain(error)}") from None
        try:
            door.port = next(iter(server.sockets)).getsockname()[1]
            door.tell(sink)
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            await server.wait_closed()
            door.close(sink)

    async def _admit(
        self, connection: ServerConnection, request: Request, names: dict[Any, str], sink: Sink
    ) -> Response | None:
        """Check path, token and origin; None lets the handshake go on."""
        try:
            path, query = query_of(request.path)
        except ValueError:
            return connection.respond(400, "too many parameters\n")
        name = self._door.name_of(path, query)
        if name is None:
            return connection.respond(404, f"send to {self._door.path} or {self._door.path}/NAME\n")
        headers = {key.lower(): value for key, value in request.headers.raw_items()}
        if (why := self._door.refusal(headers, query)) is not None:
            self._door.turn_away(sink, _peer(connection), why[1])
            if why[0] == 401:
                await self._door.options.sleep(PENALTY)
            return connection.respond(why[0], f"{why[1]}\n")
        names[connection.id] = name
        if len(names) > 1024:  # handshakes that never came to an end
            names.pop(next(iter(names)))
        return None

    async def _serve(self, connection: ServerConnection, name: str, sink: Sink) -> None:
        from websockets.exceptions import ConnectionClosed

        peer = _peer(connection)
        agent = connection.request.headers.get("User-Agent", "") if connection.request else ""
        guest = self._door.enter(sink, name, f"{agent[:60] or 'sender'} at {peer}", alone=True)
        if guest is None:
            self._door.turn_away(sink, peer, "no room, or its name is in use")
            await connection.close(1013, "no room, or that name is in use")
            return
        state, reason = State.ENDED, "the listener was closed"
        try:
            for n in count(1):
                await self._take(connection, guest, await connection.recv(), sink)
                await sink.drain()
                if n % BATCH == 0:
                    await asyncio.sleep(0)
        except ConnectionClosed as closed:
            frame = closed.rcvd
            well = frame is not None and frame.code in (1000, 1001)
            state = State.ENDED if well else State.RECONNECTING
            reason = "the sender has left" if well else f"the sender was lost: {closed}"
        except Exception as error:  # a fault of ours: this sender's alone
            state, reason = State.FAILED, f"internal error: {type(error).__name__}: {explain(error)}"
        finally:
            self._door.leave(sink, guest, state, reason)

    async def _take(
        self, connection: ServerConnection, guest: Guest, message: str | bytes, sink: Sink
    ) -> None:
        if isinstance(message, bytes):
            sink.emit(BytesReceived(guest.stream, self._door.options.clock(), Kind.TEXT, len(message)))
            await self._reply(
                connection, {"type": "error", "error": "binary messages are only counted: send text"}
            )
            return
        nbytes = len(message) if message.isascii() else len(message.encode())
        value = parse_object(message) if message.lstrip().startswith("{") else None
        what = value.get("type") if value is not None else None
        try:
            if value is None or what not in ASKED:
                self._door.take(sink, guest, message, nbytes, hear=self._door.options.hear)
                return
            arguments = value["payload"] if isinstance(value.get("payload"), Mapping) else value
            said = _said(arguments) if what == "process" else None
            if said is not None:
                self._door.take(sink, guest, said, nbytes)
            else:
                self._door.admit(sink, guest)
            reply = await self._answer(guest, str(what), arguments)
        except RateLimited as slow:
            reply = {"type": "error", "error": str(slow), "retry_after": slow.wait}
        if value is not None and isinstance(value.get("id"), str | int):
            reply["id"] = value["id"]
        await self._reply(connection, reply)

    async def _answer(self, guest: Guest, what: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._door.options.answer
        if answer is None:
            return {"type": "error", "of": what, "error": _NO_ANSWERS}
        try:
            return {"type": "result", "of": what, "result": await answer(guest.stream, what, arguments)}
        except ValueError as error:
            return {"type": "error", "of": what, "error": explain(error)}

    @staticmethod
    async def _reply(connection: ServerConnection, reply: Mapping[str, Any]) -> None:
        await connection.send(json.dumps(reply, ensure_ascii=False, allow_nan=False))


def _said(arguments: Mapping[str, Any]) -> str | None:
    """The message within a ``process``, as the object that NDJSON would hold; None without text."""
    text = next(
        (arguments[key] for key in ("message", "text", "content") if isinstance(arguments.get(key), str)),
        None,
    )
    if text is None:
        return None
    kept = {key: arguments[key] for key in ("role", "tokens", "reward") if key in arguments}
    return json.dumps({"text": text, **kept})


def _peer(connection: ServerConnection) -> str:
    address = connection.remote_address
    return str(address[0]) if address else "?"
