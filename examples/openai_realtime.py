"""An OpenAI Realtime session beside the dashboard: its text as messages, its sound as a stream.

``OPENAI_API_KEY=sk-... python examples/openai_realtime.py`` shows it until you press q.
"""

import asyncio
import base64
import os

from midstream_tui import MidStreamDashboard, OpenAIRealtimeClient, RealtimeConfig


async def main(
    dashboard: MidStreamDashboard | None = None,
) -> tuple[MidStreamDashboard, OpenAIRealtimeClient]:
    dashboard = dashboard or MidStreamDashboard()
    await dashboard.start()

    client = OpenAIRealtimeClient(
        RealtimeConfig(
            api_key=os.environ.get("OPENAI_API_KEY"),
            model="gpt-realtime",
            voice="alloy",
        )
    )

    # Connect dashboard to OpenAI events; a listener hears the preview's and the present names alike
    def on_text(delta: str) -> None:
        dashboard.process_message(delta, len(delta))

    def on_audio(delta: str) -> None:
        audio = base64.b64decode(delta)
        dashboard.process_stream("openai-audio", audio, "audio", sample_rate=24_000)

    client.on("response.text.delta", on_text)
    client.on("response.audio_transcript.delta", on_text)
    client.on("response.audio.delta", on_audio)

    await client.connect()
    await client.send_text("Analyze this conversation...")
    return dashboard, client


async def watch() -> None:
    dashboard, client = await main()
    await dashboard.wait()
    await client.disconnect()


if __name__ == "__main__":
    asyncio.run(watch())
