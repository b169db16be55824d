"""Any model of the YOLO family as an ONNX file: pictures in letterbox, and the three shapes its outputs come in.

Names of classes are taken from the file's metadata, as Ultralytics' export writes them. A file that says something else
than these models do is refused in one line.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .base import explain
from .events import Box
from .levels import Picture
from .sanitize import clean_line
from .vision_boxes import Edges, Scores, told
from .vision_onnx import Unusable, open_session

LEAST_SCORE = 0.25
MOST_IOU = 0.45  # both as Ultralytics' own tools have them
SIZE = 640
"""Pixels a side where neither the model nor its metadata tell."""
LARGEST = 2048
MOST_CLASSES = 10_000
_GREY = 114
_MOST_NUMBERS = 50_000_000
_MOST_METADATA = 1 << 20
_TASKS = ("detect", "segment", "pose")


class Layout(Enum):
    """What the numbers of an output are, for a picture of one batch."""

    CHANNELS_FIRST = "v8"
    """(1, 4 + classes [+ more], n): centre x, centre y, width, height, a score a class (YOLOv8, v9, v11)."""
    CHANNELS_LAST = "v8 transposed"
    """(1, n, 4 + classes): the same."""
    OBJECTNESS = "v5"
    """(1, n, 5 + classes): the same with the score of there being an object before the classes' (YOLOv5, v7)."""
    FINAL = "end to end"
    """(1, n, 6): left, top, right, bottom, score, class, doubles suppressed (YOLOv10, exports with NMS)."""


def layout_of(
    shape: tuple[int, ...], classes: int | None, width: int, height: int, final: bool = False
) -> tuple[Layout, int]:
    """The layout of an output of `shape`, and how many classes it has, for an input of `width` by `height`.

    ``classes`` and ``final`` (doubles suppressed): what the metadata says. Where that leaves two readings, the number
    of cells in the grids (strides 8 to 32, or to 64) decides.

    Raises:
        Unusable: it is none of the known ones.
    """
    shown = "x".join(map(str, shape))
    if len(shape) != 3 or shape[0] != 1:
        raise Unusable(f"its output is {shown}: no YOLO detector (those have 1xCxN, 1xNxC or 1xNx6)")
    _, a, b = shape
    grids = {sum((width // s) * (height // s) for s in strides) for strides in ((8, 16, 32), (8, 16, 32, 64))}
    if b == 6 and (final or a not in grids | {3 * n for n in grids}):
        return Layout.FINAL, classes or MOST_CLASSES
    if 4 < a < b and (classes is None or a >= 4 + classes):
        return Layout.CHANNELS_FIRST, classes or a - 4
    if 4 < b < a and classes is not None and b == 4 + classes:
        return Layout.CHANNELS_LAST, classes
    if a in grids:
        raise Unusable(
            f"its output is {shown}: one anchor a cell, not decoded (export it decoded, or as YOLOv8)"
        )
    if 5 < b < a and (classes is None or b >= 5 + classes):
        return Layout.OBJECTNESS, classes or b - 5
    named = "" if classes is None else f" with {classes} classes"
    raise Unusable(f"its output is {shown}{named}: no YOLO detector (those have 1xCxN, 1xNxC or 1xNx6)")


def decode(
    output: npt.NDArray[Any], layout: Layout, classes: int
) -> tuple[Edges, Scores, npt.NDArray[np.intp]]:
    """Edges in pixels of the network's input, the best class's score, and its number, one row a candidate."""
    rows = output[0].astype(np.float32, copy=False)
    if layout is Layout.FINAL:
        numbers = np.nan_to_num(rows[:, 5], nan=-1.0, posinf=-1.0, neginf=-1.0)
        return rows[:, :4], rows[:, 4], np.rint(np.clip(numbers, -1, MOST_CLASSES)).astype(np.intp)
    if layout is Layout.CHANNELS_FIRST:
        rows = rows.T
    first = 5 if layout is Layout.OBJECTNESS else 4
    scores = rows[:, first : first + classes]
    best = scores.argmax(axis=1)
    sure = scores[np.arange(len(scores)), best]
    if layout is Layout.OBJECTNESS:
        sure = sure * rows[:, 4]
    centre, half = rows[:, :2], rows[:, 2:4] / 2
    return np.hstack([centre - half, centre + half]), sure, best


def names_of(metadata: Mapping[str, str]) -> list[str] | None:
    """Names of classes in the order of their numbers, each one clean line; None where the file tells none.

    Raises:
        Unusable: what it tells can't be read, or is beyond the limit.
    """
    text = metadata.get("names", "")
    if not text:
        return None
    try:
        if len(text) > _MOST_METADATA:
            raise ValueError("too long")
        plain = ast.literal_eval(text)
        named: dict[int, Any] = plain if isinstance(plain, dict) else dict(enumerate(plain))
        if not all(isinstance(n, int) and 0 <= n < MOST_CLASSES for n in named):
            raise ValueError("numbers of classes out of range")
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise Unusable(f"its metadata 'names' can't be read: {explain(error)}") from None
    return [
        clean_line(str(named.get(n, f"class {n}")), 40) for n in range(max(named, default=-1) + 1)
    ] or None


def letterbox(picture: Picture, width: int, height: int) -> tuple[Picture, int, int]:
    """`picture` in the middle of a grey one of `width` by `height`, and where its left and top are in it."""
    high, wide = picture.shape[:2]
    left, top = (width - wide) // 2, (height - high) // 2
    whole = np.full((height, width, 3), _GREY, np.uint8)
    whole[top : top + high, left : left + wide] = picture
    return whole, left, top


@dataclass(frozen=True, slots=True)
class _Input:
    name: str
    width: int
    height: int
    kind: type[np.floating[Any]]


class Yolo:
    """The model in the ONNX file at `path`. Blocks while it is loaded, and while it looks.

    Raises:
        Unusable: it can't be loaded, or is no detector of the YOLO family.
    """

    def __init__(self, path: Path, least: float = LEAST_SCORE) -> None:
        self.name = clean_line(path.name, 60)
        self._session = open_session(path)
        self._least = least
        try:
            self._meet(self._session.get_modelmeta().custom_metadata_map)
        except Unusable as error:
            raise Unusable(f"{self.name}: {error}") from None

    def _meet(self, meta: Mapping[str, str]) -> None:
        """Find out what the model takes and gives, with a grey picture."""
        if (task := meta.get("task", "detect")) not in _TASKS:
            raise Unusable(f"its task is {clean_line(task, 20)}, not detection")
        self._input = self._read_input(meta)
        self._names = names_of(meta)
        grey = np.full((self._input.height, self._input.width, 3), _GREY, np.uint8)
        count = None if self._names is None else len(self._names)
        final = meta.get("end2end", "").lower() == "true"
        self._layout, self._classes = layout_of(
            self._run(grey).shape, count, self._input.width, self._input.height, final
        )

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The size at which a picture of `width` by `height` fits into the network's input, shape kept."""
        scale = min(self._input.width / width, self._input.height / height)
        fits = max(1, round(width * scale)), max(1, round(height * scale))
        return min(fits[0], self._input.width), min(fits[1], self._input.height)

    def detect(self, picture: Picture) -> tuple[Box, ...]:
        high, wide = picture.shape[:2]
        whole, left, top = letterbox(picture, self._input.width, self._input.height)
        output = self._run(whole)
        place = np.array([left, top, left, top], np.float32)
        extent = np.array([wide, high, wide, high], np.float32)
        names = self._names
        if names is None:
            names = [f"class {n}" for n in range(min(self._classes, MOST_CLASSES))]
        doubles = None if self._layout is Layout.FINAL else MOST_IOU
        with np.errstate(invalid="ignore", over="ignore"):
            edges, scores, classes = decode(output, self._layout, self._classes)
            edges = (edges - place) / extent
        return told(edges, scores, classes, names, least=self._least, most_iou=doubles)

    def _run(self, whole: Picture) -> npt.NDArray[Any]:
        planes = np.ascontiguousarray(whole.transpose(2, 0, 1)[None])
        pixels = planes.astype(self._input.kind) / self._input.kind(255)
        try:
            output = self._session.run(None, {self._input.name: pixels})[0]
        except Exception as error:  # onnxruntime's own kinds are many, and not public
            raise Unusable(f"it fails on a picture: {explain(error)}") from None
        if not isinstance(output, np.ndarray) or output.dtype.kind != "f" or output.size > _MOST_NUMBERS:
            raise Unusable("its output is no array of numbers, or too large")
        return output

    def _read_input(self, meta: Mapping[str, str]) -> _Input:
        inputs = self._session.get_inputs()
        kinds: dict[str, type[np.floating[Any]]] = {
            "tensor(float)": np.float32,
            "tensor(float16)": np.float16,
        }
        given = inputs[0]
        shape = list(given.shape)
        if len(inputs) != 1 or len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
            raise Unusable(f"its input is {'x'.join(map(str, shape))[:60]}: a picture is 1x3xHxW")
        if (kind := kinds.get(given.type)) is None:
            raise Unusable(
                f"its input is {clean_line(given.type, 40)}: only float and float16 are known here"
            )
        if isinstance(shape[0], int) and shape[0] != 1:
            raise Unusable(f"it takes {shape[0]} pictures at a time: export it for batches of 1")
        asked = _sizes(meta.get("imgsz", ""))
        height, width = (
            side if isinstance(side, int) and side > 0 else asked[n] for n, side in enumerate(shape[2:])
        )
        if not (32 <= height <= LARGEST and 32 <= width <= LARGEST):
            raise Unusable(f"its pictures are {width}x{height}: from 32 to {LARGEST} a side can be had")
        return _Input(given.name, width, height, kind)


def _sizes(text: str) -> tuple[int, int]:
    """Height and width from the metadata (``[640, 640]``)."""
    try:
        sides = ast.literal_eval(text[:100]) if text else [SIZE, SIZE]
        height, width = sides if isinstance(sides, list | tuple) else (sides, sides)
        return int(height), int(width)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return SIZE, SIZE
