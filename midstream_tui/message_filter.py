"""The filter of the message log: text, a regular expression, or their inverse, narrowed to a stream or a role.

``timeout`` text anywhere; ``/time.?out/`` a regular expression; ``!...`` what does not match; ``stream:NAME`` and
``role:NAME`` (the start of it, in quotes where it holds spaces) in front narrow. Lower case matches either case.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST = 500
"""Characters of a filter."""
SLOW = 0.05
"""Seconds of processor time that a regular expression may take for one message."""
MARKING = 0.002
"""Of those, seconds for one row on the screen."""
MOST_MARKS = 64
"""Places marked in one row."""
MOST_REPEATS = 1000
"""The counts of a regular expression, multiplied: ``((a{999}){999}){999}`` is compiled to gigabytes."""
_COUNT = re.compile(r"\{(\d*)(?:,(\d*))?\}")
_NARROW = re.compile(r'(stream|role):(?:"([^"]*)"|(\S*))\s*')


def of_stream(name: str) -> str:
    """The filter that keeps the messages of one stream; names of files may hold spaces."""
    quoted = name.split('"')[0] if '"' in name else name  # the start of a name is enough
    return f'stream:"{quoted}" ' if re.search(r"\s", quoted) or quoted != name else f"stream:{name} "


@dataclass(slots=True, unsafe_hash=True)
class Sought:
    """What to look for: plain text, or an expression that is stopped for good once a text takes it too long.

    Expressions are those of the ``regex`` package: `re` holds the interpreter's lock for as long as ``(a+)+$`` takes,
    so that no thread could stop it, and a linear-time engine (RE2) knows neither look-around nor Unicode's ``\\w``.
    """

    pattern: Any  # re.Pattern[str], or regex.Pattern, which has no types
    timed: bool = False
    slow: bool = field(default=False, compare=False)
    """A message took it longer than `SLOW`: it finds nothing any more."""
    dull: bool = field(default=False, compare=False)
    """A row took it longer than `MARKING`: it marks nothing any more."""

    @classmethod
    def text(cls, text: str) -> Sought:
        return cls(re.compile(re.escape(text), _case(text)))

    @classmethod
    def expression(cls, text: str) -> Sought:
        """Raises ValueError, with one line, where `text` is no regular expression or counts too high."""
        import regex  # costs 50 ms: the screen has it loaded by a thread

        counts = (max(int(low or 0), int(high or 0), 1) for low, high in _COUNT.findall(text))
        if math.prod(counts) > MOST_REPEATS:
            raise ValueError(f"counts in {{}} are over {MOST_REPEATS:,} when multiplied")
        try:
            with warnings.catch_warnings(action="ignore"):  # they would be written to the terminal
                return cls(regex.compile(text, _case(text)), timed=True)
        except (regex.error, OverflowError, RecursionError, ValueError) as error:
            raise ValueError(f"no regular expression: {error}") from None

    def found(self, text: str) -> bool:
        """Whether it is anywhere in `text`; True, so that nothing is hidden, once it is `slow`."""
        if not self.slow:
            try:
                return self.pattern.search(text, **self._within(SLOW)) is not None
            except TimeoutError:
                self.slow = self.dull = True
        return True

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where it is in a row of the screen: (start, end) of its first `MOST_MARKS` places, none of them empty."""
        places: list[tuple[int, int]] = []
        if not self.dull:
            try:
                for found in self.pattern.finditer(text, **self._within(MARKING)):
                    if found.end() > found.start():
                        places.append(found.span())
                    if len(places) >= MOST_MARKS:
                        break
            except TimeoutError:
                self.dull = True
        return places

    def _within(self, seconds: float) -> Mapping[str, float]:
        return {"timeout": seconds} if self.timed else {}


def _case(text: str) -> int:
    return 0 if any(c.isupper() for c in text) else re.IGNORECASE  # regex has the same numbers


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """`pattern` is what to look for and to mark, None for everything; `inverse` keeps what does not match."""

    pattern: Sought | None = None
    inverse: bool = False
    stream: str = ""
    role: str = ""

    @classmethod
    def of(cls, text: str) -> MessageFilter:
        """The filter that `text` asks for.

        Raises:
            ValueError: a regular expression that is none, or asks too much; the text says why.
        """
        rest = text.strip()[:LONGEST]
        inverse = rest.startswith("!")
        rest = rest.removeprefix("!").lstrip()
        narrow = {"stream": "", "role": ""}
        while found := _NARROW.match(rest):
            narrow[found[1]] = (found[2] or found[3] or "").lower()
            rest = rest[found.end() :]
        pattern = None
        if rest.startswith("/"):
            rest = rest[1:-1] if len(rest) > 1 and rest.endswith("/") else rest[1:]
            pattern = Sought.expression(rest) if rest else None
        elif rest:
            pattern = Sought.text(rest)
        return cls(pattern, inverse, narrow["stream"], narrow["role"])

    @property
    def everything(self) -> bool:
        """Whether it keeps all there is."""
        return self == MessageFilter()

    @property
    def mark(self) -> Sought | None:
        """What to show as found: nothing, where the sought is what is not there."""
        return None if self.inverse else self.pattern

    @property
    def stopped(self) -> bool:
        """Whether its expression was stopped, so that it only narrows now."""
        return self.pattern is not None and self.pattern.slow

    @property
    def note(self) -> str:
        """What the user has to know of it; empty when it works as asked."""
        if self.stopped:
            return f"too slow: pattern stopped after {SLOW * 1000:.0f} ms, hides nothing"
        return "too slow to mark what is found" if self.mark is not None and self.mark.dull else ""

    def keeps(self, stream: str, role: str, text: str) -> bool:
        """Whether a message passes. An inverse turns the pattern round, or the narrowing where it has no pattern."""
        narrowed = stream.lower().startswith(self.stream) and role.lower().startswith(self.role)
        if self.pattern is None:
            return narrowed != (self.inverse and bool(self.stream or self.role))
        return narrowed and (self.pattern.found(text) is not self.inverse or self.pattern.slow)
