"""Warm-up: one small step a kernel, so that progress can be told and a stop is obeyed between two of them.

A step calls a public function on a tiny input: what compiles (or is read from numba's cache) is exactly what a later
call will use. The steps that the engine's own reports need come first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class KernelsUnavailable(RuntimeError):
    """numba cannot be loaded, so that no series can be analysed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of the warm-up. Series are analysed as soon as all the `needed` ones are done."""

    name: str
    run: Callable[[], object]
    needed: bool = True


def load_numba() -> None:
    """Import numba and make sure that it has somewhere to keep what it compiles.

    Raises:
        KernelsUnavailable: with the reason in one line.
    """
    from midstream_analysis import kernel_cache

    try:
        kernel_cache.ensure()
    except Exception as error:  # an unfit numpy or LLVM raises more than ImportError
        line = " ".join(str(error).split()) or type(error).__name__
        raise KernelsUnavailable(f"numba cannot be loaded: {line}") from error


def _wave(n: int) -> Any:
    import numpy as np

    t = np.arange(n)
    return np.sin(0.3 * t) + 0.5 * np.sin(0.3 * 1.618 * t) + 0.01 * np.cos(t * t)


def _observe() -> object:
    from midstream_analysis.jobs import Series
    from midstream_analysis.observe import observe

    return observe(Series("warm-up", "x", _wave(256), 1.0, 0.0))


def steps(warm: bool = True) -> tuple[Step, ...]:
    """Return the warm-up: all of it, or without `warm` only numba's import (kernels then compile at first use)."""
    load = Step("numba", load_numba)
    return (load, Step("observe", _observe)) if warm else (load,)
