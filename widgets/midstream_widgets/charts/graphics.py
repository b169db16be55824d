"""Video through the terminal's own graphics (kitty's protocol, sixel): optional, by the package ``textual-image``.

Half blocks work everywhere and cost less (see ``benchmarks/charts.py``), so this is for those who ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image
    from textual.widget import Widget

    from midstream_widgets.chart_views import ObjectBox

CHOICES = ("off", "auto", "kitty", "sixel")
SCALE = 3
"""Pixels that one of the small view becomes, so that frames and labels of objects are fine enough to be read."""


class GraphicsError(Exception):
    """The terminal's graphics can't be used; the text says what to do."""


def enable(asked: str) -> None:
    """Let every video preview made from now on use the terminal's graphics, as ``asked``: one of `CHOICES`.

    Call it before the app runs: ``auto`` asks the terminal, which answers through the keyboard's own channel.
    Raises GraphicsError where that is not possible, and leaves half blocks in use.
    """
    from midstream_widgets.charts.video import VideoPreview

    VideoPreview.painter = _painter(asked)


def _painter(asked: str) -> Callable[[], Widget] | None:
    if asked not in CHOICES:
        raise GraphicsError(f"graphics is one of {', '.join(CHOICES)}, not {asked!r}")
    if asked == "off":
        return None
    try:
        from textual_image import renderable, widget
    except ImportError:
        raise GraphicsError(
            "terminal graphics need a package: pip install 'midstream-tui[graphics]'"
        ) from None
    found: dict[str, Any] = {"kitty": widget.TGPImage, "sixel": widget.SixelImage}
    if asked == "auto":
        told = {renderable.TGPImage: "kitty", renderable.SixelImage: "sixel"}.get(renderable.Image)
        if told is None:
            raise GraphicsError(
                "this terminal told of neither kitty's graphics nor sixel; if it has one, ask for it by name"
            )
        asked = told
    return found[asked]  # type: ignore[no-any-return]


def painted(image: npt.NDArray[np.uint8], boxes: tuple[ObjectBox, ...], ink: str) -> Image:
    """``image`` (h, w, 3) as a larger picture with frames and labels of ``boxes`` in the colour ``ink`` (CSS)."""
    import math

    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    picture = Image.fromarray(image).resize((SCALE * width, SCALE * height), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(picture)
    for box in sorted(boxes, key=lambda box: box.score):
        edges = (box.left, box.top, box.right, box.bottom)
        if not all(map(math.isfinite, edges)):
            continue
        left, right = sorted(min(max(x, 0.0), 1.0) * (picture.width - 1) for x in (box.left, box.right))
        top, bottom = sorted(min(max(y, 0.0), 1.0) * (picture.height - 1) for y in (box.top, box.bottom))
        draw.rectangle((left, top, right, bottom), outline=ink, width=2)
        label = f"{box.label} {box.score:.0%}".encode(
            "ascii", "replace"
        ).decode()  # the built-in font's letters
        at = (left + 3, top + 3)
        draw.rectangle(draw.textbbox(at, label), fill="black")
        draw.text(at, label, fill=ink)
    return picture
