"""The tap's proxy as a process of its own: no paint, kernel or parser of the dashboard can hold up a byte.

It takes one line of JSON from standard input (host, port, upstream, token, connect_timeout), writes frames to standard
output, and lives until standard input is closed: it never outlives who started it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import time

from .tap_frames import FrameWriter, What, packed
from .tap_proxy import TapServer, Upstream


async def serve() -> None:
    """Read what is asked for, and proxy until standard input ends."""
    loop = asyncio.get_running_loop()
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), os.fdopen(0, "rb", 0))
    pipe, _ = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(1, "wb", 0))
    writer = FrameWriter(pipe)
    asked = json.loads(await stdin.readline())
    server = TapServer(
        Upstream.of(asked["upstream"]),
        writer.tell,
        token=asked["token"],
        connect_timeout=asked["connect_timeout"],
    )
    try:
        await server.start(asked["host"], asked["port"])
    except (OSError, OverflowError) as error:
        writer.tell(What.REFUSED, 0, time.monotonic(), str(error).encode())
    else:
        writer.tell(What.LISTENING, 0, time.monotonic(), packed(port=server.port))
        gc.freeze()  # what is loaded stays: no collection need look at it again
        await stdin.read()
    os._exit(0)  # at once: the system closes what is open, and a pipe takes its first frames without a buffer


def main() -> None:
    """Run it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c is for the one who started this
    asyncio.run(serve())


if __name__ == "__main__":
    main()
