"""The filter of the message log: text, a regular expression, or their inverse, narrowed to a stream or a role.

``timeout`` text anywhere; ``/time.?out/`` a regular expression; ``!...`` what does not match; ``stream:NAME`` and
``role:NAME`` (the start of it, in quotes where it holds spaces) in front narrow. Lower case matches either case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 500
"""Characters of a filter."""
_NARROW = re.compile(r'(stream|role):(?:"([^"]*)"|(\S*))\s*')


def of_stream(name: str) -> str:
    """The filter that keeps the messages of one stream; names of files may hold spaces."""
    quoted = name.split('"')[0] if '"' in name else name  # the start of a name is enough
    return f'stream:"{quoted}" ' if re.search(r"\s", quoted) or quoted != name else f"stream:{name} "


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """`pattern` is what to look for and to mark, None for everything; `inverse` keeps what does not match."""

    pattern: re.Pattern[str] | None = None
    inverse: bool = False
    stream: str = ""
    role: str = ""

    @classmethod
    def of(cls, text: str) -> MessageFilter:
        """The filter that `text` asks for.

        Raises:
            ValueError: a regular expression that is none; the text says why.
        """
        rest = text.strip()[:LONGEST]
        inverse = rest.startswith("!")
        rest = rest.removeprefix("!").lstrip()
        narrow = {"stream": "", "role": ""}
        while found := _NARROW.match(rest):
            narrow[found[1]] = (found[2] or found[3] or "").lower()
            rest = rest[found.end() :]
        pattern = None
        if rest:
            flags = 0 if any(c.isupper() for c in rest) else re.IGNORECASE
            if rest.startswith("/"):
                rest = rest[1:-1] if len(rest) > 1 and rest.endswith("/") else rest[1:]
            else:
                rest = re.escape(rest)
            try:
                pattern = re.compile(rest, flags) if rest else None
            except (re.error, OverflowError, RecursionError) as error:
                raise ValueError(f"no regular expression: {error}") from None
        return cls(pattern, inverse, narrow["stream"], narrow["role"])

    @property
    def everything(self) -> bool:
        """Whether it keeps all there is."""
        return self == MessageFilter()

    @property
    def mark(self) -> re.Pattern[str] | None:
        """What to show as found: nothing, where the sought is what is not there."""
        return None if self.inverse else self.pattern

    def keeps(self, stream: str, role: str, text: str) -> bool:
        """Whether a message passes. An inverse turns the pattern round, or the narrowing where it has no pattern."""
        narrowed = stream.lower().startswith(self.stream) and role.lower().startswith(self.role)
        if self.pattern is None:
            return narrowed != (self.inverse and bool(self.stream or self.role))
        return narrowed and (self.pattern.search(text) is not None) != self.inverse
