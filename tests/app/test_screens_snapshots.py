"""Every screen but the dashboard as pictures: three sizes, two themes, from a session that is the same every time."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from midstream_adapters.base import Options
from midstream_adapters.events import (
    AudioChunk,
    Blame,
    Figures,
    Impairment,
    Kind,
    Provenance,
    State,
    StateChanged,
    TextChunk,
    TurnStarted,
    VideoFrame,
)
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub

from .conftest import FakeClock, audio, frame, live, opened
from .test_snapshots import THEMES, Compare, each_size, each_theme, filled, utc

__all__ = ["utc"]  # a fixture, for this module as well


def camera(hub: Hub, clock: FakeClock) -> None:
    """A camera with sound: a picture that turns, a tone that swells, and then a frozen picture."""
    session, stream = hub.session, "camera.mp4"
    session.apply(opened(stream, clock.now, Provenance.FILE, Kind.VIDEO, Kind.AUDIO))
    session.apply(live(stream, clock.now))
    session.apply(Figures(stream, clock.now, {"duration_s": 30.0, "video_codec": "h264"}))
    rows, columns = np.mgrid[0:45, 0:80]
    for n in range(60):
        at, turn = clock.advance(1 / 20), n / 9
        wave = 127 + 127 * np.sin((columns * math.cos(turn) + rows * math.sin(turn)) / 6)
        picture = np.stack([wave, 255 - wave, np.full_like(wave, 128)], axis=-1).astype(np.uint8)
        session.apply(
            VideoFrame(stream, at, picture, 1280, 720, n / 20, 127 + 20 * math.sin(turn), 4.0, nbytes=9000)
        )
        times = np.arange(800) / 16000
        loud = 0.1 + 0.4 * abs(math.sin(n / 12))
        tone = (loud * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
        session.apply(
            AudioChunk(
                stream, at, tone, 16000, 48000, 1, n / 20, 0.05, loud / math.sqrt(2), loud, nbytes=1600
            )
        )
    session.apply(Impairment(stream, clock.now, "freeze", Kind.VIDEO, 2.0, None, Blame.SOURCE, {}))


def made(tmp_path: Path, theme: str) -> MidStreamApp:
    clock = FakeClock()
    hub = Hub(Options(clock=clock), engine=False, wall=lambda: 1_790_000_000.0 + clock.now - 1000.0)
    filled(hub, clock)
    camera(hub, clock)
    session = hub.session
    for n in range(60):  # the others go on
        session.apply(frame("clip.mp4", clock.now - 3 + n / 20, 3 + n / 20, nbytes=90_000))
        session.apply(audio("clip.mp4", clock.now - 3 + n / 20, 0.2))
        session.apply(audio("sim:audio", clock.now - 3 + n / 20, 0.1))
    session.apply(opened("radio.example/live", clock.now, Provenance.LIVE, Kind.AUDIO))
    session.apply(
        StateChanged("radio.example/live", clock.now, State.FAILED, "401 Unauthorized: check the token")
    )
    session.apply(TurnStarted("openai:gpt", clock.now, "t9", "gpt", "And the next question, please?"))
    session.apply(TextChunk("openai:gpt", clock.advance(0.4), "It is ", "assistant", "t9", 2, final=False))
    app = MidStreamApp(hub, recent=RecentSources(tmp_path))
    if not app.no_color:
        app.theme = theme
    app.watchman.look = list  # type: ignore[method-assign]  # its toasts come and go by the wall clock
    app.pulse.p99 = lambda: 0.0021  # type: ignore[method-assign]
    return app


def after(*keys: str, stream: str = "openai:gpt") -> Callable[[Pilot[None]], object]:
    """Press these on the painted dashboard, with that stream selected."""

    async def press(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, MidStreamApp)
        app.select(stream)
        app.paint()
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        app.clear_notifications()  # likewise
        app.paint()
        await pilot.pause()

    return press


@each_theme
@each_size
def test_overview(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    app = made(tmp_path, theme)
    assert snap_compare(app, terminal_size=size, run_before=after("a", stream="radio.example/live"))


@each_theme
@each_size
def test_detail_of_a_model(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(made(tmp_path, theme), terminal_size=size, run_before=after("d"))


@each_theme
@each_size
def test_detail_of_a_camera(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(made(tmp_path, theme), terminal_size=size, run_before=after("d", stream="camera.mp4"))


@each_theme
@each_size
def test_options(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(made(tmp_path, theme), terminal_size=size, run_before=after("i"))


@each_theme
@each_size
def test_help_on_the_detail(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(made(tmp_path, theme), terminal_size=size, run_before=after("d", "question_mark"))


@each_theme
@each_size
def test_log_with_a_filter(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    app = made(tmp_path, theme)
    assert snap_compare(app, terminal_size=size, run_before=after("L", "slash", *"!role:user", "enter"))


@each_theme
@each_size
def test_alerts(size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path) -> None:
    app = made(tmp_path, theme)
    session = app.hub.session
    app.watchman.alerts.update(session, session.clock())
    assert {alert.rule for alert in app.watchman.alerts.active} >= {"lost", "freeze"}
    assert snap_compare(app, terminal_size=size, run_before=after("A"))


@each_theme
@each_size
def test_export_dialog(
    size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midstream_tui.screens.export.renderer", lambda: "rsvg-convert")  # whatever is here
    assert snap_compare(made(tmp_path, theme), terminal_size=size, run_before=after("E"))


@pytest.mark.parametrize("layout", [1, 2, 3])
def test_layouts_of_the_dashboard(layout: int, snap_compare: Compare, tmp_path: Path) -> None:
    keys = ["v"] * layout
    assert snap_compare(made(tmp_path, THEMES[0]), terminal_size=(120, 40), run_before=after(*keys))


@pytest.mark.parametrize("layout", [1, 2, 3])
def test_layouts_of_a_model(layout: int, snap_compare: Compare, tmp_path: Path) -> None:
    keys = ["d", *["v"] * layout]
    assert snap_compare(made(tmp_path, THEMES[0]), terminal_size=(120, 40), run_before=after(*keys))


def test_a_panel_alone(snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(
        made(tmp_path, THEMES[0]), terminal_size=(80, 24), run_before=after("tab", "tab", "tab", "z")
    )


def test_without_colours(snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sees no colour reads the same: every state has its sign and its word."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = made(tmp_path, THEMES[0])
    assert app.no_color
    assert snap_compare(app, terminal_size=(120, 40), run_before=after("a", stream="radio.example/live"))


def test_a_question(snap_compare: Compare, tmp_path: Path) -> None:
    async def ask(pilot: Pilot[None]) -> None:
        from midstream_tui.screens.prompt import PromptScreen

        await after()(pilot)  # type: ignore[misc]
        pilot.app.push_screen(PromptScreen("openai:gpt-4o-mini"))
        await pilot.pause()
        await pilot.press(*"Why?")

    assert snap_compare(made(tmp_path, THEMES[0]), terminal_size=(80, 24), run_before=ask)
