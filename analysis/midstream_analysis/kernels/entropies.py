"""Counts behind sample entropy and permutation entropy."""

from __future__ import annotations

import numpy as np
from numba import njit

from midstream_analysis.kernels.bits import intersect_kernel, popcount, within_kernel

BLOCK = 32
"""Words of columns a pass: 2048 samples, so that memory grows as n and not as n squared."""


@njit(nogil=True, cache=True)
def _count(row, words):
    total = 0
    for w in range(words):
        total += popcount(row[w])
    return total


@njit(nogil=True, cache=True)
def matches_kernel(x, order, dimension, radius):
    """Pairs i < j < n - dimension whose vectors of `dimension`, and of `dimension` + 1, lie within `radius` (max norm).

    Delay 1. Returns the two counts.
    """
    count = x.size - dimension
    halo = (dimension >> 6) + 1
    blocks = (count + 64 * BLOCK - 1) // (64 * BLOCK)
    within = np.empty((min(x.size, count + dimension), BLOCK + halo), np.uint64)
    short = np.empty(BLOCK, np.uint64)
    full = np.empty(BLOCK, np.uint64)
    shorter = 0
    longer = 0
    for block in range(blocks):
        first = 64 * BLOCK * block
        width = min(count - first, 64 * BLOCK)
        words = (width + 63) >> 6
        rows = min(count, first + width)
        within_kernel(x, order, radius, first, rows + dimension, within)
        tail = np.uint64(0xFFFFFFFFFFFFFFFF)
        if width & 63:
            tail = (np.uint64(1) << np.uint64(width & 63)) - np.uint64(1)
        for i in range(rows):
            skip = max(0, (i + 1 - first) >> 6)  # only columns after i
            if skip >= words:
                continue
            intersect_kernel(within[:, skip:], i, dimension, 1, words - skip, short)
            if i + 1 > first:
                short[0] &= np.uint64(0xFFFFFFFFFFFFFFFF) << np.uint64((i + 1 - first) & 63)
            short[words - skip - 1] &= tail
            row = within[i + dimension, skip + (dimension >> 6) :]
            shift = np.uint64(dimension & 63)
            for w in range(words - skip):
                bits = row[w] >> shift
                if shift > np.uint64(0):
                    bits |= row[w + 1] << (np.uint64(64) - shift)
                full[w] = short[w] & bits
            shorter += _count(short, words - skip)
            longer += _count(full, words - skip)
    return shorter, longer


@njit(nogil=True, cache=True)
def pattern_kernel(x, order, delay, patterns):
    """Count (patterns,) of the ordinal patterns of x[t], x[t + delay], ..., by Lehmer code; ties in order of time."""
    counts = np.zeros(patterns, np.int64)
    windows = x.size - (order - 1) * delay
    chunk = 512
    code = np.empty(chunk, np.int32)
    digit = np.empty(chunk, np.int32)
    for start in range(0, windows, chunk):
        size = min(chunk, windows - start)
        code[:size] = 0
        for d in range(1, order):
            digit[:size] = 0
            late = x[start + d * delay : start + d * delay + size]
            for e in range(d):
                early = x[start + e * delay : start + e * delay + size]
                for t in range(size):
                    digit[t] += np.int32(early[t] > late[t])
            for t in range(size):
                code[t] = code[t] * np.int32(d + 1) + digit[t]
        for t in range(size):
            counts[code[t]] += 1
    return counts


@njit(nogil=True, cache=True)
def slide_kernel(values, out, order, delay, successor, table, ring, code, counts, recent, at, total):
    """Feed `values`; out[k] is the ordinal entropy in nats of the window that ends there, NaN until it is full.

    State: `ring` the last (order - 1) * delay values, `code` the pattern of each phase, `counts` of patterns, `recent`
    the patterns in the window, at = [values seen], total = [sum of c ln c over the counts], table[c] = c ln c.
    The next pattern of a phase follows from its last one and the rank of the new value (Unakafova and Keller 2013).
    """
    span = ring.size
    patterns = recent.size
    for k in range(values.size):
        value = values[k]
        seen = at[0]
        rank = 0
        for d in range(1, order):
            if d * delay <= seen and ring[(seen - d * delay) % span] > value:
                rank += 1
        ring[seen % span] = value
        entered = successor[code[seen % delay], rank]
        code[seen % delay] = entered
        at[0] = seen + 1
        out[k] = np.nan
        slot = seen - span
        if slot < 0:
            continue
        if slot >= patterns:
            left = recent[slot % patterns]
            total[0] += table[counts[left] - 1] - table[counts[left]]
            counts[left] -= 1
        recent[slot % patterns] = entered
        total[0] += table[counts[entered] + 1] - table[counts[entered]]
        counts[entered] += 1
        if slot % patterns == patterns - 1:  # rounding must not pile up over an endless stream
            total[0] = 0.0
            for c in counts:
                total[0] += table[c]
        if slot >= patterns - 1:
            out[k] = np.log(patterns) - total[0] / patterns
