"""A Realtime session's figures beside the server's own log, and what a message costs beside the SDK's own reading.

``python benchmarks/realtime.py [--turns 100] [--deltas 12] [--gap-ms 10]`` prints a line of JSON. The server is a
process of its own that writes its monotonic time (one clock for all processes of a machine) into every delta and notes
when each ``response.create`` came: TTFT and ICL as we tell them are compared with its own. Then our reading of the same
messages (the fold; sound decoded, resampled and measured) is timed alternately with the SDK's ``parse_event``.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / part) for part in (".", "widgets", "analysis", "adapters")]

from harness import interleaved  # noqa: E402

from midstream_adapters.base import Options, supervise  # noqa: E402
from midstream_adapters.events import Event, TextChunk, TurnStarted  # noqa: E402


async def serve(deltas: int, gap: float) -> None:
    """Answer every ``response.create`` with stamped deltas, the first of them with when the request came."""
    from websockets.asyncio.server import ServerConnection
    from websockets.asyncio.server import serve as listen

    async def answer(connection: ServerConnection) -> None:
        async def send(**event: Any) -> None:
            await connection.send(json.dumps(event))

        await send(type="session.created", session={"type": "realtime", "audio": {}})
        turn = 0
        async for data in connection:
            if json.loads(data)["type"] != "response.create":
                continue
            asked, turn = time.monotonic_ns(), turn + 1
            await send(type="response.created", response={"id": f"resp_{turn}"})
            for _ in range(deltas):
                await asyncio.sleep(gap)
                text = f"{asked} {time.monotonic_ns()}"
                await send(type="response.output_text.delta", response_id=f"resp_{turn}", delta=text)
            await send(type="response.done", response={"id": f"resp_{turn}", "status": "completed"})

    async with listen(answer, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


class Log:
    """A sink that keeps what the figures are made of."""

    def __init__(self) -> None:
        self.turns: dict[str, tuple[float, list[TextChunk]]] = {}

    def emit(self, event: Event) -> None:
        if isinstance(event, TurnStarted):
            self.turns[event.turn] = (event.at, [])
        elif isinstance(event, TextChunk) and event.turn in self.turns:
            self.turns[event.turn][1].append(event)

    async def drain(self) -> None:
        await asyncio.sleep(0)


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {f"p{q}": round(ordered[min(len(ordered) - 1, len(ordered) * q // 100)], 3) for q in (50, 99)}


async def at_the_wire(turns: int, deltas: int, gap: float) -> dict[str, Any]:
    """Milliseconds between our TTFT and ICL and the server's own."""
    from midstream_adapters.registry import open_source

    command = [sys.executable, __file__, "--serve", "--deltas", str(deltas), "--gap-ms", str(gap * 1000.0)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: ASYNC220
        assert server.stdout is not None
        assert server.stdin is not None
        env = {"OPENAI_BASE_URL": f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"}
        options = Options(env=env, prompts=tuple(f"Question {n}?" for n in range(turns)))
        log = Log()
        await supervise(open_source("openai-realtime:m", options)[0], log, options)
        server.stdin.close()
    ttft, icl = [], []
    for started, chunks in log.turns.values():
        stamps = [tuple(int(n) / 1e9 for n in chunk.text.split()) for chunk in chunks]
        ttft.append(1000.0 * abs((chunks[0].at - started) - (stamps[0][1] - stamps[0][0])))
        arrived = [chunk.at for chunk in chunks]
        written = [at for _, at in stamps]
        icl += [
            1000.0 * abs((b - a) - (d - c))
            for (a, b), (c, d) in zip(pairwise(arrived), pairwise(written), strict=True)
        ]
    return {"turns": len(ttft), "ttft_error_ms": spread(ttft), "icl_error_ms": spread(icl)}


def a_message(name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Processor time of one message: ours, which ends in events with levels, and the SDK's, which ends in its model."""
    from openai.resources.realtime.realtime import AsyncRealtimeConnection

    from midstream_adapters.openai_realtime_events import RealtimeReader
    from midstream_adapters.payload import parse_object

    data = json.dumps(event).encode()
    reader = RealtimeReader("s", time.monotonic, "m")
    reader.read({"type": "response.created", "response": {"id": "resp_1"}}, 0)
    sdk = AsyncRealtimeConnection(None)  # type: ignore[arg-type]
    timing = interleaved(lambda: reader.read(parse_object(data), len(data)), lambda: sdk.parse_event(data))
    return {
        "message": name, "bytes": len(data), "ours_us": round(1e6 * timing.ours, 1),
        "sdk_us": round(1e6 * timing.peer, 1), "ratio": round(timing.ratio, 2),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--deltas", type=int, default=12)
    parser.add_argument("--gap-ms", type=float, default=10.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.deltas, given.gap_ms / 1000.0))
        return
    common = {
        "event_id": "event_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
    }
    sound = base64.b64encode(os.urandom(4800)).decode()  # 100 ms
    result = {
        **asyncio.run(at_the_wire(given.turns, given.deltas, given.gap_ms / 1000.0)),
        "cost": [
            a_message("text delta", {"type": "response.output_text.delta", **common, "delta": "word "}),
            a_message("100 ms of sound", {"type": "response.output_audio.delta", **common, "delta": sound}),
        ],
        "load": os.getloadavg()[0],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
