"""Keys, and where and with which model they are used, from a folder's ``.env`` file.

The file may be somebody else's, so that nothing else is taken from it (settings can name commands to run), what the
environment says goes first, and a key of the environment is not sent to an address of the file.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import MutableMapping
from pathlib import Path

MAX_SIZE = 64 << 10
NAMES = re.compile(r"(?:OPENAI|AGENTIC_FLOW|MIDSTREAM)(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|URL|MODEL|ID)")
_SECRET = ("_KEY", "_TOKEN")


def load_env_file(path: Path, env: MutableMapping[str, str]) -> list[str]:
    """Put what `path` says, and `env` does not, into `env`; return what is to be told of it, a line each.

    A file that is not there is nothing to tell of; one that can't be read is left out whole. The format is
    python-dotenv's (quotes, ``export``, comments); ``${...}`` is not replaced.
    """
    try:
        if not path.is_file():
            return []
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        return [f"{path} is not read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}"]
    if len(data) > MAX_SIZE:
        return [f"{path} is not read: it is over {MAX_SIZE >> 10} KiB"]
    from dotenv import dotenv_values

    logging.getLogger("dotenv").setLevel(logging.ERROR)  # lines of other forms are other programs' business
    told = []
    held = sorted(name for name in env if NAMES.fullmatch(name) and name.endswith(_SECRET) and env[name])
    for name, value in dotenv_values(stream=io.StringIO(text), interpolate=False).items():
        if not NAMES.fullmatch(name) or value is None or "\x00" in value or name in env:
            continue
        if name.endswith("_URL") and held:
            told.append(
                f"{path}: {name} is not taken, as {held[0]} comes from the environment: set both in one place"
            )
        else:
            env[name] = value
    return told
