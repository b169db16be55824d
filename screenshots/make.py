"""Make the screenshots from the real app: `python screenshots/make.py [--all | --check | NAME...] [--folder FOLDER]`.

Without a name: those kept in the repository. `--all`: every screen at three sizes in three themes. `--check`: make them
again and say which of the kept ones are stale or missing, with exit status 1 if any is; nothing is written.
The input is the same every time (see `scenes.py`): seeded adapters in virtual time, and media from files.
SVG always; PNG beside it where `rsvg-convert` (Debian librsvg2-bin) is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import io
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import scenes
from PIL import Image
from shots import SCREENS, SHOTS, Shot, take

from midstream_tui.export_png import renderer, to_png
from midstream_tui.svg_cells import on_grid

HERE = Path(__file__).parent
COLOURS = 256
"""Of a PNG: a terminal's screen has few, and so the file is a third as large."""
SceneMaker = Callable[[], Awaitable[scenes.Scene]]


@contextmanager
def settled() -> Iterator[Path]:
    """A folder of our own as the current one, UTC, and nothing of the user's environment or configuration."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith(("MIDSTREAM_", "OPENAI_", "NO_COLOR"))]:
            del os.environ[name]
        os.environ |= {"TZ": "UTC", "MIDSTREAM_STATE_DIR": folder, "XDG_CONFIG_HOME": folder}
        time.tzset()
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


async def makers(wanted: Iterable[str]) -> dict[str, SceneMaker]:
    """What makes each of the scenes; the models look at the files first, once."""
    found: dict[str, SceneMaker] = {
        "trouble": scenes.trouble,
        "alerts": functools.partial(scenes.trouble, earlier=True),
    }
    if "watch" in wanted:
        from media import FILM, READING, make_files, remember

        make_files(Path.cwd())
        models = {name: await remember(name) for name in (FILM, READING)}
        found["watch"] = functools.partial(scenes.watch, models)
    return found


async def made(shots: list[Shot]) -> dict[str, str]:
    """The SVG of each shot, by its name."""
    make = await makers({SCREENS[shot.screen].scene for shot in shots})
    svgs: dict[str, str] = {}
    for shot in shots:
        scene = await make[SCREENS[shot.screen].scene]()
        try:
            svgs[shot.name] = on_grid(await take(shot, scene))
        finally:
            await scene.close()
        print(shot.name, file=sys.stderr, flush=True)
    return svgs


def save(svg: str, path: Path) -> None:
    """Write the SVG, and the PNG beside it if that can be made."""
    path.write_text(svg, encoding="utf-8")
    if renderer() is None:
        return
    with Image.open(io.BytesIO(to_png(svg))) as picture:
        small = picture.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    small.save(path.with_suffix(".png"), optimize=True)


def problems(svgs: dict[str, str], folder: Path) -> list[str]:
    """What is stale, missing or left over in `folder`, one line each; `svgs` are those that belong there."""
    found = []
    for name, svg in svgs.items():
        path = folder / f"{name}.svg"
        if not path.exists():
            found.append(f"missing: {path.name}")
        elif path.read_text(encoding="utf-8") != svg:
            found.append(f"stale: {path.name}")
        if not path.with_suffix(".png").exists():
            found.append(f"missing: {path.stem}.png")
    kept = {name for name, shot in SHOTS.items() if shot.kept}
    left = sorted(path.name for path in folder.glob("*x*.*") if path.stem not in kept)
    return [*found, *(f"left over: {name}" for name in left)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"as {', '.join(list(SHOTS)[:3])}")
    parser.add_argument("--all", action="store_true", help=f"all {len(SHOTS)}, of which few are kept")
    parser.add_argument("--check", action="store_true", help="write nothing; tell what is stale or missing")
    parser.add_argument("--folder", type=Path, default=HERE)
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in SHOTS]:
        parser.error(f"no such picture: {', '.join(unknown)}; there are {', '.join(SHOTS)}")
    names = args.names or [name for name, shot in SHOTS.items() if shot.kept or args.all]
    folder = args.folder.resolve()
    with settled():
        svgs = asyncio.run(made([SHOTS[name] for name in names]))
    if args.check:
        found = problems(svgs, folder)
        print("\n".join(found) or f"{len(svgs)} pictures are up to date")
        return bool(found)
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in svgs.items():
        save(svg, folder / f"{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
