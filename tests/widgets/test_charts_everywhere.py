"""Every chart at every size, with whatever its types allow; and that only what changed is painted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rich.cells import cell_len

from midstream_widgets.chart_views import (
    Array,
    ChartView,
    Distribution,
    LatencyView,
    LevelsView,
    Mark,
    ObjectBox,
    PortraitView,
    SeriesView,
    SoundView,
    TimelineView,
    TurnBar,
    VideoView,
)
from midstream_widgets.charts import (
    ChartPanel,
    LatencyHistogram,
    LevelMeter,
    ObservableChart,
    PhasePortrait,
    RecurrencePlot,
    Spectrogram,
    TokenTimeline,
    Waveform,
)
from midstream_widgets.charts.pixels import Cells
from tests.widgets.chart_gallery import PANELS, SOUND, TIMELINE, turn
from tests.widgets.chart_reading import Alone


def without_app(kind: type[ChartPanel[Any]]) -> ChartPanel[Any]:
    """A chart that takes its colours from nowhere."""
    plain = {"colour": lambda self, name, fallback="": (10, 20, 30), "paper": (0, 0, 0)}
    return type(kind.__name__, (kind,), plain)()


ODD = st.floats(allow_nan=True, allow_infinity=True)
TIMES = st.none() | st.floats(-10, 1e6)


@st.composite
def hostile(draw: st.DrawFn, kind: type[ChartPanel[Any]]) -> ChartView:
    """A view of a chart with whatever its types allow."""
    zoom = draw(st.integers(-20, 40))
    text = draw(st.sampled_from(["", "x", "日本語のモデル名です", "a\nb\x1b[31m", "long " * 30]))
    common: dict[str, Any] = {"stream": text, "reason": "", "zoom": zoom}
    floats = draw(hnp.arrays(np.float64, st.integers(0, 60), elements=ODD))
    total = len(floats) + draw(st.integers(0, 10**6))
    if kind in (PhasePortrait, RecurrencePlot):
        points = draw(
            hnp.arrays(np.float32, st.tuples(st.integers(0, 40), st.just(3)), elements=st.floats(width=32))
        )
        return PortraitView(**common, points=Array(points), unit=text)
    if kind is ObservableChart:
        marks = tuple(Mark(draw(st.integers(-5, total + 5)), text) for _ in range(2))
        dt = draw(st.sampled_from([1.0, 1e-9, 1e9]))
        return SeriesView(
            **common, values=Array(floats), total=total, dt=dt, step="s", unit=text, marks=marks
        )
    if kind is LatencyHistogram:
        found = Distribution(text, text, Array(np.abs(np.nan_to_num(floats))), Array(floats))
        return LatencyView(**common, distributions=(found,) * draw(st.integers(1, 2)))
    if kind is TokenTimeline:
        bars = tuple(
            TurnBar(text, text, draw(st.floats(-10, 1e6)), draw(TIMES), draw(TIMES), draw(TIMES), draw(TIMES),
                    draw(st.none() | st.integers(0, 10**9)), draw(st.booleans()), text, (1.0, 2.0))
            for _ in range(draw(st.integers(0, 4)))
        )  # fmt: skip
        return TimelineView(**common, now=draw(st.floats(0, 1e6)), turns=bars)
    if kind in (Waveform, Spectrogram):
        samples = draw(
            hnp.arrays(np.float32, st.integers(0, 3000), elements=st.floats(width=32), fill=st.just(0.5))
        )
        rate = draw(st.sampled_from([1, 8000, 48_000]))
        return SoundView(**common, samples=Array(samples), total=len(samples) + total, rate=rate, source=text)
    if kind is LevelMeter:
        names = ("momentary", "short_term", "integrated", "true_peak", "rms", "peak")
        known = {name: draw(st.none() | ODD) for name in names}
        return LevelsView(**common, **known, history=Array(floats), total=total)
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    objects = tuple(
        ObjectBox(text, *(draw(ODD) for _ in range(5)), draw(st.none() | st.integers())) for _ in range(2)
    )
    return VideoView(**common, image=Array(np.full((height, width, 3), 7, np.uint8)), boxes=objects,
                     fps=draw(st.none() | ODD), looked=draw(st.none() | st.floats(0, 1e9)))  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind, _ in PANELS], ids=lambda kind: kind.__name__)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(data=st.data(), width=st.integers(1, 196), height=st.integers(1, 58))
def test_no_size_and_no_value_breaks_a_chart(
    kind: type[ChartPanel[Any]], data: st.DataObject, width: int, height: int
) -> None:
    chart = without_app(kind)
    view = data.draw(hostile(kind))
    rows = chart.rows(view, width, height)
    assert len(rows) <= height
    for row in rows:
        # What is too wide is text, which the panel cuts with an ellipsis; pictures and plots are exact.
        if isinstance(row.key, Cells):
            assert sum(cell_len(text) for text, _ in row.spans) + len(row.key.text) <= width
            assert cell_len(row.key.text) == len(row.key.text)
            assert len(row.key.ink) == len(row.key.paper) == 4 * len(row.key.text)
    least, most = chart.zooms(view)
    assert least <= 0 <= most


@pytest.mark.parametrize("theme", ["midstream", "midstream-light", "ansi-dark"])
@pytest.mark.parametrize("kind", [kind for kind, _ in PANELS], ids=lambda kind: kind.__name__)
async def test_every_chart_paints_at_every_size_and_cuts_with_an_ellipsis(
    kind: type[ChartPanel[Any]], theme: str
) -> None:
    view = dict(PANELS)[kind]
    chart = kind(view)
    app = Alone(chart, theme)
    async with app.run_test(size=(20, 4)) as pilot:
        for size in ((20, 4), (200, 60), (24, 6), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            strips = app.screen._compositor.render_strips()
            assert len(strips) == size[1]
            assert all(strip.cell_length == size[0] for strip in strips)
            assert chart.overflow == 0
        chart.view = replace(view, reason="no video on this stream, " * 20)
        await pilot.resize_terminal(20, 4)
        await pilot.pause()
        assert any("…" in strip.text for strip in app.screen._compositor.render_strips())
        chart.view = type(view)(reason="needs 64 samples, has 12")
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert any("needs 64 samples, has 12" in s.text for s in app.screen._compositor.render_strips())


async def test_only_lines_that_differ_are_painted() -> None:
    chart = TokenTimeline(TIMELINE)
    async with Alone(chart).run_test(size=(100, 20)) as pilot:
        await pilot.pause()
        painted: list[int] = []
        render_line = chart.render_line
        chart.render_line = lambda y: painted.append(y) or render_line(y)  # type: ignore[method-assign,func-returns-value]
        chart.view = replace(TIMELINE)
        await pilot.pause()
        assert painted == []
        more = turn(9, 127.0, 0.5, 0, 2.0, 30)
        chart.view = replace(TIMELINE, turns=(*TIMELINE.turns[:-1], more))
        await pilot.pause()
        assert len(painted) == 1


async def test_another_theme_recolours_pictures_of_values() -> None:
    chart = Spectrogram(SOUND)
    app = Alone(chart)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        dark = chart._all[3].key
        app.theme = "midstream-light"
        await pilot.pause()
        light = chart._all[3].key
        assert isinstance(dark, Cells)
        assert isinstance(light, Cells)
        assert dark.text == light.text
        assert dark.ink != light.ink
