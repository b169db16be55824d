"""The observables' samples as CSV (RFC 4180): one row a sample."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .tally import Tally

HEADER = ("stream", "observable", "unit", "dt", "n", "value")


class SeriesCopy(NamedTuple):
    """One observable's samples, each `dt` `unit` after the other; `total` were taken, the last ones are here."""

    stream: str
    observable: str
    unit: str
    dt: float
    total: int
    samples: tuple[float, ...]


def copies(streams: Mapping[str, Tally]) -> list[SeriesCopy]:
    """All series as they are now."""
    return [
        SeriesCopy(name, observable, series.unit, series.dt, series.total, tuple(series.samples))
        for name, tally in streams.items()
        for observable, series in tally.series.items()
    ]


def to_csv(series: Iterable[SeriesCopy]) -> str:
    """A header and one row a sample; `n` counts the samples of an observable from 0, also those not kept any more."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for each in series:
        first = each.total - len(each.samples)
        names = tuple(map(_harmless, (each.stream, each.observable, each.unit)))
        writer.writerows((*names, each.dt, first + n, repr(value)) for n, value in enumerate(each.samples))
    return out.getvalue()


def _harmless(cell: str) -> str:
    """Spreadsheets take cells that begin so for formulas, and a stream's name is not the user's."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
