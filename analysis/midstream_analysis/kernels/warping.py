"""Dynamic time warping on anti-diagonals: the cells of one depend only on the two before it, so they vectorise.

Three diagonals of the shorter series are kept, never the n x m matrix.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np
from numba import njit

FASTMATH = {
    "reassoc",
    "contract",
    "nsz",
    "arcp",
}  # never nnan or ninf: infinity stands for "outside the band"


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def _diagonal(cell, above, left, corner, a, b, cap):
    # A function of its own: inlined in the loop over diagonals, LLVM no longer vectorises it.
    for k in range(cell.size):
        cost = a[k] - b[k]
        cost = cost * cost
        cost = cost if cost < cap else cap
        best = above[k] if above[k] < left[k] else left[k]
        best = corner[k] if corner[k] < best else best
        cell[k] = cost + best


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def _dtw(a, b_reversed, below, above, cap):
    """Sum of squared differences along the best path; i - j <= `below`, j - i <= `above`; a cost is at most `cap`.

    Row i of a diagonal is kept at index i + 1; index 0 is the border before the first row.
    """
    n, m = a.size, b_reversed.size
    diagonals = np.full((3, n + 1), np.inf)
    before, last, now = diagonals[0], diagonals[1], diagonals[2]
    before[0] = 0.0
    for d in range(n + m - 1):
        low = max(0, d - m + 1, (d - above + 1) // 2)
        high = min(n - 1, d, (d + below) // 2) + 1
        if low < high:
            shift = m - 1 - d
            _diagonal(
                now[low + 1 : high + 1],
                last[low:high],
                last[low + 1 : high + 1],
                before[low:high],
                a[low:high],
                b_reversed[low + shift : high + shift],
                cap,
            )
        now[low] = np.inf
        if high < n:
            now[high + 1] = np.inf
        before, last, now = last, now, before
    return last[n]
