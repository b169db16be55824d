"""View models of the overview and of a stream's facts: frozen, compared by value; unknown is ``None``."""

from __future__ import annotations

from dataclasses import dataclass

from midstream_analysis.report import Attractor


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One stream. ``level`` is how bad its worst ``alert`` is: 0 fine, 1 over, 2 note, 3 warning, 4 error.

    ``ttft_ms`` is the latest time to first token, ``interval_ms`` the median time between chunks or frames.
    """

    stream: str
    state: str
    kinds: str
    provenance: str
    level: int = 0
    alert: str = ""
    more: int = 0
    """Further alerts of the stream, less bad than this one."""
    bytes_per_s: float | None = None
    fps: float | None = None
    tokens_per_s: float | None = None
    tokens_estimated: bool = False
    ttft_ms: float | None = None
    interval_ms: float | None = None
    dropped: int = 0
    reconnects: int = 0
    attractor: Attractor | None = None
    observable: str = ""
    order: int = 0
    """When it was opened, among the others."""


@dataclass(frozen=True, slots=True)
class OverviewView:
    """All streams, in the order in which they were opened, and which one is selected."""

    rows: tuple[OverviewRow, ...] = ()
    selected: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled figure or word; ``style`` is a short name of `line_panel`, ``note`` stands muted behind it."""

    label: str
    value: str
    style: str = "value"
    note: str = ""


@dataclass(frozen=True, slots=True)
class FactsView:
    """What is known of one stream, in groups; ``alerts`` are (level, text) as in `OverviewRow`, the worst first."""

    stream: str = ""
    alerts: tuple[tuple[int, str], ...] = ()
    groups: tuple[tuple[Fact, ...], ...] = ()
    provenance: str = ""
