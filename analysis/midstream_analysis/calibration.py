"""Constants of the classifier, fitted on the tuning families by ``benchmarks/calibrate_classifier.py`` (its output).

Do not edit by hand: run the script again.
"""

from __future__ import annotations

import numpy as np

GAIN_BAR = 0.10  # gains up to this are what selection among predictors makes of noise
FEATURE_LOW = np.array([1.0, -0.2, -0.1, -0.1, 0.2, 0.0, 0.0, 1.0, -7.0, -5.0, -1.4])
FEATURE_HIGH = np.array([1.0, 2.0, 0.4, 0.4, 3.0, 1.0, 1.0, 5.0, 0.3, 0.3, 1.4])
GAIN_WEIGHTS = np.array([-8.970, 5.875, 11.968, 8.086, 0.861, -4.332, 8.452, 0.807, 1.220, -1.906, 0.330])
# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)
_CONFIDENCE: dict[str, tuple[float, float, float]] = {
    "angle": (3.763, 0.032, 0.004),  # 100.0% of 23 right
    "chirps": (2.565, 0.000, 1.068),  # 94.2% of 52 right
    "constant": (3.363, 0.000, 0.032),  # 97.3% of 74 right
    "driven": (0.126, 0.857, 0.605),  # 87.9% of 741 right
    "far": (1.590, 0.005, -0.026),  # 83.9% of 87 right
    "folds": (1.870, 1.108, 0.328),  # 96.7% of 484 right
    "gain": (1.341, 0.911, 1.599),  # 93.7% of 1207 right
    "grows": (3.701, 0.000, 1.006),  # 96.6% of 149 right
    "harmonics": (4.004, 0.099, -0.288),  # 100.0% of 45 right
    "linear": (4.036, -2.880, 1.318),  # 95.2% of 1265 right
    "repeats": (5.584, 0.000, -0.010),  # 100.0% of 147 right
    "settles": (-0.601, 2.225, 0.118),  # 96.6% of 149 right
    "short": (-0.929, 0.000, -0.265),  # 33.3% of 36 right
    "tones": (3.577, -0.083, 2.413),  # 92.8% of 221 right
}


def confidence(kind: str, margin: float, n: int) -> float:
    """The share of verdicts of this kind, margin and length that were right on the tuning families (0..1)."""
    a, b, c = _CONFIDENCE.get(kind, (1.0, 0.0, 0.0))
    return float(1.0 / (1.0 + np.exp(-(a + b * min(margin, 3.0) + c * np.log(n / 256)))))
