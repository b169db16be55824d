"""Dashboard, picker and help as pictures: three sizes, two themes, from a session that is the same every time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from midstream_adapters.base import Options
from midstream_adapters.events import (
    Dropped,
    Kind,
    Provenance,
    State,
    StateChanged,
    TextChunk,
    TurnEnded,
    TurnStarted,
    Usage,
)
from midstream_analysis.report import (
    AnalysisReport,
    Attractor,
    Classification,
    ConversationReport,
    LearningStatus,
    LyapunovFit,
    PatternHit,
    SeriesReport,
)
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub
from midstream_tui.reach import Reach

from .conftest import FakeClock, audio, frame, live, opened

SIZES = [(80, 24), (120, 40), (200, 60)]
THEMES = ["midstream", "midstream-cvd-light"]
each_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
each_theme = pytest.mark.parametrize("theme", THEMES)
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def converse(hub: Hub, clock: FakeClock, turn: str, question: str, answer: str, reward: float) -> None:
    session = hub.session
    session.apply(TextChunk("openai:gpt", clock.now, question, "user", tokens=len(question.split())))
    session.apply(TurnStarted("openai:gpt", clock.now, turn))
    clock.advance(0.35)
    words = answer.split()
    for n, word in enumerate(words):
        clock.advance(0.03 + 0.01 * math.sin(n))
        last = n == len(words) - 1
        session.apply(
            TextChunk(
                "openai:gpt",
                clock.now,
                f"{word} ",
                "assistant",
                turn,
                1,
                final=last,
                reward=reward if last else None,
            )
        )
    session.apply(TurnEnded("openai:gpt", clock.now, turn, Usage(len(question.split()), len(words))))


def filled(hub: Hub, clock: FakeClock) -> None:
    """Four streams: a chat, a camera file, a simulated voice, and one that was lost."""
    session = hub.session
    session.selected = "openai:gpt"
    for stream, provenance, kinds in (
        ("openai:gpt", Provenance.LIVE, [Kind.TEXT]),
        ("clip.mp4", Provenance.FILE, [Kind.VIDEO, Kind.AUDIO]),
        ("sim:audio", Provenance.SIMULATED, [Kind.AUDIO]),
        ("news.example/feed", Provenance.LIVE, [Kind.TEXT]),
    ):
        session.apply(opened(stream, clock.now, provenance, *kinds))
        session.apply(live(stream, clock.now))
    session.apply(
        TextChunk("news.example/feed", clock.now, "[b]Breaking[/b]: \U0001f600 日本語のニュース", tokens=9)
    )
    converse(hub, clock, "t1", "Hello! Can you help me with a proof?", "Of course. Which one is it?", 0.9)
    converse(
        hub,
        clock,
        "t2",
        "That the square root of two is irrational.",
        "Suppose it were p/q in lowest terms.",
        0.7,
    )
    for n in range(90):
        clock.advance(1 / 30)
        session.apply(frame("clip.mp4", clock.now, n / 30, luma=100 + n, nbytes=90_000))
        session.apply(audio("clip.mp4", clock.now, 0.2))
        session.apply(audio("sim:audio", clock.now, 0.1))
    session.apply(Dropped("clip.mp4", clock.now, Kind.VIDEO, 3, "decoder"))
    session.apply(
        StateChanged("news.example/feed", clock.now, State.RECONNECTING, "503 Service Unavailable", 4.0)
    )
    fit = LyapunovFit(0.3549, 0.991, (1, 9), 2, 1, 3, 0.01, 640, 1.0)
    chaotic = Classification(
        Attractor.CHAOTIC,
        0.93,
        True,
        True,
        None,
        fit,
        640,
        1.0,
        "neighbours forecast 3.1 times better than any line",
    )
    learning = LearningStatus(2, 9, 14, 0.8, "answer", 0.71, 0.82, 1.64, 0.12, 1)
    hub.take(
        AnalysisReport(
            {("openai:gpt", "reward"): SeriesReport("openai:gpt", "reward", chaotic, 0.9, (), None, 0.01)},
            {
                "openai:gpt": ConversationReport(
                    "openai:gpt",
                    (
                        PatternHit("greeting", 0.95, 2),
                        PatternHit("question", 0.87, 5),
                        PatternHit("acknowledgment", 0.92, 3),
                        PatternHit("follow-up", 0.78, 2),
                        PatternHit("closing", 0.88, 1),
                    ),
                    (PatternHit("greeting → question → answer", 0.8, 4),),
                    None,
                    learning,
                    18,
                )
            },
            None,
        )
    )


def made(tmp_path: Path, theme: str = THEMES[0], *, full: bool = True) -> MidStreamApp:
    clock = FakeClock()
    hub = Hub(Options(clock=clock), engine=False, wall=lambda: 1_790_000_000.0 + clock.now - 1000.0)
    if full:
        filled(hub, clock)
    app = MidStreamApp(hub, recent=RecentSources(tmp_path))
    if not app.no_color:
        app.theme = theme
    app.watchman.look = list  # type: ignore[method-assign]  # its toasts come and go by the wall clock
    app.pulse.p99 = lambda: 0.0021  # type: ignore[method-assign]
    return app


async def still(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, MidStreamApp)
    app.paint()
    await pilot.pause()


@each_theme
@each_size
def test_dashboard(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(made(tmp_path, theme), terminal_size=size, run_before=still)


@each_size
def test_empty(size: tuple[int, int], snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(made(tmp_path, full=False), terminal_size=size, run_before=still)


FOUND = {
    "wss://news.example/feed": Reach("good", "reachable", "WebSocket, first message 0.12 s"),
    "https://tv.example/x.m3u8": Reach(
        "good",
        "reachable",
        "HLS, h264 1280x720 30 fps, aac 48 kHz 2 ch, first frame 0.31 s",
    ),
    "https://api.example/events": Reach("warning", "needs a key", "HTTP 401 Unauthorized"),
    "ws://127.0.0.1:9/": Reach("error", "refused", "nothing listens on 127.0.0.1:9"),
    "openai:gpt-4o-mini": Reach("muted", "not probed", "asking costs tokens; OPENAI_API_KEY is set"),
}


@each_theme
@each_size
def test_picker(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    """All that was listed has been probed."""
    app = made(tmp_path, theme)

    async def found(source: str) -> Reach:
        return FOUND[source]

    app._reach = found  # type: ignore[method-assign]

    async def pick(pilot: Pilot[None]) -> None:
        for source in reversed(FOUND):
            app.recent.add(source)
        await still(pilot)
        await pilot.press("s", "down", "P")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=pick)


@each_theme
@each_size
def test_help(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(made(tmp_path, theme), terminal_size=size, run_before=still, press=["question_mark"])


def test_too_small(snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(made(tmp_path), terminal_size=(60, 18), run_before=still)
