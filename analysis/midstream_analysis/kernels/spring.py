"""SPRING: subsequence matching under dynamic time warping (Sakurai, Faloutsos, Yamamuro 2007), one column a value."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _column(query, cost, start, value, place):
    """Advance by one value: `cost[i]` of the best path that ends at query[i] and now, `start[i]` where it began."""
    # A path may begin at any value, so the cells before the query's first are free.
    corner, below = 0.0, 0.0
    corner_start, below_start = place, place
    for i in range(query.size):
        best, begin = below, below_start
        if cost[i] < best:
            best, begin = cost[i], start[i]
        if corner < best:
            best, begin = corner, corner_start
        corner, corner_start = cost[i], start[i]
        gap = value - query[i]
        below, below_start = gap * gap + best, begin
        cost[i], start[i] = below, below_start


@njit(nogil=True, cache=True)
def _spring(query, cost, start, pending, place, limit, values, found):
    """Advance by `values`; rows (start, end, squared distance) of the settled matches go to `found`, returns how many.

    `pending` = (start, end, squared distance) of the best match not yet settled (inf: none).
    """
    last, count = query.size - 1, 0
    for value in values:
        _column(query, cost, start, value, place)
        if pending[2] <= limit:
            settled = True  # once no path that could still beat it overlaps it
            for i in range(query.size):
                if cost[i] < pending[2] and start[i] <= pending[1]:
                    settled = False
                    break
            if settled:
                found[count] = pending
                count += 1
                for i in range(query.size):
                    if start[i] <= pending[1]:
                        cost[i] = np.inf
                pending[2] = np.inf
        if cost[last] <= limit and cost[last] < pending[2]:
            pending[0], pending[1], pending[2] = start[last], place, cost[last]
        place += 1
    return count


@njit(nogil=True, cache=True)
def _closest(query, values):
    """(start, end, squared distance) of the subsequence of `values` nearest to `query`; the earliest of equals."""
    cost, start = np.full(query.size, np.inf), np.zeros(query.size, np.int64)
    best, first, end = np.inf, 0, 0
    for place in range(values.size):
        _column(query, cost, start, values[place], place)
        if cost[-1] < best:
            best, first, end = cost[-1], start[-1], place
    return first, end, best
