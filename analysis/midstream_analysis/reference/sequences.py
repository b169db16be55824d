"""Slow and obvious oracles of the sequence kernels, straight from the definitions. For tests only."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def dtw(a: Sequence[float], b: Sequence[float], window: int | None = None) -> float:
    """The whole table. `window` as in dtaidistance: off the diagonal by less, beyond the difference in length."""
    n, m = len(a), len(b)
    window = max(n, m) if window is None else window
    table = np.full((n + 1, m + 1), np.inf)
    table[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            if -max(0, n - m) - window < j - i < max(0, m - n) + window:
                best = min(table[i, j], table[i, j + 1], table[i + 1, j])
                table[i + 1, j + 1] = (a[i] - b[j]) ** 2 + best
    return math.sqrt(table[n, m])


def levenshtein(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Wagner and Fischer 1974."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def lcs(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """The textbook table, one row of it."""
    row = [0] * (len(b) + 1)
    for x in a:
        last = 0
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], last + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def matrix_profile(x: Sequence[float], m: int) -> Floats:
    """Every pair of z-normalised subsequences more than ceil(m / 4) places apart."""
    return profile_of(subsequence_distances(x, m), math.ceil(m / 4))


def subsequence_distances(x: Sequence[float], m: int) -> Floats:
    """Matrix of z-normalised distances; constant subsequences are 0 from each other and sqrt(m) from any other."""
    windows = [np.asarray(x[i : i + m], dtype=np.float64) for i in range(len(x) - m + 1)]
    constant = [bool((w == w[0]).all()) for w in windows]
    normal = [w * 0.0 if c else (w - w.mean()) / w.std() for w, c in zip(windows, constant, strict=True)]
    n = len(windows)
    distance = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            alone = constant[i] != constant[j]
            distance[i, j] = math.sqrt(m) if alone else np.linalg.norm(normal[i] - normal[j])
    return distance


def profile_of(distances: Floats, exclusion: int) -> Floats:
    """Least distance of each row to a column more than `exclusion` away; inf where there is none."""
    i = np.arange(len(distances))
    least: Floats = np.where(np.abs(i[:, None] - i) > exclusion, distances, np.inf).min(
        axis=1, initial=np.inf
    )
    return least


def closest_subsequence(x: Sequence[float], query: Sequence[float]) -> float:
    """Least DTW distance of `query` to any subsequence of `x`."""
    n = len(x)
    return min(dtw(x[i:j], query) for i in range(n) for j in range(i + 1, n + 1))


def pattern_starts(symbols: Sequence[Hashable], pattern: Sequence[Hashable]) -> list[int]:
    """All starts of `pattern`, overlapping ones too."""
    size, wanted = len(pattern), tuple(pattern)
    return [i for i in range(len(symbols) - size + 1) if tuple(symbols[i : i + size]) == wanted]


def segment_log_evidence(x: Sequence[float], mu: float, kappa: float, alpha: float, beta: float) -> float:
    """Log marginal likelihood of a Gaussian segment under a normal-inverse-gamma prior (Murphy 2007, eq. 266)."""
    n, mean = len(x), float(np.mean(x))
    kappa_n, alpha_n = kappa + n, alpha + n / 2
    scatter = float(np.sum((np.asarray(x) - mean) ** 2))
    beta_n = beta + 0.5 * scatter + 0.5 * kappa * n * (mean - mu) ** 2 / kappa_n
    gammas = math.lgamma(alpha_n) - math.lgamma(alpha)
    scales = alpha * math.log(beta) - alpha_n * math.log(beta_n) + 0.5 * math.log(kappa / kappa_n)
    return gammas + scales - 0.5 * n * math.log(2.0 * math.pi)


def tail_period(tokens: Sequence[Hashable], longest: int) -> list[tuple[int, int]]:
    """(period, length of the tail that has it) for each period up to `longest` that the tail keeps for two rounds."""
    found = []
    for period in range(1, longest + 1):
        size = 0
        while size + period < len(tokens) and tokens[-1 - size] == tokens[-1 - size - period]:
            size += 1
        if size >= period:
            found.append((period, size + period))
    return found
