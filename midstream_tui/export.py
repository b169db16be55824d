"""Exports: this moment as JSON (schema-versioned), and the files of any export: 0600, atomic, never overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from midstream_adapters.redact import redact

from .config import write_private
from .state import DashboardState


def export_folder(configured: str = "") -> Path:
    """Where exports go: ``MIDSTREAM_EXPORT_DIR``, else the `configured` one, else where the program was started."""
    return Path(os.environ.get("MIDSTREAM_EXPORT_DIR") or configured or Path.cwd()).expanduser()


def redacted(value: Any) -> Any:
    """`value` with every string in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redacted(key): redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value


def to_json(state: DashboardState, *, indent: int | None = 2) -> str:
    """The state as a JSON document, fit to be shown to anyone. NaN never occurs: unknown is null."""
    return json.dumps(redacted(state.to_json()), indent=indent, ensure_ascii=False, allow_nan=False)


def write_files(files: Mapping[str, str | bytes], folder: Path) -> list[Path]:
    """Write each of `files` (contents by ending) as ``midstream-TIME.ENDING``; return the paths, in their order.

    Raises:
        OSError: the folder can't be written.
    """
    stem = f"midstream-{datetime.now():%Y%m%d-%H%M%S}"
    number = 1
    while any((folder / f"{stem}.{ending}").exists() for ending in files):
        number += 1
        stem = f"{stem.partition('_')[0]}_{number}"
    paths = []
    for ending, content in files.items():
        paths.append(folder / f"{stem}.{ending}")
        write_private(paths[-1], content)
    return paths
