"""What the tap adds to every chunk, beside a direct connection in the same run, while the dashboard paints in a pty.

``python benchmarks/tap.py [--turns 40] [--chunks 60] [--gap-ms 10] [--headless]`` prints a line of JSON. Server,
client, tap and dashboard are four processes. The server writes its monotonic time into every chunk; a client on a bare
blocking socket notes when each arrives, asking directly and through the tap in turn. TTFT and ITL of the client's log
are then compared with those that the dashboard shows for the same turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pty_run import PYTHON, run_in_pty

STAMP = re.compile(rb"@(\d+)@")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(**value: object) -> bytes:
    data = b"data: " + json.dumps(value).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


async def serve(chunks: int, gap: float) -> None:
    """An upstream that streams `chunks`, one every `gap` seconds, each with the time at which it was written."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
        writer.write(HEAD)
        await asyncio.sleep(gap)
        for _ in range(chunks):
            text = f"@{time.monotonic_ns()}@"
            writer.write(chunk(choices=[{"index": 0, "delta": {"content": text}}]))
            await writer.drain()
            await asyncio.sleep(gap)
        usage = {"prompt_tokens": 5, "completion_tokens": chunks}
        writer.write(chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=usage))
        done = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def ask(port: int) -> tuple[list[float], float, float]:
    """One request on a bare socket: seconds from the server's stamp to arrival of each chunk, TTFT and ITL."""
    body = json.dumps(
        {"model": "bench", "stream": True, "messages": [{"role": "user", "content": "go"}]}
    ).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    arrivals: list[float] = []
    took: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(head.encode() + body)
        asked = time.monotonic()
        rest = b""
        while b"0\r\n\r\n" not in rest[-8:]:
            data = sock.recv(65536)
            at = time.monotonic()
            if not data:
                break
            rest += data
            end = 0
            for stamp in STAMP.finditer(rest):
                arrivals.append(at)
                took.append(at - int(stamp[1]) / 1e9)
                end = stamp.end()
            rest = rest[end:]
    return took, arrivals[0] - asked, (arrivals[-1] - arrivals[0]) / (len(arrivals) - 1)


def client(direct: int, tapped: int, turns: int) -> None:
    """Ask directly and through the tap in turn; print what was seen."""
    seen: dict[str, list[float]] = {"direct": [], "tap": []}
    figures: list[tuple[float, float]] = []
    ask(direct), ask(tapped)  # warm
    for _ in range(turns):
        seen["direct"] += ask(direct)[0]
        took, ttft, itl = ask(tapped)
        seen["tap"] += took
        figures.append((ttft, itl))
    print(json.dumps({"seen": seen, "figures": figures}), flush=True)


def quantile(values: list[float], q: float) -> float:
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def report(said: dict, records: list[tuple[float, float]]) -> dict[str, object]:
    """Milliseconds: both ways, what the tap adds, and how far its figures are from the client's own log."""
    direct, tap = said["seen"]["direct"], said["seen"]["tap"]
    mine = said["figures"]
    assert len(records) == len(mine) + 1, (len(records), len(mine))
    ttft = [abs(a[0] - b[0]) * 1e3 for a, b in zip(mine, records[1:], strict=True)]
    itl = [abs(a[1] - b[1]) * 1e3 for a, b in zip(mine, records[1:], strict=True)]
    out: dict[str, object] = {"chunks": len(tap), "turns": len(mine)}
    for q, name in ((0.5, "p50"), (0.99, "p99")):
        d, t = quantile(direct, q) * 1e3, quantile(tap, q) * 1e3
        out |= {
            f"direct_{name}_ms": round(d, 3),
            f"tap_{name}_ms": round(t, 3),
            f"added_{name}_ms": round(t - d, 3),
        }
        out |= {
            f"ttft_apart_{name}_ms": round(quantile(ttft, q), 3),
            f"itl_apart_{name}_ms": round(quantile(itl, q), 4),
        }
    return out


async def watched(hub, upstream: int, turns: int, out: str) -> None:
    """Wait for the tap, let the client ask, write the report."""
    while not (adapters := [held.adapter for held in hub.sources.values()]) or not adapters[0].port:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(3.0)  # start-up (imports, compiling) is another benchmark's
    command = [PYTHON, __file__, "--client", str(upstream), str(adapters[0].port), "--turns", str(turns)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, limit=1 << 24)
    said = json.loads((await process.communicate())[0])
    await asyncio.sleep(0.5)
    (log,) = (tally.log for name, tally in hub.session.streams.items() if name.endswith("/bench"))
    Path(out).write_text(json.dumps(report(said, [(r.ttft, r.itl) for r in log.done])))


def child(upstream: int, turns: int, out: str, headless: bool) -> None:
    """The dashboard, or only its session, with a tap before `upstream`."""
    from midstream_tui.hub import Hub

    source = f"tap+listen://127.0.0.1:0?upstream=http://127.0.0.1:{upstream}"
    hub = Hub(engine=not headless)

    async def bare() -> None:
        hub.add(source)
        await watched(hub, upstream, turns, out)
        await hub.stop()

    async def shown() -> None:
        from midstream_tui.app import MidStreamApp
        from midstream_tui.config import RecentSources

        app = MidStreamApp(hub, [source], recent=RecentSources(Path(out).parent))

        async def watch() -> None:
            await watched(hub, upstream, turns, out)
            app.exit()

        task = asyncio.create_task(watch())
        await app.run_async()
        await task

    asyncio.run(bare() if headless else shown())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--chunks", type=int, default=60)
    parser.add_argument("--gap-ms", type=float, default=10.0)
    parser.add_argument("--headless", action="store_true", help="without the screen and the engine")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--client", type=int, nargs=2)
    parser.add_argument("--child", nargs=2, metavar=("UPSTREAM", "OUT"))
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve(args.chunks, args.gap_ms / 1e3))
        return
    if args.client:
        client(*args.client, args.turns)
        return
    if args.child:
        child(int(args.child[0]), args.turns, args.child[1], args.headless)
        return
    command = [PYTHON, __file__, "--serve", "--chunks", str(args.chunks), "--gap-ms", str(args.gap_ms)]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            port = server.stdout.readline().strip()
            out = f"{folder}/out.json"
            command = [PYTHON, __file__, "--child", port, out, "--turns", str(args.turns)]
            command += ["--headless"] * args.headless
            limit = 60 + 3 * args.turns * (args.chunks + 2) * args.gap_ms / 1e3
            run = run_in_pty(command, size=(120, 40), seconds=limit)
            result = json.loads(Path(out).read_text()) if Path(out).exists() else {"error": run.status}
            load = round(os.getloadavg()[0], 1)
            print(json.dumps({"screen": not args.headless, "load": load} | result), flush=True)
        finally:
            server.stdin.close()
            server.wait(5)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    main()
