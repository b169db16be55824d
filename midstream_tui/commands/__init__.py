"""Sub-commands of `midstream-tui`: a module each, loaded when it is called.

A module has ``ABOUT`` (one line), ``fill(parser)``, which adds its arguments, and ``run(parsed)``, which returns the
exit status.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

COMMANDS = {
    "demo": "watch the simulator",
    "tap": "watch what an app asks a model, by a proxy",
    "probe": "no screen: measure sources, then print one JSON object",
    "serve": "show the dashboard in a browser",
    "config": "show, check or start the configuration file",
    "doctor": "say what works on this machine, and how to get what does not",
}
"""Every sub-command, with what the top-level help says of it; anything else is a source to watch."""


class Command(Protocol):
    """What a module of this package has."""

    ABOUT: str
    fill: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


class Refusal(Exception):
    """The command can't be carried out as asked: the text is said on stderr, and the exit status is 2."""


def load(name: str) -> Command:
    """The module of the command `name`; ``""`` is the dashboard itself."""
    module: Command = import_module(f"{__package__}.{name or 'watch'}")
    return module
