"""Prompts from a file: one a line, plain or as JSON."""

from __future__ import annotations

from pathlib import Path

from .base import SourceError
from .payload import parse_object

MOST = 10_000
MAX_FILE = 16 << 20


def read_prompts(path: str) -> tuple[str, ...]:
    """The prompts of the file `path`: a line each, or JSON objects with a ``prompt``, ``text`` or ``content``.

    Raises:
        SourceError: it can't be read, holds none, too many, or JSON without a prompt; the text names the line.
    """
    try:
        with Path(path).expanduser().open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None
    if len(data) > MAX_FILE:
        raise SourceError(f"{path} is over {MAX_FILE >> 20} MiB")
    prompts: list[str] = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        line = line.strip()
        if line.startswith("{") and (value := parse_object(line)) is not None:
            text = next(
                (value[k] for k in ("prompt", "text", "content") if isinstance(value.get(k), str)), None
            )
            if text is None:
                raise SourceError(f"{path}, line {number}: no prompt, text or content in it")
            line = text
        if line:
            prompts.append(line)
    if not prompts:
        raise SourceError(f"{path} holds no prompt")
    if len(prompts) > MOST:
        raise SourceError(f"{path} holds {len(prompts)} prompts, more than {MOST}")
    return tuple(prompts)
