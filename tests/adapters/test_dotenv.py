"""What is taken from a .env file, and what is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from midstream_adapters.dotenv import MAX_SIZE, load_env_file
from tests.adapters.servers import ROOT


def load(folder: Path, text: str | bytes, **env: str) -> tuple[dict[str, str], list[str]]:
    path = folder / ".env"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return env, load_env_file(path, env)


def test_names_of_ours_are_taken_as_they_are_written(tmp_path: Path) -> None:
    env, told = load(
        tmp_path,
        "# keys\nexport OPENAI_API_KEY='sk-1'\nOPENAI_BASE_URL=\"https://h.example/v1\" # there\n"
        "AGENTIC_FLOW_API_KEY = f\nMIDSTREAM_WHIP_TOKEN=${HOME}/x\nOPENAI_EMPTY_KEY\n",
    )
    assert told == []
    assert env == {
        "OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://h.example/v1", "AGENTIC_FLOW_API_KEY": "f",
        "MIDSTREAM_WHIP_TOKEN": "${HOME}/x",
    }  # fmt: skip


def test_names_of_others_are_left_and_the_environment_goes_first(tmp_path: Path) -> None:
    env, told = load(
        tmp_path,
        "PATH=/evil\nLD_PRELOAD=x\nHTTPS_PROXY=http://evil\nOPENAI_MODEL=b\nMIDSTREAM_CONFIG=evil.toml\n"
        "MIDSTREAM_ALERTS__COMMAND=evil\nMIDSTREAM_ALERTS__WEBHOOK_URL=http://evil\n",
        OPENAI_MODEL="a",
    )
    assert (env, told) == ({"OPENAI_MODEL": "a"}, [])


def test_an_address_can_not_draw_a_key_of_the_environment_to_itself(tmp_path: Path) -> None:
    text = (
        "OPENAI_BASE_URL=https://evil.example/v1\nMIDSTREAM_REALTIME_URL=wss://evil.example\nOPENAI_MODEL=m\n"
    )
    env, told = load(tmp_path, text, OPENAI_API_KEY="sk-1")
    assert env == {"OPENAI_API_KEY": "sk-1", "OPENAI_MODEL": "m"}
    assert [line.partition(": ")[2] for line in told] == [
        "OPENAI_BASE_URL is not taken, as OPENAI_API_KEY comes from the environment: set both in one place",
        "MIDSTREAM_REALTIME_URL is not taken, as OPENAI_API_KEY comes from the environment: set both in one place",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [(b"\xff\xfe\x00", "not UTF-8"), (b"A=1\n" * (MAX_SIZE // 4 + 1), "over 64 KiB"), (b"=\n\x00\n'", "")],
)
def test_odd_files_do_no_harm(tmp_path: Path, text: bytes, reason: str) -> None:
    env, told = load(tmp_path, text)
    assert env == {}
    assert [reason in line for line in told] == ([True] if reason else [])


def test_no_file_is_nothing_to_tell_of(tmp_path: Path) -> None:
    assert load_env_file(tmp_path / ".env", {}) == []
    (tmp_path / ".env").mkdir()
    assert load_env_file(tmp_path / ".env", {}) == []


def test_the_command_line_reads_it_before_it_names_sources(tmp_path: Path) -> None:
    """Without a key, one line says what is missing, and the status is 2; with one in .env, its address is used."""

    def probe(folder: Path) -> subprocess.CompletedProcess[str]:
        clean = {
            k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "MIDSTREAM_", "AGENTIC_"))
        }
        path = os.pathsep.join(str(ROOT / part) for part in (".", "widgets", "analysis", "adapters"))
        call = [
            sys.executable,
            "-m",
            "midstream_tui",
            "probe",
            "openai-realtime:m",
            "--seconds",
            "3",
            "--no-analysis",
        ]
        return subprocess.run(
            call, cwd=folder, env={**clean, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60
        )

    without = probe(tmp_path)
    assert without.returncode == 2
    (line,) = without.stderr.splitlines()
    assert line.startswith("midstream-tui: OPENAI_API_KEY is not set: api.openai.com needs a key")
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-test-0123456789\nOPENAI_BASE_URL=ftp://there\n")
    wrong = probe(tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(
        "midstream-tui: OPENAI_BASE_URL is no WebSocket or web address: ftp://there\n"
    )
    assert "sk-test" not in wrong.stderr + wrong.stdout
