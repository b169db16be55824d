"""Make tests/analysis/video_motion.npz: what the dashboard's `motion` observable is on ffmpeg's own test pictures.

    python -m benchmarks.analysis_video_motion [OUT.npz]

Each is encoded by the ffmpeg program, decoded again, and measured as the video tap measures it: the mean absolute
difference between small views of successive frames (0..255), a value a frame. Arrays (1000,) of float32 are named
PICTURE_SIZE_RATE. None of them is chaos: pictures move on schedules, and encoders forget at theirs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from midstream_adapters.levels import picture_levels
from midstream_adapters.taps import view_size

FRAMES = 1000
PICTURES = ("testsrc", "testsrc2", "sierpinski", "cellauto", "rgbtestsrc", "gradients")
ENCODINGS = (  # size, frames a second, encoder, frames from one key frame to the next
    ("320x240", 25, "libx264", 250),
    ("352x288", 24, "libx264", 48),
    ("480x270", 15, "mpeg4", 12),
    ("320x240", 30, "libvpx", 60),
)
FAST = {
    "libx264": ("-preset", "ultrafast"),
    "libvpx": ("-deadline", "realtime", "-cpu-used", "8"),
    "mpeg4": (),
}


def motion(path: Path) -> np.ndarray:
    """`motion` of every frame of a file but the first."""
    values, before, scaler = [], None, VideoReformatter()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            width, height = view_size(frame.width, frame.height)
            view = scaler.reformat(frame, width, height, "rgb24").to_ndarray()
            level = picture_levels(view, before)[1]
            before = view
            if level is not None:
                values.append(level)
    return np.array(values, np.float32)


def main(out: Path) -> None:
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for picture in PICTURES:
            for size, rate, encoder, key in ENCODINGS:
                path = Path(folder) / f"{picture}.mkv"
                source = (
                    "-f",
                    "lavfi",
                    "-i",
                    f"{picture}=size={size}:rate={rate}",
                    "-frames:v",
                    str(FRAMES + 1),
                )
                codec = ("-c:v", encoder, "-g", str(key), *FAST[encoder], "-pix_fmt", "yuv420p")
                subprocess.run(
                    ["ffmpeg", "-loglevel", "error", "-y", "-threads", "1", *source, *codec, str(path)],
                    check=True,
                )
                found[f"{picture}_{size}_{rate}"] = motion(path)
    np.savez_compressed(out, **found)


if __name__ == "__main__":
    default = Path(__file__).parent.parent / "tests" / "analysis" / "video_motion.npz"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
