"""Clips of which it is known what is wrong with them and when, made by the ffmpeg command."""

from __future__ import annotations

import subprocess
from pathlib import Path

from midstream_adapters.base import Backoff, Options, supervise
from midstream_adapters.events import Impairment
from midstream_adapters.media import open_source
from tests.adapters.recorder import Recorder

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25")
MOVING = "testsrc2=s=192x108:r=25"


def ffmpeg(*arguments: str) -> str:
    """Run ffmpeg; return what it logs."""
    command = ["ffmpeg", "-hide_banner", "-nostats", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def make(path: Path, video: str | None, audio: str | None, *how: str) -> Path:
    """Encode lavfi graphs to `path`."""
    inputs = [part for graph in (video, audio) if graph for part in ("-f", "lavfi", "-i", graph)]
    ffmpeg(*inputs, *(X264 if video else ()), *how, str(path))
    return path


async def watch(path: Path) -> Recorder:
    """Everything that MidStream says of a file."""
    sink = Recorder()
    await supervise(
        open_source(str(path), "clip", Options(fast=True))[0], sink, Options(), Backoff(attempts=1)
    )
    return sink


def ended(sink: Recorder, what: str | None = None) -> list[Impairment]:
    """The impairments that are over."""
    return [e for e in sink.of(Impairment) if e.ended is not None and what in (None, e.what)]
