"""Small media files of every awkward kind, made with PyAV in well under a second each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def picture(n: int, width: int, height: int) -> av.VideoFrame:
    """A grey ramp with a bright bar that moves a few pixels a frame."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = np.linspace(40, 90, width, dtype=np.uint8)[None, :, None]
    at = 3 * n % max(1, width - 8)
    pixels[:, at : at + 8] = (220, 180, 60)
    return av.VideoFrame.from_ndarray(pixels, "rgb24")


def tone(start: int, count: int, rate: int, channels: int, hertz: float = 440.0) -> np.ndarray:
    """`count` samples of a half-scale sine from sample number `start`, float32, shape (channels, count)."""
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(start, start + count) / rate)
    return np.tile(wave.astype(np.float32), (channels, 1))


def make_clip(
    path: Path,
    *,
    frames: int = 60,
    frame_rate: Fraction | int | str = 30,
    size: tuple[int, int] = (192, 108),
    video: str | None = "libx264",
    video_options: dict[str, str] | None = None,
    pixel_format: str = "yuv420p",
    audio: str | None = "aac",
    audio_rate: int = 48_000,
    layout: str = "stereo",
    seconds: float | None = None,
    pts_of: Callable[[int], int] | None = None,
    container_options: dict[str, str] | None = None,
    file_format: str | None = None,
) -> Path:
    """Write a clip; audio lasts as long as the video unless `seconds` tells.

    ``pts_of`` maps a frame's number to its PTS in frame intervals.
    """
    rate = Fraction(frame_rate)
    length = seconds if seconds is not None else float(frames / rate)
    with av.open(str(path), "w", format=file_format, options=container_options or {}) as output:
        pictures = sounds = None
        if video is not None:
            options = {"preset": "ultrafast", "threads": "1"} if video == "libx264" else {}
            pictures = output.add_stream(video, rate=rate, options={**options, **(video_options or {})})
            pictures.width, pictures.height = size
            pictures.pix_fmt = pixel_format
            pictures.codec_context.time_base = 1 / rate
        if audio is not None:
            sounds = output.add_stream(audio, rate=audio_rate, layout=layout)
        if pictures is not None:
            for n in range(frames):
                frame = picture(n, *size).reformat(format=pixel_format)
                frame.pts = pts_of(n) if pts_of else n
                frame.time_base = 1 / rate
                output.mux(pictures.encode(frame))
            output.mux(pictures.encode(None))
        if sounds is not None:
            total = round(length * audio_rate)
            for start in range(0, total, 1024):
                pcm = tone(start, min(1024, total - start), audio_rate, len(sounds.layout.channels))
                chunk = av.AudioFrame.from_ndarray(pcm, "fltp", layout)
                chunk.sample_rate, chunk.pts, chunk.time_base = audio_rate, start, Fraction(1, audio_rate)
                for out in av.AudioResampler(sounds.format, sounds.layout, audio_rate).resample(chunk):
                    output.mux(sounds.encode(out))
            output.mux(sounds.encode(None))
    return path


def truth(path: Path) -> dict[str, int]:
    """What bare PyAV makes of a file: frames, chunks and packet bytes of its first video and audio stream."""
    found = {"frames": 0, "chunks": 0, "video_bytes": 0, "audio_bytes": 0, "samples": 0, "damaged": 0}
    # PyAV raises IndexError after the last packet of an input that grew a stream on the way.
    with suppress(IndexError), av.open(str(path)) as source:
        streams = [*source.streams.video[:1], *source.streams.audio[:1]]
        for packet in source.demux(streams):
            found[f"{packet.stream.type}_bytes"] += packet.size
            try:
                frames = packet.decode()
            except av.FFmpegError:
                found["damaged"] += 1
                continue
            for frame in frames:
                if isinstance(frame, av.VideoFrame):
                    found["frames"] += 1
                else:
                    found["chunks"] += 1
                    found["samples"] += frame.samples
    return found


def corrupt(path: Path, count: int, seed: int) -> None:
    """Overwrite `count` bytes of the media data with random ones; headers and index stay."""
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    first = data.index(b"mdat") + 8 if b"mdat" in data else min(4096, len(data) // 4)
    for at in rng.integers(first, len(data), count):
        data[at] = rng.integers(256)
    path.write_bytes(data)
