"""Detection beside the bare onnxruntime call on the same model in the same run, and what it does to a stream.

``python benchmarks/vision.py [--seconds S]``. First latency and pictures a second of `Detector.detect` (network, boxes,
doubles) against ``session.run`` alone, and what the thread that decodes pays for a picture. Then a 720p film of
photographs is played in real time without and with detection, alternately: how late frames come and how late the event
loop is, with the lag of detections behind their frames and the processor time of it all.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness import Row, collect, interleaved, label, table  # first: it pins the thread pools

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np  # isort: skip
import onnxruntime  # isort: skip
from midstream_adapters.base import Options, supervise
from midstream_adapters.events import Detections, Event, VideoFrame
from midstream_adapters.registry import open_source
from midstream_adapters.vision import RATE, with_detection
from midstream_adapters.vision_ssd import MODEL, SsdLite
from tests.adapters.photographs import TOP, frame_of, make_film, pixels_of


def bare_session(threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])


def wall(session: onnxruntime.InferenceSession, picture: np.ndarray) -> float:
    """Median wall seconds of a call."""
    times = []
    for _ in range(40):
        start = time.perf_counter()
        session.run(None, {"picture": picture[None]})
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def detection() -> Iterator[Row]:
    ssd, bare = SsdLite(), bare_session(1)
    for name, wanted in TOP.items():
        picture = pixels_of(name, 300, 300)
        timing = interleaved(
            lambda p=picture: ssd.detect(p),
            lambda p=picture: bare.run(None, {"picture": p[None]}),
            repeats=21,
        )
        found = ssd.detect(picture)
        scores = bare.run(["scores"], {"picture": picture[None]})[0]
        same = found[0].label == wanted and abs(found[0].score - float(scores.max())) < 1e-6
        note = f"{found[0].label} {found[0].score:.2f}; {1 / timing.ours:.0f} pictures/s"
        yield Row(f"detect, {name}", label("onnxruntime"), timing, 0.85, same, note)
    picture = pixels_of("coffee.png", 300, 300)
    one, two = wall(bare, picture), wall(bare_session(2), picture)
    print(
        f"  bare onnxruntime, wall: {one * 1e3:.1f} ms with one thread, {two * 1e3:.1f} ms with two",
        file=sys.stderr,
    )


def rendering() -> Iterator[Row]:
    """What the thread that decodes pays for a picture that is looked at."""
    from midstream_adapters.pictures import Pictures, Shot
    from midstream_adapters.taps import VideoTap

    frame = frame_of("motorcycle_left.png").reformat(1920, 1080, "yuv420p")
    nobody = VideoTap("s", time.monotonic)

    def render(event: VideoFrame, shot: Shot) -> None:
        shot.render(300, 300)

    somebody = VideoTap("s", time.monotonic, Pictures().also(render))
    timing = interleaved(lambda: somebody.frame(frame, 0), lambda: nobody.frame(frame, 0))
    note = f"+{(timing.ours - timing.peer) * 1e3:.2f} ms for each picture looked at"
    yield Row("frame of 1080p, shown at 300x300", "the same, not shown", timing, None, None, note)


class Arrivals:
    """When frames and detections came."""

    def __init__(self) -> None:
        self.frames: dict[float | None, float] = {}
        self.lags: list[float] = []

    def emit(self, event: Event) -> None:
        now = time.monotonic()
        if isinstance(event, VideoFrame):
            self.frames[event.pts] = now
        elif isinstance(event, Detections):
            self.lags.append(now - self.frames[event.pts])

    async def drain(self) -> None:
        return


async def play(path: Path, options: Options) -> tuple[Arrivals, list[float], float]:
    """Play in real time: arrivals, how late a 5 ms sleep wakes up, and processor seconds a second."""
    sink, late = Arrivals(), []

    async def watch() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.005)
            late.append(time.perf_counter() - start - 0.005)

    (adapter,) = open_source(str(path), options)
    watching = asyncio.create_task(watch())
    start, used = time.perf_counter(), time.process_time()
    await supervise(adapter, sink, options)
    share = (time.process_time() - used) / (time.perf_counter() - start)
    watching.cancel()
    return sink, late, share


def lateness(sink: Arrivals) -> list[float]:
    """By how much each frame is behind the pace of the earliest."""
    drift = np.array([at - (pts or 0.0) for pts, at in sink.frames.items()])
    return list(drift - drift.min())


def beside_a_stream(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = make_film(Path(folder) / "film.mp4", seconds=seconds / len(TOP), size=(1280, 720))
        print(
            "\n| 720p25 | frames | late p50 | late p99 | loop lag p99 | processor | detections | lag p50, p99 |"
        )
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        for _ in range(2):
            for name, options in (
                ("alone", Options()),
                (f"detection, {RATE:g}/s", with_detection(Options())),
            ):
                sink, loop, share = asyncio.run(play(path, options))
                late = np.percentile(lateness(sink), [50, 99]) * 1e3
                lag = "-"
                if sink.lags:
                    low, high = np.percentile(sink.lags, [50, 99]) * 1e3
                    lag = f"{low:.0f} / {high:.0f} ms"
                print(
                    f"| {name} | {len(sink.frames)} | {late[0]:.1f} ms | {late[1]:.1f} ms |"
                    f" {np.percentile(loop, 99) * 1e3:.1f} ms | {share:.0%} | {len(sink.lags)} | {lag} |"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=12.0)
    asked = parser.parse_args()
    print(table(collect(detection, rendering)))
    beside_a_stream(asked.seconds)
