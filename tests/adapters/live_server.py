"""Real servers for the text adapters' tests: ``python -m tests.adapters.live_server sse|ws --port N``.

Both count: ``tick 1``, ``tick 2``... The SSE server (Starlette, sse-starlette, uvicorn) goes on from Last-Event-ID.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator

PERIOD = 0.02


async def serve_sse(port: int) -> None:
    import uvicorn
    from sse_starlette.sse import EventSourceResponse
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    async def ticks(request: Request) -> Response:
        first = int(request.headers.get("last-event-id", "0")) + 1

        async def events() -> AsyncIterator[dict[str, str]]:
            for n in range(first, first + 10_000):
                yield {"id": str(n), "data": f"tick {n}"}
                await asyncio.sleep(PERIOD)

        return EventSourceResponse(events(), ping=1)

    async def chat(_request: Request) -> Response:
        def chunk(**rest: object) -> dict[str, str]:
            return {"data": json.dumps({"id": "c1", "object": "chat.completion.chunk", "model": "m", **rest})}

        async def events() -> AsyncIterator[dict[str, str]]:
            yield chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])
            yield chunk(choices=[{"index": 0, "delta": {"reasoning_content": "hmm"}}])
            for word in ("Grüße", " ", "👋🏽"):
                yield chunk(choices=[{"index": 0, "delta": {"content": word}}])
            yield chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
            yield chunk(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 3})
            yield {"data": "[DONE]"}

        return EventSourceResponse(events(), ping=60)

    async def secret(request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer let-me-in":
            return PlainTextResponse("who are you?", 401)
        return await ticks(request)

    app = Starlette(routes=[Route("/ticks", ticks), Route("/chat", chat), Route("/secret", secret)])
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error", access_log=False))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells no other way
        await asyncio.sleep(0.01)
    print(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", flush=True)
    await task


async def serve_ws(port: int) -> None:
    from websockets.asyncio.server import ServerConnection, serve

    async def handler(connection: ServerConnection) -> None:
        for n in range(1, 10_000):
            await connection.send(f"tick {n}")
            await asyncio.sleep(PERIOD)

    async with serve(handler, "127.0.0.1", port) as server:
        print(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["sse", "ws"])
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    asyncio.run((serve_sse if chosen.kind == "sse" else serve_ws)(chosen.port))
