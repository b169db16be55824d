"""Degenerate generation loops: a model that says the same word, sentence or paragraph over and over."""

from __future__ import annotations

import operator
import re
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from midstream_analysis.report import Repetition

_LONGEST_WORD = (
    32  # a run without a gap is cut here, so "hahaha..." has a period and nothing is held back for ever
)
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"  # written without gaps: each character is a token
_TOKEN = re.compile(
    rf"[{_CJK}]|(?:(?![{_CJK}])[^\W\d_]){{1,{_LONGEST_WORD}}}|\d{{1,{_LONGEST_WORD}}}|\n|[^\w\s]|_"
)
_LISTING = re.compile(r"[^\w\s.!?'’\"“”…—]|[\d_]")  # what lists, tables and code have between their words
_LOOK_BACK = 64
_CANDIDATES = 8


@dataclass(slots=True)
class _Run:
    """The tokens from `start` on have `period`; `needed` periods make a loop (0: not yet judged)."""

    period: int
    start: int
    needed: int = 0


class RepetitionDetector:
    """Watch a stream of tokens for an exact loop; O(1) amortised a token, memory O(max_period).

    Candidate periods are the distances to the last occurrence of the newest 1, 2 and 4 tokens; each is followed for as
    long as it holds. How often a period must come depends on what it says, since people repeat themselves too:

    - prose of 8 tokens or more: 3 times; of fewer: 12 tokens (8 for one word said on its own);
    - short runs with commas, dashes and the like, and of single letters ("ha", refrains, lists): 24 tokens;
    - mostly punctuation or numbers about a few words (code, tables, markup): 32 tokens and 5 times, from 32 tokens a
      period on 4 times;
    - no words at all (rules, zeros, blank lines): 128 tokens (or 512 characters) and 4 times;
    - tokens that are not str: 16 tokens and 3 times.

    Lines that are merely similar are no loop, whatever their number.

    Args:
        max_period: the longest period looked for, in tokens.

    Raises:
        ValueError: max_period below 1.
    """

    def __init__(self, max_period: int = 256) -> None:
        if operator.index(max_period) < 1:
            raise ValueError(f"max_period must be at least 1, not {max_period}")
        self.max_period = max_period
        self._size = max_period + _LOOK_BACK + 1
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new utterance begins."""
        self.count = 0
        """Tokens seen."""
        self.current: Repetition | None = None
        """The loop in force, if any."""
        self._ring: list[Hashable] = [None] * self._size
        self._last: tuple[dict[Hashable, int], ...] = ({}, {}, {})
        self._keys: deque[tuple[Hashable, Hashable, Hashable]] = deque()
        self._tail: tuple[Hashable, Hashable, Hashable] = (None, None, None)
        self._runs: list[_Run] = []
        self._rest = ""

    def update(self, token: Hashable) -> Repetition | None:
        """Take in one token; return the loop in force: its start and period in tokens, and its whole periods so far.

        `confidence` is 0.9 when a loop is first reported and nears 1 as it goes on; it is a convention, not a
        calibrated probability.

        Raises:
            TypeError: the token is not hashable.
        """
        c, b, a = self._tail
        keys = (token, (a, token), (c, b, a, token))
        hash(token)  # before anything is changed
        now, ring, size = self.count, self._ring, self._size
        self.count = now + 1
        if self._runs:
            self._runs = [run for run in self._runs if ring[(now - run.period) % size] == token]
        ring[now % size] = token
        self._tail = (b, a, token)
        for table, key in zip(self._last, keys, strict=True):
            last = table.get(key)
            table[key] = now
            if last is not None and not any(run.period == now - last for run in self._runs):
                self._begin(now - last, last)
        self._keys.append(keys)
        if len(self._keys) > self.max_period:
            gone = now - self.max_period
            for table, key in zip(self._last, self._keys.popleft(), strict=True):
                if table[key] == gone:
                    del table[key]
        self.current = self._judge()
        return self.current

    def feed(self, text: str) -> Repetition | None:
        """Take in a piece of text, cut anywhere; return the latest loop that was in force while it went by.

        Words, numbers and signs are the tokens; an unfinished word at the end waits for the next piece, or `flush`.
        """
        text = self._rest + text
        found, end = None, 0
        for match in _TOKEN.finditer(text):
            word = match.group()
            if match.end() == len(text) and len(word) < _LONGEST_WORD and word.isalnum():
                break
            end = match.end()
            found = self.update(word) or found
        else:
            end = len(text)
        self._rest = text[end:].lstrip(" \t")
        return found or self.current

    def flush(self) -> Repetition | None:
        """Take in the word that `feed` still holds back; return the loop in force."""
        rest, self._rest = self._rest, ""
        return self.update(rest) if rest else self.current

    def _begin(self, period: int, start: int) -> None:
        """Follow a new candidate, from as far back as it holds (bounded, so one token's cost is)."""
        ring, size = self._ring, self._size
        for _ in range(min(_LOOK_BACK, start)):
            if ring[(start - 1) % size] != ring[(start - 1 + period) % size]:
                break
            start -= 1
        self._runs.append(_Run(period, start))
        if len(self._runs) > _CANDIDATES:  # the one that has held for the fewest tokens goes
            self._runs.remove(max(self._runs, key=lambda run: run.start + run.period))

    def _judge(self) -> Repetition | None:
        best: Repetition | None = None
        for run in self._runs:
            count = (self.count - run.start) // run.period
            if count < 3 or (best is not None and best.period <= run.period):
                continue
            if not run.needed:
                run.needed = _needed(
                    [self._ring[(self.count - 1 - k) % self._size] for k in range(run.period)]
                )
            if count >= run.needed:
                confidence = 1.0 - 0.1 * (run.needed / count) ** 2
                best = Repetition(run.period, run.start, count, confidence)
        return best


def _needed(tokens: list[Hashable]) -> int:
    """How often this period must come to be a loop; see RepetitionDetector."""
    period = len(tokens)

    def times(total: int, least: int) -> int:
        return max(least, -(-total // period))

    texts = [token for token in tokens if isinstance(token, str)]
    if len(texts) < period:
        return times(16, 3)
    said = [text for text in texts if not text.isspace()]
    words = sum(any(map(str.isalpha, text)) and not any(map(str.isdigit, text)) for text in said)
    if not words:
        return times(min(128, 512 * period // sum(map(len, texts))), 4)
    if words < 0.6 * len(said):
        return 4 if period >= 32 else times(32, 5)
    if period >= 8:
        return 3
    if any(map(_LISTING.search, said)) or all(len(text.strip()) == 1 for text in said):
        return times(24, 3)
    return 8 if period == 1 else times(12, 3)
