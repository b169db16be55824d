"""TCP connections to an address that is listened on: a task each, and no more than there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

LIMIT = 1 << 16
"""Bytes that are read ahead of who serves a connection, before its sender has to wait."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class Connections:
    """Runs `serve` for each connection, `most` at once; who comes beyond that is cut off without a word.

    ``port`` tells what the system chose for 0; ``len`` is how many there are.
    """

    def __init__(self, serve: Serve, most: int) -> None:
        self.port = 0
        self._serve_one, self._bound = serve, most
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: the address can't be listened on.
        """
        self._server = await asyncio.start_server(self._connected, host, port, limit=LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= self._bound:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve_one(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
