"""Change points: the Bayesian recursion against evidence in closed form; what both detectors find and leave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from midstream_analysis import ChangePoint
from midstream_analysis.change import Change, PageHinkley
from midstream_analysis.kernels import change as kernel
from midstream_analysis.reference import sequences as oracle
from tests.analysis.inputs import JIT

Detector = ChangePoint | PageHinkley
BOTH = pytest.mark.parametrize("make", [ChangePoint, PageHinkley])


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n)


def found(detector: Detector, values: Iterable[float]) -> list[Change]:
    return [change for value in values if (change := detector.update(value))]


def test_weights_and_posteriors_are_bayes() -> None:
    hazard, x = 0.01, noise(40)
    state = np.zeros((7, 64))
    kernel._spawn(state, 0, 0, 0.0, 0.0, 1.0)
    count = 1
    for place in range(10):
        count = kernel._observe(state, count, x[place], place, hazard, 1e-12)
    before = state[:, :count].copy()
    for place in range(10, 40):
        count = kernel._observe(state, count, x[place], place, hazard, 1e-12)
    assert count == 41
    assert np.exp(state[kernel.WEIGHT, :count]).sum() == pytest.approx(1.0)
    seasoned = [k for k in range(11) if before[kernel.KAPPA, k] >= 1.0]
    evidence = [
        oracle.segment_log_evidence(
            x[10:], *(before[row, k] for row in (kernel.MU, kernel.KAPPA, kernel.ALPHA, kernel.BETA))
        )
        for k in seasoned
    ]
    gained = state[kernel.WEIGHT, seasoned] - before[kernel.WEIGHT, seasoned]
    np.testing.assert_allclose(gained - gained[0], np.subtract(evidence, evidence[0]), atol=1e-7)
    assert state[kernel.MU, 0] == pytest.approx(x.mean())
    assert state[kernel.KAPPA, 0] == 40
    alpha = state[kernel.ALPHA, 0]
    assert state[kernel.GAMMA, 0] == pytest.approx(math.lgamma(alpha + 0.5) - math.lgamma(alpha), rel=1e-12)


@BOTH
@pytest.mark.parametrize("scale", [1e-50, 1e-3, 1.0, 1e6, 1e50])
@pytest.mark.parametrize("level", [0.0, 1000.0])
def test_a_shift_is_found_where_it_was_at_any_scale(
    make: Callable[[], Detector], scale: float, level: float
) -> None:
    x = (level + np.r_[noise(150), 4 + noise(100, 1)]) * scale
    (change,) = found(make(), x)
    assert abs(change.index - 150) <= 3
    assert change.index <= change.seen <= 160
    assert change.before == pytest.approx(level * scale, abs=scale)
    assert change.after == pytest.approx((level + 4) * scale, abs=2 * scale)


def test_a_one_sigma_shift_is_found_soon() -> None:
    delays = []
    for seed in range(12 if JIT else 3):
        x = np.r_[noise(200, seed), 1 + noise(200, 100 + seed)]
        changes = [c for c in found(ChangePoint(), x) if c.seen >= 200]
        delays.append(changes[0].seen - 200 if changes else 200)
        assert not changes or changes[0].probability >= 0.95  # type: ignore[operator]
    assert np.median(delays) <= 45


def test_a_change_of_spread_is_found() -> None:
    changes = found(ChangePoint(), np.r_[noise(200), 4 * noise(100, 1)])
    assert any(abs(c.index - 200) <= 5 for c in changes)


def test_many_changes_down_and_up() -> None:
    levels = [0, 6, 0, -6, 10, 11000, 11006, 0]
    x = np.concatenate([level + noise(60, k) for k, level in enumerate(levels)])
    places = [c.index for c in found(ChangePoint(), x)]
    assert len(places) == len(levels) - 1
    assert np.abs(np.subtract(places, 60 * np.arange(1, len(levels)))).max() <= 2


@BOTH
def test_steady_noise_is_left_alone(make: Callable[[], Detector]) -> None:
    n = 20_000 if JIT else 400
    assert found(make(), noise(n, 7)) == []
    assert len(found(make(), np.random.default_rng(8).integers(0, 3, n))) <= 2


def test_an_outlier_is_no_change() -> None:
    x = noise(300)
    x[[100, 200]] = 40.0, -1e9
    assert found(ChangePoint(), x) == []


@BOTH
def test_constants_and_steps_between_them(make: Callable[[], Detector]) -> None:
    detector = make()
    assert found(detector, [7.0] * 80) == []
    (change,) = found(detector, [8.0] * 60)
    assert change.index == 80
    assert (change.before, change.after) == (7.0, pytest.approx(8.0))
    assert found(make(), [0.0] * 100) == []


def test_a_change_within_the_warm_up_is_found() -> None:
    changes = found(ChangePoint(warmup=40), np.r_[noise(30), 9 + noise(60, 1)])
    assert [c.index for c in changes] == [30]


@BOTH
def test_memory_is_bounded_and_the_count_goes_on(make: Callable[[], Detector]) -> None:
    detector = make()
    found(detector, noise(3000 if JIT else 300))
    assert detector.count == (3000 if JIT else 300)
    if isinstance(detector, ChangePoint):
        assert detector._held == detector._state.shape[1] == 128
        assert not detector._first


@BOTH
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e200])
def test_bad_values(make: Callable[[], Detector], value: float) -> None:
    detector = make()
    with pytest.raises(ValueError, match="finite"):
        detector.update(value)
    assert detector.count == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: ChangePoint(0.0),
        lambda: ChangePoint(1.0),
        lambda: ChangePoint(math.nan),
        lambda: ChangePoint(threshold=1.5),
        lambda: ChangePoint(outlier=0.0),
        lambda: ChangePoint(least=1),
        lambda: ChangePoint(hypotheses=2),
        lambda: ChangePoint(warmup=1),
        lambda: PageHinkley(drift=0.0),
        lambda: PageHinkley(threshold=math.inf),
        lambda: PageHinkley(least=1),
    ],
)
def test_bad_arguments(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        call()
