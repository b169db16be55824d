"""What a state, a kind, a role or a verdict looks like: always glyph + word + style, never colour alone.

Every glyph is one cell wide and in the fonts of common terminals. Styles are the short names of `line_panel`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from midstream_analysis.report import Attractor


class Glyph(NamedTuple):
    """A sign, the word that says the same, and the style of both."""

    sign: str
    word: str
    style: str

    @property
    def text(self) -> str:
        return f"{self.sign} {self.word}"


STATES = {
    "connecting": Glyph("◌", "connecting", "warning"),
    "listening": Glyph("○", "listening", "good"),
    "live": Glyph("●", "live", "good"),
    "stalled": Glyph("◐", "stalled", "warning"),
    "reconnecting": Glyph("↻", "reconnecting", "warning"),
    "ended": Glyph("■", "ended", "muted"),
    "failed": Glyph("✗", "failed", "error"),
}

ACTIVE = Glyph("●", "ACTIVE", "good")
IDLE = Glyph("○", "idle", "warning")
NONE = Glyph("—", "none", "muted")

ALERT = "▲"
BULLET = "•"
CURSOR = "▸"
TYPING = "▌"

ROLES = {
    "user": Glyph("›", "user", "title"),
    "assistant": Glyph("◆", "assistant", "good"),
    "system": Glyph("■", "system", "muted"),
    "tool": Glyph("▲", "tool", "pattern"),
}

ATTRACTORS = {
    Attractor.FIXED_POINT: Glyph("•", "FIXED POINT", "good"),
    Attractor.PERIODIC: Glyph("○", "PERIODIC", "good"),
    Attractor.QUASI_PERIODIC: Glyph("◎", "QUASI-PERIODIC", "good"),
    Attractor.CHAOTIC: Glyph("▲", "CHAOTIC", "error"),
    Attractor.STOCHASTIC: Glyph("≈", "STOCHASTIC", "warning"),
    Attractor.UNKNOWN: Glyph("—", "UNKNOWN", "muted"),
}

FLAWS = {
    "freeze": Glyph("‖", "freeze", "warning"),
    "black": Glyph("■", "black", "warning"),
    "silence": Glyph("∅", "silence", "warning"),
    "stall": Glyph("◐", "stall", "error"),
    "decode errors": Glyph("✗", "decode errors", "error"),
    "lost segments": Glyph("✗", "lost segments", "error"),
}

UNTRUE = frozenset({"simulated", "replayed"})
"""Provenances that call for the warning style: the figures are not of something happening now."""


def state(name: str) -> Glyph:
    """The glyph of a stream's state; a state nobody told us about keeps its own word."""
    return STATES.get(name) or Glyph("?", name or "unknown", "muted")


def flaw(name: str) -> Glyph:
    """The glyph of something wrong with what is seen or heard."""
    return FLAWS.get(name) or Glyph(ALERT, name, "warning")


def activity(active: bool | None) -> Glyph:
    """ACTIVE, idle, or none when no stream of the kind is open."""
    return NONE if active is None else ACTIVE if active else IDLE


def role(name: str) -> Glyph:
    """The glyph of who spoke."""
    return ROLES.get(name.lower()) or Glyph("·", name, "value")


def provenance_style(name: str) -> str:
    """Warning for figures of which some are neither live nor from a file."""
    return "warning" if UNTRUE.intersection(name.split(" + ")) else "muted"


_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, width: int) -> str:
    """``share`` (0..1) of ``width`` cells, in eighths of a cell, the rest filled with "░"."""
    eighths = round(min(1.0, max(0.0, share)) * 8 * max(width, 0))  # in this order NaN is 0
    full, part = divmod(eighths, 8)
    text = "█" * full + (_EIGHTHS[part] if part else "")
    return text + "░" * (width - len(text))


def common_provenance(names: Iterable[str]) -> str:
    """The provenances that occur, "live" first: "live + simulated"."""
    return " + ".join(sorted(set(names) - {""}, key=lambda name: (name != "live", name)))
