"""A Realtime server that plays a script over a real WebSocket: ``python -m tests.adapters.realtime_server SCRIPT...``.

A script is a list of steps, one connection's worth; the last one is played again for every further connection.
As a process it prints its address, then every client event that comes, a JSON object a line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request

from tests.adapters import realtime_scripts
from tests.adapters.realtime_scripts import Close, Drop, Expect, Raw, Step, Wait


@dataclass
class RealtimeServer:
    """What came in: client events over all connections, and the upgrade requests."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    echo: bool = False

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.got]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.got if event["type"] == kind]


@asynccontextmanager
async def realtime_server(
    *scripts: Sequence[Step], echo: bool = False
) -> AsyncGenerator[RealtimeServer, None]:
    """Play `scripts` on loopback. Dicts are sent as JSON, strings and bytes as they are."""
    made = RealtimeServer(echo=echo)

    async def play(connection: ServerConnection) -> None:
        assert connection.request is not None
        script = scripts[min(len(made.requests), len(scripts) - 1)]
        made.requests.append(connection.request)
        seen: asyncio.Queue[str] = asyncio.Queue()

        async def listen() -> None:
            async for data in connection:
                event = json.loads(data)
                made.got.append(event)
                if echo:
                    print(json.dumps(event), flush=True)
                seen.put_nowait(event["type"])

        listening = asyncio.create_task(listen())
        try:
            for step in script:
                await do(step, connection, seen)
            await listening
        except ConnectionClosed:
            pass
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def do(step: Step, connection: ServerConnection, seen: asyncio.Queue[str]) -> None:
        match step:
            case Expect(type=kind):
                while await seen.get() != kind:
                    pass
            case Wait(seconds=seconds):
                await asyncio.sleep(seconds)
            case Raw(data=data):
                connection.transport.write(data)
            case Close(code=code, reason=reason):
                await connection.close(code, reason)
            case Drop():
                connection.transport.abort()
            case str() | bytes():
                await connection.send(step)
            case _:
                await connection.send(json.dumps(step))

    server: Server
    async with serve(play, "127.0.0.1", 0, compression=None, close_timeout=1.0, max_size=None) as server:
        made.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1"
        yield made


async def _main(names: list[str]) -> None:
    async with realtime_server(*(getattr(realtime_scripts, name) for name in names), echo=True) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)  # until the test that started it is over


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="+")
    asyncio.run(_main(parser.parse_args().scripts))
