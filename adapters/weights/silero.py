"""Take Silero VAD's ONNX file out of its PyPI package and put it, with its licence, where `speech_activity` reads it.

``python adapters/weights/silero.py``. The package itself needs torch, its file only onnxruntime. Fails when the file is
not the one that was tested (`SHA256`).
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "silero-vad==6.2.3"
MODEL = "silero_vad/data/silero_vad_16k_op15.onnx"
LICENSE = "silero_vad-6.2.3.dist-info/licenses/LICENSE"
SHA256 = "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"
HOME = Path(__file__).resolve().parents[1] / "midstream_adapters" / "silero"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            model, licence = files.read(MODEL), files.read(LICENSE)
    if (found := hashlib.sha256(model).hexdigest()) != SHA256:
        sys.exit(f"{MODEL} has sha256 {found}, not the tested {SHA256}")
    HOME.mkdir(exist_ok=True)
    (HOME / Path(MODEL).name).write_bytes(model)
    (HOME / "LICENSE").write_bytes(licence)
    print(f"{HOME / Path(MODEL).name}: {len(model)} bytes, sha256 as expected")


if __name__ == "__main__":
    main()
