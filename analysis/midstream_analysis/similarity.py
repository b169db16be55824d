"""How alike two sequences are, from 0 to 1, by four measures; and where one occurs in another."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, Literal, get_args

Algorithm = Literal["dtw", "lcs", "edit", "euclidean"]


def similarity(a: Sequence[Any], b: Sequence[Any], algorithm: Algorithm = "dtw") -> float:
    """Return how alike `a` and `b` are: 1 for equal ones, symmetric, never outside [0, 1].

    The sequences (n and m items, L the longer) hold numbers, or hashables; a string is a sequence of its characters.
    Two empty ones are equal, an empty one is unlike any other.

    ===========  =======================================================  ==================================
    algorithm    numbers                                                  hashables
    ===========  =======================================================  ==================================
    "dtw"        ``1 / (1 + d / (s sqrt(L)))``, `d` the warped distance   ``1 - k / L``, `k` mismatches left
                 and `s` the standard deviation of both together          on the best warping path
    "euclidean"  the same with the distance item by item                  the share of places that agree
    "lcs"        ``c / L``, `c` the length of the longest common subsequence (numbers agree when equal)
    "edit"       ``1 - e / L``, `e` the Levenshtein distance
    ===========  =======================================================  ==================================

    Raises:
        ValueError: an unknown algorithm, lengths that differ ("euclidean"), NaN or infinite values, numbers
            against other things, or items that are not hashable.
    """
    if algorithm not in get_args(Algorithm):
        raise ValueError(f"algorithm must be one of {', '.join(get_args(Algorithm))}, not {algorithm!r}")
    from midstream_analysis import sequences

    longest = max(len(a), len(b))
    if algorithm == "euclidean" and len(a) != len(b):
        raise ValueError(f"euclidean needs sequences of one length, not {len(a)} and {len(b)}")
    if not len(a) or not len(b):
        return float(longest == 0)
    if algorithm == "lcs":
        return sequences.lcs(a, b) / longest
    if algorithm == "edit":
        return 1.0 - sequences.levenshtein(a, b) / longest
    distance = (sequences.dtw if algorithm == "dtw" else sequences.euclidean)(a, b)
    if (spread := _spread(a, b)) is None:
        return max(0.0, 1.0 - distance**2 / longest)
    if distance == 0.0:
        return 1.0
    return 1.0 / (1.0 + distance / (spread * sqrt(longest)))


def occurrences(sequence: Sequence[Any], pattern: Sequence[Any]) -> list[int]:
    """Return every index at which `pattern` begins in `sequence`; occurrences may overlap.

    Linear time (Knuth, Morris and Pratt 1977). Items are compared by ``==``.

    Raises:
        ValueError: the pattern is empty.
    """
    m = len(pattern)
    if not m:
        raise ValueError("the pattern is empty: it would occur everywhere")
    border = [0] * m  # length of the longest proper prefix of pattern[: i + 1] that also ends it
    length = 0
    for i in range(1, m):
        while length and pattern[i] != pattern[length]:
            length = border[length - 1]
        length += bool(pattern[i] == pattern[length])
        border[i] = length
    found, length = [], 0
    for i, item in enumerate(sequence):
        while length and (length == m or item != pattern[length]):
            length = border[length - 1]
        length += bool(item == pattern[length])
        if length == m:
            found.append(i - m + 1)
    return found


def _spread(a: Sequence[Any], b: Sequence[Any]) -> float | None:
    """Standard deviation of both series together, safe from overflow; None where they are not numbers."""
    import numpy as np

    from midstream_analysis.checks import as_series

    try:
        both = np.concatenate([as_series(a), as_series(b)])
    except ValueError:
        return None
    peak = float(np.abs(both).max())
    return float(np.std(both / peak)) * peak if peak else 0.0
