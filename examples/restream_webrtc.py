"""Frames and sound of a WebRTC stream. ``python examples/restream_webrtc.py wss://signaling.example.com/room``."""

import asyncio
import sys

from midstream_tui import RestreamClient, RestreamConfig


async def main(signaling: str, seconds: float = 10.0) -> RestreamClient:
    client = RestreamClient(
        RestreamConfig(
            webrtc_signaling=signaling,
            enable_transcription=True,
            enable_object_detection=True,
            frame_rate=30,
            resolution="1920x1080",
        )
    )

    # Listen for frames
    @client.on("frame")
    def on_frame(frame):
        print(f"Frame {frame.frame_number}: {frame.width}x{frame.height}")

    # Listen for audio
    @client.on("audio")
    def on_audio(audio):
        print(f"Audio chunk: {audio.sample_rate}Hz, {audio.channels}ch")

    # Listen for transcriptions
    @client.on("transcription")
    def on_transcription(text):
        print(f"Transcription: {text}")

    # Listen for objects
    @client.on("objects_detected")
    def on_objects(objects):
        print(f"Objects: {', '.join(f'{box.label} {box.score:.0%}' for box in objects)}")

    # Listen for trouble: also that the extras for transcription and detection are not installed
    @client.on("error")
    def on_error(error):
        print(f"Error: {error}")

    # Connect
    await client.connect_webrtc()
    await asyncio.sleep(seconds)
    await client.disconnect()
    return client


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
