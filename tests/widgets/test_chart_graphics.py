"""Video through the terminal's graphics: asked for by name, painted with boxes, and refused with what to do."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from midstream_widgets.chart_views import ObjectBox
from midstream_widgets.charts import VideoPreview, graphics
from tests.widgets.chart_gallery import VIDEO
from tests.widgets.chart_reading import Alone, text_of

installed = pytest.mark.skipif(
    __import__("importlib.util").util.find_spec("textual_image") is None,
    reason="textual-image is not installed (the extra `graphics`)",
)


@pytest.fixture(autouse=True)
def _half_blocks_again() -> Iterator[None]:
    yield
    graphics.enable("off")


def test_a_wrong_choice_and_a_missing_package_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(graphics.GraphicsError, match="one of off, auto, kitty, sixel, not 'tektronix'"):
        graphics.enable("tektronix")
    monkeypatch.setitem(sys.modules, "textual_image", None)
    with pytest.raises(graphics.GraphicsError, match=r"midstream-tui\[graphics\]"):
        graphics.enable("kitty")
    assert VideoPreview.painter is None


@installed
def test_a_terminal_without_graphics_keeps_half_blocks() -> None:
    with pytest.raises(graphics.GraphicsError, match="neither kitty's graphics nor sixel"):
        graphics.enable("auto")  # pytest's output is no terminal
    assert VideoPreview.painter is None


@installed
async def test_kittys_protocol_carries_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = io.StringIO()
    monkeypatch.setattr(sys, "__stdout__", sent)
    graphics.enable("kitty")
    chart = VideoPreview(replace(VIDEO, image=None, reason="no picture yet"))
    async with Alone(chart).run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        assert "\x1b_G" not in sent.getvalue()
        assert any("no picture yet" in line for line in text_of(chart._shown))
        chart.view = VIDEO
        await pilot.pause()
        await pilot.pause()
        assert "\x1b_G" in sent.getvalue()
        (child,) = chart.children
        assert child.size == (56, 16), "16:9 as half blocks would have it"
        assert text_of(chart._shown)[0].startswith("1280x720")
        assert "▀" not in "".join(text_of(chart._shown))
        await pilot.resize_terminal(40, 14)
        await pilot.pause()
        assert child.size.width <= 36


def test_boxes_are_painted_over_a_larger_picture() -> None:
    pytest.importorskip("PIL", reason="Pillow comes with the extra `graphics`")
    image = np.zeros((30, 40, 3), np.uint8)
    boxes = (ObjectBox("cat", 0.9, 0.25, 0.5, 0.75, 1.0), ObjectBox("?", 0.1, float("nan"), 0, 1, 1))
    picture = np.asarray(graphics.painted(image, boxes, "#ff0000"))
    assert picture.shape == (30 * graphics.SCALE, 40 * graphics.SCALE, 3)
    red = np.flatnonzero((picture[75] == (255, 0, 0)).all(axis=1))
    assert red.min() in (29, 30)
    assert red.max() in (89, 90)
    assert not picture[:40].any()
