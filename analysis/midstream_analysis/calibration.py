"""Constants of the classifier, fitted on the tuning families by ``benchmarks/calibrate_classifier.py`` (its output).

Do not edit by hand: run the script again.
"""

from __future__ import annotations

import numpy as np

GAIN_BAR = 0.07  # gains up to this are what selection among predictors makes of noise
FEATURE_LOW = np.array([1.0, -0.2, -0.1, -0.1, 0.0])
FEATURE_HIGH = np.array([1.0, 2.0, 0.4, 0.4, 1.0])
GAIN_WEIGHTS = np.array([-2.249, 1.573, 6.113, 4.628, 1.159])
# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)
_CONFIDENCE: dict[str, tuple[float, float, float]] = {
    "chirps": (2.908, 0.000, 0.395),  # 96.9% of 32 right
    "constant": (2.966, 0.000, 0.033),  # 96.0% of 50 right
    "driven": (-1.015, 1.094, 0.237),  # 51.0% of 104 right
    "far": (-0.900, 0.690, 0.057),  # 68.8% of 64 right
    "folds": (1.587, 1.474, 0.248),  # 96.6% of 325 right
    "gain": (1.970, 0.496, 0.698),  # 95.4% of 778 right
    "grows": (3.686, 0.000, 0.915),  # 97.0% of 99 right
    "harmonics": (3.047, 0.039, -0.477),  # 100.0% of 18 right
    "linear": (2.899, -1.392, 0.681),  # 92.2% of 797 right
    "repeats": (5.246, 0.000, -0.019),  # 100.0% of 104 right
    "settles": (0.531, 1.558, -0.137),  # 98.0% of 98 right
    "short": (-0.279, 0.000, 0.138),  # 37.5% of 24 right
    "tones": (3.137, 0.039, 1.671),  # 94.6% of 147 right
}


def confidence(kind: str, margin: float, n: int) -> float:
    """The share of verdicts of this kind, margin and length that were right on the tuning families (0..1)."""
    a, b, c = _CONFIDENCE.get(kind, (1.0, 0.0, 0.0))
    return float(1.0 / (1.0 + np.exp(-(a + b * min(margin, 3.0) + c * np.log(n / 256)))))
