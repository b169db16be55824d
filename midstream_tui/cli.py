"""The command `midstream-tui`. Each sub-command loads only what it needs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from midstream_adapters.dotenv import load_env_file
from midstream_adapters.sanitize import clean

from .commands import COMMANDS, Refusal, load
from .commands.arguments import part


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status (2 for a wrong call)."""
    for line in load_env_file(Path(".env"), os.environ):
        print(f"midstream-tui: {line}", file=sys.stderr)
    args = list(sys.argv[1:] if argv is None else argv)
    name = args.pop(0) if args and args[0] in COMMANDS else ""
    command = load(name)
    parser = _Parser(f"midstream-tui {name}".strip(), description=command.ABOUT)
    command.fill(parser)
    try:
        status = command.run(parser.parse_intermixed_args(part(args)))
        sys.stdout.flush()
        return status
    except Refusal as refusal:
        print(f"midstream-tui: {clean(str(refusal))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left would be flushed at the exit
        return 141
