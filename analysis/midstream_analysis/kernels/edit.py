"""Exact Levenshtein distance (Myers 1999, Hyyro 2003) and LCS length (Hyyro 2004), bit-parallel on 512-bit blocks.

The pattern is worked off in strips of `STRIP` symbols with three carry bits a column between them, so memory is
bounded by the strip and the text, whatever the alphabet.
"""

# mypy: ignore-errors
# (numba has no types)

from __future__ import annotations

import numpy as np
from numba import njit
from numba.core import config

from midstream_analysis.kernels.lanes import LANES, edit_block, lcs_block

STRIP = 8192
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint64(1)


@njit(nogil=True, cache=True)
def _bits(word):
    """Number of set bits."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(nogil=True, cache=True)
def _affixes(a, b):
    """Lengths of the common prefix and of the common suffix of what is left."""
    n = min(a.size, b.size)
    head = 0
    while head < n and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < n - head and a[a.size - 1 - tail] == b[b.size - 1 - tail]:
        tail += 1
    return head, tail


@njit(nogil=True, cache=True)
def _words(count):
    """Zeroed words that begin on a cache line: a block across two lines is loaded at half the speed."""
    words = np.zeros(count + LANES, np.uint64)
    skip = (64 - words.ctypes.data % 64) % 64 // 8
    return words[skip : skip + count]


@njit(nogil=True, cache=True)
def _masks(strip, rows, width):
    """Match masks of the strip, one row of `width` words a distinct symbol; `rows` gets each symbol's offset.

    Row 0 stays empty: it stands for every symbol that the strip has not.
    """
    rows[:] = 0
    distinct = 0
    for symbol in strip:
        if rows[symbol] == 0:
            distinct += 1
            rows[symbol] = distinct * width
    masks = _words((distinct + 1) * width)
    for i in range(strip.size):
        masks[rows[strip[i]] + (i >> 6)] |= _ONE << np.uint64(i & 63)
    return masks


@njit(nogil=True, cache=True)
def _edit_column(plus, minus, masks, offset, state):
    # A function of its own: inlined below, the state leaves the registers (175 us become 230 at 5000 symbols).
    for word in range(0, plus.size, LANES):
        state = edit_block(plus, minus, masks, word, offset, state)
    return state


@njit(nogil=True, cache=True)
def _lcs_blocks(a, b, alphabet):
    if b.size > a.size:
        a, b = b, a
    head, tail = _affixes(a, b)
    a, b = a[head : a.size - tail], b[head : b.size - tail]
    length = head + tail
    rows = np.empty(alphabet, np.int64)
    carries = np.zeros(b.size, np.uint8)
    for start in range(0, a.size, STRIP):
        strip = a[start : start + STRIP]
        width = (strip.size + 64 * LANES - 1) // (64 * LANES) * LANES
        masks = _masks(strip, rows, width)
        row = _words(width)
        row[:] = _ALL
        for j in range(b.size):
            carry, offset = np.int64(carries[j]), rows[b[j]]
            for word in range(0, width, LANES):
                carry = lcs_block(row, masks, word, offset, carry)
            carries[j] = carry
        for word in row:
            length += _bits(~word)
    return length


@njit(nogil=True, cache=True)
def _edit_blocks(a, b, alphabet):
    if b.size > a.size:
        a, b = b, a
    head, tail = _affixes(a, b)
    a, b = a[head : a.size - tail], b[head : b.size - tail]
    distance = b.size
    rows = np.empty(alphabet, np.int64)
    states = np.full(b.size, np.uint8(2))  # the first row of the table grows by one a column
    for start in range(0, a.size, STRIP):
        strip = a[start : start + STRIP]
        width = (strip.size + 64 * LANES - 1) // (64 * LANES) * LANES
        masks = _masks(strip, rows, width)
        plus, minus = _words(width), _words(width)
        plus[:] = _ALL
        for j in range(b.size):
            s, offset = np.int64(states[j]), rows[b[j]]
            state = (s & 1, (s >> 1) & 1, s >> 2)
            state = _edit_column(plus, minus, masks, offset, state)
            states[j] = state[0] | (state[1] << 1) | (state[2] << 2)
        # Vertical differences of the last column, without the padding of the last block.
        for word in range(width):
            left = strip.size - 64 * word
            if left > 0:
                keep = _ALL if left >= 64 else (_ONE << np.uint64(left)) - _ONE
                distance += _bits(plus[word] & keep) - _bits(minus[word] & keep)
    return distance


def _lcs_integers(a, b, alphabet):
    """The same recurrence on Python's long integers, for NUMBA_DISABLE_JIT=1 (the blocks are LLVM only)."""
    masks = dict.fromkeys(b.tolist(), 0)
    for i, symbol in enumerate(a.tolist()):
        masks[symbol] = masks.get(symbol, 0) | 1 << i
    full = (1 << a.size) - 1
    v = full
    for symbol in b.tolist():
        u = v & masks[symbol]
        v = ((v + u) | (v - u)) & full
    return a.size - v.bit_count()


def _edit_integers(a, b, alphabet):
    """As `_lcs_integers`."""
    masks = dict.fromkeys(b.tolist(), 0)
    for i, symbol in enumerate(a.tolist()):
        masks[symbol] = masks.get(symbol, 0) | 1 << i
    full = (1 << a.size) - 1
    plus, minus = full, 0
    for symbol in b.tolist():
        match = masks[symbol]
        d0 = (((match & plus) + plus) ^ plus) | match | minus
        hp, hn = minus | ~(d0 | plus), d0 & plus
        hp, hn = (hp << 1) | 1, hn << 1
        plus, minus = (hn | ~(d0 | hp)) & full, hp & d0 & full
    return b.size + plus.bit_count() - minus.bit_count()


_lcs = _lcs_integers if config.DISABLE_JIT else _lcs_blocks
_edit = _edit_integers if config.DISABLE_JIT else _edit_blocks
