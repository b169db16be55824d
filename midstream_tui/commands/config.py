"""`midstream-tui config`: the settings in effect, every one with what it means."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import Refusal

ABOUT = "Show, check or start the configuration file."


def fill(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = (
        "Environment: MIDSTREAM_CONFIG names another file; MIDSTREAM_SCREEN__THEME and its like override it."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="every setting in effect, documented (the default)")
    what.add_argument(
        "--check", action="store_true", help="say whether the file is right, and where it is not"
    )
    what.add_argument("--path", action="store_true", help="where the file is looked for")
    what.add_argument("--init", action="store_true", help="write a file with every setting, if there is none")


def run(parsed: argparse.Namespace) -> int:
    """Print, check or write; return 0 when the settings are right."""
    from ..settings_file import SettingsError, line_of, load_settings, settings_path
    from ..settings_text import as_toml

    path = settings_path()
    if parsed.path:
        print(path)
        return 0
    if parsed.init:
        return _init(path)
    try:
        settings = load_settings(path)
    except SettingsError as error:
        raise Refusal(str(error)) from None
    if parsed.check:
        from .watch import check_looks

        try:
            check_looks(settings)  # what the file alone can't tell: which themes, ids and keys there are
        except Refusal as refusal:
            place = ("screen", "theme") if str(refusal).startswith("screen") else ("keys",)
            line = line_of(path.read_text(encoding="utf-8"), place) if path.exists() else None
            raise Refusal(f"{path}{f':{line}' if line else ''}: {refusal}") from None
        print(f"{path}: {'is right' if path.exists() else 'there is none, the defaults hold'}")
    else:
        sys.stdout.write(
            as_toml(settings, f"in effect; the file is {path}{'' if path.exists() else ' (there is none)'}")
        )
    return 0


def _init(path: Path) -> int:
    from ..settings import Settings
    from ..settings_text import as_toml

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(as_toml(Settings(), "the defaults; take out what you do not change", commented=True))
    except FileExistsError:
        raise Refusal(f"{path} exists; edit that, or see `config --show`") from None
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from None
    print(path)
    return 0
