"""A PNG of a screenshot, where a program is installed that can make one."""

from __future__ import annotations

import shutil
import subprocess

from .svg_cells import on_grid


def renderer() -> str | None:
    """The program that makes a PNG of an SVG, if one is installed (Debian: librsvg2-bin)."""
    return shutil.which("rsvg-convert")


def to_png(svg: str) -> bytes:
    """A PNG of `svg`. Blocks for a second or two.

    Raises:
        OSError: no renderer is installed, or it failed.
    """
    program = renderer()
    if program is None:
        raise OSError("no rsvg-convert here (Debian: librsvg2-bin)")
    done = subprocess.run(
        [program, "-f", "png"], input=on_grid(svg).encode(), capture_output=True, timeout=60
    )
    if done.returncode:
        raise OSError(f"rsvg-convert: {done.stderr.decode(errors='replace').strip()[:200]}")
    return done.stdout
