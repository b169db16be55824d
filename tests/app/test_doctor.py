"""The doctor tells what is, and how to get what is not; never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from midstream_tui import cli, doctor
from midstream_tui.doctor import Finding, Health, examine


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIDSTREAM_STATE_DIR", str(tmp_path / "state"))


def found(**env: str) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(env)}


def test_what_is_installed_here_is_ok() -> None:
    findings = found()
    assert findings["Python"].health is Health.OK
    assert findings["codecs"].health is Health.OK
    assert findings["kernels"].health is Health.OK
    assert "3.1" in findings["Python"].detail
    assert findings["exports"].health is Health.OK
    # PyAV's wheels have no SRT; where one does, this says so
    assert findings["SRT"].health is (Health.MISSING if findings["SRT"].remedy else Health.OK)


def test_what_is_missing_comes_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    findings = found()
    assert findings["transcription"].health is Health.MISSING
    assert findings["transcription"].remedy == 'pip install "midstream-tui[speech]"'
    assert findings["object detection"].remedy == 'pip install "midstream-tui[vision]"'
    assert found(TERM="xterm-kitty")["graphics"].remedy == 'pip install "midstream-tui[graphics]"'


def test_a_codec_that_is_not_there_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.CODECS, "Nonesuch", "nonesuch")
    assert found()["codecs"].health is Health.BROKEN
    assert "Nonesuch" in found()["codecs"].detail
    assert "H.264" not in found()["codecs"].detail


def test_keys_are_named_and_never_shown() -> None:
    env = {"OPENAI_API_KEY": "sk-verysecretkey1234567890", "OPENAI_BASE_URL": "https://me:secret@host/v1"}
    finding = found(**env)["keys"]
    assert finding.health is Health.OK
    assert "OPENAI_API_KEY" in finding.detail
    assert "secret" not in json.dumps([each.to_json() for each in found(**env).values()])


def test_wrong_settings_are_broken(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[screen]\nrefresh_ms = 1\n")
    finding = found(MIDSTREAM_CONFIG=str(path))["settings"]
    assert finding.health is Health.BROKEN
    assert f"{path}:2" in finding.detail


def test_no_jit_is_told() -> None:
    assert found(NUMBA_DISABLE_JIT="1")["kernels"].health is Health.BROKEN


def test_a_look_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def _decodes(codec: str) -> bool:
        raise RuntimeError("odd")

    monkeypatch.setattr(doctor, "_decodes", _decodes)
    findings = found()
    assert findings["libav"] == Finding("libav", Health.BROKEN, "RuntimeError: odd")
    assert "settings" in findings  # the others go on


def test_the_command_says_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setenv("MIDSTREAM_CONFIG", str(tmp_path / "none.toml"))  # a file that is named must be there
    assert cli.main(["doctor", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is False
    assert [each["name"] for each in said["findings"] if each["health"] == "broken"] == ["settings"]
    (tmp_path / "none.toml").touch()
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out  # colour is for terminals
    assert "✓ ok       codecs" in out
