"""The order of series jobs, against the definition of each policy; and that nobody starves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midstream_analysis.jobs import Policy, Series
from midstream_analysis.scheduling import AGEING_S, Scheduler

VALUES = np.zeros(1)


def series(key: str, deadline: float = 0.0, priority: int = 0) -> Series:
    return Series("s", key, VALUES, 1.0, deadline, priority)


def drain(scheduler: Scheduler) -> list[str]:
    return [job.series.observable for job in iter(scheduler.pop, None)]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(-3, 3), st.floats(0, 100)), max_size=12, unique=True)
)
def test_each_policy_is_its_definition(jobs: list[tuple[float, int, float]]) -> None:
    expected = {
        "EDF": sorted(range(len(jobs)), key=lambda i: jobs[i][0]),
        "FIFO": list(range(len(jobs))),
        "priority": sorted(range(len(jobs)), key=lambda i: -(jobs[i][1] + (1000 - jobs[i][2]) / AGEING_S)),
    }
    policy: Policy
    for policy in ("EDF", "FIFO"):
        scheduler = Scheduler(policy)
        for i, (deadline, priority, now) in enumerate(jobs):
            scheduler.put(series(str(i), deadline, priority), now)
        assert drain(scheduler) == [str(i) for i in expected[policy]]
    scheduler = Scheduler("priority")
    for i, (deadline, priority, now) in enumerate(jobs):
        scheduler.put(series(str(i), deadline, priority), now)
    ranks = [jobs[int(key)][1] + (1000 - jobs[int(key)][2]) / AGEING_S for key in drain(scheduler)]
    assert ranks == pytest.approx(sorted(ranks, reverse=True))


def test_the_newer_series_takes_the_place_and_the_older_obligation_stays() -> None:
    scheduler = Scheduler("EDF")
    scheduler.put(series("a", 1.0), 0.0)
    scheduler.put(series("b", 2.0), 0.0)
    newer = series("a", 9.0)
    scheduler.put(newer, 1.0)
    job = scheduler.pop()
    assert job is not None
    assert job.series is newer
    assert (job.deadline, job.since, scheduler.superseded, len(scheduler)) == (1.0, 0.0, 1, 1)


@pytest.mark.parametrize("policy", ["EDF", "FIFO", "priority"])
def test_nobody_starves_under_overload(policy: Policy) -> None:
    """Ten keys submitted at every tick, one served: each has its turn again and again, whatever its rank."""
    scheduler, served = Scheduler(policy), [0] * 10
    for tick in range(1000):
        now = tick * 0.1
        for key in range(10):
            scheduler.put(series(str(key), deadline=now + 0.1 * (1 + key), priority=key), now)
        job = scheduler.pop()
        assert job is not None
        served[int(job.series.observable)] += 1
        assert len(scheduler) == 9
    assert min(served) >= 8  # by priority the lowest waits nine seconds for its turn
    assert sum(served) == 1000


def test_discard_takes_only_that_stream() -> None:
    scheduler = Scheduler()
    scheduler.put(series("x"), 0.0)
    scheduler.put(Series("t", "x", VALUES, 1.0, 0.0), 0.0)
    scheduler.discard("s")
    job = scheduler.pop()
    assert job is not None
    assert job.series.stream == "t"
    assert scheduler.pop() is None
