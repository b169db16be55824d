"""CopilotKit's aimock on loopback: an OpenAI-compatible server that nobody here wrote (chat SSE, Realtime WebSocket).

``npm install --prefix .peers @copilotkit/aimock@1.43.0`` puts it where this finds it.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.adapters.servers import ROOT, free_port

INSTALL = "npm install --prefix .peers @copilotkit/aimock@1.43.0"
_SCRIPT = ROOT / ".peers" / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"


def missing() -> str | None:
    """Why the server cannot run here, or ``None``."""
    if shutil.which("node") is None:
        return "node is not installed"
    return None if _SCRIPT.exists() else f"aimock is not installed: {INSTALL}"


@contextmanager
def aimock(folder: Path, *fixtures: dict[str, Any], latency_ms: int = 30) -> Generator[str, None, None]:
    """Run it with `fixtures` until the block ends; gives the base URL (``http://127.0.0.1:PORT/v1``).

    A chunk holds eight characters; `latency_ms` pass before each.
    """
    file, port = folder / "fixtures.json", free_port()
    file.write_text(json.dumps({"fixtures": list(fixtures)}))
    child = subprocess.Popen(
        ["node", str(_SCRIPT), "-p", str(port), "-h", "127.0.0.1", "-f", str(file), "--latency", str(latency_ms),
         "--chunk-size", "8", "--log-level", "silent"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30.0
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
                break
            except OSError:
                if child.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"aimock did not start: {child.poll()}") from None
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        child.kill()
        child.wait()
