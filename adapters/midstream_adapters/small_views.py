"""The small view of a picture: some of its samples, in its own colours, painted in RGB only when somebody looks.

Most pictures are never looked at: a panel shows the newest of one stream, some times a second, while every picture of
every stream has its brightness and its motion taken. Both are in the samples of the luma. Importing this loads PyAV.
"""

from __future__ import annotations

import re
import threading

import av
import numpy as np
import numpy.typing as npt
from av.video.format import VideoFormat
from av.video.plane import VideoPlane
from av.video.reformatter import Interpolation, VideoReformatter

from .levels import Picture

_PLANAR = re.compile(r"yuv(j?4\d\dp)(?:(9|1\d)le)?")
"""libav's names of planar YUV, with the bits of a sample where they are more than eight."""
Planes = tuple[Picture, Picture, Picture]
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG


class SmallView:
    """One picture's samples; call it for the RGB picture. May be called from any thread, and paints only once."""

    __slots__ = ("_colours", "_image", "_painter", "_planes", "_turns", "full_range")

    def __init__(
        self, painter: Painter, planes: Planes, colours: tuple[int, int], full_range: bool, turns: int
    ) -> None:
        self._painter, self._planes, self._colours, self._turns = painter, planes, colours, turns
        self.full_range = full_range
        """Whether luma is 0..255, not 16..235."""
        self._image: Picture | None = None

    @property
    def luma(self) -> Picture:
        """Luma as coded, shape (h, w), before the picture is turned upright."""
        return self._planes[0]

    def __call__(self) -> Picture:
        """The view in RGB, upright: uint8, shape (h, w, 3), read-only. Always the same array."""
        with self._painter.lock:
            if self._image is None:
                image = self._painter.paint(self._planes, *self._colours)
                if self._turns:
                    image = np.ascontiguousarray(np.rot90(image, self._turns))
                image.flags.writeable = False
                self._image = image
        return self._image


class Sampler:
    """Takes the small views of the pictures of one stream. One thread at a time.

    Each sample is one of the picture, from the middle of those it stands for. Nothing is averaged, so that the mean
    of the differences of two views is an estimate of the whole pictures' (averaging neighbours first gives half of it
    where the picture is fine or noisy), as the mean of the luma is of the whole luma; only a pattern that repeats with
    the step of the samples, such as every other line, is seen as one of its phases. What costs is not the arithmetic
    but to fetch a decoded picture's lines from memory.
    """

    def __init__(self) -> None:
        self._form: tuple[str, int, int, int, int] | None = None
        self._painter: Painter | None = None
        self._bits = 8
        self._cuts: list[_Cut] = []
        self._lines = 0, 0, 0

    def take(self, frame: av.VideoFrame, width: int, height: int, turns: int = 0) -> SmallView | None:
        """The view of `frame`, `width` by `height` samples, to be turned by `turns` quarters counterclockwise.

        None for what is no planar YUV in this machine's memory: it has to be converted whole.
        """
        form = frame.format.name, frame.width, frame.height, width, height
        if form != self._form:
            self._begin(frame.format, width, height)
            self._form = form
        painter, planes = self._painter, frame.planes
        if painter is None or len(planes) != 3:
            return None
        y, u, v = planes
        lines = y.line_size, u.line_size, v.line_size
        if lines != self._lines:
            if min(lines) <= 0:  # upside down in memory
                return None
            self._cuts = [
                _Cut(plane, *size, self._bits) for plane, size in zip(planes, painter.sizes, strict=True)
            ]
            self._lines = lines
        cut_y, cut_u, cut_v = self._cuts
        colours = frame.color_range, frame.colorspace
        full = colours[0] == _FULL_RANGE or painter.full_range
        return SmallView(painter, (cut_y(y), cut_u(u), cut_v(v)), colours, full, turns)

    def _begin(self, form: VideoFormat, width: int, height: int) -> None:
        found = _PLANAR.fullmatch(form.name)
        self._painter = Painter(f"yuv{found[1]}", width, height) if found else None
        self._bits = int(found[2] or 8) if found else 8
        self._lines = 0, 0, 0


class _Cut:
    """Where in the memory of planes like `plane` a view's samples are: each in the middle of what it stands for."""

    def __init__(self, plane: VideoPlane, width: int, height: int, bits: int) -> None:
        line = plane.line_size
        self._bits = bits
        self._dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
        size = self._dtype.itemsize
        (across, more), (down, rest) = divmod(plane.width, width), divmod(plane.height, height)
        self._places: npt.NDArray[np.intp] | None = None
        if more or rest:  # not every so many: each has its place
            self._shape, self._offset, self._strides = (plane.height, line // size), 0, (line, size)
            rows = (np.arange(height) * 2 + 1) * plane.height // (2 * height)
            columns = (np.arange(width) * 2 + 1) * plane.width // (2 * width)
            self._places = rows[:, None] * self._shape[1] + columns
        else:
            self._shape, self._strides = (height, width), (down * line, across * size)
            self._offset = down // 2 * line + across // 2 * size

    def __call__(self, plane: VideoPlane) -> Picture:
        """The samples of `plane`, in 8 bits."""
        grid = np.ndarray(self._shape, self._dtype, plane, self._offset, self._strides)  # type: ignore[arg-type]
        samples: Picture = grid.copy() if self._places is None else grid.take(self._places, mode="clip")
        return samples if self._bits == 8 else (samples >> (self._bits - 8)).astype(np.uint8)


class Painter:
    """Turns samples of one format (8-bit planar YUV named `name`) and size into RGB. Hold `lock` meanwhile."""

    def __init__(self, name: str, width: int, height: int) -> None:
        self.full_range = name.startswith("yuvj")
        self.lock = threading.Lock()
        self._canvas = av.VideoFrame(width, height, name)
        self._reformatter = (
            VideoReformatter()
        )  # one for good: each new one leaks a little and has to be set up
        self.sizes = [(plane.width, plane.height) for plane in self._canvas.planes]

    def paint(self, planes: Planes, colour_range: int, colour_space: int) -> Picture:
        """The picture of these planes; libav's numbers say how its colours are coded."""
        canvas = self._canvas
        for plane, samples in zip(canvas.planes, planes, strict=True):
            memory = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]  # it is a buffer
            memory.reshape(plane.height, plane.line_size)[:, : plane.width] = samples
        canvas.color_range, canvas.colorspace = colour_range, colour_space
        painted = self._reformatter.reformat(
            canvas, format="rgb24", interpolation=Interpolation.POINT, threads=1
        )
        picture: Picture = painted.to_ndarray()  # type: ignore[assignment]  # rgb24 is always uint8
        return picture
