"""Times during which something is wrong: what all detectors of quality have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from .events import Blame, Kind

Values = Mapping[str, float | str]
_ROUNDED = 1e-6
"""Seconds by which the difference of two times may be off."""


class Say(Protocol):
    """Takes what a detector found; the arguments are those of `events.Impairment`."""

    def __call__(
        self, what: str, kind: Kind, began: float, ended: float | None, blame: Blame, figures: Values
    ) -> None: ...


class Spell:
    """A condition that is an impairment once it has held for `least` seconds of media time: said then, and at its end.

    An end that comes earlier is never said.
    """

    def __init__(self, say: Say, what: str, kind: Kind, blame: Blame, least: float) -> None:
        self._say = say
        self._what, self._kind, self._blame = what, kind, blame
        self._least = least
        self._began: float | None = None
        self._said = False

    def holds(self, start: float, until: float, figures: Values) -> None:
        """The condition holds from `start` (that of the first call counts) to `until`."""
        if self._began is None:
            self._began = start
        if not self._said and until - self._began >= self._least - _ROUNDED:
            self._said = True
            self._say(self._what, self._kind, self._began, None, self._blame, figures)

    def over(self, at: float, figures: Values | None = None) -> None:
        """It does not hold from `at` on."""
        began, said = self._began, self._said
        self._began, self._said = None, False
        if began is not None and said:
            ended = max(began, at)
            lasted = {"lasted_s": round(ended - began, 3)}
            self._say(self._what, self._kind, began, ended, self._blame, {**(figures or {}), **lasted})


class Burst:
    """Single incidents that belong together while less than `apart` seconds lie between them.

    Said with the first, once a second while more come, and at the end, each time with the count so far as `figure`.
    """

    def __init__(
        self, say: Say, what: str, kind: Kind, blame: Blame, figure: str, apart: float = 1.0
    ) -> None:
        self._say = say
        self._what, self._kind, self._blame, self._figure = what, kind, blame, figure
        self._apart = apart
        self._began = self._last = self._told = 0.0
        self._count = 0

    def add(self, count: int, at: float) -> None:
        """`count` more at `at`."""
        if not count:
            return
        self.pass_by(at)
        first = not self._count
        if first:
            self._began = at
        self._count += count
        self._last = max(at, self._began)
        if first or at - self._told >= 1.0:
            self._told = at
            self._tell(None)

    def pass_by(self, now: float) -> bool:
        """Time has come to `now` without another; return whether the burst goes on."""
        if self._count and now - self._last >= self._apart:
            self.close()
        return self._count > 0

    def close(self) -> None:
        """There will be no more."""
        if self._count:
            self._tell(self._last)
            self._count = 0

    def _tell(self, ended: float | None) -> None:
        figures = {self._figure: float(self._count)}
        self._say(self._what, self._kind, self._began, ended, self._blame, figures)
