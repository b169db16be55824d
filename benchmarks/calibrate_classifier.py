"""Fit the classifier's constants on the tuning families and print `midstream_analysis/calibration.py`.

    python -m benchmarks.calibrate_classifier [SEEDS] > analysis/midstream_analysis/calibration.py

Two logistic regressions by Newton's method: the weights that tell chaos from nonlinear noise (noise called chaotic
costs 2.5 times as much), and for every kind of verdict the odds of its being right, given margin and length. Held-out
families take no part.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np

import tests.analysis.families_driven
import tests.analysis.families_linear  # noqa: F401 (both register their families)
from midstream_analysis import calibration
from midstream_analysis.classifier import evidence, judge, standardised
from midstream_analysis.prediction import compare_forecasts, dithered
from midstream_analysis.report import Attractor
from midstream_analysis.stability import detrended
from tests.analysis.families import CHAOTIC, FAMILIES, STOCHASTIC, draw

SIZES = (64, 96, 128, 192, 256, 400, 640, 1000)
NOISE_COST = 2.5
SHORTEST_FITTED = 192  # shorter series have other errors, and their verdicts are provisional


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


def main(seeds: int) -> None:
    verdicts: list[tuple[str, float, int, bool]] = []  # kind, margin, n, right
    features, truth, sizes, exact = [], [], [], []
    for family in FAMILIES.values():
        if family.held:
            continue
        for n in SIZES:
            for seed in range(seeds):
                x = draw(family, np.random.default_rng([seed, n, 2]), n)
                verdict = judge(x)
                if verdict.kind not in ("gain", "driven"):
                    verdicts.append((verdict.kind, verdict.margin, n, verdict.label is family.label))
                    continue
                y = standardised(x)
                assert y is not None
                y = dithered(detrended(y)[0])
                features.append(evidence(y, compare_forecasts(y)))
                exact.append(family.label in (CHAOTIC, STOCHASTIC))
                truth.append(family.label)
                sizes.append(n)
    X, known = np.array(features), np.array(exact) & (np.array(sizes) >= SHORTEST_FITTED)
    y = np.array([label is Attractor.CHAOTIC for label in truth], dtype=float)
    cost = np.where(y > 0, 1.0, NOISE_COST)
    gain_weights = logistic(
        X[known], y[known], cost[known], np.append(0.01, X[known, 1:].var(axis=0)), np.zeros(X.shape[1])
    )
    for row, label, n in zip(X, truth, sizes, strict=True):
        score = float(gain_weights @ row)
        said = CHAOTIC if score > 0 else STOCHASTIC
        verdicts.append(("gain" if score > 0 else "driven", abs(score), n, said is label))
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
    weights = ", ".join(f"{w:.3f}" for w in gain_weights)
    sys.stdout.write(
        f"{head}GAIN_WEIGHTS = np.array([{weights}])\n{comment}"
        "_CONFIDENCE: dict[str, tuple[float, float, float]] = {\n" + "\n".join(lines) + "\n}\n" + tail
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
