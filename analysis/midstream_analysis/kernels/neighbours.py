"""Nearest neighbours of a delay embedding, outside a Theiler window, on a grid of equally filled bins.

Exact for every input: the grid only decides the order in which candidates are looked at. Near n log n on attractors
of low dimension; no worse than all pairs on noise in many dimensions.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def neighbours_kernel(x, order, dimension, delay, theiler, count, k):
    """Indices (count, k) of the k nearest vectors, nearest first, and squared Euclidean distances; -1 and inf: none.

    Vector i is x[i], x[i + delay], ...; both ends of a pair are below `count` and more than `theiler` apart in time.
    `order` sorts `x`: the bins along the first and the last coordinate hold equal shares of it.
    """
    span = (dimension - 1) * delay
    n = x.size
    bins = max(1, int(np.sqrt(count)))
    edges = np.empty(bins + 1)
    slot = np.empty(n, np.int64)
    last = -1
    for p in range(n):
        b = p * bins // n
        slot[order[p]] = b
        while last < b:
            last += 1
            edges[last] = x[order[p]]
    edges[bins] = x[order[n - 1]]

    start = np.zeros(bins * bins + 1, np.int64)
    for i in range(count):
        start[slot[i] * bins + slot[i + span] + 1] += 1
    for c in range(bins * bins):
        start[c + 1] += start[c]
    fill = start[:-1].copy()
    member = np.empty(count, np.int64)
    point = np.empty((count, dimension))
    for i in range(count):
        c = slot[i] * bins + slot[i + span]
        q = fill[c]
        fill[c] += 1
        member[q] = i
        for d in range(dimension):
            point[q, d] = x[i + d * delay]

    index = np.full((count, k), -1, np.int64)
    square = np.full((count, k), np.inf)
    query = np.empty(dimension)
    for i in range(count):
        for d in range(dimension):
            query[d] = x[i + d * delay]
        near = index[i]
        far = square[i]
        bound = np.inf
        if (
            i > 0 and index[i - 1, k - 1] >= 0
        ):  # in a flow the neighbours' successors give a tight first bound
            bound = 0.0
            for p in range(k):
                j = index[i - 1, p] + 1
                if j >= count or abs(i - j) <= theiler:
                    bound = np.inf
                    break
                s = 0.0
                for d in range(dimension):
                    s += (query[d] - x[j + d * delay]) ** 2
                bound = max(bound, s)
            bound = bound * (1.0 + 1e-12) + 1e-300  # those at the bound are still to be found
        bx = slot[i]
        by = slot[i + span]
        u = query[0]
        v = query[dimension - 1]
        worst = bound
        for ring in range(bins):
            if ring > 0:  # whatever lies beyond the rings seen is at least this far
                gap = np.inf
                if bx - ring >= 0:
                    gap = min(gap, u - edges[bx - ring + 1])
                if bx + ring < bins:
                    gap = min(gap, edges[bx + ring] - u)
                if by - ring >= 0:
                    gap = min(gap, v - edges[by - ring + 1])
                if by + ring < bins:
                    gap = min(gap, edges[by + ring] - v)
                if gap * gap >= worst:
                    break
            for cx in range(max(bx - ring, 0), min(bx + ring, bins - 1) + 1):
                step = 1 if ring == 0 or abs(cx - bx) == ring else 2 * ring
                for cy in range(by - ring, by + ring + 1, step):
                    if cy < 0 or cy >= bins:
                        continue
                    c = cx * bins + cy
                    for q in range(start[c], start[c + 1]):
                        j = member[q]
                        if abs(i - j) <= theiler:
                            continue
                        s = 0.0
                        for d in range(dimension):
                            s += (query[d] - point[q, d]) ** 2
                        if s < worst:
                            p = k - 1
                            while p > 0 and far[p - 1] > s:
                                far[p] = far[p - 1]
                                near[p] = near[p - 1]
                                p -= 1
                            far[p] = s
                            near[p] = j
                            worst = min(bound, far[k - 1])
    return index, square
