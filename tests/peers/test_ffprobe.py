"""Our counts of a file beside ffprobe's: frames, packets, bytes and duration, for every codec that matters."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Figures, Kind, State
from midstream_adapters.media import MediaFile
from tests.adapters.recorder import Recorder
from tests.peers.peers import needs_ffmpeg

pytestmark = [
    pytest.mark.peer,
    needs_ffmpeg,
    pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed"),
]
PICTURES = "-f lavfi -i testsrc2=s=160x96:r=25:d=2".split()
SOUND = "-f lavfi -i aevalsrc=0.3*sin(880*PI*t)|0.2*sin(660*PI*t):s={rate}:d=2".split()


@dataclass(frozen=True)
class Case:
    """A file to make: its suffix tells the container; ``encoders`` are tried in turn."""

    name: str
    suffix: str
    codecs: tuple[str, ...]
    encoders: tuple[str, ...]
    audio: str = ""
    rate: int = 48_000
    within: float = 1e-6
    """Seconds that the two durations may differ."""


CASES = [
    Case("H264", "mp4", ("h264", "aac"), ("libx264 -preset ultrafast -bf 2",), "aac"),
    Case("H264 in MPEG-TS", "ts", ("h264", "mp3"), ("libx264 -preset ultrafast",), "libmp3lame"),
    Case("HEVC", "mp4", ("hevc",), ("libx265 -preset ultrafast -x265-params log-level=none:pools=1",)),
    Case("VP9", "webm", ("vp9", "opus"), ("libvpx-vp9 -deadline realtime -cpu-used 8",), "libopus"),
    Case("VP9 with hidden frames", "webm", ("vp9",), ("libvpx-vp9 -cpu-used 5 -auto-alt-ref 1 -lag-in-frames 16",)),
    Case("AV1", "mkv", ("av1",), ("libsvtav1 -preset 12", "libaom-av1 -cpu-used 8 -usage realtime")),
    Case("AAC", "m4a", ("aac",), (), "aac", 44_100),
    Case("AAC in ADTS", "aac", ("aac",), (), "aac", 44_100),
    Case("Opus", "ogg", ("opus",), (), "libopus"),
    # libav 8 takes LAME's delay and padding off an MP3's duration, ffprobe of before (Debian's) does not: two frames.
    Case("MP3", "mp3", ("mp3",), (), "libmp3lame", 44_100, 2 * 1152 / 44_100),
]  # fmt: skip


@cache
def encoders() -> frozenset[str]:
    """What this ffmpeg can encode to."""
    text = subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], capture_output=True, text=True, check=True)
    return frozenset(line.split()[1] for line in text.stdout.splitlines() if len(line.split()) > 2)


def make(folder: Path, case: Case) -> Path:
    """The file of `case`; a skip says which encoder is missing."""
    video = next((e for e in case.encoders if e.split()[0] in encoders()), None)
    if (case.encoders and video is None) or (case.audio and case.audio not in encoders()):
        pytest.skip(f"this ffmpeg has no encoder for {case.name}: {(*case.encoders, case.audio)}")
    command = ["ffmpeg", "-nostdin", "-v", "error"]
    command += PICTURES if video else []
    command += [word.format(rate=case.rate) for word in SOUND] if case.audio else []
    command += ["-c:v", *video.split(), "-pix_fmt", "yuv420p", "-threads", "1"] if video else []
    command += ["-c:a", case.audio, "-b:a", "64k"] if case.audio else []
    path = folder / f"clip.{case.suffix}"
    subprocess.run([*command, str(path)], check=True, timeout=60)
    return path


@dataclass(frozen=True)
class Counted:
    """What was counted of one elementary stream."""

    codec: str
    frames: int
    packets: int
    nbytes: int


def probed(path: Path) -> tuple[dict[Kind, Counted], float]:
    """ffprobe's counts by kind, and the container's duration in seconds."""
    show = "stream=index,codec_type,codec_name,nb_read_frames,nb_read_packets:packet=stream_index,size"
    command = ["ffprobe", "-v", "error", "-of", "json", "-count_frames", "-count_packets", "-show_packets"]
    command += ["-show_entries", f"{show}:format=duration", "-show_streams", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    counts = {}
    for stream in found["streams"]:
        sizes = [int(p["size"]) for p in found["packets"] if p["stream_index"] == stream["index"]]
        counts[Kind(stream["codec_type"])] = Counted(
            stream["codec_name"], int(stream["nb_read_frames"]), int(stream["nb_read_packets"]), sum(sizes)
        )
    return counts, float(found["format"]["duration"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_our_counts_are_those_of_ffprobe(case: Case, tmp_path: Path) -> None:
    path = make(tmp_path, case)
    theirs, duration = probed(path)
    assert tuple(theirs[kind].codec for kind in (Kind.VIDEO, Kind.AUDIO) if kind in theirs) == case.codecs
    sink = Recorder()
    source = MediaFile(path, "clip", Options(fast=True))
    await source.run(sink)
    assert State.LIVE in sink.states
    assert not sink.dropped
    figures = {name: value for event in sink.of(Figures) for name, value in event.values.items()}
    for kind, counted in theirs.items():
        frames = len(sink.frames if kind is Kind.VIDEO else sink.chunks)
        ours = Counted(counted.codec, frames, int(figures[f"{kind.value}_packets"]), sink.nbytes(kind))
        assert ours == counted
    assert source.media is not None
    assert source.media.duration == pytest.approx(duration, abs=case.within)
    if Kind.AUDIO in theirs:
        heard = sum(chunk.duration for chunk in sink.chunks)
        assert heard == pytest.approx(2.0, abs=0.15)  # encoders pad
