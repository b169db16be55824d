"""The basic dashboard: push messages and stream data in from an asyncio program.

``python examples/basic_dashboard.py`` shows it until you press q.
"""

import asyncio

from midstream_tui import MidStreamDashboard


async def main(dashboard: MidStreamDashboard | None = None) -> MidStreamDashboard:
    dashboard = dashboard or MidStreamDashboard()
    await dashboard.start(refresh_ms=100)

    # Process a message
    dashboard.process_message("Hello, world!", 5)

    # Process streaming data; with its format told, its level is measured too
    audio_data = bytes(1024)
    dashboard.process_stream("audio-1", audio_data, "audio")
    dashboard.process_stream("audio-2", audio_data, "audio", sample_rate=48_000)
    return dashboard


async def watch() -> None:
    dashboard = await main()
    await dashboard.wait()


if __name__ == "__main__":
    asyncio.run(watch())
