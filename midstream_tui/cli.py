"""The command `midstream-tui`. Each sub-command loads only what it needs."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from ._version import __version__

DESCRIPTION = """\
A full-screen terminal dashboard for live LLM and media streams.

  midstream-tui SOURCE...          watch these sources (none: the stream picker opens)
  midstream-tui demo               watch the simulator
  midstream-tui probe SOURCE...    no screen: measure, then print one JSON object
"""
EPILOG = """\
keys: s streams, e export, space pause, [ ] refresh, ? help, q quit

environment: OPENAI_API_KEY, OPENAI_BASE_URL for openai:MODEL; MIDSTREAM_SOURCES what the picker offers;
MIDSTREAM_EXPORT_DIR where exports go; MIDSTREAM_STATE_DIR where recent sources are kept.
Secrets belong in the environment, never on the command line.
"""
MODES = ("all", "text", "audio", "video", "openai")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fast", action="store_true", help="read files as fast as they decode, not in real time"
    )
    parser.add_argument("--prompt", metavar="TEXT", help="what to ask an openai: source")
    parser.add_argument(
        "--frame-rate", type=float, default=30.0, metavar="FPS", help="of the simulator (default 30)"
    )


def _screen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--refresh", type=_refresh, default=67, metavar="MS", help="repaint every MS, 50 to 5000 (default 67)"
    )
    parser.add_argument("--duration", type=_seconds, metavar="S", help="leave after S seconds")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be a number of seconds above zero")
    return value


def _refresh(text: str) -> int:
    from .config import clamp_refresh

    try:
        return clamp_refresh(float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser(command: str) -> argparse.ArgumentParser:
    prog = "midstream-tui"
    if command == "demo":
        parser = _Parser(
            f"{prog} demo", description="Watch the simulator; everything it shows says simulated."
        )
        parser.add_argument(
            "--mode", choices=MODES, default="all", help="what to simulate (openai: a real request)"
        )
        _screen(parser)
    elif command == "probe":
        parser = _Parser(
            f"{prog} probe",
            description="Measure sources without a screen and print one JSON object: the dashboard's state.",
            epilog="exit status: 0 every source delivered, 1 one did not (the reason is on stderr), 2 a wrong call",
        )
        parser.add_argument("sources", nargs="+", metavar="SOURCE")
        parser.add_argument(
            "--seconds",
            type=_seconds,
            metavar="S",
            help="stop after S seconds (default: 10, for files at their end)",
        )
        parser.add_argument(
            "--no-analysis", action="store_true", help="count only; skip dynamics and patterns"
        )
    else:
        from midstream_adapters.registry import known_kinds

        parser = _Parser(
            prog,
            description=DESCRIPTION,
            epilog=f"sources:\n{known_kinds()}\n\n{EPILOG}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            usage=f"{prog} [options] [SOURCE...]\n       {prog} demo|probe --help",
        )
        parser.add_argument("sources", nargs="*", metavar="SOURCE", help="what to watch")
        parser.add_argument("--version", action="version", version=f"{prog} {__version__}")
        _screen(parser)
    _common(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status (2 for a wrong call)."""
    args = list(sys.argv[1:] if argv is None else argv)
    command = args.pop(0) if args and args[0] in ("demo", "probe") else ""
    parsed = _parser(command).parse_intermixed_args(args)
    if command == "demo":
        model = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
        sources = [f"openai:{model}" if parsed.mode == "openai" else f"sim:{parsed.mode}"]
    else:
        sources = parsed.sources
    try:
        return _run(command, parsed, sources)
    except KeyboardInterrupt:
        return 130


def _run(command: str, parsed: argparse.Namespace, sources: list[str]) -> int:
    from midstream_adapters.base import Options, SourceError
    from midstream_adapters.registry import known_kinds, open_source

    options = Options(fast=parsed.fast, prompt=parsed.prompt, frame_rate=parsed.frame_rate)
    taken: set[str] = set()
    for source in sources:
        try:
            taken.update(adapter.info.stream for adapter in open_source(source, options, taken))
        except SourceError as error:
            print(f"midstream-tui: {error}\nA source is one of\n{known_kinds()}", file=sys.stderr)
            return 2
    if command == "probe":
        from .probe import probe

        return asyncio.run(probe(sources, options, seconds=parsed.seconds, analysis=not parsed.no_analysis))
    return _dashboard(parsed, sources, options)


def _dashboard(parsed: argparse.Namespace, sources: list[str], options: object) -> int:
    from dataclasses import replace

    from midstream_adapters.base import Options

    assert isinstance(options, Options)
    if not sys.stderr.isatty():  # this is where Textual paints
        print(
            "midstream-tui: the dashboard needs a terminal; `midstream-tui probe` does not", file=sys.stderr
        )
        return 2
    if "-" in sources:
        try:
            options = replace(options, stdin_fd=_keys_from_terminal())
        except OSError as error:
            print(f"midstream-tui: {error}", file=sys.stderr)
            return 2
    from .app import MidStreamApp
    from .hub import Hub

    app = MidStreamApp(
        Hub(options), sources, refresh_ms=parsed.refresh, duration=parsed.duration, pick=not sources
    )

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(name, app.exit)  # so that the terminal is restored
        await app.run_async()

    asyncio.run(run())
    return app.return_code or 0


def _keys_from_terminal() -> int:
    """Move the piped standard input to a descriptor of its own and let keys come from the terminal; return it.

    Raises:
        OSError: nothing is piped in, or there is no terminal to read keys from.
    """
    if sys.stdin.isatty():
        raise OSError("source '-' reads standard input, and nothing is piped in")
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise OSError(
            "source '-' leaves the keyboard to /dev/tty, and there is none: use `probe -`"
        ) from None
    piped = os.dup(0)
    os.dup2(terminal, 0)
    os.close(terminal)
    return piped
