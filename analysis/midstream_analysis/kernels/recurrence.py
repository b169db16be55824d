"""Diagonal and vertical lines of a recurrence plot, from rows of bits; the plot itself is never stored."""

from __future__ import annotations

import numpy as np
from numba import njit

from midstream_analysis.kernels.bits import intersect_kernel, popcount, within_kernel

BLOCK = 32
"""Words of columns a pass: memory grows as n and not as n squared."""
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)


@njit(nogil=True, cache=True)
def _clear(bits, words, low, high):
    """Clear the columns low..high - 1 of a row of `words` words."""
    low = max(low, 0)
    high = min(high, 64 * words)
    if low >= high:
        return
    a = low >> 6
    b = high >> 6
    keep_low = ~(ALL << np.uint64(low & 63))
    keep_high = ALL << np.uint64(high & 63)
    if a == b:
        bits[a] &= keep_low | keep_high
        return
    bits[a] &= keep_low
    for w in range(a + 1, b):
        bits[w] = np.uint64(0)
    if b < words:
        bits[b] &= keep_high


@njit(nogil=True, cache=True)
def lines_kernel(x, order, dimension, delay, radius, theiler, diagonal, vertical):
    """Add the line lengths of the recurrence plot (max norm, distance <= radius) to two histograms of N + 1 bins.

    N = n - (dimension - 1) delay vectors. Points with |i - j| <= theiler are no part of the plot. `diagonal` takes the
    lines above the main diagonal, `vertical` those of the whole plot. Returns the number of points of the whole plot.
    """
    span = (dimension - 1) * delay
    count = x.size - span
    halo = (span >> 6) + 1
    columns = 64 * BLOCK
    within = np.empty((x.size, BLOCK + halo), np.uint64)
    row = np.empty(BLOCK, np.uint64)
    upper = np.zeros((2, BLOCK), np.uint64)
    began_vertical = np.zeros(count, np.int64)
    began_diagonal = np.zeros(count + 1, np.int64)
    edge_vertical = np.zeros(count + 1, np.uint64)  # the last column of the block before, by row
    edge_diagonal = np.zeros(count + 1, np.uint64)
    edge_next = np.zeros(count + 1, np.uint64)
    points = 0
    for block in range(count // columns + 1):  # column N, always empty, closes lines at the border
        first = block * columns
        words = min(BLOCK, ((count - first) >> 6) + 1)
        within_kernel(x, order, radius, first, x.size, within)
        upper[:] = np.uint64(0)
        edge_next[:] = np.uint64(0)
        for i in range(count):
            intersect_kernel(within, i, dimension, delay, words, row)
            _clear(row, words, count - first, 64 * words)
            _clear(row, words, i - theiler - first, i + theiler + 1 - first)
            carry = edge_vertical[i]
            began = began_vertical[i]
            for w in range(words):
                bits = row[w]
                if (bits | carry) == np.uint64(0):
                    continue
                points += popcount(bits)
                turns = bits ^ ((bits << ONE) | carry)
                column = first + 64 * w
                if carry != np.uint64(0) and turns != np.uint64(0):
                    vertical[column + popcount(~turns & (turns - ONE)) - began] += 1
                    turns &= turns - ONE
                carry = bits >> np.uint64(63)
                while turns != np.uint64(0):  # now they alternate: begin, end
                    b = popcount(~turns & (turns - ONE))
                    turns &= turns - ONE
                    began = column + b
                    if turns != np.uint64(0):
                        vertical[popcount(~turns & (turns - ONE)) - b] += 1
                        turns &= turns - ONE
            edge_vertical[i] = carry
            began_vertical[i] = began

            if i > first + 64 * words:
                continue
            here = upper[i & 1]
            above = upper[1 - (i & 1)]
            skip = max(
                0, (i - first) >> 6
            )  # words before it lie below the diagonal of this row and of the last
            for w in range(skip, words):
                here[w] = row[w]
            _clear(here, words, 0, i + 1 - first)
            carry = edge_diagonal[i - 1] if i > 0 else np.uint64(0)
            if skip > 0:
                carry = above[skip - 1] >> np.uint64(63)
            for w in range(skip, words):
                bits = here[w]
                if (bits | above[w] | carry) == np.uint64(0):
                    continue
                turns = bits ^ ((above[w] << ONE) | carry)
                carry = above[w] >> np.uint64(63)
                offset = first + 64 * w - i
                begins = turns & bits
                ends = turns & ~bits
                while ends != np.uint64(0):
                    diagonal[i - began_diagonal[offset + popcount(~ends & (ends - ONE))]] += 1
                    ends &= ends - ONE
                while begins != np.uint64(0):
                    began_diagonal[offset + popcount(~begins & (begins - ONE))] = i
                    begins &= begins - ONE
            edge_next[i] = here[words - 1] >> np.uint64(63)
        edge_diagonal[:] = edge_next
    return points
