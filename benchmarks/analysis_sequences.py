"""Sequence kernels against dtaidistance, rapidfuzz, stumpy and river; see analysis.py."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

from harness import Row, interleaved, label, peer

import numpy as np  # isort: skip  (after harness, which pins the thread pools)
import midstream_analysis as ours  # isort: skip
from midstream_analysis.change import Change, PageHinkley  # isort: skip

N = 5000


def walks(n: int = N) -> tuple[Any, Any]:
    a, b = np.random.default_rng(0).standard_normal((2, n)).cumsum(axis=1)
    return a, b


def dtw() -> Iterator[Row]:
    theirs = peer("dtaidistance.dtw", "dtaidistance")
    if theirs.dtw_cc is None:
        raise RuntimeError("dtaidistance came without its C library: its Python fallback is no peer")
    for n, share, target in ((N, None, 12.0), (N, 0.05, 10.0), (100, None, None)):
        a, b = walks(n)
        window = None if share is None else int(share * n)
        expected = theirs.distance_fast(a, b, window=window)
        found = ours.dtw(a, b, window)
        yield Row(
            f"DTW, {n}" + (f", {share:.0%} band" if share else ""),
            f"{label('dtaidistance')} (C)",
            interleaved(
                lambda a=a, b=b, w=window: ours.dtw(a, b, w),
                lambda a=a, b=b, w=window: theirs.distance_fast(a, b, window=w),
            ),
            target,
            abs(found - expected) <= 1e-9 * expected,
            f"({abs(found / expected - 1.0):.0e} relative)",
        )


def _symbols(
    name: str, mine: Callable[..., int], theirs: Callable[..., int], targets: tuple[float, ...]
) -> Iterator[Row]:
    """Letters of a str, and lists of words, for which both sides must hash objects."""
    draw = random.Random(0)
    for n, target in zip((30, N), targets, strict=True):
        letters = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=n)) for _ in range(2)]
        words = [[f"w{letter}" for letter in text] for text in letters]
        codes = [np.array([ord(letter) for letter in text]) for text in letters]
        for kind, (a, b), wanted in (
            ("letters", letters, target),
            ("words", words, None),
            ("int64", codes, None),
        ):
            yield Row(
                f"{name}, {n} {kind}",
                label("rapidfuzz"),
                interleaved(lambda a=a, b=b: mine(a, b), lambda a=a, b=b: theirs(a, b), repeats=21),
                wanted,
                mine(a, b) == theirs(a, b),
            )


def levenshtein() -> Iterator[Row]:
    yield from _symbols(
        "Levenshtein", ours.levenshtein, peer("rapidfuzz.distance.Levenshtein").distance, (1.0, 2.5)
    )


def lcs() -> Iterator[Row]:
    yield from _symbols("LCS", ours.lcs, peer("rapidfuzz.distance.LCSseq").similarity, (1.2, 5.0))


def matrix_profile() -> Iterator[Row]:
    stumpy, (x, _), m = peer("stumpy"), walks(), 50
    expected, (found, index) = stumpy.stump(x, m), ours.matrix_profile(x, m)
    difference = float(np.abs(found - expected[:, 0].astype(float)).max())
    yield Row(
        f"matrix profile, m={m}",
        label("stumpy"),
        interleaved(lambda: ours.matrix_profile(x, m), lambda: stumpy.stump(x, m)),
        5.0,
        bool(difference <= 1e-6 and (index == expected[:, 1]).all()),
        f"({difference:.0e} apart)",
    )


def streaming_matrix_profile() -> Iterator[Row]:
    stumpy, (x, _), m, window = peer("stumpy"), walks(), 50, 1000
    theirs, mine = stumpy.stumpi(x[:window], m, egress=True), ours.StreamingMatrixProfile(m, window)
    mine.extend(x[:window])
    for value in x[window:]:
        theirs.update(value)
        mine.update(value)
    difference = float(np.abs(mine.profile - theirs.P_).max())
    a, b = cycle(x), cycle(x)
    yield Row(
        f"streaming matrix profile, one value, window {window}",
        f"{label('stumpy')} stumpi",
        interleaved(lambda: mine.update(next(a)), lambda: theirs.update(next(b))),
        10.0,
        difference <= 1e-6,
        f"({difference:.0e} apart)",
    )


def change_points() -> Iterator[Row]:
    drift = peer("river.drift")
    x = np.random.default_rng(1).standard_normal(N).tolist()
    for mine, theirs, name in (
        (ours.ChangePoint(), drift.ADWIN(), "ADWIN"),
        (PageHinkley(), drift.PageHinkley(), "PageHinkley"),
    ):
        a, b = cycle(x), cycle(x)
        delays = [[_delay(make, seed) for seed in range(40)] for make in (type(mine), type(theirs))]
        yield Row(
            f"{type(mine).__name__}, one value",
            f"{label('river')} {name}",
            interleaved(lambda c=mine, a=a: c.update(next(a)), lambda c=theirs, b=b: c.update(next(b))),
            None,
            None,
            "median delay after a 1-sd shift {:.0f} against {:.0f} values".format(*map(np.median, delays)),
        )


def _delay(make: Callable[[], Any], seed: int, before: int = 500, after: int = 500) -> int:
    """Values after a shift of one standard deviation until the detector reports it (`after`: never)."""
    detector, r = make(), np.random.default_rng(seed)
    for k, value in enumerate(np.r_[r.standard_normal(before), 1.0 + r.standard_normal(after)].tolist()):
        said = detector.update(value)
        if k >= before and getattr(detector, "drift_detected", isinstance(said, Change)):
            return k - before
    return after


BENCHMARKS = (dtw, levenshtein, lcs, matrix_profile, streaming_matrix_profile, change_points)
