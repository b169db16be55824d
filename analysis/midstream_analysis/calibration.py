"""Constants of the classifier, fitted on the tuning families by ``benchmarks/calibrate_classifier.py`` (its output).

Do not edit by hand: run the script again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GAIN_BAR = 0.10  # gains up to this are what selection among predictors makes of noise
FEATURE_LOW = np.array([-0.2, -0.1, -0.1, 0.2, 0.0, 1.0, -7.0, -5.0, -1.4, -0.1, -0.1, -0.5, -0.2, 0.0, -0.2])
FEATURE_HIGH = np.array([2.0, 0.4, 0.4, 3.0, 1.0, 5.0, 0.3, 0.3, 1.4, 0.6, 0.6, 2.0, 2.0, 8.0, 2.0])
GAIN_WEIGHTS = np.array([
    -5.72554, 1.21544, 6.82887, 9.90038, 0.0406873, 0.855973, 0.449304, 0.385618, -0.0775396, -0.987332,
    0.335266, 4.21113, -0.150199, 0.608889, 0.156619, 1.3897, -0.0247021, 1.04535, -1.19946, 0.5262,
    2.0762, -0.120917, 0.0933335, 0.052593, -0.277815, -1.85248, -1.57384, -0.152674, 0.226775, 0.207811,
    0.0972648, -12.515, -4.44558, 0.0263471, 7.47358, 0.666083, 0.656981, 0.39621, -0.853939, -12.2936,
    3.40663, 1.9858, 3.0238, 0.47559, 1.42257, 4.05506, -1.11392, -1.26443, 1.37583, 0.907806,
    0.25173, 1.49889, -8.17302, 3.41259, -0.667609, 0.639307, -0.662382, -1.39936, 0.0291245, -2.85781,
    0.203807, 0.0913762, 0.0837663, 0.0616282, 0.626151, -0.416646, -0.48326, 0.510006, 0.0938812, 0.229515,
    2.76271, 0.971959, -0.150304, -0.141391, -0.716784, 8.36409, 2.32203, -2.08854, 0.953659, -0.485816,
    -4.92029, -0.0497833, -0.00939049, -0.325082, 0.380932, -0.412316, 0.322692, -0.355138, -0.351118, -0.205955,
    -0.367094, 0.00314692, 0.0168172, 0.0589158, 0.550155, 0.384591, 0.0910829, 0.0226463, 0.00620793, 0.135143,
    0.0327455, 0.13233, 0.520647, 0.324053, -0.0935153, -0.0735959, -0.0218256, -0.00627648, -0.0514837, 1.44479,
    -0.0327943, 0.82624, -0.0677438, 0.0473691, 0.579286, 0.302853, 0.199776, 1.55719, 1.58401, 0.268196,
    0.00548918, -4.69958, 0.33071, -0.554933, -0.0570627, 0.841522, 0.46693, 0.33482, 0.0205606, 0.288007,
    0.439671, 0.148023, 0.652634, -0.0325666, 0.088226, 0.182712,
])  # fmt: skip
# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)
_CONFIDENCE: dict[str, tuple[float, float, float]] = {
    "angle": (3.692, 0.010, 0.151),  # 100.0% of 22 right
    "chirps": (2.887, 0.000, 0.701),  # 95.5% of 66 right
    "constant": (3.494, 0.000, 0.945),  # 97.2% of 72 right
    "driven": (0.175, 1.217, 0.774),  # 92.2% of 837 right
    "far": (1.932, -0.350, -0.007),  # 75.4% of 61 right
    "folds": (1.715, 1.045, 0.799),  # 95.9% of 489 right
    "gain": (-0.629, 1.710, 0.509),  # 95.5% of 1525 right
    "grows": (3.487, 0.000, -0.297),  # 97.2% of 143 right
    "harmonics": (1.442, 0.957, 0.404),  # 97.7% of 44 right
    "linear": (3.600, -1.920, 1.417),  # 95.2% of 1345 right
    "repeats": (5.520, 0.000, 0.034),  # 100.0% of 138 right
    "settles": (2.151, 1.221, 0.456),  # 99.3% of 141 right
    "short": (-3.087, 0.000, 0.116),  # 2.1% of 48 right
    "tones": (2.369, 0.259, 1.797),  # 93.5% of 247 right
}


def expanded(features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1, the features (k,), and all their products in pairs: (1 + k + k (k + 1) / 2,)."""
    rows, columns = np.triu_indices(features.size)
    return np.concatenate([[1.0], features, features[rows] * features[columns]])


def gain_score(features: npt.NDArray[np.float64]) -> float:
    """The log-odds of chaos against noise that drives something nonlinear, for `classifier.evidence`."""
    return float(GAIN_WEIGHTS @ expanded(features))


def confidence(kind: str, margin: float, n: int) -> float:
    """The share of verdicts of this kind, margin and length that were right on the tuning families (0..1)."""
    a, b, c = _CONFIDENCE.get(kind, (1.0, 0.0, 0.0))
    return float(1.0 / (1.0 + np.exp(-(a + b * min(margin, 3.0) + c * np.log(n / 256)))))
