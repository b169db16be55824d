"""Checks at the public boundary: whatever a caller has becomes a contiguous float64 array, or a clear ValueError."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def as_series(x: Any, *, name: str = "x", minimum: int = 0) -> FloatArray:
    """Return `x` as a C-contiguous 1-D float64 array of finite values (a copy only where one is needed).

    Raises:
        ValueError: not one-dimensional, not real numbers, NaN or infinite values, or fewer than `minimum` samples.
    """
    try:
        array = np.asarray(x)
        if array.dtype.kind not in "biuf" and array.size:
            raise TypeError(f"dtype {array.dtype}")
        array = np.ascontiguousarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a sequence of real numbers ({error})") from None
    if np.ndim(x) != 1 and array.size:
        raise ValueError(f"{name} must be one-dimensional, not of shape {np.shape(x)}")
    array = array.reshape(-1)
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(f"{name} has a NaN or infinite value at index {bad}: remove or interpolate it first")
    if array.size < minimum:
        raise ValueError(f"{name} has {array.size} samples; at least {minimum} are needed")
    return array


def positive(value: float, name: str) -> float:
    """Return `value` as a float, or raise ValueError when it is not a finite number above zero."""
    number = float(value)
    if not np.isfinite(number) or number <= 0.0:
        raise ValueError(f"{name} must be a finite number above zero, not {value!r}")
    return number
