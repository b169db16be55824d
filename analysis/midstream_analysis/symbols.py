"""Recurring patterns in a sequence of symbols: conversation moves, words, states."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecurringPattern:
    """A run of symbols that comes back.

    `positions` are the starts of its non-overlapping occurrences, taken greedily from the left, and `count` their
    number. `support` is the share of the sequence that they cover. `confidence` is how often the pattern's last symbol
    follows when its first ones have come (a rule's confidence, over all occurrences). `lift` is the number of all
    occurrences over that expected if the symbols came in any order: near 1 it is chance.
    """

    pattern: tuple[Hashable, ...]
    positions: tuple[int, ...]
    count: int
    support: float
    confidence: float
    lift: float


def recurring_patterns(
    symbols: Sequence[Hashable],
    *,
    min_length: int = 2,
    max_length: int = 6,
    min_count: int = 2,
    min_support: float = 0.0,
    min_confidence: float = 0.0,
    limit: int = 100,
) -> list[RecurringPattern]:
    """Mine the contiguous patterns of `min_length` to `max_length` symbols that occur at least `min_count` times.

    Only closed patterns are given: none that is a part of a longer one with as many occurrences. Nor one that is a
    shorter one going round ("a b a b", "a b a" beside a more frequent "a b"). Most support first; ties go to the
    longer, then to the earlier: the same input gives the same list. Time and memory O(n max_length).

    Raises:
        ValueError: limits out of range, input that is not a sequence, or unhashable symbols.
    """
    if not isinstance(symbols, Sequence):
        raise ValueError(f"symbols must be a sequence, not {type(symbols).__name__}")
    if not 1 <= min_length <= max_length:
        raise ValueError(f"lengths must be 1 <= min_length <= max_length, not {min_length} and {max_length}")
    if min_count < 2 or limit < 1:
        raise ValueError(f"min_count must be at least 2 and limit at least 1, not {min_count} and {limit}")
    if not (0.0 <= min_support <= 1.0 and 0.0 <= min_confidence <= 1.0):
        raise ValueError("min_support and min_confidence must be between 0 and 1")
    places = _occurrences(symbols, max_length + 1, min_count)
    n = len(symbols)
    # A part of a longer pattern that occurs as often says nothing of its own; one too long is given by its beginning.
    absorbed = {
        part
        for p in places
        for part in ((p[1:], p[:-1]) if len(p) <= max_length else (p[1:],))
        if part and len(places[part]) == len(places[p])
    }
    found = []
    for pattern, starts in places.items():
        length = len(pattern)
        if (
            not min_length <= length <= max_length
            or pattern in absorbed
            or _goes_round(pattern, places, min_length)
        ):
            continue
        separate = _separate(starts, length)
        prefix = places[pattern[:-1]] if length > 1 else range(n)
        cut_off = prefix[-1] + length > n  # by the end: that one was followed by nothing
        expected = (n - length + 1) * math.prod(len(places[(symbol,)]) / n for symbol in pattern)
        one = RecurringPattern(
            pattern,
            separate,
            len(separate),
            len(separate) * length / n,
            len(starts) / (len(prefix) - cut_off),
            len(starts) / expected,
        )
        if one.count >= min_count and one.support >= min_support and one.confidence >= min_confidence:
            found.append(one)
    found.sort(key=lambda p: (-p.support, -len(p.pattern), p.positions[0]))
    return found[:limit]


def _occurrences(
    symbols: Sequence[Hashable], max_length: int, min_count: int
) -> dict[tuple[Hashable, ...], list[int]]:
    """All starts, overlapping ones too, of every pattern of at most `max_length` symbols that has `min_count` of them.

    What is too rare is not grown: no longer pattern can be more frequent than its beginning (Apriori).
    """
    level: dict[tuple[Hashable, ...], list[int]] = {(): list(range(len(symbols)))}
    every = {}
    for length in range(max_length):
        grown: dict[tuple[Hashable, ...], list[int]] = {}
        try:
            for pattern, starts in level.items():
                for start in starts:
                    if start + length < len(symbols):
                        grown.setdefault((*pattern, symbols[start + length]), []).append(start)
        except TypeError as error:
            raise ValueError(f"symbols must be hashable ({error})") from None
        level = {pattern: starts for pattern, starts in grown.items() if len(starts) >= min_count}
        every.update(level)
    return every


def _separate(starts: Sequence[int], length: int) -> tuple[int, ...]:
    """The starts left when each occurrence is taken unless it overlaps the one taken before."""
    taken: list[int] = []
    for start in starts:
        if not taken or start >= taken[-1] + length:
            taken.append(start)
    return tuple(taken)


def _goes_round(
    pattern: tuple[Hashable, ...], places: dict[tuple[Hashable, ...], list[int]], min_length: int
) -> bool:
    """Whether a shorter pattern repeated, begun at any of its symbols, gives this one and is more frequent."""
    for period in range(1, len(pattern)):
        if pattern[period:] == pattern[:-period]:
            rounds = -(-min_length // period)  # the shortest that would itself be given
            if rounds * period >= len(pattern):
                return False
            unit = pattern[:period]
            turned = ((unit[k:] + unit[:k]) * rounds for k in range(period))
            return any(len(places.get(u, ())) > len(places[pattern]) for u in turned)
    return False
