"""The six panels with fixed views: what the snapshots show, and what the other tests drive."""

from __future__ import annotations

from typing import Any

from textual.app import App, ComposeResult
from textual.containers import Grid

from midstream_analysis.report import Attractor, LearningStatus, PatternHit, Repetition
from midstream_tui.themes import DEFAULT_THEME, THEMES
from midstream_widgets import (
    LinePanel,
    PatternDetection,
    RecentMessages,
    StreamingStatus,
    StreamMetrics,
    SystemMetrics,
    TemporalAnalysis,
)
from midstream_widgets.views import (
    MessageLine,
    MessagesView,
    MetricsRow,
    MetricsView,
    PatternView,
    StatusLine,
    StatusView,
    SystemView,
    TemporalView,
)

SYSTEM = SystemView(
    messages=150,
    tokens=2340,
    tokens_estimated=True,
    tokens_per_s=34.2,
    fps=60.0,
    latency_ms=12.0,
    latency_p99_ms=40.3,
    ttft_ms=231.0,
    uptime_s=323.0,
    bytes_per_s=3_245_200.0,
    loop_lag_ms=2.1,
)
TEMPORAL = TemporalView(
    stream="chat-1",
    observable="reward",
    label=Attractor.PERIODIC,
    confidence=0.93,
    exponent=-0.0234,
    exponent_unit="1/s",
    stable=True,
    chaotic=False,
    period="4.1 s",
    average_reward=0.847,
    n=512,
    reason="forecast error stays flat over 64 steps and the spectrum has one line at 0.24 Hz",
    provenance="live",
)
PATTERNS = PatternView(
    stream="chat-1",
    moves=(
        PatternHit("greeting", 0.95, 2),
        PatternHit("question", 0.87, 14),
        PatternHit("acknowledgment", 0.92, 6),
        PatternHit("follow-up", 0.78, 5),
        PatternHit("closing", 0.88),
    ),
    sequences=(
        PatternHit("greeting → question → answer", 0.80, 4),
        PatternHit("question → answer → thanks", 0.71, 3),
    ),
    repetition=Repetition(period=12, start=340, count=5, confidence=0.97),
    learning=LearningStatus(2, 14, 120, 0.847, "answer", 0.72, 1.12, 1.79, 0.42, 1),
    utterances=28,
    provenance="live",
)
STATUS = StatusView(
    audio=True,
    video=False,
    text=True,
    audio_level=-23.4,
    active=3,
    lines=(
        StatusLine("chat-1", ("text",), "live", "live"),
        StatusLine("studio", ("audio", "video"), "stalled", "live", silent_s=12.0),
        StatusLine("sim", ("audio", "text", "video"), "live", "simulated"),
        StatusLine(
            "wss-feed", ("text",), "reconnecting", "live", "connection reset by peer", 3.2, reconnects=2
        ),
        StatusLine("talk.mp4", ("audio", "video"), "ended", "file", "end of file"),
        StatusLine("rtmp", (), "failed", "live", "403: wrong stream key"),
    ),
)
METRICS = MetricsView(
    rows=(
        MetricsRow(
            "chat-1",
            "text",
            "live",
            "live",
            412,
            18_432,
            812.0,
            tokens=2340,
            tokens_estimated=True,
            tokens_per_s=34.2,
            ttft_ms=231.0,
            interval_ms=29.0,
        ),
        MetricsRow("audio-stream-1", "audio", "live", "live", 150, 1_500_000, 45_200.0, detail="48 kHz mono"),
        MetricsRow(
            "video-stream-1",
            "video",
            "stalled",
            "live",
            1800,
            180_000_000,
            3_200_000.0,
            fps=29.97,
            detail="1280x720",
        ),
        MetricsRow(
            "sim",
            "video",
            "live",
            "simulated",
            900,
            6_300_000,
            207_000.0,
            fps=30.0,
            detail="160x90",
            dropped=7,
        ),
        MetricsRow("wss-feed", "text", "reconnecting", "live", 31, 4_096, 0.0, interval_ms=210.0),
    ),
    selected="audio-stream-1",
)
_SAID = (
    ("user", "greeting", "Hello! Are you awake in there?"),
    ("assistant", "greeting", "Hello! Yes, I am. What would you like to know about the stream?"),
    ("user", "question", "Why did the picture freeze for a moment just now, and will it happen again?"),
    (
        "assistant",
        "answer",
        "The gap between two frames was 1.2 s where 33 ms are usual; the sender's bitrate fell at the same time, so "
        "the network is the likely cause. 日本語も大丈夫です 🎬",
    ),
    ("user", "thanks", "Thanks, [/bold] that is [@click=app.quit]clear[/]."),
    ("assistant", "", "You are welcome. I keep watching and shall tell you when the"),
)
MESSAGES = MessagesView(
    tuple(
        MessageLine(
            serial=serial,
            clock=f"12:03:{7 * serial:02}",
            stream="chat-1",
            role=role,
            text=text,
            tokens=len(text) // 4,
            tokens_estimated=True,
            move=move,
            open=serial == len(_SAID),
        )
        for serial, (role, move, text) in enumerate(_SAID, 1)
    ),
    total=150,
)

PANELS: tuple[tuple[type[LinePanel[Any]], Any], ...] = (
    (SystemMetrics, SYSTEM),
    (TemporalAnalysis, TEMPORAL),
    (PatternDetection, PATTERNS),
    (StreamingStatus, STATUS),
    (StreamMetrics, METRICS),
    (RecentMessages, MESSAGES),
)


class Gallery(App[None]):
    """The panels in a grid: two columns, three from 110 cells on."""

    CSS = """
    Screen { background: $background; }
    Grid { grid-size: 2 3; }
    Grid.-wide { grid-size: 3 2; }
    """

    def __init__(self, theme: str = DEFAULT_THEME) -> None:
        super().__init__()
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme
        self.panels = {panel: panel(view) for panel, view in PANELS}

    def compose(self) -> ComposeResult:
        with Grid():
            yield from self.panels.values()

    def on_resize(self) -> None:
        self.query_one(Grid).set_class(self.size.width >= 110, "-wide")


if __name__ == "__main__":
    Gallery().run()
