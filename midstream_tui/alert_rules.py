"""A rule says when a figure of a stream is worth an alert; the built-in ones cover what everybody wants to know."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Rule:
    """Fires when `figure` is `above` or `below` a threshold for `hold_s` seconds; ends beyond `clear` (hysteresis).

    Without `clear` it ends at 0.9 times `above`, or 1.1 times `below`.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    figure: str
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    hold_s: float = 0.0
    level: str = "warning"
    streams: str = "*"
    """A pattern of stream ids (fnmatch)."""
    enabled: bool = True

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError("figure needs either `above` or `below`")
        if self.clear is not None and not self._within(self.clear):
            raise ValueError("clear must be on the good side of the threshold")
        if self.hold_s < 0:
            raise ValueError("hold_s must not be below zero")
        if self.level not in ("warning", "error"):
            raise ValueError("level must be warning or error")

    def _within(self, value: float) -> bool:
        return value <= self.above if self.above is not None else value >= (self.below or 0.0)

    @property
    def threshold(self) -> float:
        """The value beyond which it fires."""
        return self.above if self.above is not None else self.below or 0.0

    @property
    def end(self) -> float:
        """The value at which it ends."""
        if self.clear is not None:
            return self.clear
        return self.threshold * (0.9 if self.above is not None else 1.1)

    def fires(self, value: float) -> bool:
        """Whether `value` is beyond the threshold."""
        return value > self.threshold if self.above is not None else value < self.threshold

    def ends(self, value: float) -> bool:
        """Whether `value` has come back far enough for an alert to end."""
        return value <= self.end if self.above is not None else value >= self.end

    def of(self, stream: str) -> bool:
        """Whether it looks at `stream`."""
        return self.enabled and fnmatchcase(stream, self.streams)


BUILT_IN: dict[str, Rule] = {
    "stall": Rule("silent_s", above=5.0, clear=1.0),
    "lost": Rule("lost", above=0.5, level="error"),
    "freeze": Rule("freeze", above=0.5),
    "black": Rule("black", above=0.5),
    "silence": Rule("silence", above=0.5),
    "loop": Rule("repetition", above=0.5),
    "goodput": Rule("good_percent", below=90.0, clear=95.0, hold_s=10.0, enabled=False),
    "slow first token": Rule("ttft_p95_ms", above=5000.0, hold_s=5.0),
    "drops": Rule("drops_per_s", above=1.0, hold_s=3.0),
    "chaos onset": Rule("chaos", above=0.9, clear=0.7, hold_s=10.0, enabled=False),
}
"""Two are off: what answers ought to keep differs from service to service, and many healthy streams are chaotic."""
