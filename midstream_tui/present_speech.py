"""What is heard in a stream, for the screen: which engine listens and how far behind it is, or why nobody listens."""

from __future__ import annotations

from .tally import Tally

SPEECH = "speech"
"""The figure that names the engine that listens to a stream, or says why there is none."""
LAG = "speech_lag_s"
BEHIND = 1.0
"""Seconds from which on a listener's lag is worth a word."""


def listening_or_why_not(tally: Tally) -> str:
    """``speech: moonshine tiny-en, 3.2 s behind``; empty where nobody was asked to listen."""
    told, lag = tally.figures.get(SPEECH), tally.figures.get(LAG)
    if not told:
        return ""
    lacking, command = str(told).partition("pip install")[::2]
    if command:  # the command first: panels are narrow
        return f"pip install{command} (speech {lacking.strip(': ')})"
    behind = isinstance(lag, int | float) and lag >= BEHIND and not tally.over
    return f"{SPEECH}: {told}" + (f", {lag:.1f} s behind" if behind else "")
