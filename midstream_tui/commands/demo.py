"""`midstream-tui demo`: the dashboard on the simulator."""

from __future__ import annotations

import argparse
import os

from .arguments import add_screen_arguments, add_source_arguments
from .watch import watch

ABOUT = "Watch the simulator; everything it shows says simulated."
MODES = ("all", "text", "audio", "video", "openai")


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the demo."""
    parser.add_argument(
        "--mode", choices=MODES, default="all", help="what to simulate (openai: a real request)"
    )
    add_screen_arguments(parser)
    add_source_arguments(parser)


def run(parsed: argparse.Namespace) -> int:
    """Open the dashboard on the simulator, or on one real question to an OpenAI-compatible server."""
    model = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
    return watch(parsed, [f"openai:{model}" if parsed.mode == "openai" else f"sim:{parsed.mode}"])
