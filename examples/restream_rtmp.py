"""An RTMP stream, its keys from the environment. ``STREAM_KEY=... python examples/restream_rtmp.py rtmps://host/live``."""

import asyncio
import os
import sys

from midstream_tui import RestreamClient, RestreamConfig


async def main(rtmp_url: str, seconds: float = 10.0) -> RestreamClient:
    config = RestreamConfig(
        rtmp_url=rtmp_url,  # use rtmps:// where the server has it
        stream_key=os.environ.get("STREAM_KEY"),
        api_key=os.environ.get("API_KEY"),
    )
    client = RestreamClient(config)
    client.on("connected", lambda info: print(f"Connected: {info.source} ({info.media})"))
    client.on("disconnected", lambda reason: print(f"Disconnected: {reason}"))
    async with client:
        await client.connect_rtmp()
        await asyncio.sleep(seconds)
    return client


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
