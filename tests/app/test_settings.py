"""The configuration file: defaults, what overrides what, and errors that name the line and the reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midstream_tui import cli
from midstream_tui.alert_rules import BUILT_IN, Rule
from midstream_tui.settings import Settings, StreamSettings
from midstream_tui.settings_file import SettingsError, line_of, load_settings, settings_path
from midstream_tui.settings_text import as_toml


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the developer's own .env is not this test's
    monkeypatch.delenv("MIDSTREAM_CONFIG", raising=False)


def load(text: str, folder: Path) -> Settings:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "none.toml") == Settings()


def test_the_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    found = load(
        '[screen]\ntheme = "midstream-light"\n[[streams]]\nname = "a"\nsource = "sim:all"\n', tmp_path
    )
    assert (found.screen.theme, found.screen.refresh_ms) == ("midstream-light", 67)
    assert found.streams == [StreamSettings("sim:all", "a")]
    assert found.alerts == Settings().alerts


def test_environment_over_dotenv_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[screen]\ntheme = "file"\nrefresh_ms = 100\nmouse = false\n'
    (tmp_path / ".env").write_text(
        "MIDSTREAM_SCREEN__THEME=dotenv\nMIDSTREAM_SCREEN__REFRESH_MS=200\nOTHER=1\n"
    )
    monkeypatch.setenv("MIDSTREAM_SCREEN__REFRESH_MS", "500")
    screen = load(text, tmp_path).screen
    assert (screen.mouse, screen.theme, screen.refresh_ms) == (False, "dotenv", 500)


def test_other_variables_of_ours_are_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDSTREAM_STREAM_KEY", "secret")
    assert load("", tmp_path) == Settings()


def test_a_rule_of_the_file_changes_the_built_in_one_key_by_key(tmp_path: Path) -> None:
    rules = load(
        '[alerts.rules.stall]\nhold_s = 3\n[alerts.rules.slow]\nfigure = "fps"\nbelow = 20\n', tmp_path
    ).alerts.rules
    stall = BUILT_IN["stall"]
    assert rules["stall"] == Rule(stall.figure, above=stall.above, clear=stall.clear, hold_s=3.0)
    assert rules["slow"] == Rule("fps", below=20.0)
    assert set(rules) == {*BUILT_IN, "slow"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[screen]\n\nrefresh_ms = 7\n",
            "toml:3: screen.refresh_ms: input should be greater than or equal to 50",
        ),
        ("[screen]\nrefesh = 7\n", "config.toml:2: screen.refesh: unknown setting"),
        ("# hi\nscren = 1\n", "config.toml:2: scren: unknown; there are screen, "),
        (
            "[alerts.rules.x]\nfigure = 'fps'\n",
            "config.toml:1: alerts.rules.x: figure needs either `above` or `below`",
        ),
        (
            "[alerts.rules.x]\nabove = 1\nfigure = 'speed'\n",
            "toml:3: alerts.rules.x.figure: no figure 'speed'; ",
        ),
        (
            "[alerts.rules.'my rule']\nfigure = 'fps'\nabove = 'x'\n",
            "config.toml:3: alerts.rules.my rule.above: ",
        ),
        ("[[streams]]\nsource = 'a'\n[[streams]]\nsource = ''\n", "config.toml:4: streams.1.source: "),
        ("[profiles]\nwork = ['a', 3]\n", "config.toml:2: profiles.work.1: "),
        ("x = [\n", "config.toml: "),
    ],
)
def test_errors_name_line_place_and_reason(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(text, tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_variable_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDSTREAM_SCREEN__REFRESH_MS", "soon")
    with pytest.raises(SettingsError, match=r"environment or .*: screen\.refresh_ms: "):
        load("", tmp_path)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_settings(env={"MIDSTREAM_CONFIG": str(tmp_path / "gone.toml")})
    assert settings_path({"MIDSTREAM_CONFIG": "/x/y.toml"}) == Path("/x/y.toml")


def test_what_is_no_text_or_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(path)
    path.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(SettingsError, match="no configuration"):
        load_settings(path)


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.dictionaries(words, words, max_size=3),
    profiles=st.dictionaries(words.filter(bool), st.lists(words, max_size=3), max_size=3),
    sources=st.lists(words.filter(bool), max_size=2),
)
def test_what_is_shown_reads_back_the_same(
    keys: dict[str, str], profiles: dict[str, list[str]], sources: list[str], tmp_path: Path
) -> None:
    shown = Settings(keys=keys, profiles=profiles, streams=[StreamSettings(source) for source in sources])
    path = tmp_path / "config.toml"
    path.write_bytes(as_toml(shown, "test").encode())  # bytes: no newline of a string is translated
    assert load_settings(path) == shown


def test_a_file_to_start_from_holds_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "config.toml"
    monkeypatch.setenv("MIDSTREAM_CONFIG", str(path))
    assert cli.main(["config", "--init"]) == 0
    assert load_settings(path) == Settings()
    assert cli.main(["config", "--init"]) == 2  # never written over
    assert "exists" in capsys.readouterr().err
    assert cli.main(["config", "--check"]) == 0


def test_config_shows_and_complains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("MIDSTREAM_CONFIG", str(path))
    path.write_text("[screen]\nrefresh_ms = 100\n")
    assert cli.main(["config"]) == 0
    assert "\nrefresh_ms = 100\n" in capsys.readouterr().out
    path.write_text("[screen]\nrefresh_ms = 1\n")
    assert cli.main(["config", "--check"]) == 2
    assert f"midstream-tui: {path}:2: screen.refresh_ms" in capsys.readouterr().err
    for text, said in (
        ('# none\n[screen]\ntheme = "nope"\n', ":3: screen.theme: no theme 'nope'"),
        ('[keys]\n"view.theme" = "q"\n', ":1: keys: key 'q' is both"),
        ('[keys]\n"view.nope" = "x"\n', ":1: keys: "),
    ):
        path.write_text(text)
        assert cli.main(["config", "--check"]) == 2
        assert f"midstream-tui: {path}{said}" in capsys.readouterr().err


def test_lines_are_found_where_keys_are_quoted_or_dotted() -> None:
    text = 'a.b = 1\n["x y"]\n"k" = 2\n[[s]]\n[[s]]\nn = 1\n'
    assert [
        line_of(text, place) for place in (("a", "b"), ("x y", "k"), ("s", 1, "n"), ("s", 1, "m"), ("q",))
    ] == [1, 3, 6, 5, None]


def test_defaults_load_no_validator(tmp_path: Path) -> None:
    code = (
        "import sys; from midstream_tui.settings_file import load_settings; from pathlib import Path; "
        f"load_settings(Path({str(tmp_path / 'none')!r})); sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
