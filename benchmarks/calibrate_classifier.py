"""Fit the classifier's constants on the families and print `midstream_analysis/calibration.py`.

    python -m benchmarks.calibrate_classifier [SEEDS] > analysis/midstream_analysis/calibration.py

Logistic regressions by Newton's method: the weights that tell chaos from nonlinear noise (windows of real video are
chaos under no name, and count five times); what the return map adds where those doubt; and for every kind of verdict
the odds of its being right, given margin and length. The second and the third are fitted on scores that a family gets
from weights fitted without it: what is learnt is what the score of a stranger is worth. Blind families and one encoding
of the videos take no part.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tests.analysis.families_driven
import tests.analysis.families_events
import tests.analysis.families_linear  # noqa: F401 (all register their families)
from midstream_analysis import calibration
from midstream_analysis.classifier import evidence, judge, standardised
from midstream_analysis.prediction import compare_forecasts, dithered
from midstream_analysis.report import Attractor
from midstream_analysis.return_map import return_gains
from midstream_analysis.stability import detrended
from tests.analysis.families import CHAOTIC, FAMILIES, STOCHASTIC, draw

SIZES = (96, 128, 192, 256, 400, 640, 1000)
CHAOS_COST = 2.0  # of chaos missed; noise called chaotic counts 1
CHAOS_COST_IN_DOUBT = 1.25
RIDGE = 2.0  # of a column of unit variance
FOLDS = 8
SHORTEST_FITTED = 192  # shorter series have other errors, and their verdicts are provisional
VIDEO = Path(__file__).parent.parent / "tests" / "analysis" / "video_motion.npz"
HELD_ENCODING = "320x240_30"
VIDEO_STRIDE = 150
VIDEO_COST = 5.0  # of real video called chaotic
Verdicts = list[tuple[str, float, int, bool]]  # kind, margin, n, right


@dataclass(frozen=True)
class Doubtful:
    """A series that only the weights decide."""

    family: str
    label: Attractor
    n: int
    cost: float
    features: np.ndarray
    gains: np.ndarray


def logistic(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray, ridge: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Weighted logistic regression, ridge towards `prior`, by Newton's method."""
    w = prior.copy()
    for _ in range(60):
        p = 1.0 / (1.0 + np.exp(-np.clip(X @ w, -30, 30)))
        gradient = X.T @ (weight * (p - y)) + ridge * (w - prior)
        hessian = (X * (weight * p * (1 - p))[:, None]).T @ X + np.diag(ridge)
        step = np.linalg.solve(hessian, gradient)
        w = w - step * min(1.0, 4.0 / (np.abs(step).max() + 1e-12))
        if np.abs(step).max() < 1e-6:
            break
    return w


def weights(X: np.ndarray, y: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Weights of the columns of `X` (n, k), the first of ones; the ridge is on columns of unit variance."""
    mean, spread = X[:, 1:].mean(axis=0), X[:, 1:].std(axis=0) + 1e-9
    Z = np.column_stack([np.ones(y.size), (X[:, 1:] - mean) / spread])
    ridge = np.append(0.01, np.full(X.shape[1] - 1, RIDGE))
    scaled = logistic(Z, y, cost, ridge, np.zeros(X.shape[1]))
    return np.append(scaled[0] - scaled[1:] @ (mean / spread), scaled[1:] / spread)


def _doubtful(x: np.ndarray, family: str, label: Attractor, cost: float) -> Doubtful:
    y = standardised(x)
    assert y is not None
    y = dithered(detrended(y)[0])
    forecasts = compare_forecasts(y)
    gains = return_gains(y, forecasts.correlation_time)
    return Doubtful(family, label, x.size, cost, calibration.expanded(evidence(y, forecasts)), gains)


def collect(seeds: int) -> tuple[Verdicts, list[Doubtful]]:
    """Verdicts of every kind but the two that the weights decide, and the series that those decide."""
    verdicts: Verdicts = []
    rows: list[Doubtful] = []
    for family in FAMILIES.values():
        for n in SIZES:
            for seed in range(seeds):
                x = draw(family, np.random.default_rng([seed, n, 2001]), n)
                verdict = judge(x)
                if verdict.kind in ("gain", "driven"):
                    rows.append(_doubtful(x, family.name, family.label, 1.0))
                else:
                    verdicts.append((verdict.kind, verdict.margin, n, verdict.label is family.label))
    for name, trace in np.load(VIDEO).items():
        for n in () if name.endswith(HELD_ENCODING) else SIZES[2:]:
            for start in range(0, trace.size - n + 1, VIDEO_STRIDE):
                x = trace[start : start + n].astype(float)
                if judge(x).kind in ("gain", "driven"):  # of no one label, but not chaos
                    rows.append(_doubtful(x, f"video {name}", Attractor.UNKNOWN, VIDEO_COST))
    return verdicts, rows


def gain_and_return_weights(rows: list[Doubtful]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both sets of weights, and for every row the score that it gets from weights fitted without its family."""
    X = np.array([row.features for row in rows])
    y = np.array([row.label is CHAOTIC for row in rows], dtype=float)
    cost = np.array([row.cost for row in rows]) * np.where(y > 0, CHAOS_COST, 1.0)
    known = np.array([row.n >= SHORTEST_FITTED for row in rows])
    names = sorted({row.family for row in rows})
    fold = dict(zip(names, np.random.default_rng(1).permutation(len(names)) % FOLDS, strict=True))
    folds = np.array([fold[row.family] for row in rows])
    score = np.empty(y.size)
    for k in range(FOLDS):
        fitted = known & (folds != k)
        score[folds == k] = X[folds == k] @ weights(X[fitted], y[fitted], cost[fitted])
    R = np.array(
        [calibration.return_features(s, row.gains, row.n) for s, row in zip(score, rows, strict=True)]
    )
    doubt = (score > calibration.DOUBT[0]) & (score < calibration.DOUBT[1])
    fitted = known & doubt
    in_doubt = weights(R[fitted], y[fitted], np.where(y[fitted] > 0, CHAOS_COST_IN_DOUBT, 1.0))
    return weights(X[known], y[known], cost[known]), in_doubt, np.where(doubt, R @ in_doubt, score)


def confidences(verdicts: Verdicts) -> str:
    """Lines of the table of confidences."""
    table = defaultdict(list)
    for kind, margin, n, right in verdicts:
        table[kind].append((min(margin, 3.0), np.log(n / 256), right))
    lines = []
    for kind, rows in sorted(table.items()):
        margins, lengths, right = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
        # one right and half a wrong verdict that nobody saw: certainty takes data
        M = np.append(margins, [margins.mean()] * 2)
        design = np.column_stack([np.ones(M.size), M, np.append(lengths, [0.0, 0.0])])
        if np.ptp(margins) == 0:
            design[:, 1] = 0.0
        weight = np.append(np.ones(right.size), [1.0, 0.5])
        fit = logistic(design, np.append(right, [1.0, 0.0]), weight, np.array([0.01, 1.0, 1.0]), np.zeros(3))
        lines.append(
            f'    "{kind}": ({fit[0]:.3f}, {fit[1]:.3f}, {fit[2]:.3f}),  # {right.mean():.1%} of {right.size} right'
        )
    return "\n".join(lines)


def _array(name: str, values: np.ndarray) -> str:
    numbers = [f"{value:.6g}" for value in values]
    rows = ",\n    ".join(", ".join(numbers[at : at + 10]) for at in range(0, len(numbers), 10))
    return f"{name} = np.array([\n    {rows},\n])  # fmt: skip\n"


def fit(verdicts: Verdicts, rows: list[Doubtful]) -> None:
    """Print the module."""
    gain, in_doubt, scores = gain_and_return_weights(rows)
    for row, score in zip(rows, scores, strict=True):
        if row.label is not Attractor.UNKNOWN:
            said = CHAOTIC if score > 0 else STOCHASTIC
            verdicts.append(("gain" if score > 0 else "driven", abs(score), row.n, said is row.label))
    head, rest = Path(calibration.__file__).read_text(encoding="utf-8").split("GAIN_WEIGHTS = ")
    doubt = rest.split("\nDOUBT = ")[1].split("\n", 1)[0]
    table = "_CONFIDENCE: dict[str, tuple[float, float, float]] = {\n"
    tail = rest.split(table)[1].split("}\n", 1)[1]
    sys.stdout.write(
        f"{head}{_array('GAIN_WEIGHTS', gain)}DOUBT = {doubt}\n{_array('RETURN_WEIGHTS', in_doubt)}"
        "# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)\n"
        f"{table}{confidences(verdicts)}\n}}\n{tail}"
    )


if __name__ == "__main__":
    fit(*collect(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
