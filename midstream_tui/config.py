"""Where MidStream keeps its things, and the sources used before. Nothing secret is ever written here."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from midstream_adapters.redact import redact

MOST_RECENT = 20
REFRESH_MS = (50, 67, 100, 200, 500, 1000, 2000, 5000)
DEFAULT_REFRESH_MS = 67


def state_folder() -> Path:
    """The platform's folder for a program's own state; ``MIDSTREAM_STATE_DIR`` names another."""
    if named := os.environ.get("MIDSTREAM_STATE_DIR"):
        return Path(named).expanduser()
    from platformdirs import user_state_path

    return user_state_path("midstream")


def write_private(path: Path, content: str | bytes) -> None:
    """Write `content` so that only its owner can read it (0600), whole or not at all (temporary file and rename)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def configured_sources() -> list[str]:
    """Sources to offer in the picker: the words of ``MIDSTREAM_SOURCES``."""
    return os.environ.get("MIDSTREAM_SOURCES", "").split()


class RecentSources:
    """Sources opened before, newest first. One that carries a secret is not kept: it could not be opened again."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or state_folder()) / "recent.json"

    def load(self) -> list[str]:
        """The list; empty when there is none or it can't be read."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return (
            [item for item in found if isinstance(item, str)][:MOST_RECENT] if isinstance(found, list) else []
        )

    def add(self, source: str) -> None:
        """Put `source` first. Failing to write is no reason to disturb anyone: the list is a convenience."""
        if source == "-" or redact(source) != source:
            return
        self._save([source, *(item for item in self.load() if item != source)])

    def remove(self, source: str) -> None:
        self._save([item for item in self.load() if item != source])

    def _save(self, sources: list[str]) -> None:
        try:
            write_private(self._path, json.dumps(sources[:MOST_RECENT], indent=1))
        except OSError:
            return


def clamp_refresh(refresh_ms: float) -> int:
    """A refresh interval within 50 to 5000 ms.

    Raises:
        ValueError: outside of that range, or not a number.
    """
    value = int(refresh_ms)
    if not REFRESH_MS[0] <= value <= REFRESH_MS[-1]:
        raise ValueError(f"refresh must be {REFRESH_MS[0]} to {REFRESH_MS[-1]} ms, not {refresh_ms}")
    return value
