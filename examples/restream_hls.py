"""What is measured of an HLS stream. ``python examples/restream_hls.py https://example.com/stream.m3u8``."""

import asyncio
import sys

from midstream_tui import RestreamClient


async def main(url: str, seconds: float = 10.0) -> RestreamClient:
    client = RestreamClient()
    await client.connect_hls(url)
    await asyncio.sleep(seconds)

    # Get real-time analysis; what is not known is None
    analysis = client.analysis
    print(f"""
      Frames: {analysis.frame_count}
      Audio Chunks: {analysis.audio_chunks}
      FPS: {analysis.fps}
      Bitrate: {analysis.bitrate} Kbps
      Patterns: {len(analysis.patterns)}
    """)
    await client.disconnect()
    return client


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
