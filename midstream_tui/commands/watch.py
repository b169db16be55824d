"""`midstream-tui SOURCE...`: the dashboard."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .._version import __version__
from . import COMMANDS, Refusal
from .arguments import (
    add_screen_arguments,
    add_source_arguments,
    check_sources,
    expanded,
    source_options,
    user_settings,
)

if TYPE_CHECKING:
    from midstream_adapters.base import Options

    from ..settings import Settings

LEAVE_WITHIN = 8.0
"""Seconds after which a dashboard that was told to end is gone, whatever hangs."""
ABOUT = "A full-screen terminal dashboard for live LLM and media streams."
EPILOG = """\
keys: s streams, e export, space pause, [ ] refresh, ? help, q quit

configuration: `midstream-tui config` shows every setting; @NAME is a profile or stream of it
environment (a .env file is read): OPENAI_API_KEY, OPENAI_BASE_URL for openai: and openai-realtime:;
MIDSTREAM_REALTIME_URL, AGENTIC_FLOW_API_KEY for a Realtime proxy; MIDSTREAM_SOURCES what the picker offers;
MIDSTREAM_INGEST_TOKEN for senders, MIDSTREAM_SERVE_TOKEN for browsers elsewhere; MIDSTREAM_EXPORT_DIR where
exports go; MIDSTREAM_STATE_DIR where recent sources are kept.
Secrets belong in the environment, never on the command line.
"""


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the dashboard."""
    from midstream_adapters.registry import known_kinds

    prog = parser.prog
    others = "\n".join(f"  {prog} {name:<22} {about}" for name, about in COMMANDS.items())
    usual = f"  {prog} {'SOURCE...':<22} watch these sources (none: the stream picker opens)"
    parser.description = f"{ABOUT}\n\n{usual}\n{others}"
    parser.epilog = f"sources:\n{known_kinds()}\n\n{EPILOG}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = f"{prog} [options] [SOURCE...]\n       {prog} {'|'.join(COMMANDS)} --help"
    parser.add_argument(
        "sources", nargs="*", metavar="SOURCE", help="what to watch; @NAME is of the configuration"
    )
    parser.add_argument("--version", action="version", version=f"{prog} {__version__}")
    add_screen_arguments(parser)
    add_source_arguments(parser)


def run(parsed: argparse.Namespace) -> int:
    """Open the dashboard on the sources that were named."""
    return watch(parsed, parsed.sources)


def watch(parsed: argparse.Namespace, sources: Sequence[str]) -> int:
    """Open the dashboard on `sources`; return the exit status.

    Raises:
        Refusal: a source can't be used, or there is no terminal.
    """
    settings = user_settings()
    sources = expanded(sources, settings)
    options = source_options(parsed, settings)
    check_sources(sources, options)
    # Textual paints on stderr, or hands the screen to the server that started it (`serve`).
    if not sys.stderr.isatty() and "TEXTUAL_DRIVER" not in os.environ:
        raise Refusal(
            "the dashboard needs a terminal on stderr, where it paints; `midstream-tui probe` needs none"
        )
    if "-" in sources:
        options = replace(options, stdin_fd=_keys_from_terminal())
    return show(sources, options, parsed, settings)


def show(sources: Sequence[str], options: Options, parsed: argparse.Namespace, settings: Settings) -> int:
    """Run the app in this terminal until it is left.

    Raises:
        Refusal: the settings name a theme, a key or graphics that there are not.
    """
    from ..app import MidStreamApp
    from ..hub import Hub

    _check_screen(settings)
    app = MidStreamApp(
        Hub(options),
        sources,
        refresh_ms=parsed.refresh or settings.screen.refresh_ms,
        duration=parsed.duration,
        pick=not sources,
        settings=settings,
    )

    def leave() -> None:
        _end_within(LEAVE_WITHIN, 1)
        app.exit()  # so that the terminal is restored

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(name, leave)
        await app.run_async(mouse=settings.screen.mouse)
        _end_within(LEAVE_WITHIN, app.return_code or 0)  # a thread that reads or computes may be stuck

    asyncio.run(main())
    return app.return_code or 0


def _end_within(seconds: float, status: int) -> None:
    """The last resort: end the process with `status` should it still be there after `seconds`."""
    guard = threading.Timer(seconds, os._exit, (status,))
    guard.daemon = True
    guard.start()


def check_looks(settings: Settings) -> None:
    """Raise `Refusal` at a theme or keys that can't be."""
    from textual.theme import BUILTIN_THEMES

    from ..themes import THEMES

    themes = [*(theme.name for theme in THEMES), *BUILTIN_THEMES]
    if settings.screen.theme not in themes:
        raise Refusal(f"screen.theme: no theme {settings.screen.theme!r}; there are {', '.join(themes)}")
    if settings.keys:
        from ..keymap import keymap_problems
        from ..scopes import scopes

        if problems := keymap_problems(scopes(), settings.keys):
            raise Refusal(f"keys: {problems[0]}{f' (and {len(problems) - 1} more)' if problems[1:] else ''}")


def _check_screen(settings: Settings) -> None:
    """Raise `Refusal` at a theme, keys or graphics that can't be."""
    check_looks(settings)
    if settings.screen.graphics != "off":
        from midstream_widgets.charts.graphics import GraphicsError, enable

        try:
            enable(settings.screen.graphics)  # before the app: it asks the terminal, which answers with keys
        except GraphicsError as error:
            raise Refusal(f"screen.graphics: {error}") from None


def _keys_from_terminal() -> int:
    """Move the piped standard input to a descriptor of its own and let keys come from the terminal; return it.

    Raises:
        Refusal: nothing is piped in, or there is no terminal to read keys from.
    """
    if sys.stdin.isatty():
        raise Refusal("source '-' reads standard input, and nothing is piped in")
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise Refusal(
            "source '-' leaves the keyboard to /dev/tty, and there is none: use `probe -`"
        ) from None
    piped = os.dup(0)
    os.dup2(terminal, 0)
    os.close(terminal)
    return piped
