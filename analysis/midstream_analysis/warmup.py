"""Warm-up: one small step a kernel, so that progress can be told and a stop is obeyed between two of them.

A step calls a public function on a tiny input: what compiles (or is read from numba's cache) is exactly what a later
call will use. The steps that the engine's own reports need come first.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from midstream_analysis.jobs import Series


class KernelsUnavailable(RuntimeError):
    """numba cannot be loaded, so that no series can be analysed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of the warm-up. Series are analysed as soon as all the `needed` ones are done."""

    name: str
    run: Callable[[], object]
    needed: bool = True


class Stopped(BaseException):
    """The step was given up, because the engine stops. Not an Exception: numba must let it through."""


@contextmanager
def stoppable(stopping: Callable[[], bool]) -> Iterator[None]:
    """Within, before this thread compiles a kernel, raise `Stopped` when `stopping` says so.

    Compiling takes seconds, and a step may need many kernels. (numba's event API; kernels that come from the cache
    are quick and make no event.) Does nothing while numba is not loaded.
    """
    if sys.modules.get("numba") is None:
        yield
        return
    from numba.core import event

    thread = threading.get_ident()

    class Listener(event.Listener):
        def on_start(self, event: object) -> None:
            if threading.get_ident() == thread and stopping():
                raise Stopped

        def on_end(self, event: object) -> None:
            pass

    with event.install_listener("numba:compile", Listener()):
        yield


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


def steps(warm: bool = True) -> tuple[Step, ...]:
    """Return the warm-up: all of it, or without `warm` only numba's import (kernels then compile at first use)."""
    load = Step("numba", load_numba)
    if not warm:
        return (load,)
    engine = [Step(f"observe {name}", _observe(name)) for name in ("noise", "chaos", "tones", "flow")]
    return (load, *engine, *(Step(name, partial(_call, name, make), needed=False) for name, make in _OTHERS))


def _observe(name: str) -> Callable[[], object]:
    """Everything that the engine says of a series; the kinds of series take different ways through the classifier."""

    def run() -> object:
        from midstream_analysis.observe import observe

        return observe(Series("warm-up", name, globals()[f"_{name}"](), 1.0, 0.0))

    return run


def _call(name: str, make: Callable[[], tuple[Any, ...]]) -> None:
    """Call the public function `name`; a streaming class is fed what follows its first arguments."""
    import midstream_analysis

    made = getattr(midstream_analysis, name.split()[0])
    if isinstance(made, type):
        *first, values = make()
        stream = made(*first)
        stream.extend(values)
        stream.update(float(values[-1]))
    else:
        made(*make())


def _noise() -> Any:
    import numpy as np

    return np.random.default_rng(0).standard_normal(256)


def _chaos() -> Any:
    import numpy as np

    x = np.full(256, 0.4)
    for i in range(1, x.size):
        x[i] = 3.9 * x[i - 1] * (1.0 - x[i - 1])
    return x


def _tones() -> Any:
    import numpy as np

    t = np.arange(400)
    return np.sin(0.31 * t) + np.sin(0.5 * t + 1.0) + 0.02 * _noise()[t % 256]


def _flow() -> Any:
    """Lorenz 1963, Euler steps of 0.01, every fifth."""
    import numpy as np

    x, y, z, out = 1.0, 1.0, 20.0, np.empty(600)
    for i in range(5 * out.size):
        x, y, z = x + 0.1 * (y - x), y + 0.01 * (x * (28.0 - z) - y), z + 0.01 * (x * y - 8.0 / 3.0 * z)
        out[i // 5] = x
    return out


_OTHERS: tuple[tuple[str, Callable[[], tuple[Any, ...]]], ...] = (
    ("dtw", lambda: (_noise()[:20], _noise()[5:30])),
    ("dtw band", lambda: (_noise()[:20], _noise()[5:30], 5)),
    ("euclidean", lambda: (_noise(), _chaos())),
    ("lcs", lambda: ("greeting", "question")),
    ("lcs moves", lambda: (["greeting", "question"], ["question", "answer"])),
    ("levenshtein", lambda: ("greeting", "question")),
    ("levenshtein moves", lambda: (["greeting", "question"], ["question", "answer"])),
    ("sample_entropy", lambda: (_noise(),)),
    ("SlidingPermutationEntropy", lambda: (50, _noise())),
    ("lyapunov map", lambda: (_chaos(), 1.0, "map")),
    ("lyapunov flow", lambda: (_flow(), 0.05, "flow")),
    ("lyapunov_spectrum", lambda: (_chaos(), 1.0, 2)),
    ("mutual_information_delay", lambda: (_flow(),)),
    ("false_nearest_neighbours", lambda: (_flow(), 3)),
    ("recurrence", lambda: (_noise(),)),
    ("correlation_dimension", lambda: (_flow(),)),
    ("zero_one_test", lambda: (_chaos(),)),
    ("matrix_profile", lambda: (_noise(), 16)),
    ("motifs", lambda: (_noise(), 16)),
    ("StreamingMatrixProfile", lambda: (8, 64, _noise())),
    ("Spring", lambda: (_noise()[:8], 1.0, _noise())),
    ("find_subsequence", lambda: (_noise(), _noise()[:8])),
)
