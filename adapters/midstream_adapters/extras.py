"""What to say where an optional part is not installed."""

from __future__ import annotations

from .base import explain


def install(extra: str) -> str:
    """The command that installs `extra`."""
    return f'pip install "midstream-tui[{extra}]"'


def missing(extra: str, error: BaseException | None = None) -> str:
    """Why the packages of `extra` can't be had, in one line; they are not there where `error` doesn't say otherwise."""
    if error is None or isinstance(error, ModuleNotFoundError):
        return f"not installed: {install(extra)}"
    return f"extra '{extra}' can't be loaded: {explain(error)}"
