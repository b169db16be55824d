"""Our media path (decode, small view, levels, resampling, events, event loop) against bare PyAV demux and decode.

``python benchmarks/decode.py [FILE...]``. Without files it makes clips: waves under film grain, and a noisy tone. Both
sides use libav's threads alike; the table's ratio is of processor time, the wall time's stands in the last column.
Target: at least 0.9 for 720p and 1080p at ordinary bit rates. What comes on top of the decoding is the same for a small
picture as for a large one, some 0.1 ms, and about as much for the sound that goes with it: half of it is Python's own,
the rest the fetching of the view's lines from memory, and libav's loudness meter and resampler. That is less than a
tenth of what a 720p picture takes, and more than a tenth of a smaller one's, whose row is shown as it is.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from harness import Row, Timing, collect, label, table  # first: it pins the thread pools

import av  # isort: skip
import numpy as np  # isort: skip
from midstream_adapters.base import Options
from midstream_adapters.events import AudioChunk, Event, VideoFrame
from midstream_adapters.media import open_source

CLIPS = (
    ("1080p30 6 Mbit/s + aac", 1920, 1080, 6_000_000, 0.9),
    ("720p30 3 Mbit/s + aac", 1280, 720, 3_000_000, 0.9),
    ("360p30 1 Mbit/s + aac", 640, 360, 1_000_000, None),
)
TIMES = 4
"""Times three seconds: to open a file takes as long as some pictures do, which a stream does once."""
REPEATS = 9


class CountingSink:
    """The least a sink can do."""

    def __init__(self) -> None:
        self.frames = self.chunks = 0

    def emit(self, event: Event) -> None:
        self.frames += isinstance(event, VideoFrame)
        self.chunks += isinstance(event, AudioChunk)

    async def drain(self) -> None:
        return


def make_clip(path: Path, width: int, height: int, bit_rate: int, frames: int = 90, times: int = 1) -> Path:
    """Moving waves under film grain at an ordinary bit rate, which is what makes decoding cost what it does.

    They are encoded once, and `times` as long: the same packets one after another.
    """
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    grain = rng.normal(0, 6, height * width * 2).astype(np.float32)
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=30, options={"preset": "fast"})
        video.bit_rate = bit_rate
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = output.add_stream("aac", rate=48_000, layout="stereo")
        packets: list[Any] = []
        for n in range(frames):
            start = int(rng.integers(height * width))
            noise = grain[start : start + height * width].reshape(height, width)
            waves = 128 + 60 * np.sin(9 * x + n / 9) * np.cos(7 * y - n / 11) + noise
            pixels = np.clip(waves, 0, 255).astype(np.uint8)[..., None] // np.array([1, 2, 3], np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 30)
            packets += video.encode(frame)
        packets += video.encode(None)
        for start in range(0, frames * 1600, 1024):
            tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(start, start + 1024) / 48_000)
            sound = tone + rng.normal(0, 0.05, 1024)
            pcm = av.AudioFrame.from_ndarray(np.tile(sound.astype(np.float32), (2, 1)), "fltp", "stereo")
            pcm.sample_rate, pcm.pts, pcm.time_base = 48_000, start, Fraction(1, 48_000)
            packets += audio.encode(pcm)
        packets += audio.encode(None)
        packets = [(bytes(p), p.stream, p.pts, p.dts, p.time_base, p.is_keyframe) for p in packets]
        long = {s: sum(q[1] is s for q in packets) * (1 / Fraction(30) if s is video else Fraction(1024, 48_000))
                for s in (video, audio)}  # fmt: skip
        for n in range(times):
            for data, stream, pts, dts, base, key in packets:
                packet = av.Packet(data)
                later = int(n * long[stream] / base)
                packet.stream, packet.time_base, packet.is_keyframe = stream, base, key
                packet.pts, packet.dts = pts + later, dts + later
                output.mux(packet)
    return path


def bare(path: Path) -> tuple[int, int]:
    """Demux and decode, nothing else."""
    frames = chunks = 0
    with av.open(str(path)) as source:
        streams = [*source.streams.video[:1], *source.streams.audio[:1]]
        for stream in streams:
            stream.codec_context.thread_type = "AUTO"
        for packet in source.demux(*streams):
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    frames += 1
                else:
                    chunks += 1
    return frames, chunks


def ours(path: Path) -> tuple[int, int]:
    """The whole path into a sink, as ``--fast`` does it."""
    sink = CountingSink()
    asyncio.run(open_source(str(path), "clip", Options(fast=True))[0].run(sink))
    return sink.frames, sink.chunks


def compare(operation: str, path: Path, target: float | None) -> Row:
    """Both in turn, `REPEATS` times: medians of their processor time, and of the time on the clock."""
    agree = ours(path) == bare(path)
    spent: dict[object, list[float]] = {ours: [], bare: []}
    passed: dict[object, list[float]] = {ours: [], bare: []}
    for n in range(REPEATS):
        for function in (ours, bare) if n % 2 else (bare, ours):
            start, used = time.perf_counter(), time.process_time()
            function(path)
            spent[function].append(time.process_time() - used)
            passed[function].append(time.perf_counter() - start)
    wall = float(np.median(passed[bare]) / np.median(passed[ours]))
    timing = Timing(float(np.median(spent[ours])), float(np.median(spent[bare])))
    return Row(operation, label("av"), timing, target, agree, f"wall {wall:.2f}x")


def clips() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        for name, width, height, bit_rate, target in CLIPS:
            path = make_clip(Path(folder) / f"{height}.mp4", width, height, bit_rate, times=TIMES)
            yield compare(name, path, target)


if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]]
    rows = (compare(path.name, path, None) for path in files) if files else collect(clips)
    print(table(rows))
