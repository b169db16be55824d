"""The stream simulator feeding the dashboard of a synchronous program.

The terminal stays on the main thread; the producer runs beside it. ``python examples/stream_simulator.py``.
"""

import time

from midstream_tui import MidStreamDashboard, StreamSimulator


def produce(dashboard: MidStreamDashboard, seconds: float = 60.0) -> int:
    simulator = StreamSimulator(30)  # 30 FPS
    simulator.start(
        lambda frame: dashboard.process_stream(
            "video", frame.data, "video", size=(frame.width, frame.height)
        ),
        lambda audio: dashboard.process_stream("audio", audio.data, "audio", sample_rate=audio.sample_rate),
    )
    end = time.monotonic() + seconds
    while dashboard.running and time.monotonic() < end:
        time.sleep(0.1)
    simulator.stop()
    return simulator.frame_number


if __name__ == "__main__":
    MidStreamDashboard().run(refresh_ms=100, producer=produce)
