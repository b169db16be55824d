"""Constants of the classifier, fitted on the tuning families by ``benchmarks/calibrate_classifier.py`` (its output).

Do not edit by hand: run the script again.
"""

from __future__ import annotations

import numpy as np

GAIN_BAR = 0.10  # gains up to this are what selection among predictors makes of noise
FEATURE_LOW = np.array([1.0, -0.2, -0.1, -0.1, 0.0])
FEATURE_HIGH = np.array([1.0, 2.0, 0.4, 0.4, 1.0])
GAIN_WEIGHTS = np.array([-4.465, 5.467, 9.888, 1.860, 2.023])
# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)
_CONFIDENCE: dict[str, tuple[float, float, float]] = {
    "chirps": (2.890, 0.000, 1.002),  # 96.1% of 51 right
    "constant": (3.363, 0.000, 0.032),  # 97.3% of 74 right
    "driven": (-0.917, 0.791, 0.236),  # 60.6% of 277 right
    "far": (-0.031, 0.480, 0.110),  # 75.3% of 81 right
    "folds": (2.064, 0.987, -0.029),  # 97.2% of 505 right
    "gain": (1.685, 0.859, 1.242),  # 96.3% of 1175 right
    "grows": (3.701, 0.000, 1.006),  # 96.6% of 149 right
    "harmonics": (3.189, 0.039, -0.419),  # 100.0% of 19 right
    "linear": (3.625, -2.670, 1.085),  # 93.9% of 1087 right
    "repeats": (5.584, 0.000, -0.010),  # 100.0% of 147 right
    "settles": (-0.601, 2.225, 0.118),  # 96.6% of 149 right
    "short": (-0.694, 0.000, -0.258),  # 38.7% of 31 right
    "tones": (3.168, 0.203, 2.130),  # 94.9% of 215 right
}


def confidence(kind: str, margin: float, n: int) -> float:
    """The share of verdicts of this kind, margin and length that were right on the tuning families (0..1)."""
    a, b, c = _CONFIDENCE.get(kind, (1.0, 0.0, 0.0))
    return float(1.0 / (1.0 + np.exp(-(a + b * min(margin, 3.0) + c * np.log(n / 256)))))
