"""Distances between two sequences: of real numbers, of characters, or of any hashable symbols."""

# mypy: allow-untyped-calls

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from midstream_analysis.checks import FloatArray, as_series
from midstream_analysis.kernels import edit, text
from midstream_analysis.kernels.warping import _dtw

Codes = npt.NDArray[np.int32]


def dtw(a: Any, b: Any, band: int | float | None = None) -> float:
    """Dynamic time warping distance: the square root of the least sum of squared differences along a warping path.

    Symbols (strings, hashables) cost 0 where equal and 1 where not. Memory is O(min(n, m)), time O(n m).

    Args:
        a, b: sequences of real numbers, or of symbols; neither empty.
        band: Sakoe-Chiba band, counted as dtaidistance's `window`: |i - j| < band, beyond the difference in length, so
            that 1 leaves only the diagonal. A float below 1 is a share of the longer sequence. None: no band.

    Raises:
        ValueError: empty input, NaN or infinite values, numbers against symbols, or a band below 1 sample.
    """
    x, y, cap = _as_numbers(a, b)
    if not x.size or not y.size:
        raise ValueError("dtw needs at least one sample in each sequence")
    if x.size > y.size:
        x, y = y, x
    width = y.size if band is None else _band(band, y.size)
    # A power of two, so exact; without it squares of huge values overflow and those of tiny ones vanish.
    exponent = _exponent(x, y) if cap == math.inf else 0
    if exponent:
        x, y = np.ldexp(x, -exponent), np.ldexp(y, -exponent)
    total = _dtw(x, np.ascontiguousarray(y[::-1]), width - 1, y.size - x.size + width - 1, cap)
    return math.ldexp(math.sqrt(total), exponent)


def euclidean(a: Any, b: Any) -> float:
    """Euclidean distance of two sequences of one length; of symbols, the square root of the number of differing places.

    Raises:
        ValueError: different lengths, NaN or infinite values, or numbers against symbols.
    """
    x, y, cap = _as_numbers(a, b)
    if x.size != y.size:
        raise ValueError(f"euclidean needs sequences of one length, not {x.size} and {y.size}")
    if cap != math.inf:
        return math.sqrt(np.count_nonzero(x != y))
    exponent = _exponent(x, y)
    return math.ldexp(float(np.linalg.norm(np.ldexp(x, -exponent) - np.ldexp(y, -exponent))), exponent)


def lcs(a: Any, b: Any) -> int:
    """Length of the longest common subsequence (not substring) of two sequences of hashables, strings, or numbers.

    Raises:
        ValueError: not sequences, unhashable items, or NaN (which equals nothing, not even itself).
    """
    try:
        return _text_lcs(a, b)
    except (TypeError, UnicodeEncodeError):
        pass  # no short text
    return int(edit._lcs(*_codes(a, b)))


def levenshtein(a: Any, b: Any) -> int:
    """Least number of insertions, deletions and substitutions that turn `a` into `b`; input as for `lcs`."""
    try:
        return _text_edit(a, b)
    except (TypeError, UnicodeEncodeError):
        pass  # no short text
    return int(edit._edit(*_codes(a, b)))


def _first_lcs(a: Any, b: Any) -> int:
    """Compile the kernel, or load it from the cache, and put its entry point in this one's place."""
    global _text_lcs
    _text_lcs = text.entry(text.short_lcs)
    return _text_lcs(a, b)


def _first_edit(a: Any, b: Any) -> int:
    """As `_first_lcs`."""
    global _text_edit
    _text_edit = text.entry(text.short_edit)
    return _text_edit(a, b)


_text_lcs: Callable[[Any, Any], int] = _first_lcs
_text_edit: Callable[[Any, Any], int] = _first_edit


def _band(band: int | float, longest: int) -> int:
    if isinstance(band, float) and 0.0 < band < 1.0:
        return max(1, math.ceil(band * longest))
    if not isinstance(band, (int, np.integer)):
        raise ValueError(f"band must be a whole number of samples or a share below 1, not {band!r}")
    width = int(band)
    if width < 1:
        raise ValueError(f"band must be at least 1 (the diagonal), not {width}")
    return min(width, longest)


def _exponent(x: FloatArray, y: FloatArray) -> int:
    """Binary exponent to take out of both series; 0 where their squares are safe as they are."""
    peak = max(float(np.abs(x).max(initial=0.0)), float(np.abs(y).max(initial=0.0)))
    return 0 if 1e-100 < peak < 1e100 else math.frexp(peak)[1] + 2


def _as_numbers(a: Any, b: Any) -> tuple[FloatArray, FloatArray, float]:
    """Both as float arrays, and the most that a squared difference may cost: codes of symbols cost 0 or 1."""
    numeric = _is_numeric(a), _is_numeric(b)
    if all(numeric):
        return as_series(a, name="a"), as_series(b, name="b"), math.inf
    if any(numeric) and len(a) and len(b):
        raise ValueError("one sequence holds numbers and the other symbols: they cannot be compared")
    x, y, _ = _codes(a, b)
    return x.astype(np.float64), y.astype(np.float64), 1.0


def _is_numeric(x: Any) -> bool:
    if isinstance(x, (str, bytes, bytearray)):
        return False
    if not isinstance(x, np.ndarray):
        try:
            x = np.asarray(_sequence(x))
        except ValueError:  # ragged (tuples, say), or no sequence, which is said later
            return False
    if x.dtype.kind == "c":
        raise ValueError("complex numbers have no warping distance here: compare their parts or magnitudes")
    return x.dtype.kind in "biuf" or not x.size


def _sequence(x: Any) -> Any:
    if type(x) in (list, tuple, str):  # the usual; the checks below cost more than a short comparison
        return x
    if isinstance(x, np.ndarray):
        if x.ndim != 1:
            raise ValueError(f"a sequence must be one-dimensional, not of shape {x.shape}")
    elif not isinstance(x, Sequence) and not (hasattr(x, "__len__") and hasattr(x, "__getitem__")):
        raise ValueError(f"expected a sequence, not {type(x).__name__}")
    elif isinstance(x, dict):
        raise ValueError("expected a sequence, not dict")
    return x


def _codes(a: Any, b: Any) -> tuple[Codes, Codes, int]:
    """Both as small integers, equal where the symbols are, and an upper bound of those integers."""
    a, b = _sequence(a), _sequence(b)
    if isinstance(a, str) and isinstance(b, str):
        try:
            return *_both(a, b, lambda s: np.frombuffer(s.encode("latin-1"), np.uint8)), 256
        except UnicodeEncodeError:
            return _ranked(
                *_both(a, b, lambda s: np.frombuffer(s.encode("utf-32-le", "surrogatepass"), np.uint32))
            )
    if (
        isinstance(a, np.ndarray)
        and isinstance(b, np.ndarray)
        and a.dtype.kind in "biuf"
        and b.dtype.kind in "biuf"
    ):
        if a.dtype == b.dtype and a.dtype.kind in "biu" and a.dtype.itemsize == 1:
            return *_both(
                a, b, lambda x: x.view(np.uint8) if x.flags.c_contiguous else x.copy().view(np.uint8)
            ), 256
        if np.isnan(a).any() or np.isnan(b).any():
            raise ValueError("a sequence holds NaN, which equals nothing: remove it first")
        if a.dtype == b.dtype or a.dtype.kind == b.dtype.kind == "f":
            return _ranked(a, b)
    return _hashed(a, b)


def _both(a: Any, b: Any, convert: Callable[[Any], npt.NDArray[Any]]) -> tuple[Codes, Codes]:
    return convert(a).astype(np.int32), convert(b).astype(np.int32)


def _ranked(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> tuple[Codes, Codes, int]:
    """Integers in a narrow range are shifted to zero; other numbers are replaced by their rank."""
    every = np.concatenate((a, b))
    if every.dtype.kind in "iu" and every.size:
        low, high = int(every.min()), int(every.max())
        if high - low <= 4 * every.size + 256:
            shifted = (every - every.dtype.type(low)).astype(np.int32)
            return shifted[: a.size], shifted[a.size :], high - low + 1
    distinct, inverse = np.unique(every, return_inverse=True)
    ranks = inverse.astype(np.int32)
    return ranks[: a.size], ranks[a.size :], max(1, distinct.size)


def _hashed(a: Any, b: Any) -> tuple[Codes, Codes, int]:
    table: defaultdict[Any, int] = defaultdict(count().__next__)
    try:
        x, y = (np.fromiter(map(table.__getitem__, s), np.int32, len(s)) for s in (a, b))
    except TypeError as error:
        raise ValueError(f"the items of a sequence must be hashable ({error})") from None
    if any(issubclass(kind, (float, np.floating)) for kind in set(map(type, table))) and any(
        k != k for k in table
    ):
        raise ValueError("a sequence holds NaN, which equals nothing: remove it first")
    return x, y, max(1, len(table))
