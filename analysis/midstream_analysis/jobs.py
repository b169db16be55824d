"""What the engine is given: a series to analyse by a deadline, and words that were said. Free of numpy and numba."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Policy = Literal["EDF", "FIFO", "priority"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The latest window of one observable of one stream.

    ``values`` is 1-D, ``dt`` the time between samples (seconds for most observables), ``deadline`` a time of the
    engine's clock (`time.monotonic` unless injected) by which the analysis is due, ``priority`` higher is sooner
    (policy "priority" only). `Engine.submit` copies ``values``: the caller may go on using its buffer.
    """

    stream: str
    observable: str
    values: npt.NDArray[np.float64] | list[float]
    dt: float
    deadline: float
    priority: int = 0
    total: int | None = None
    """Samples that there ever were, up to the newest of ``values``: places in the report can be told by it."""

    @property
    def key(self) -> tuple[str, str]:
        return self.stream, self.observable


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something said on a stream. ``at`` is monotonic seconds.

    ``complete`` is False for a piece of a message that is still being generated: pieces feed the loop detector at
    once (a degenerate message may never end), and the complete message, when it comes, feeds the rest. ``tokens``
    are the model's own where the source knows them; else the words of ``text`` are used. ``serial`` is the caller's
    number for the message, by which the report gives its move.
    """

    stream: str
    text: str
    role: str | None = None
    at: float = 0.0
    reward: float | None = None
    tokens: tuple[str, ...] = ()
    complete: bool = True
    serial: int | None = None


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The engine's own health. Times are in seconds, ``None`` before the first job.

    ``warming`` is the share of warm-up done, ``None`` when series can be analysed; ``pending`` counts the series and
    utterances that wait, and one while a result is in work or not yet reported: at 0 all is said. ``late`` counts jobs
    that finished after the earliest deadline they answered for; ``superseded`` submissions replaced by newer ones
    before their turn; ``dropped`` utterances shed because a stream's queue was full; ``refused`` submissions beyond
    the observables one stream may have; ``evicted`` streams that made room for newer ones.
    """

    alive: bool
    policy: Policy
    warming: float | None
    failed: str | None
    pending: int
    done: int
    late: int
    superseded: int
    dropped: int
    refused: int
    evicted: int
    errors: int
    last_error: str | None
    mean_job_s: float | None
    last_job_s: float | None
