"""DTW, Euclid, LCS and Levenshtein against their definitions, on every kind of input."""

from __future__ import annotations

import math
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core import config

from midstream_analysis import dtw, euclidean, lcs, levenshtein
from midstream_analysis.kernels import edit
from midstream_analysis.reference import sequences as oracle

QUICK = settings(max_examples=30 if config.DISABLE_JIT else 150, deadline=None)
LONG = 200 if config.DISABLE_JIT else 1500
REALS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)
TEXTS = st.text(alphabet=st.sampled_from("abcdé日\ud800 "), max_size=90)


@QUICK
@given(REALS, REALS, st.none() | st.integers(1, 50))
def test_dtw_is_the_table(a: list[float], b: list[float], band: int | None) -> None:
    assert dtw(a, b, band) == pytest.approx(oracle.dtw(a, b, band), rel=1e-9, abs=1e-9)
    assert dtw(a, b, band) == dtw(b, a, band)


@pytest.mark.parametrize("band", [None, 1, 7, 30, 0.05, 0.5])
def test_dtw_of_long_series_of_two_lengths(band: float | None) -> None:
    random_ = np.random.default_rng(1)
    n = 40 if config.DISABLE_JIT else 230
    a, b = random_.standard_normal(n).cumsum(), random_.standard_normal(n - 17).cumsum()
    window = math.ceil(band * n) if isinstance(band, float) else band
    assert dtw(a, b, band) == pytest.approx(oracle.dtw(a, b, window), rel=1e-9)


def test_a_band_of_one_is_euclid() -> None:
    a, b = np.random.default_rng(2).standard_normal((2, 100))
    assert dtw(a, b, 1) == pytest.approx(euclidean(a, b), rel=1e-12)
    assert dtw(a, b, 5) < euclidean(a, b)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e300])
def test_extreme_values_neither_overflow_nor_vanish(scale: float) -> None:
    a, b = [1.0, 2.0, 4.0], [1.0, 3.0, 5.0]
    assert dtw(np.multiply(a, scale), np.multiply(b, scale)) == pytest.approx(dtw(a, b) * scale, rel=1e-9)
    assert euclidean(np.multiply(a, scale), np.multiply(b, scale)) == pytest.approx(
        math.sqrt(2) * scale, rel=1e-9
    )


def test_symbols_cost_one_where_they_differ() -> None:
    assert dtw("aab", "ab") == 0.0
    assert dtw("abc", "abd") == 1.0
    assert dtw(["hi", "ask"], ["hi", "tell"]) == euclidean(["hi", "ask"], ["hi", "tell"]) == 1.0
    assert euclidean("abcd", "badc") == 2.0
    assert euclidean("", "") == euclidean([], []) == 0.0


def test_arrays_of_any_make_are_taken() -> None:
    base = np.arange(20, dtype=np.int32)
    frozen = base.astype(np.float64)
    frozen.flags.writeable = False
    expected = dtw([float(v) for v in base[::2]], [0.0, 5.0])
    assert dtw(base[::2], [0, 5]) == dtw(frozen[::2], (0.0, 5.0)) == expected
    assert dtw([True, False], np.array([1, 0], np.uint8)) == 0.0
    assert levenshtein(base[::2], base[1::2].tolist()) == levenshtein(frozen[::2], frozen[1::2]) == 10
    assert lcs(base[::2].astype(np.uint8), base[::4].astype(np.uint8)) == 5
    assert lcs(np.array([2**63, 1], np.uint64), np.array([2**63], np.uint64)) == 1
    assert lcs(np.array([-(2**62), 2**62]), np.array([2**62])) == 1


@QUICK
@given(TEXTS, TEXTS)
def test_text_is_the_table(a: str, b: str) -> None:
    for x, y in ((a, b), (list(a), list(b)), (list(a), b), (a + b, a)):
        assert levenshtein(x, y) == oracle.levenshtein(x, y)
        assert lcs(x, y) == oracle.lcs(x, y)


@QUICK
@given(st.data())
def test_blocks_strips_and_alphabets(data: st.DataObject) -> None:
    symbols = random.Random(data.draw(st.integers(0, 10**6)))
    alphabet = data.draw(st.sampled_from([1, 2, 4, 300]))
    n, m = (data.draw(st.sampled_from([0, 1, 63, 64, 65, 130, 511, 512, 513])) for _ in range(2))
    if config.DISABLE_JIT:
        n, m = n % 140, m % 140
    a, b = ([symbols.randrange(alphabet) for _ in range(k)] for k in (n, m))
    if data.draw(st.booleans()):
        b = a[: n // 3] + b + a[n // 2 :]  # common ends, which the kernels cut off
    if n * len(b) < 40_000:
        assert levenshtein(a, b) == oracle.levenshtein(a, b)
        assert lcs(a, b) == oracle.lcs(a, b)
    array = [np.array(s, np.int32) for s in (a, b)]
    assert levenshtein(a, b) == levenshtein(*array) == edit._edit_integers(*array, alphabet)
    assert lcs(a, b) == lcs(*array) == edit._lcs_integers(*array, alphabet)


def test_a_pattern_of_several_strips() -> None:
    symbols = random.Random(3)
    n = 300 if config.DISABLE_JIT else 2 * edit.STRIP + 700
    a, b = (np.array([symbols.randrange(5000) % 37 for _ in range(k)], np.int32) for k in (n, n - 90))
    assert levenshtein(a, b) == edit._edit_integers(a, b, 37)
    assert lcs(a, b) == edit._lcs_integers(a, b, 37)


@QUICK
@given(st.text(max_size=70), st.text(max_size=70), st.text(max_size=20))
def test_a_metric(a: str, b: str, c: str) -> None:
    assert levenshtein(a, a) == 0
    assert levenshtein(a, b) == levenshtein(b, a)
    assert abs(len(a) - len(b)) <= levenshtein(a, b) <= levenshtein(a, c) + levenshtein(c, b)
    assert lcs(a, b) == lcs(b, a) <= min(len(a), len(b))
    assert levenshtein(a, b) <= len(a) + len(b) - 2 * lcs(a, b)


def test_short_text_with_what_is_not_ascii_or_not_text() -> None:
    assert levenshtein("naïve", "naive") == 1
    assert lcs("\ud800a", "a") == 1
    assert levenshtein("a\0b", "ab") == 1
    assert levenshtein(b"abc", b"abd") == levenshtein(bytearray(b"abc"), "abc"[:0]) - 2 == 1
    assert levenshtein("abc", ["a", "b", "c"]) == 0
    assert levenshtein([-1], [-2]) == 1  # their hashes are equal
    assert levenshtein("x" * 64, "y" * 5000) == 5000
    assert lcs("", "") == lcs("", "abc") == levenshtein("", []) == 0
    assert lcs([0.5, 1], [1.0]) == 1


@pytest.mark.parametrize("function", [dtw, euclidean, lcs, levenshtein])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1.0, math.nan], [1.0, 2.0], "NaN"),
        (np.array([math.nan, 1.0]), np.array([1.0, 2.0]), "NaN"),
        (np.zeros((2, 2)), [1.0, 2.0], "one-dimensional"),
        (5, 6, "sequence"),
        ({1, 2}, {1, 2}, "sequence"),
        ({1: 2}, {1: 2}, "sequence"),
        ("a", None, "sequence"),
        ([[1], "a"], [[2], "a"], "hashable"),
    ],
)
def test_bad_input_is_a_clear_error(function: object, a: object, b: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(a, b)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("a", "b", "band"),
    [([], [1.0], None), ([1.0], [], None), ([1.0, math.inf], [1.0], None), ([1.0], ["a"], None)]
    + [([1.0], [2.0], band) for band in (0, -1, 1.5, "2", math.nan)],
)
def test_dtw_refuses(a: list[object], b: list[object], band: object) -> None:
    with pytest.raises(ValueError):
        dtw(a, b, band)  # type: ignore[arg-type]


def test_euclid_refuses_two_lengths() -> None:
    with pytest.raises(ValueError, match="one length"):
        euclidean([1.0], [1.0, 2.0])


def test_memory_of_dtw_and_edit_distance_is_linear() -> None:
    # A full table of these would be 28 GB and 3.6 GB; the address space is limited to 4 GB above the start.
    code = """
import resource, numpy as np
from midstream_analysis import dtw, levenshtein
from numba.core import config
n = 600 if config.DISABLE_JIT else 60_000
dtw([1.0], [1.0]); levenshtein([1], [2])
used = int(open('/proc/self/statm').read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000, -1))
x = np.arange(n) % 977
assert dtw(x, x[::-1], 500) > 0
assert levenshtein(x, x + 1) > 0
"""
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
