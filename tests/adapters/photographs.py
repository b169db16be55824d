"""Photographs that nobody here took: those in the scikit-image wheel, and a film of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np

from midstream_adapters.levels import Picture

TOP = {
    "astronaut.png": "person",
    "chelsea.png": "cat",
    "coffee.png": "cup",
    "motorcycle_left.png": "motorcycle",
}
"""What is to be seen first of all, by file."""


def photograph(name: str) -> Path:
    """The path of a photograph of the wheel; nothing is fetched."""
    found = find_spec("skimage")
    assert found is not None, "install the dependency group dev"
    assert found.origin is not None
    return Path(found.origin).parent / "data" / name


def frame_of(name: str) -> av.VideoFrame:
    """A photograph as libav decodes it."""
    with av.open(str(photograph(name))) as source:
        return next(source.decode(video=0)).reformat(format="rgb24")


def pixels_of(name: str, width: int, height: int) -> Picture:
    """A photograph at that size: RGB, uint8, shape (height, width, 3)."""
    return frame_of(name).reformat(width, height).to_ndarray()  # type: ignore[return-value]


def make_film(
    path: Path,
    names: Sequence[str] = tuple(TOP),
    *,
    seconds: float = 1.0,
    rate: int = 25,
    size: tuple[int, int] = (320, 240),
) -> Path:
    """A film that pans over each photograph for `seconds`, H.264, a key frame a second."""
    width, height = size
    with av.open(str(path), "w") as output:
        stream = output.add_stream(
            "libx264", rate=rate, options={"preset": "ultrafast", "threads": "1", "g": str(rate)}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        number = 0
        for name in names:
            whole = frame_of(name)
            margin = 1.12
            scale = max(width * margin / whole.width, height * margin / whole.height)
            large = whole.reformat(round(whole.width * scale), round(whole.height * scale)).to_ndarray()
            room = np.array([large.shape[1] - width, large.shape[0] - height])
            for n in range(round(seconds * rate)):
                left, top = (room * n / (seconds * rate)).astype(int)
                view = np.ascontiguousarray(large[top : top + height, left : left + width])
                frame = av.VideoFrame.from_ndarray(view, "rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, rate)
                number += 1
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path
