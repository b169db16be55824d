"""The pace of repaints over a simulated link: a clock that is told, a link that takes so many bytes a second."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_tui.pace import LONGEST, Pace

WISH = 1 / 15
FRAME = 4000


class Link:
    """Bytes wait until it has taken them; each paint brings `FRAME`."""

    def __init__(self, rate: float, wish: float = WISH) -> None:
        self.rate, self.wish = rate, wish
        self.now, self.waiting, self.most, self.paints = 0.0, 0.0, 0.0, 0
        self.pace = Pace(lambda: self.now)

    def run(self, seconds: float) -> int:
        """Paint as `Pace` says for so long; return how often."""
        before, end = self.paints, self.now + seconds
        while self.now < end:
            self.now += self.wish
            self.waiting = max(0.0, self.waiting - self.rate * self.wish)
            if self.pace.look(self.waiting > 0, self.wish):
                self.waiting += FRAME
                self.paints += 1
            self.most = max(self.most, self.waiting)
        return self.paints - before

    @property
    def interval(self) -> float:
        return self.pace.interval(self.wish)


def test_a_link_that_keeps_up_changes_nothing() -> None:
    link = Link(1e9)
    assert link.run(60) == pytest.approx(60 / WISH, abs=2)
    assert link.interval == WISH
    assert not link.pace.slowed(WISH)


def test_over_a_slow_link_repaints_get_rarer_and_nothing_piles_up() -> None:
    link = Link(10_000)
    link.run(30)
    assert link.pace.slowed(WISH)
    assert FRAME / link.rate < link.interval < 4 * FRAME / link.rate
    assert link.most <= FRAME


def test_when_the_link_is_fast_again_the_users_pace_comes_back() -> None:
    link = Link(5_000)
    link.run(30)
    slow = link.interval
    link.rate = 1e9
    link.run(200)
    assert link.interval == WISH < slow
    assert link.run(10) == pytest.approx(10 / WISH, abs=2)


def test_a_link_that_stays_slow_is_tried_ever_more_rarely() -> None:
    link = Link(10_000)
    changes: list[float] = []
    before = link.interval
    for _ in range(400):
        link.run(1.0)
        if link.interval != before:
            changes.append(link.now)
            before = link.interval
    early, late = (sum(a <= at < a + 100 for at in changes) for a in (0, 300))
    assert late < early


def test_a_dead_link_is_not_painted_on() -> None:
    link = Link(0.0)
    assert link.run(60) == 1
    assert link.interval <= LONGEST


def test_the_users_wish_is_a_floor_at_once() -> None:
    link = Link(10_000)
    link.run(30)
    assert link.pace.interval(2.0) == 2.0
    assert not link.pace.slowed(2.0)


@settings(max_examples=40, deadline=None)
@given(
    rates=st.lists(st.sampled_from([0.0, 1e3, 1e4, 1e5, 1e9]), min_size=1, max_size=6),
    wish=st.sampled_from([0.05, WISH, 0.5, 5.0]),
)
def test_the_interval_is_bounded_and_no_more_than_a_frame_waits(rates: list[float], wish: float) -> None:
    link = Link(1e9, wish)
    for rate in rates:
        link.rate = rate
        link.run(20)
        assert wish <= link.interval <= max(wish, LONGEST)
        assert link.most <= FRAME
