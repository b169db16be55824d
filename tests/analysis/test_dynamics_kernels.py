"""What every dynamics kernel promises beside its values: no GIL, a cache, no compiling at import, safe arithmetic."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.inputs import JIT

MODULES = (
    "bits", "correlation", "divergence", "entropies", "information", "neighbours", "recurrence", "regression",
    "tangent",
)  # fmt: skip
ROOT = Path(__file__).parents[2]
SAFE = {"reassoc", "contract", "nsz", "arcp"}


def _kernels() -> list[Any]:
    from numba.core.dispatcher import Dispatcher

    found = [
        value
        for name in MODULES
        for value in vars(import_module(f"midstream_analysis.kernels.{name}")).values()
        if isinstance(value, Dispatcher)
    ]
    return list({id(k): k for k in found}.values())


@pytest.mark.skipif(not JIT, reason="nothing is compiled")
def test_kernels_release_the_gil_are_cached_and_keep_nan() -> None:
    kernels = _kernels()
    assert len(kernels) >= 15
    for kernel in kernels:
        name = kernel.py_func.__name__
        assert kernel.targetoptions["nogil"] is True, name
        assert type(kernel._cache).__name__ != "NullCache", name
        fast = kernel.targetoptions.get("fastmath", set())
        assert fast is not True, name
        assert set(fast or ()) <= SAFE, name


def test_public_modules_load_no_numba_and_kernels_compile_nothing_at_import() -> None:
    code = f"""
import sys
from midstream_analysis import dimension, embedding, entropy, exponents, recurrences, zero_one
assert "numba" not in sys.modules, "numba was imported"
from importlib import import_module
for name in {MODULES!r}:
    for value in vars(import_module("midstream_analysis.kernels." + name)).values():
        assert not getattr(value, "signatures", None), (name, value)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=ROOT / "analysis")
