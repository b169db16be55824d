"""Hashed features of an utterance in its conversation, for the linear move classifier (Weinberger et al. 2009).

Three groups of row numbers into one weight table: word n-grams, byte n-grams, context. The hashes are CRC-32 and
fixed multipliers over UTF-8 bytes, hence the same in every process, Python version and platform; a change here makes
shipped weights worthless, so `VERSION` goes up with it and golden values in the tests hold it still.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

VERSION: Final = 1
BITS: Final = 16
ROWS: Final = 1 << BITS
GROUPS: Final = 3

# A long text is seen as its head and its tail (code points): openings and closing questions carry the move.
_HEAD, _TAIL = 240, 160
_PREVIOUS_HEAD, _PREVIOUS_TAIL = 60, 140

IdArray = npt.NDArray[np.uint32]
_SHIFT: Final = np.uint32(32 - BITS)
_LOW24: Final = np.uint32(0xFFFFFF)
# Odd 32-bit multipliers (Knuth's multiplicative hashing; the constants of xxHash32).
_M1, _M2, _M3 = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D)

# ASCII letters in lower case, every digit "0", control characters as spaces; bytes of other scripts are untouched.
_CONTROL: Final = bytes(c for c in (*range(32), 127) if c != 10)
_FOLD: Final = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789" + _CONTROL,
    b"abcdefghijklmnopqrstuvwxyz000000000" + b" " * len(_CONTROL),
)
# A word (with its apostrophe), one four-byte character (emoji), a run of newlines, or one mark.
_TOKEN: Final = re.compile(rb"[a-z0-9_\x80-\xef]+(?:'[a-z]+)?|[\xf0-\xff][\x80-\xbf]*|\n+|[^ \n]")
_LOOKALIKES: Final = tuple(zip("\u2018\u2019\uff1f\u061f\u00bf\uff01", "''???!", strict=True))

_USER: Final = frozenset({"user", "human", "customer", "client", "caller"})
_ASSISTANT: Final = frozenset(
    {"assistant", "agent", "ai", "bot", "model", "system", "developer", "tool", "wizard", "operator"}
)


def speaker_code(speaker: str | None) -> int:
    """Return 1 for a user, 2 for an assistant, 0 for unknown; other roles map to the nearer of the two."""
    if speaker is None:
        return 0
    name = str(speaker)[:32].strip().lower()
    return 1 if name in _USER else 2 if name in _ASSISTANT else 0


def _clip(text: str, head: int, tail: int) -> bytes:
    if len(text) > head + tail:
        text = f"{text[:head]} {text[-tail:]}"
    if text.isascii():
        return text.encode().translate(_FOLD)
    text = text.lower()
    for mark, plain in _LOOKALIKES:
        text = text.replace(mark, plain)
    return text.encode("utf-8", "surrogatepass").translate(_FOLD)


def _tags(form: bytes, n: int) -> tuple[bytes, ...]:
    return tuple(form % i for i in range(n))


_WHO, _LENGTH, _LINES, _ASKS, _CODE, _DIGITS = (
    _tags(f, 8) for f in (b"w%d", b"L%d", b"N%d", b"?%d", b"C%d", b"D%d")
)
_ASKED, _AT, _SEEN = _tags(b"q%d", 3), _tags(b"@%d", 11), (b"p0", b"p1")
# Position to bucket: single steps at the start, coarser later.
_STEP: Final = (0, 1, 2, 3, 4, 5, 6, 6, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 10)


def features(
    utterance: str, previous: str | None = None, speaker: str | None = None, position: int = 0
) -> tuple[IdArray, tuple[int, int, int]]:
    """Return the row numbers, shape (k,), and where each of the `GROUPS` groups starts in them (none is empty).

    `position` is the utterance's index in its conversation; 0 together with a `previous` means unknown.
    Only the first 240 and the last 160 characters of an utterance are looked at (60 and 140 of the previous one).
    """
    text = _clip(utterance, _HEAD, _TAIL)
    tokens = _TOKEN.findall(text) or [b""]
    n = len(tokens)
    first, last = tokens[0], tokens[-1]
    opening = first + b" " + tokens[1] if n > 1 else first
    who = _WHO[speaker_code(speaker)]
    length = _LENGTH[min(n.bit_length(), 7)]
    asks = _ASKS[2 if last == b"?" else 1 if b"?" in text else 0]

    # Context: who spoke, when, what was said before, and the shape of the utterance.
    whole = b"=" + b" ".join(tokens[:8])
    at = _AT[_STEP[min(max(position, 0), 24)]]
    names = [
        who, length, asks, who + first, who + last, who + length, who + asks, b"f" + opening, b"l" + last,
        _LINES[min(text.count(b"\n"), 7)], _CODE[b"```" in text or b"\n  " in text], _DIGITS[b"0" in text],
        whole, who + whole, at, at + who, at + whole, at + length, at + first,
    ]  # fmt: skip
    if previous:
        before = _clip(previous, _PREVIOUS_HEAD, _PREVIOUS_TAIL)
        said = _TOKEN.findall(before) or [b""]
        asked = _ASKED[2 if said[-1] == b"?" else 1 if b"?" in before else 0]
        here = asked + who
        names += [
            b"p1", asked, here, asked + opening, here + first, asked + last, here + length, asked + asks, here + whole,
            b"pf" + said[0], b"pl" + said[-1],
        ]  # fmt: skip
        names += [b"p" + word for word in said]
        form = asks + who
        names += [form + word for word in said]
        names += [b"p%b %b" % pair for pair in pairwise(said)]
    else:
        here = (b"p+" if position > 0 else b"p0") + who
        names += [here, here + length, here + asks, here + opening, here + last, here + whole]
    names += [here + word for word in tokens]
    start = len(names)
    crc = np.array([*map(crc32, names), 2, *map(crc32, tokens), 3], dtype=np.uint32)

    # Words: 1- to 3-grams with the edges marked.
    words = crc[start:]
    pairs = words[:-1] * _M1 + words[1:]
    triples = pairs[:-1] * _M2 + words[2:]
    # Bytes: 3- to 5-grams over the folded text, which forgive misspelling and reach into unspaced scripts.
    size = len(text)
    four = np.ndarray(size + 1, "<u4", b"\x02%b\x03\0\0" % text, 0, (1,)).astype(np.uint32)
    three = four & _LOW24
    five = four[:-1] * _M3 + four[1:]

    placed = pairs ^ np.uint32(crc32(here))
    placed *= _M2
    ids = np.concatenate((crc, placed, pairs, triples, three, four, five))
    ids *= _M1
    ids >>= _SHIFT
    return ids, (0, start, start + 4 * n + 4)
