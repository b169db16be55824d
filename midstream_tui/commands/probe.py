"""`midstream-tui probe`: measure without a screen."""

from __future__ import annotations

import argparse
import asyncio

from .arguments import add_source_arguments, check_sources, expanded, seconds, source_options, user_settings

ABOUT = "Measure sources without a screen and print one JSON object: the dashboard's state."


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the probe."""
    parser.epilog = (
        "exit status: 0 every source delivered, 1 one did not (the reason is on stderr), 2 a wrong call"
    )
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    parser.add_argument(
        "--seconds",
        type=seconds,
        metavar="S",
        help="stop after S seconds (default: 10, for files at their end); loading a library does not count",
    )
    parser.add_argument("--no-analysis", action="store_true", help="count only; skip dynamics and patterns")
    add_source_arguments(parser)


def run(parsed: argparse.Namespace) -> int:
    """Measure, print, and return 0 when every source delivered."""
    from ..probe import probe

    settings = user_settings()
    options = source_options(parsed, settings)
    sources = expanded(parsed.sources, settings)
    check_sources(sources, options)
    rules = settings.alerts.rules if settings.alerts.enabled else {}
    return asyncio.run(
        probe(sources, options, seconds=parsed.seconds, analysis=not parsed.no_analysis, rules=rules)
    )
