"""`midstream-tui doctor`: what works on this machine."""

from __future__ import annotations

import argparse
import json
import os
import sys

ABOUT = "Say what works on this machine, and how to get what does not."


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = "exit status: 0 nothing is broken (something optional may be missing), 1 something is"
    parser.add_argument("--json", action="store_true", help="for programs")


def run(parsed: argparse.Namespace) -> int:
    """Look at everything; return 1 when something keeps the dashboard from its work."""
    from ..doctor import Health, examine, lines, report

    if parsed.json:
        found = report(examine())
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0 if found["ok"] else 1
    broken = False
    for health, text in lines(examine(), sys.stdout.isatty() and not os.environ.get("NO_COLOR")):
        broken |= health is Health.BROKEN
        print(text, flush=True)
    return int(broken)
