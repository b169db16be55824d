"""What takes longer than a second, and how far it is: shown in the title line, and cancelled from the palette."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midstream_adapters.events import Provenance

if TYPE_CHECKING:
    from .session import Session
    from .tally import Tally

MOST = 16
DURATION = "duration_s"
"""The figure by which a source tells how long it is."""
_BAR = 8


@dataclass(slots=True)
class Job:
    """One piece of work. ``share`` is what is done of it (0..1), None while nobody knows."""

    serial: int
    label: str
    share: float | None = None
    cancel: Callable[[], object] | None = None

    @property
    def text(self) -> str:
        """As ``exporting 40 % ███░░░░░``."""
        if self.share is None:
            return f"{self.label} …"
        share = min(1.0, max(0.0, self.share))
        full = round(share * _BAR)
        return f"{self.label} {share:.0%} {'█' * full}{'░' * (_BAR - full)}"


class Progress:
    """The jobs in hand, oldest first. For one thread: a worker thread speaks through `call_from_thread`."""

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self._serials = itertools.count(1)

    def begin(self, label: str, cancel: Callable[[], object] | None = None) -> Job:
        """A job is in hand; ``cancel`` is called when the user wants it ended. Beyond `MOST` the oldest goes."""
        job = Job(next(self._serials), label, None, cancel)
        self.jobs[job.serial] = job
        if len(self.jobs) > MOST:
            self.jobs.pop(next(iter(self.jobs)))
        return job

    def end(self, job: Job) -> None:
        """It is done, or was given up."""
        self.jobs.pop(job.serial, None)

    def cancel(self, job: Job) -> None:
        """Ask its owner to end it; the owner calls `end`."""
        if job.serial in self.jobs and job.cancel is not None:
            job.cancel()

    def text(self, session: Session, loading: Iterable[str] = ()) -> str:
        """The newest job's line and how many others there are: jobs, models that load, the engine's warm-up; or ""."""
        jobs = [job.text for job in reversed(self.jobs.values())]
        jobs += [Job(0, f"loading the {model} model").text for model in loading]
        report = session.report
        if report is not None and report.warming is not None and report.failed is None:
            jobs.append(Job(0, "warming up", report.warming).text)
        return "" if not jobs else jobs[0] + (f" (+{len(jobs) - 1})" if len(jobs) > 1 else "")


def position(tally: Tally) -> tuple[float, float] | None:
    """Seconds of media that came of a file, and its length; None for what is no file, or of unknown length."""
    length = tally.figures.get(DURATION)
    if tally.provenance is not Provenance.FILE or not isinstance(length, int | float) or length <= 0:
        return None
    return min(max((track.seconds for track in tally.tracks.values()), default=0.0), length), float(length)
