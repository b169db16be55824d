"""Which pairs of samples lie within a radius, as rows of 64-bit words built from one sort.

Row i of a block holds a bit for every j of the block's columns with |x[i] - x[j]| <= radius. Going through the series
in order of value, the set of such j changes by one sample entering or leaving: rows are copied, never compared.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit

_config: Any = numba.config

if _config.DISABLE_JIT:

    def popcount(word: Any) -> Any:
        """Number of set bits."""
        return int(word).bit_count()

else:

    @njit(nogil=True, cache=True)
    def popcount(word: Any) -> Any:
        """Number of set bits; LLVM recognises the idiom and emits the instruction, vectorised where there is one."""
        word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
        word = (word & np.uint64(0x3333333333333333)) + (
            (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
        )
        word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(nogil=True, cache=True)
def within_kernel(x, order, radius, first, rows, out):
    """Fill out[:rows] with the bit rows of samples 0..rows-1; bit b of word w is sample first + 64 w + b.

    `order` sorts `x`. Bits past the end of the series stay clear.
    """
    n = x.size
    words = out.shape[1]
    last = first + 64 * words
    current = np.zeros(words, np.uint64)
    low = 0
    high = 0
    for p in range(n):
        i = order[p]
        while high < n and x[order[high]] - x[i] <= radius:
            j = order[high]
            if first <= j < last:
                current[(j - first) >> 6] |= np.uint64(1) << np.uint64((j - first) & 63)
            high += 1
        while x[i] - x[order[low]] > radius:
            j = order[low]
            if first <= j < last:
                current[(j - first) >> 6] ^= np.uint64(1) << np.uint64((j - first) & 63)
            low += 1
        if i < rows:
            for w in range(words):
                out[i, w] = current[w]


@njit(nogil=True, cache=True)
def intersect_kernel(within, i, dimension, delay, words, out):
    """Bits out[:words] of the vectors (i, j): all coordinates d have |x[i + d delay] - x[j + d delay]| <= radius.

    Row i + d delay is shifted by d delay columns; `within` has enough words past `words` for the largest shift.
    """
    for w in range(words):
        out[w] = within[i, w]
    for d in range(1, dimension):
        row = within[i + d * delay, (d * delay) >> 6 :]
        shift = np.uint64((d * delay) & 63)
        if shift == np.uint64(0):
            for w in range(words):
                out[w] &= row[w]
        else:
            back = np.uint64(64) - shift
            for w in range(words):
                out[w] &= (row[w] >> shift) | (row[w + 1] << back)
