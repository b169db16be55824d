"""`midstream-tui tap`: watch what any app asks a model, by a proxy that it is pointed at."""

from __future__ import annotations

import argparse
import os

from .arguments import add_screen_arguments, add_source_arguments
from .watch import watch

ABOUT = "Point an app's base URL at this proxy and watch every request; bytes pass on unchanged and at once."
EPILOG = """\
then, for example:  OPENAI_BASE_URL=http://127.0.0.1:8790/v1 your-app

Keys stay with the app: they pass through and are neither kept nor shown. To listen where others can reach it, set
MIDSTREAM_TAP_TOKEN: clients then use http://HOST:PORT/TOKEN/v1. MIDSTREAM_TTFT_MS and MIDSTREAM_ITL_MS are the
objectives of goodput (200 and 50). Without a screen: midstream-tui probe "tap+listen://127.0.0.1:8790?upstream=URL"
"""


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the tap."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:8790",
        help="where apps connect (default %(default)s)",
    )
    parser.add_argument(
        "--upstream",
        metavar="URL",
        help="where requests go (default OPENAI_BASE_URL, else https://api.openai.com)",
    )
    add_screen_arguments(parser)
    add_source_arguments(parser)


def run(parsed: argparse.Namespace) -> int:
    """Open the dashboard on the tap."""
    upstream = parsed.upstream or os.environ.get("OPENAI_BASE_URL", "").strip() or "https://api.openai.com"
    return watch(parsed, [f"tap+listen://{parsed.listen}?upstream={upstream}"])
