"""`midstream-tui serve`: the dashboard in a browser."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from . import Refusal
from .arguments import check_sources, expanded, user_settings

ABOUT = "Show the dashboard in a web page, on this machine unless told otherwise."
TOKEN = "MIDSTREAM_SERVE_TOKEN"


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = (
        f"Every page runs a dashboard of its own. With --host that others can reach, set {TOKEN}: whoever opens the "
        "page controls the dashboard. After -- come options of the dashboard, as in: serve -- --refresh 200 sim:all"
    )
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="what to watch (none: the picker opens)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default 127.0.0.1)")
    parser.add_argument(
        "--port", type=_port, default=8000, help="the port (default 8000; 0: any that is free)"
    )


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError("must be 0 to 65535")
    return value


def run(parsed: argparse.Namespace) -> int:
    """Serve until interrupted.

    Raises:
        Refusal: a source can't be used here, the address can't be listened on, or a token is missing.
    """
    from midstream_adapters.base import Options
    from midstream_adapters.net import is_loopback

    from ..serve import DashboardServer

    token = os.environ.get(TOKEN) or None
    if token is None and not is_loopback(parsed.host):
        raise Refusal(
            f"{parsed.host} can be reached by others: set {TOKEN}, and open the page with ?token=..."
        )
    if "-" in parsed.sources:
        raise Refusal("source '-' has no place in a browser: standard input is the page's")
    named = [word for word in parsed.sources if not word.startswith("-")]
    check_sources(expanded(named, user_settings()), Options())
    server = DashboardServer(parsed.sources, parsed.host, parsed.port, token)
    try:
        asyncio.run(server.run(_say))
    except OSError as error:
        raise Refusal(f"can't listen on {parsed.host}:{parsed.port}: {error.strerror or error}") from None
    return 0


def _say(address: str) -> None:
    print(f"MidStream is at {address}  (ctrl+c ends it)", file=sys.stderr, flush=True)
