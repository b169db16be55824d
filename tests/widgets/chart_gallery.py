"""The charts with fixed views: what the snapshots show, and what the benchmark drives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from textual.app import App, ComposeResult
from textual.containers import Grid

from midstream_tui.themes import DEFAULT_THEME, THEMES
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
    VideoPreview,
    Waveform,
)

RATE = 16_000


def lorenz(n: int) -> npt.NDArray[np.float64]:
    """x of the Lorenz system (10, 28, 8/3), every 0.02 units of time after a transient."""
    state = np.array([1.0, 1.0, 20.0])
    out = np.empty(n)
    for k in range(-500, 4 * n):
        x, y, z = state
        state = state + 0.005 * np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])
        if k >= 0 and k % 4 == 0:
            out[k // 4] = state[0]
    return out


def embedded(x: npt.NDArray[np.float64], delay: int) -> Array:
    m = len(x) - 2 * delay
    return Array(np.stack([x[:m], x[delay : delay + m], x[2 * delay :]], axis=1).astype(np.float32))


def voice(seconds: float) -> npt.NDArray[np.float32]:
    """Harmonics on a wandering pitch in syllables, with pauses."""
    t = np.arange(int(seconds * RATE)) / RATE
    pitch = 180 * 2 ** (0.5 * np.sin(2 * np.pi * 0.35 * t) + 0.08 * np.sin(2 * np.pi * 5.5 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tune = sum(np.sin(k * phase) / k for k in range(1, 18))
    loud = np.clip(np.sin(2 * np.pi * 1.7 * t), 0, 1) ** 0.6 * (np.sin(2 * np.pi * 0.23 * t) > -0.6)
    breath = 0.004 * np.random.default_rng(3).standard_normal(len(t))
    return (0.38 * loud * tune + breath).clip(-1, 1).astype(np.float32)


def scene(width: int = 160, height: int = 90) -> npt.NDArray[np.uint8]:
    """A sky, hills and a sun."""
    y, x = np.mgrid[0:height, 0:width]
    down = y / height
    image = np.stack([60 + 140 * down, 110 + 90 * down, 190 - 20 * down], axis=2)
    for k, shade in enumerate(((70, 110, 90), (50, 90, 60), (30, 60, 38))):
        ridge = height * (0.5 + 0.14 * k + 0.07 * np.sin(x / (19 - 4 * k) + 2 * k))
        image[y >= ridge] = shade
    image[(x - 0.72 * width) ** 2 + (y - 0.26 * height) ** 2 < (0.12 * height) ** 2] = (250, 214, 90)
    return image.astype(np.uint8)


X = lorenz(700)
PORTRAIT = PortraitView(
    stream="sensor", provenance="simulated", reason="", observable="motion", points=embedded(X, 8)
)
_RNG = np.random.default_rng(7)
_LEVEL = np.concatenate([_RNG.normal(34, 2.5, 420), _RNG.normal(21, 2.0, 330), _RNG.normal(38, 3.0, 250)])
SERIES = SeriesView(
    stream="chat-1",
    provenance="live",
    reason="",
    observable="token rate",
    unit="tok/s",
    values=Array(_LEVEL),
    total=1400,
    dt=0.25,
    step="s",
    marks=(Mark(1149, "change"), Mark(1310, "alert", "goodput")),
    zoom=-1,
)
_ICL = np.exp(_RNG.normal(math.log(0.031), 0.5, 900))
_ICL[::45] *= 9
LATENCY = LatencyView(
    stream="chat-1",
    provenance="live",
    reason="",
    distributions=(
        Distribution(
            "ICL", "time between two chunks", Array(np.linspace(590.0, 0.0, len(_ICL))), Array(_ICL)
        ),
        Distribution("TTFT", "first chunk - request", Array(np.arange(40.0)), Array(_ICL[:40] * 9)),
    ),
)


def turn(n: int, start: float, ttft: float, think: float, answer: float, rate: float, **more: Any) -> TurnBar:
    first, said = start + ttft, start + ttft + think
    rng = np.random.default_rng(n)
    gaps = rng.exponential(1 / rate, int(answer * rate))
    times = said + np.cumsum(gaps) * answer / max(gaps.sum(), 1e-9)
    return TurnBar(
        **(
            {
                "turn": f"turn-{n}",
                "model": "gpt-5-mini" if n % 3 else "o4-reasoner",
                "started": start,
                "first": first,
                "first_answer": said,
                "last": said + answer,
                "ended": said + answer,
                "tokens": len(times),
                "estimated": n % 2 == 0,
                "chunks": tuple(times.tolist()),
            }
            | more
        )
    )


TIMELINE = TimelineView(
    stream="chat-1",
    provenance="live",
    reason="",
    now=130.0,
    turns=(
        turn(1, 60.0, 0.4, 0, 3.0, 30),
        turn(2, 100.6, 0.5, 0, 3.2, 42),
        turn(3, 104.9, 1.6, 4.0, 4.4, 30),
        turn(4, 111.0, 0.3, 0, 2.0, 55),
        turn(
            5, 113.5, 2.9, 0, 0, 1,
            first=None, first_answer=None, last=None, ended=116.4, tokens=0,
            error="429: rate limit",
        ),
        turn(6, 116.9, 0.6, 0, 5.4, 24),
        turn(7, 121.2, 0.9, 1.2, 3.1, 35),
        turn(8, 126.6, 0.7, 0, 2.4, 38, ended=None),
    ),
)  # fmt: skip
SOUND = SoundView(
    stream="mic",
    provenance="live",
    reason="",
    samples=Array(voice(12.0)),
    total=12 * RATE,
    rate=RATE,
    source="48 kHz stereo",
)
_VOICE = (
    SOUND.samples.data[: 12 * RATE // 320 * 320].reshape(-1, 320) if SOUND.samples else np.zeros((1, 320))
)
LEVELS = LevelsView(
    stream="mic",
    provenance="live",
    reason="",
    momentary=-19.8,
    short_term=-21.4,
    integrated=-22.7,
    true_peak=-0.6,
    rms=-20.3,
    peak=-8.1,
    history=Array(20 * np.log10(np.maximum(np.sqrt(np.mean(np.square(_VOICE), axis=1, dtype=np.float64)), 1e-6))),
    total=len(_VOICE),
    dt=0.02,
)  # fmt: skip
VIDEO = VideoView(
    stream="camera",
    provenance="live",
    reason="",
    image=Array(scene()),
    width=1280,
    height=720,
    fps=29.97,
    boxes=(
        ObjectBox("sun", 0.97, 0.65, 0.13, 0.79, 0.4, 4),
        ObjectBox("hill", 0.61, 0.08, 0.5, 0.5, 0.97),
    ),
    looked=0.0,
)

PANELS: tuple[tuple[type[ChartPanel[Any]], ChartView], ...] = (
    (VideoPreview, VIDEO),
    (PhasePortrait, PORTRAIT),
    (RecurrencePlot, PORTRAIT),
    (ObservableChart, SERIES),
    (LatencyHistogram, LATENCY),
    (TokenTimeline, TIMELINE),
    (Waveform, SOUND),
    (Spectrogram, SOUND),
    (LevelMeter, LEVELS),
)


class Charts(App[None]):
    """All charts in a grid of three by three, or `only` one of them."""

    CSS = """
    Screen { background: $background; }
    Grid { grid-size: 3 3; }
    Grid.-one { grid-size: 1 1; }
    """

    def __init__(self, theme: str = DEFAULT_THEME, only: type[ChartPanel[Any]] | None = None) -> None:
        super().__init__()
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme
        self.panels = {panel: panel(view) for panel, view in PANELS if only in (None, panel)}

    def compose(self) -> ComposeResult:
        with Grid(classes="-one" if len(self.panels) == 1 else ""):
            yield from self.panels.values()


if __name__ == "__main__":
    Charts().run()
