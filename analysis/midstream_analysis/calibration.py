"""Constants of the classifier, fitted on the tuning families by ``benchmarks/calibrate_classifier.py`` (its output).

Do not edit by hand: run the script again.
"""

from __future__ import annotations

import numpy as np

GAIN_BAR = 0.10  # gains up to this are what selection among predictors makes of noise
FEATURE_LOW = np.array([1.0, -0.2, -0.1, -0.1, 0.0])
FEATURE_HIGH = np.array([1.0, 2.0, 0.4, 0.4, 1.0])
GAIN_WEIGHTS = np.array([-4.590, 4.557, 8.779, 2.800, 2.741])
# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)
_CONFIDENCE: dict[str, tuple[float, float, float]] = {
    "chirps": (2.890, 0.000, 1.002),  # 96.1% of 51 right
    "constant": (3.363, 0.000, 0.032),  # 97.3% of 74 right
    "driven": (-0.732, 0.764, 0.351),  # 63.8% of 268 right
    "far": (1.474, -0.024, 0.145),  # 77.9% of 77 right
    "folds": (1.809, 1.078, -0.003),  # 96.7% of 522 right
    "gain": (1.663, 0.765, 0.851),  # 96.3% of 1182 right
    "grows": (3.701, 0.000, 1.006),  # 96.6% of 149 right
    "harmonics": (2.973, 0.043, -0.406),  # 100.0% of 15 right
    "linear": (3.589, -2.654, 1.102),  # 94.0% of 1082 right
    "repeats": (5.584, 0.000, -0.010),  # 100.0% of 147 right
    "settles": (-0.601, 2.225, 0.118),  # 96.6% of 149 right
    "short": (-0.694, 0.000, -0.258),  # 38.7% of 31 right
    "tones": (2.987, 0.356, 1.968),  # 95.8% of 213 right
}


def confidence(kind: str, margin: float, n: int) -> float:
    """The share of verdicts of this kind, margin and length that were right on the tuning families (0..1)."""
    a, b, c = _CONFIDENCE.get(kind, (1.0, 0.0, 0.0))
    return float(1.0 / (1.0 + np.exp(-(a + b * min(margin, 3.0) + c * np.log(n / 256)))))
