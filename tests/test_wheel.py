"""The wheel holds all it needs: built, installed in an empty environment, run outside the checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv")


@pytest.mark.skipif(UV is None, reason="uv is not on the PATH; the README's test command installs it")
def test_the_wheel_runs_in_an_empty_environment(tmp_path: Path) -> None:
    assert UV is not None

    def run(*command: str | Path, timeout: float = 300) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(UV, "build", "--wheel", "-q", "--out-dir", tmp_path / "dist", ROOT)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    run(UV, "venv", "-q", "--python", sys.executable, tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    run(UV, "pip", "install", "-q", "--python", python, "-c", ROOT / "constraints.txt", wheel)
    installed = run(python, "-c", "import midstream_tui, midstream_analysis; print(midstream_tui.__file__)")
    assert str(tmp_path / "env") in installed
    state = json.loads(run(tmp_path / "env" / "bin" / "midstream-tui", "probe", "sim:all", "--seconds", "2"))
    assert len(state["streams"]) == 3
    assert state["message_count"] >= 2
    assert state["patterns"], "the move classifier's weights are in the wheel"
    help_text = run(tmp_path / "env" / "bin" / "midstream-tui", "--help")
    assert "probe" in help_text
    listing = run(python, "-m", "zipfile", "-l", wheel)
    for needed in (
        "py.typed",
        ".tcss",
        "midstream_widgets/",
        "midstream_analysis/",
        "midstream_adapters/",
        "LICENSE",
    ):
        assert needed in listing
    assert "tests/" not in listing
