"""Make the screenshots from the real app on the simulator: `python screenshots/make.py [--seconds S] [NAME...]`.

SVG always; PNG beside it where `rsvg-convert` (Debian librsvg2-bin) is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

from midstream_adapters.base import Options
from midstream_tui.app import MidStreamApp
from midstream_tui.config import RecentSources
from midstream_tui.hub import Hub

HERE = Path(__file__).parent
SHOTS: dict[str, tuple[tuple[int, int], tuple[str, ...]]] = {
    "dashboard-80x24": ((80, 24), ()),
    "dashboard-120x40": ((120, 40), ()),
    "dashboard-200x60": ((200, 60), ()),
    "streams-120x40": ((120, 40), ("s",)),
    "help-120x40": ((120, 40), ("question_mark",)),
    "light-120x40": ((120, 40), ("t",)),
}


async def shoot(name: str, seconds: float, folder: Path) -> str:
    """Run the dashboard on `sim:all` for `seconds`, press the keys of the shot, and return the screen as SVG."""
    size, keys = SHOTS[name]
    app = MidStreamApp(Hub(Options(rng=random.Random(7))), ["sim:all"], recent=RecentSources(folder))
    async with app.run_test(size=size) as pilot:
        await asyncio.sleep(seconds)
        await pilot.press(*keys)
        await pilot.pause(0.3)
        return app.export_screenshot(title="MidStream")


def save(svg: str, path: Path) -> None:
    """Write the SVG, and the PNG beside it if that can be made."""
    path.write_text(svg, encoding="utf-8")
    if renderer := shutil.which("rsvg-convert"):
        # Without this the renderer drops the spaces that a piece of text begins with.
        kept = svg.replace("<text ", '<text xml:space="preserve" ').encode()
        subprocess.run([renderer, "-o", path.with_suffix(".png")], input=kept, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(SHOTS)}")
    parser.add_argument("--seconds", type=float, default=45.0, help="how long the dashboard runs first")
    parser.add_argument("--folder", type=Path, default=HERE)
    args = parser.parse_args()
    for name in args.names or SHOTS:
        with tempfile.TemporaryDirectory() as folder:
            svg = asyncio.run(shoot(name, args.seconds, Path(folder)))
        save(svg, args.folder / f"{name}.svg")


if __name__ == "__main__":
    main()
