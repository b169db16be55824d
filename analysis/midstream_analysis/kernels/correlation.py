"""Numbers of pairs of delay vectors within each of many radii, in one pass over the pairs."""

from __future__ import annotations

import numpy as np
from numba import njit

SHIFT = 46
"""A double's bits over this: 64 keys an octave, which narrow the search among the radii to a step or two."""


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
def _distances(here, there, dimension, delay, euclidean, step, out):
    """Maximum or squared Euclidean distances of the vectors at t = 0..out.size-1 of two stretches of a series."""
    size = out.size
    for t in range(step.size):
        e = abs(here[t] - there[t])
        step[t] = e * e if euclidean else e
    for t in range(size):
        out[t] = step[t]
    for d in range(1, dimension):
        later = step[d * delay :]
        if euclidean:
            for t in range(size):
                out[t] += later[t]
        else:
            for t in range(size):
                out[t] = max(out[t], later[t])


@njit(nogil=True, cache=True)
def pairs_kernel(x, radii, dimension, delay, theiler, stride, euclidean):
    """Pairs within each of the ascending positive `radii` (R,), and all pairs looked at; distance <= radius.

    Pairs are theiler + 1, theiler + 1 + stride, ... samples apart. For `euclidean`, `radii` are squared.
    """
    span = (dimension - 1) * delay
    count = x.size - span
    last = radii.size - 1
    keys = radii.view(np.int64) >> SHIFT
    base = keys[0]
    table = np.zeros(keys[last] - base + 1, np.int64)
    r = 0
    for key in range(table.size):
        while keys[r] - base < key:
            r += 1
        table[key] = r
    found = np.zeros(radii.size, np.int64)
    step = np.empty(x.size)
    distance = np.empty(count)
    bits = distance.view(np.int64)
    pairs = 0
    for apart in range(theiler + 1, count, stride):
        size = count - apart
        pairs += size
        _distances(
            x[: size + span], x[apart:], dimension, delay, euclidean, step[: size + span], distance[:size]
        )
        for t in range(size):
            if distance[t] <= radii[last]:
                r = table[max(0, (bits[t] >> SHIFT) - base)]
                while distance[t] > radii[r]:
                    r += 1
                found[r] += 1
    return np.cumsum(found), pairs
