"""The matrix profile, batch and streaming, against all pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis import StreamingMatrixProfile, matrix_profile, motifs
from midstream_analysis.kernels import matrix_profile as kernel
from midstream_analysis.reference import sequences as oracle
from tests.analysis.inputs import BAD, JIT, forms

QUICK = settings(max_examples=60 if JIT else 10, deadline=None)


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n)


@QUICK
@given(st.lists(st.integers(-3, 3), min_size=9, max_size=60), st.integers(3, 8))
def test_small_integers_with_constant_stretches(x: list[int], m: int) -> None:
    profile, index = matrix_profile(x, m)
    distances = oracle.subsequence_distances(x, m)
    np.testing.assert_allclose(profile, oracle.profile_of(distances, math.ceil(m / 4)), atol=1e-6)
    for i, j in enumerate(index):
        assert (j == -1) == math.isinf(profile[i])
        if j >= 0:
            assert abs(i - j) > math.ceil(m / 4)
            assert distances[i, j] == pytest.approx(profile[i], abs=1e-6)


@pytest.mark.parametrize("m", [3, 10, 50])
@pytest.mark.parametrize(("offset", "scale"), [(0, 1), (1e6, 1), (0, 1e-300), (0, 1e300), (-5, 1e-3)])
def test_walks_of_any_level_and_scale(m: int, offset: float, scale: float) -> None:
    n = 700 if JIT else 90  # more rows than the kernel goes without computing covariances afresh
    walk = noise(n).cumsum() + offset
    profile, _ = matrix_profile(walk * scale, m)
    np.testing.assert_allclose(profile, oracle.matrix_profile(walk, m), atol=1e-6)


@pytest.mark.parametrize("height", [1e3, 1e7, 1e9])
def test_spikes_do_not_blur_what_follows(height: float) -> None:
    n, window, m = (600, 150, 8) if JIT else (90, 40, 8)
    x = noise(n)
    x[[30, 33, 36, 41]] = height  # both subsequences of a pair hold some
    x[-m:] = x[-4 * m : -3 * m] + 1e-5 * noise(m, 1)
    np.testing.assert_allclose(matrix_profile(x, m)[0], oracle.matrix_profile(x, m), rtol=1e-6, atol=1e-6)
    found = StreamingMatrixProfile(m, window).extend(x)[m - 1 :]
    np.testing.assert_allclose(found, _streamed(x, m, window)[1], rtol=1e-5, atol=1e-5)


def test_constant_and_too_short_for_a_neighbour() -> None:
    profile, index = matrix_profile([2.0] * 30, 5)
    assert not profile.any()
    assert (index >= 0).all()
    profile, index = matrix_profile(noise(9), 8)
    assert np.isinf(profile).all()
    assert (index == -1).all()


def test_every_form_of_a_series_gives_the_same() -> None:
    for form in forms(noise(60) * 100).values():
        np.testing.assert_array_equal(
            matrix_profile(form, 6)[0], matrix_profile(np.trunc(noise(60) * 100), 6)[0]
        )


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_series(bad: object) -> None:
    for call in (matrix_profile, motifs):
        with pytest.raises(ValueError):
            call(bad, 5)
    if np.size(bad):
        with pytest.raises(ValueError):
            StreamingMatrixProfile(5, 50).extend(bad)


def test_bad_lengths() -> None:
    for m in (0, -1, 2):
        with pytest.raises(ValueError, match="at least 3"):
            matrix_profile(noise(30), m)
    with pytest.raises(ValueError, match="at least"):
        matrix_profile(noise(5), 5)
    with pytest.raises(ValueError, match="window"):
        StreamingMatrixProfile(10, 19)
    for arguments in ({"count": 0}, {"radius": 0.5}, {"radius": math.nan}):
        with pytest.raises(ValueError):
            motifs(noise(50), 5, **arguments)
    stream = StreamingMatrixProfile(5, 50)
    for value in (math.nan, math.inf, -math.inf, 1e200):
        with pytest.raises(ValueError):
            stream.update(value)
    assert stream.profile.size == 0


def test_motifs_finds_planted_shapes() -> None:
    x = 0.1 * noise(600 if JIT else 250)
    shape = np.sin(np.arange(25) / 2.0) * np.linspace(1, 2, 25)
    places = (20, 95, 180)
    for place in places:
        x[place : place + 25] += 3 * shape
    first, *rest = motifs(x, 25)
    assert len(first.positions) == 3
    assert np.abs(np.subtract(first.positions, places)).max() <= 3
    assert all(first.distance <= motif.distance for motif in rest)
    used = sorted(p for motif in (first, *rest) for p in motif.positions)
    assert np.diff(used).min() > 25 // 2
    assert motifs(x, 25) == [first, *rest]


def _streamed(x: np.ndarray, m: int, window: int) -> tuple[np.ndarray, list[float]]:
    """Profile with egress, from the definition: each subsequence against those in the window when either came."""
    distances, zone = oracle.subsequence_distances(x, m), math.ceil(m / 4)
    least, arrivals = np.full(len(distances), np.inf), []
    for i in range(len(distances)):
        first = max(0, i + m - window)
        near = distances[i, first : max(first, i - zone)]
        arrivals.append(float(near.min(initial=np.inf)))
        least[i] = arrivals[-1]
        least[first : max(first, i - zone)] = np.minimum(least[first : max(first, i - zone)], near)
    return least[max(0, len(x) - window) :], arrivals


@pytest.mark.parametrize(("m", "window", "n"), [(5, 20, 150), (4, 8, 60), (12, 100, 90), (8, 40, 41)])
def test_streaming_is_the_definition(m: int, window: int, n: int) -> None:
    x = np.round(noise(n) * 2, 1)
    x[n // 3 : n // 3 + 2 * m] = 1.0
    stream = StreamingMatrixProfile(m, window)
    returned = [stream.update(value) for value in x]
    least, arrivals = _streamed(x, m, window)
    np.testing.assert_allclose(stream.profile, least, atol=1e-6)
    assert returned[: m - 1] == [None] * (m - 1)
    np.testing.assert_allclose([math.inf if r is None else r for r in returned[m - 1 :]], arrivals, atol=1e-6)
    assert stream.start == max(0, n - window)
    index, distances = stream.indices, oracle.subsequence_distances(x, m)
    for k, j in enumerate(index):
        if j >= 0:
            assert distances[stream.start + k, j] == pytest.approx(stream.profile[k], abs=1e-6)


def test_streaming_stays_exact_over_many_windows() -> None:
    n, window, m = (6000, 200, 10) if JIT else (300, 60, 5)
    x = 1000 + noise(n).cumsum()
    one, many = StreamingMatrixProfile(m, window), StreamingMatrixProfile(m, window)
    singly = [one.update(value) for value in x]
    together = np.concatenate([many.extend(part) for part in np.array_split(x, 7)])
    np.testing.assert_array_equal([math.inf if r is None else r for r in singly], together)
    np.testing.assert_array_equal(one.profile, many.profile)
    tail = x[-2 * window :]
    _, arrivals = _streamed(tail, m, window)
    np.testing.assert_allclose(together[-window // 2 :], arrivals[-window // 2 :], atol=1e-6)
    assert one._state.shape[1] < 3 * window + m


def test_novelty_stands_out() -> None:
    stream = StreamingMatrixProfile(16, 200)
    beat = np.sin(np.arange(300) * 2 * np.pi / 16) + 0.05 * noise(300)
    calm = [stream.update(value) for value in beat][100:]
    odd = [stream.update(value) for value in np.r_[np.linspace(0, 3, 12), -2, 2, -2, 2]]
    assert max(v for v in odd if v is not None) > 3 * max(v for v in calm if v is not None)


def test_the_search_for_the_largest_key() -> None:
    for n in (1, 127, 128, 129, 1000):
        keys = (noise(n, n) * 0.3 + 2.0).clip(1.0, 3.0)
        assert kernel._find(keys.view(np.int64)) == keys.argmax()
