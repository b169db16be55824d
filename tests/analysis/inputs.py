"""Inputs that a checked function must refuse, and forms of one series that must all give the same result."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

JIT = not numba.config.DISABLE_JIT
"""False under NUMBA_DISABLE_JIT=1, where kernels are plain Python and a test keeps its series short."""

BAD: dict[str, Any] = {
    "empty": [],
    "nan": [1.0, 2.0, float("nan"), *range(200)],
    "inf": [1.0, float("inf"), *range(200)],
    "minus inf": np.r_[np.arange(200.0), -np.inf],
    "two-dimensional": np.zeros((200, 2)),
    "scalar": 3.0,
    "text": ["a"] * 200,
    "complex": np.ones(200, complex),
    "objects": [None] * 200,
}


def forms(whole_numbers: Any) -> dict[str, Any]:
    """The same whole numbers as a list, integers, a strided, a reversed, a read-only and a big-endian array."""
    x = np.asarray(whole_numbers, np.int64)
    frozen = x.astype(np.float64)
    frozen.flags.writeable = False
    return {
        "list": x.tolist(),
        "integers": x,
        "float32": x.astype(np.float32),
        "strided": np.repeat(x.astype(np.float64), 3)[::3],
        "reversed view": x[::-1].copy()[::-1],
        "read-only": frozen,
        "big-endian": x.astype(">f8"),
    }
