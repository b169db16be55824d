"""WebRTC signalling as JSON over a WebSocket, and a small server of it: ``python -m midstream_adapters.signalling``.

Two parties meet in the room that the WebSocket's path names; what one sends, the other gets. Messages are text, one
JSON object each, at most 128 KiB:

    {"type": "join", "role": "viewer" | "publisher"}    I am here
    {"type": "offer", "sdp": "v=0..."}                  publisher to viewer, once it has seen the viewer's join
    {"type": "answer", "sdp": "v=0..."}                 the answer to the offer
    {"type": "candidate", "candidate": "candidate:...", "sdpMid": "0", "sdpMLineIndex": 0}
                                                        trickled ICE candidate, as RTCIceCandidate's toJSON gives it,
                                                        or that object as "candidate"; "" or null: there are no more
    {"type": "bye"}                                     I leave
    {"type": "left"}                                    from the server: the other's WebSocket is gone without goodbye;
                                                        whether its media is too, media tells
    {"type": "error", "reason": "..."}                  from the server, before it closes

A viewer joins on connecting, and again when a publisher's join comes after its own. A viewer may also offer (receive
only) and be answered. Unknown types are passed on by the server and overlooked by parties.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from .net import is_loopback

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

MAX_MESSAGE = 128 << 10
MAX_ROOMS = 64
MAX_PATH = 200
MAX_MESSAGES = 1000
"""Messages of one party; a session takes a few dozen."""


class BadMessage(ValueError):
    """Not a message of this protocol."""


def encode(kind: str, **fields: Any) -> str:
    """A message of type `kind`."""
    return json.dumps({"type": kind, **fields})


def decode(text: str | bytes) -> dict[str, Any]:
    """Read a message; its "type" is a string, and "sdp" is there where it belongs.

    Raises:
        BadMessage: it is none.
    """
    if isinstance(text, bytes):
        raise BadMessage("a binary message")
    if len(text) > MAX_MESSAGE:
        raise BadMessage(f"a message over {MAX_MESSAGE >> 10} KiB")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadMessage("a message that is no JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadMessage('a message without "type"')
    if message["type"] in ("offer", "answer") and not isinstance(message.get("sdp"), str):
        raise BadMessage(f'an {message["type"]} without "sdp"')
    return message


class SignallingServer:
    """Rooms of two. Nothing is kept of what passes through; a party that is slow to read holds up the other."""

    def __init__(self) -> None:
        self._rooms: dict[str, list[ServerConnection]] = {}

    @asynccontextmanager
    async def listening(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[int]:
        """Serve while the context lasts; gives the port."""
        from websockets.asyncio.server import serve

        logger = logging.getLogger(f"{__name__}.websockets")
        logger.propagate = False
        async with serve(
            self._serve, host, port, max_size=MAX_MESSAGE, max_queue=16, compression=None, logger=logger
        ) as server:
            yield next(iter(server.sockets)).getsockname()[1]

    async def _serve(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        path = connection.request.path.partition("?")[0] if connection.request is not None else "/"
        room = self._rooms.get(path, [])
        full = len(room) >= 2 or (path not in self._rooms and len(self._rooms) >= MAX_ROOMS)
        if full or len(path) > MAX_PATH:
            await self._end(connection, 1013, "the room is full" if len(room) >= 2 else "too many rooms")
            return
        self._rooms[path] = room
        room.append(connection)
        polite = False
        try:
            count = 0
            async for text in connection:
                count += 1
                if count > MAX_MESSAGES:
                    await self._end(connection, 1008, "too many messages")
                    break
                try:
                    message = decode(text)
                except BadMessage as error:
                    await self._end(connection, 1008, str(error))
                    break
                await self._pass(room, connection, json.dumps(message))
                if message["type"] == "bye":
                    polite = True
                    break
        except ConnectionClosed:
            pass
        finally:
            room.remove(connection)
            if not room:
                self._rooms.pop(path, None)
            if not polite:
                await self._pass(room, connection, encode("left"))

    @staticmethod
    async def _pass(room: list[ServerConnection], sender: ServerConnection, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        for other in room:
            if other is not sender:
                try:
                    async with asyncio.timeout(5.0):
                        await other.send(text)
                except (ConnectionClosed, TimeoutError):
                    pass

    @staticmethod
    async def _end(connection: ServerConnection, code: int, reason: str) -> None:
        await connection.send(encode("error", reason=reason))
        await connection.close(code, reason)


async def _main(host: str, port: int) -> None:
    async with SignallingServer().listening(host, port) as actual:
        print(f"signalling at ws://{host}:{actual}/ROOM", flush=True)
        await asyncio.get_running_loop().create_future()


def main(arguments: list[str] | None = None) -> None:
    """Run the server until interrupted. It knows no keys, so that it listens on loopback only."""
    parser = argparse.ArgumentParser(description="A small WebRTC signalling server for tests and demos.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args(arguments)
    if not is_loopback(given.host):
        parser.error("this server asks for no key: it listens on loopback addresses only")
    try:
        asyncio.run(_main(given.host, given.port))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        parser.exit(1, f"can't listen on {given.host}:{given.port}: {error}\n")


if __name__ == "__main__":
    main()
