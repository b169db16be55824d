"""Live video preview in half blocks, with the boxes of an object detector over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.reactive import var
from textual.widget import Widget

from midstream_widgets import formats
from midstream_widgets.chart_views import ObjectBox, VideoView
from midstream_widgets.charts.axes import seconds
from midstream_widgets.charts.base import HEADED, ChartPanel, headed
from midstream_widgets.charts.graphics import painted
from midstream_widgets.charts.pixels import Canvas, packed, quantised, resized
from midstream_widgets.lines import Row, Span, cut

BOX_INKS = ((240, 228, 66), (86, 180, 233), (230, 159, 0), (204, 121, 167), (64, 208, 148))
"""Frames lie on the picture, not on the theme: bright ones, told apart by colour-blind eyes too (Okabe & Ito 2008)."""
LABEL = (0, 0, 0)
"""What is written on them."""


class VideoPreview(ChartPanel[VideoView]):
    """The newest picture, its shape kept, as large as there is room."""

    DEFAULT_CSS = """
    VideoPreview { align: center middle; }
    """

    TITLE = "Video"
    view = var(VideoView(), init=False)

    painter: ClassVar[Callable[[], Widget] | None] = None
    """What paints in the terminal's own graphics, where `graphics.enable` was asked for it; None: half blocks."""

    _drawn: Widget | None = None
    _room = (0, 0)

    def compose(self) -> ComposeResult:
        if (make := type(self).painter) is not None:
            self._drawn = make()
            yield self._drawn

    def on_mount(self) -> None:
        self._paint_picture()

    def on_resize(self) -> None:
        self._paint_picture()

    def watch_view(self) -> None:
        super().watch_view()
        self._paint_picture()

    def _paint_picture(self) -> None:
        """Give the picture to the terminal's graphics, in the room that half blocks would take."""
        child, view = self._drawn, self.view
        if child is None or not child.is_attached:
            return
        child.display = view.image is not None and not view.reason
        if view.image is None or view.reason or not self.size:
            return
        image = view.image.data
        across, down = fitted(
            image.shape[1], image.shape[0], self.size.width, max(2, 2 * (self.size.height - 2))
        )
        if self._room != (across, down):
            self._room = across, down
            child.styles.width, child.styles.height = across, max(1, down // 2)
        ink = "#{:02x}{:02x}{:02x}".format(*BOX_INKS[0])
        child.image = painted(image, view.boxes, ink)  # type: ignore[attr-defined]

    def draw(self, view: VideoView, width: int, height: int) -> list[Row]:
        assert view.image is not None
        head = height >= HEADED
        if self._drawn is not None:
            return headed([], self._figures(view), self._seen(view), width)
        image = view.image.data
        across, down = fitted(image.shape[1], image.shape[0], width, 2 * (height - head))
        canvas = Canvas(quantised(resized(image, across, down)))
        self._boxes(canvas, view.boxes)
        left = (width - across) // 2
        above = (height - head - down // 2) // 2
        rows = [Row()] * above + canvas.rows([((" " * left, ""),)] * canvas.height)
        return headed(rows, self._figures(view), self._seen(view), width) if head else rows

    @staticmethod
    def _figures(view: VideoView) -> Row:
        size = f"{view.width}x{view.height}" if view.width else "size unknown"
        spans: list[Span] = [(size, "value")]
        if view.fps is not None:
            spans += [("  ", ""), (formats.frames(view.fps), "value"), (" fps", "label")]
        return Row(tuple(spans))

    @staticmethod
    def _seen(view: VideoView) -> Row:
        if view.looked is None:
            return Row()
        if not view.boxes:
            return Row((("no objects", "label"), (f", looked {seconds(view.looked)} ago", "muted")))
        counts: dict[str, int] = {}
        for box in view.boxes:
            counts[box.label] = counts.get(box.label, 0) + 1
        names = ", ".join(f"{n} {label}" if n > 1 else label for label, n in counts.items())
        return Row(((cut(names, 60), "label"),))

    def _boxes(self, canvas: Canvas, boxes: tuple[ObjectBox, ...]) -> None:
        """Frames first, then labels, so that no frame crosses a label; surer objects over less sure ones."""
        inks: dict[str, int] = {}
        for box in sorted(boxes, key=lambda box: box.score):
            inks.setdefault(box.label, packed(BOX_INKS[len(inks) % len(BOX_INKS)]))
        placed = [(box, cells) for box in sorted(boxes, key=lambda box: box.score)
                  if (cells := box_cells(box, canvas.width, canvas.height)) is not None]  # fmt: skip
        for box, (left, top, right, bottom) in placed:
            ink = inks[box.label]
            inner = max(0, right - left - 1)
            if top == bottom:
                canvas.text(left, top, "╶" + "─" * inner + "╴", ink)
                continue
            if left == right:
                for y in range(top, bottom + 1):
                    canvas.text(left, y, "│", ink)
                continue
            canvas.text(left, top, "┌" + "─" * inner + "┐", ink)
            canvas.text(left, bottom, "└" + "─" * inner + "┘", ink)
            for y in range(top + 1, bottom):
                canvas.text(left, y, "│", ink)
                canvas.text(right, y, "│", ink)
        for box, (left, top, _, _) in placed:
            track = f" #{box.track}" if box.track is not None else ""
            label = cut(f"{box.label}{track} {formats.percent(box.score)}", canvas.width)
            at = min(left, max(0, canvas.width - len(label)))
            canvas.text(at, top, label, packed(LABEL), inks[box.label])


def fitted(wide: int, high: int, width: int, height: int) -> tuple[int, int]:
    """The largest size with the shape of ``wide`` x ``high`` in ``width`` x ``height`` pixels; an even height."""
    scale = min(width / wide, height / high)
    across = min(width, max(1, round(wide * scale)))
    down = min(height, max(2, 2 * round(high * scale / 2)))
    return across, down - down % 2


def box_cells(box: ObjectBox, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom cell of ``box`` in a picture of ``width`` x ``height`` cells; None when outside."""
    edges = (box.left, box.top, box.right, box.bottom)
    if not all(np.isfinite(edges)) or box.right < 0 or box.bottom < 0 or box.left > 1 or box.top > 1:
        return None
    left, right = (min(width - 1, int(min(1.0, max(0.0, x)) * width)) for x in sorted((box.left, box.right)))
    top, bottom = (
        min(height - 1, int(min(1.0, max(0.0, y)) * height)) for y in sorted((box.top, box.bottom))
    )
    return left, top, right, bottom
