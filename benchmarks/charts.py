"""CPU time of one update of each chart beside libraries that draw the like, in one app and one run.

An update is what the dashboard does fifteen times a second: a new view, and the repaint that follows, up to and
including the bytes for the terminal (to a driver that throws them away). Widgets are of one size and take turns, so
that a slow moment hits all alike; the empty frame that Textual's compositor takes for any repaint is told and
subtracted. The peers show the same samples: a line of 500 with braille, a picture in half blocks.

    python benchmarks/charts.py [--updates 60] [--size 80x24]
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "widgets"), str(ROOT / "analysis"), str(ROOT / "adapters")]

import numpy as np  # noqa: E402
from rich.color import Color  # noqa: E402
from rich.style import Style  # noqa: E402
from rich.text import Text  # noqa: E402
from textual.app import App, ComposeResult  # noqa: E402
from textual.containers import Vertical  # noqa: E402
from textual.geometry import Region  # noqa: E402
from textual.pilot import Pilot  # noqa: E402
from textual.widget import Widget  # noqa: E402
from textual.widgets import Static  # noqa: E402

from benchmarks.panels import Discarding, settled  # noqa: E402
from midstream_tui.themes import DEFAULT_THEME, THEMES  # noqa: E402
from midstream_widgets.chart_views import Array, ChartView  # noqa: E402
from midstream_widgets.charts import (  # noqa: E402
    ObservableChart,
    VideoPreview,
)
from tests.widgets.chart_gallery import LEVELS, PANELS, SERIES, SOUND, TIMELINE, VIDEO, lorenz, voice  # noqa: E402

FRAME = "an empty frame (one cell)"
SAMPLES = 500
X = lorenz(4000)
VOICE = voice(40.0)


def views(name: str, view: ChartView) -> Iterator[ChartView]:
    """An endless series of views that differ as a tick at 15 Hz makes them differ."""
    assert VIDEO.image is not None
    for n in count(1):
        if name == "VideoPreview":
            yield replace(VIDEO, image=Array(np.roll(VIDEO.image.data, 3 * n, axis=1)))
        elif name in ("PhasePortrait", "RecurrencePlot"):
            x = X[7 * n % 3000 :][:SAMPLES].astype(np.float32)
            yield replace(view, points=Array(np.stack([x[:-16], x[8:-8], x[16:]], axis=1)))
        elif name == "ObservableChart":
            at = 2 * n % 3000
            yield replace(SERIES, values=Array(X[at : at + SAMPLES]), total=at + SAMPLES, marks=(), zoom=-1)
        elif name == "TokenTimeline":
            yield replace(TIMELINE, now=130.0 + n / 15)
        elif name in ("Waveform", "Spectrogram"):
            at = 1067 * n % (len(VOICE) // 2)
            yield replace(SOUND, samples=Array(VOICE[at : at + len(VOICE) // 2]), total=at + len(VOICE) // 2)
        elif name == "LevelMeter":
            yield replace(LEVELS, rms=-20.0 - n % 9, momentary=-19.0 - n % 7, total=LEVELS.total + 3 * n)
        else:
            yield replace(view, zoom=n % 4)


def half_blocks(image: np.ndarray[Any, np.dtype[np.uint8]]) -> Text:
    """A picture as a Rich text, as one writes it at first: a style for each cell."""
    text = Text()
    for top, bottom in zip(image[0::2], image[1::2], strict=False):
        for over, under in zip(top.tolist(), bottom.tolist(), strict=True):
            text.append("▀", Style.from_color(Color.from_rgb(*over), Color.from_rgb(*under)))
        text.append("\n")
    return text


class Bench(App[None]):
    """All charts and their peers, one below the other, of one size."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(driver_class=Discarding)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DEFAULT_THEME
        self.charts = {kind.__name__: kind(view) for kind, view in PANELS}
        self.peers: dict[str, Widget] = {"Static": Static()}
        self.missing: list[str] = []
        self.box = size
        for name, make in PEERS.items():
            try:
                self.peers[name] = make(size)
            except ImportError as error:
                self.missing.append(f"{name}: install the `bench` group ({error})")

    def compose(self) -> ComposeResult:
        with Vertical():
            yield from self.charts.values()
            yield from self.peers.values()

    def on_mount(self) -> None:
        for widget in (*self.charts.values(), *self.peers.values()):
            widget.styles.width, widget.styles.height = self.box


def _plotext(size: tuple[int, int]) -> Widget:
    from textual_plotext import PlotextPlot

    return PlotextPlot()


def _canvas(size: tuple[int, int]) -> Widget:
    from textual_hires_canvas import Canvas

    return Canvas(*size)


def _plot(size: tuple[int, int]) -> Widget:
    from textual_plot import PlotWidget

    return PlotWidget()


def _picture(size: tuple[int, int]) -> Widget:
    from textual_image.widget import HalfcellImage

    return HalfcellImage()


PEERS: dict[str, Callable[[tuple[int, int]], Widget]] = {
    "textual-plotext": _plotext,
    "textual-hires-canvas": _canvas,
    "textual-plot": _plot,
    "textual-image": _picture,
}


def peer_deeds(app: Bench) -> dict[str, Callable[[], object]]:
    """What a tick does to each peer."""
    deeds: dict[str, Callable[[], object]] = {}
    series, frames = views("ObservableChart", SERIES), views("VideoPreview", VIDEO)
    across, down = app.box

    def samples() -> np.ndarray[Any, np.dtype[np.float64]]:
        return next(series).values.data  # type: ignore[attr-defined]

    def picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
        return next(frames).image.data  # type: ignore[attr-defined]

    def static() -> None:
        image = picture()
        y = np.linspace(0, len(image) - 1, 2 * down).astype(int)
        x = np.linspace(0, image.shape[1] - 1, across).astype(int)
        app.peers["Static"].update(half_blocks(image[y][:, x]), layout=False)  # type: ignore[attr-defined]

    deeds["picture: Static of Rich text"] = static
    if (plotext := app.peers.get("textual-plotext")) is not None:

        def line() -> None:
            plotext.plt.clear_data()  # type: ignore[attr-defined]
            plotext.plt.plot(samples().tolist(), marker="braille")  # type: ignore[attr-defined]
            plotext.refresh()

        deeds["line: textual-plotext"] = line
    if (canvas := app.peers.get("textual-hires-canvas")) is not None:

        def strokes() -> None:
            y = samples()
            x = np.linspace(0, across - 1, len(y))
            y = (y.max() - y) / np.ptp(y) * (down - 1)
            canvas.reset()  # type: ignore[attr-defined]
            canvas.draw_hires_lines(zip(x, y, x[1:], y[1:], strict=False))  # type: ignore[attr-defined]

        deeds["line: textual-hires-canvas"] = strokes
    if (plot := app.peers.get("textual-plot")) is not None:
        from textual_hires_canvas import HiResMode

        def curve() -> None:
            y = samples()
            plot.clear()  # type: ignore[attr-defined]
            plot.plot(np.arange(len(y)), y, hires_mode=HiResMode.BRAILLE)  # type: ignore[attr-defined]

        deeds["line: textual-plot"] = curve
    if (shown := app.peers.get("textual-image")) is not None:
        from PIL import Image

        deeds["picture: textual-image half-cell"] = lambda: setattr(
            shown, "image", Image.fromarray(picture())
        )
    return deeds


async def measure(
    box: tuple[int, int], rounds: int
) -> tuple[dict[str, list[float]], dict[str, int], list[str]]:
    """Processor seconds of each update, bytes written in all, and the peers that are not installed."""
    app = Bench(box)
    times: dict[str, list[float]] = {}
    written: dict[str, int] = {}

    async def drive(pilot: Pilot[object]) -> None:
        deeds: dict[str, Callable[[], object]] = {
            "(nothing)": lambda: None,
            FRAME: lambda: app.charts["LevelMeter"].refresh(Region(0, 0, 1, 1)),
        }
        for name, chart in app.charts.items():
            each = views(name, chart.view)
            deeds[name] = lambda chart=chart, each=each: setattr(chart, "view", next(each))  # type: ignore[misc]
        deeds |= peer_deeds(app)
        for turn in range(rounds + 3):
            for name, deed in deeds.items():
                await settled()
                before, bytes_before = time.process_time(), Discarding.written
                deed()
                await settled()
                if turn >= 3:
                    times.setdefault(name, []).append(time.process_time() - before)
                    written[name] = written.get(name, 0) + Discarding.written - bytes_before
        app.exit()

    lines = len(app.charts) + len(app.peers)
    await app.run_async(headless=False, size=(box[0], box[1] * lines), mouse=False, auto_pilot=drive)
    return times, written, app.missing


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--updates", type=int, default=60)
    arguments.add_argument("--size", default="80x24", help="of each widget, its border included")
    chosen = arguments.parse_args()
    width, height = map(int, chosen.size.split("x"))
    times, written, missing = asyncio.run(measure((width, height), chosen.updates))
    # Means, for some charts change at every other tick only; of the quieter nine tenths, for the machine is shared.
    typical = {
        name: statistics.fmean(sorted(each)[: max(1, 9 * len(each) // 10)]) for name, each in times.items()
    }
    idle = typical["(nothing)"]
    frame = typical[FRAME] - idle
    ours = {"line": ObservableChart.__name__, "picture": VideoPreview.__name__}
    cost = {name: 1e3 * (each - idle - frame) for name, each in typical.items()}
    machine = f"{platform.machine()}, Python {platform.python_version()}, Textual {version('textual')}"
    print(f"_{machine}, widgets of {chosen.size}, trimmed means of {chosen.updates} updates; ")
    print(f"an empty frame (subtracted) takes {1e3 * frame:.2f} ms_\n")
    print("| update | CPU ms | 15 Hz, % of a core | against ours | bytes |\n|---|---:|---:|---:|---:|")
    for name, each in times.items():
        if name in (FRAME, "(nothing)"):
            continue
        mine = ours.get(name.partition(":")[0])
        ratio = f"{cost[name] / cost[mine]:.1f}x" if mine else ""
        print(
            f"| {name} | {cost[name]:.2f} | {1.5 * cost[name]:.1f} | {ratio} | {written[name] / len(each):.0f} |"
        )
    print(*missing, sep="\n")


if __name__ == "__main__":
    main()
