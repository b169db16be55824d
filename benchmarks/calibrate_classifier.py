"""Fit the classifier's constants on the tuning families and print `midstream_analysis/calibration.py`.

    python -m benchmarks.calibrate_classifier [SEEDS] > analysis/midstream_analysis/calibration.py

Two logistic regressions by Newton's method: the weights that tell chaos from nonlinear noise (windows of real video
are chaos under no name, and count five times), and for every kind of verdict the odds of its being right, given margin
and length. Held-out families and one encoding of the videos take no part.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

import tests.analysis.families_driven
import tests.analysis.families_events
import tests.analysis.families_linear  # noqa: F401 (all register their families)
from midstream_analysis import calibration
from midstream_analysis.classifier import evidence, judge, standardised
from midstream_analysis.prediction import compare_forecasts, dithered
from midstream_analysis.report import Attractor
from midstream_analysis.stability import detrended
from tests.analysis.families import CHAOTIC, FAMILIES, STOCHASTIC, draw

SIZES = (96, 128, 192, 256, 400, 640, 1000)
CHAOS_COST = 2.0  # of chaos missed; noise called chaotic counts 1
RIDGE = 2.0  # of a column of unit variance
SHORTEST_FITTED = 192  # shorter series have other errors, and their verdicts are provisional
VIDEO = Path(__file__).parent.parent / "tests" / "analysis" / "video_motion.npz"
HELD_ENCODING = "320x240_30"
VIDEO_STRIDE = 150
VIDEO_COST = 5.0  # of real video called chaotic
Verdicts = list[tuple[str, float, int, bool]]  # kind, margin, n, right


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
    return w


def _features(x: np.ndarray) -> np.ndarray:
    y = standardised(x)
    assert y is not None
    y = dithered(detrended(y)[0])
    return evidence(y, compare_forecasts(y))


def collect(seeds: int) -> tuple[Verdicts, list[tuple[np.ndarray, Attractor, int, float]]]:
    """Verdicts of every kind but the two that the weights decide; and for those features, label, n and weight."""
    verdicts: Verdicts = []
    rows: list[tuple[np.ndarray, Attractor, int, float]] = []
    for family in FAMILIES.values():
        if family.held:
            continue
        for n in SIZES:
            for seed in range(seeds):
                x = draw(family, np.random.default_rng([seed, n, 2001]), n)
                verdict = judge(x)
                if verdict.kind in ("gain", "driven"):
                    rows.append((_features(x), family.label, n, 1.0))
                else:
                    verdicts.append((verdict.kind, verdict.margin, n, verdict.label is family.label))
    for name, trace in np.load(VIDEO).items():
        for n in () if name.endswith(HELD_ENCODING) else SIZES[2:]:
            for start in range(0, trace.size - n + 1, VIDEO_STRIDE):
                x = trace[start : start + n].astype(float)
                if judge(x).kind in ("gain", "driven"):
                    rows.append(
                        (_features(x), Attractor.UNKNOWN, n, VIDEO_COST)
                    )  # of no one label, but not chaos
    return verdicts, rows


def fit(verdicts: Verdicts, rows: list[tuple[np.ndarray, Attractor, int, float]]) -> None:
    """Print the module."""
    raw = np.array([calibration.expanded(features) for features, _, _, _ in rows])
    truth, sizes = [label for _, label, _, _ in rows], np.array([n for _, _, n, _ in rows])
    y = np.array([label is CHAOTIC for label in truth], dtype=float)
    cost = np.array([weight for _, _, _, weight in rows]) * np.where(y > 0, CHAOS_COST, 1.0)
    known = sizes >= SHORTEST_FITTED
    mean, spread = raw[known, 1:].mean(axis=0), raw[known, 1:].std(axis=0) + 1e-9
    X = np.column_stack([np.ones(y.size), (raw[:, 1:] - mean) / spread])
    ridge = np.append(0.01, np.full(X.shape[1] - 1, RIDGE))
    scaled = logistic(X[known], y[known], cost[known], ridge, np.zeros(X.shape[1]))
    gain_weights = np.append(scaled[0] - scaled[1:] @ (mean / spread), scaled[1:] / spread)
    for row, label, n in zip(raw, truth, sizes, strict=True):
        if label is Attractor.UNKNOWN:
            continue
        score = float(gain_weights @ row)
        said = CHAOTIC if score > 0 else STOCHASTIC
        verdicts.append(("gain" if score > 0 else "driven", abs(score), int(n), said is label))
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
    source = open(calibration.__file__, encoding="utf-8").read()  # noqa: SIM115
    head, rest = source.split("GAIN_WEIGHTS = ")
    tail = rest.split("_CONFIDENCE: dict[str, tuple[float, float, float]] = {")[1].split("}\n", 1)[1]
    comment = "# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)\n"
    numbers = [f"{w:.6g}" for w in gain_weights]
    weights = ",\n    ".join(", ".join(numbers[at : at + 10]) for at in range(0, len(numbers), 10))
    sys.stdout.write(
        f"{head}GAIN_WEIGHTS = np.array([\n    {weights},\n])  # fmt: skip\n{comment}"
        "_CONFIDENCE: dict[str, tuple[float, float, float]] = {\n" + "\n".join(lines) + "\n}\n" + tail
    )


if __name__ == "__main__":
    fit(*collect(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
