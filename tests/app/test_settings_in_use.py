"""Settings reach what they are about: the screen, keys, sources, objectives, alerts."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import State, StateChanged
from midstream_tui import cli
from midstream_tui.alert_rules import Rule
from midstream_tui.app import MidStreamApp
from midstream_tui.commands.arguments import expanded
from midstream_tui.commands.watch import _check_screen
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub
from midstream_tui.models import SPEECH, VISION, has
from midstream_tui.profiles import expand, stream_options
from midstream_tui.settings import AlertSettings, Export, Screen, Settings, StreamSettings
from midstream_tui.watchman import MOST_TOASTS, Watchman

from .conftest import live, opened
from .test_alerts import Scene

STREAMS = [
    StreamSettings("wss://host/feed", "feed"),
    StreamSettings("sim:video", "cam", detect=True, prompt="what?"),
]


def test_names_become_sources() -> None:
    settings = Settings(streams=STREAMS, profiles={"work": ["@feed", "sim:text", "cam"]})
    assert expand(["@work", "-", "@cam"], settings) == ["wss://host/feed", "sim:text", "sim:video", "-"]
    with pytest.raises(ValueError, match=r"no profile or stream '@home' .* there are: @work, @feed, @cam"):
        expand(["@home"], settings)


def test_a_stream_gets_the_models_and_the_prompt_that_it_is_configured_with() -> None:
    options = stream_options("sim:video", Settings(streams=STREAMS), Options())
    assert has(options, VISION)
    assert not has(options, SPEECH)
    assert options.prompt == "what?"
    plain = Options()
    assert stream_options("other", Settings(streams=STREAMS), plain) is plain


def test_the_command_line_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("MIDSTREAM_CONFIG", str(path))
    path.write_text("[screen]\nrefresh_ms = 1\n")
    assert cli.main(["probe", "sim:text", "--seconds", "0.1"]) == 2
    assert f"{path}:2: screen.refresh_ms" in capsys.readouterr().err
    path.write_text("")
    assert cli.main(["probe", "@nothing"]) == 2
    assert "no profile or stream '@nothing'" in capsys.readouterr().err


def test_themes_and_keys_are_checked() -> None:
    for settings, why in (
        (Settings(screen=Screen(theme="pink")), "no theme 'pink'; there are midstream, "),
        (Settings(keys={"view.pauze": "f"}), "no action 'view.pauze'"),
        (Settings(keys={"view.pause": "q"}), "clash|both"),
    ):
        with pytest.raises(Exception, match=why):
            _check_screen(settings)
    _check_screen(Settings(screen=Screen(theme="nord"), keys={"view.pause": "P"}))


def test_objectives_come_from_the_file_unless_the_environment_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midstream_tui.commands.arguments import _objectives
    from midstream_tui.settings import Objectives

    env = _objectives(Settings(objectives=Objectives(ttft_ms=900.0)))
    assert Hub(Options(env=env), engine=False).session.objectives.ttft == pytest.approx(0.9)
    monkeypatch.setenv("MIDSTREAM_TTFT_MS", "300")
    assert Hub(Options(env=env), engine=False).session.objectives.ttft == pytest.approx(0.3)
    assert os.environ["MIDSTREAM_TTFT_MS"] == "300"


async def test_the_app_is_as_it_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIDSTREAM_EXPORT_DIR")
    settings = Settings(
        screen=Screen(theme="midstream-light"), keys={"view.pause": "P"}, export=Export(str(tmp_path / "out"))
    )
    app = MidStreamApp(Hub(engine=False), recent=RecentSources(tmp_path), settings=settings)
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.theme == "midstream-light"
        await pilot.press("space")
        assert app.paused_at is None
        await pilot.press("P")
        assert app.paused_at is not None
        await pilot.press("e")
        async with asyncio.timeout(20):
            while not list((tmp_path / "out").glob("*.json")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_alerts_show_on_every_screen_and_in_the_title(tmp_path: Path) -> None:
    rules = {"dark": Rule("reconnects", above=0.5, level="error")}
    app = MidStreamApp(
        Hub(engine=False),
        recent=RecentSources(tmp_path),
        settings=Settings(alerts=AlertSettings(rules=rules)),
    )
    async with app.run_test(size=(160, 40)) as pilot:
        now = app.hub.options.clock()
        for event in (
            opened("one", now),
            StateChanged("one", now, State.RECONNECTING, "x", 1.0),
            live("one", now),
        ):
            app.bus.emit(event)
        await pilot.pause(0.3)
        app.watchman.look()
        app.paint()
        await pilot.pause(0.3)
        app.paint()
        assert "dark: reconnects 1, limit 0.5" in app.live_screen.title_line.trouble.text
        assert any("dark" in str(toast.message) for toast in app._notifications)


def test_the_watchman_tells_a_few_and_counts_the_rest() -> None:
    scene = Scene()
    told: list[tuple[str, str]] = []
    bells: list[int] = []
    settings = AlertSettings(
        bell=True, rules={f"r{n}": Rule("lost", above=0.5) for n in range(MOST_TOASTS + 2)}
    )
    watchman = Watchman(
        settings,
        scene.session,
        lambda text, title, level: told.append((text, level)),
        lambda: bells.append(1),
    )
    assert watchman.look() == []
    scene.fold(StateChanged("a", scene.now, State.FAILED, "no"))
    assert len(watchman.look()) == MOST_TOASTS + 2
    assert [level for _, level in told] == ["warning"] * (MOST_TOASTS + 1)
    assert told[-1][0].startswith("and 2 more")
    assert bells == [1]
    assert watchman.look() == []
    assert len(told) == MOST_TOASTS + 1


def test_alerts_can_be_off() -> None:
    scene = Scene()
    watchman = Watchman(AlertSettings(enabled=False), scene.session, lambda *_: None)
    scene.fold(StateChanged("a", scene.now, State.FAILED, "no"))
    assert watchman.look() == []


def test_words_without_a_configuration_stay_as_they_are() -> None:
    assert expanded(["sim:text", "-"], Settings()) == ["sim:text", "-"]


def test_probe_judges_the_rules_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[alerts.rules.busy]\nfigure = 'bytes_per_s'\nabove = 1\nhold_s = 0\n")
    monkeypatch.setenv("MIDSTREAM_CONFIG", str(path))
    words = ["probe", "sim:video", "--seconds", "7", "--no-analysis"]
    assert cli.main(words) == 0
    (alert,) = [each for each in json.loads(capsys.readouterr().out)["alerts"] if each["rule"] == "busy"]
    assert (alert["stream"], alert["threshold"], alert["ended"]) == ("sim:video", 1.0, None)
    assert alert["value"] > 1000
