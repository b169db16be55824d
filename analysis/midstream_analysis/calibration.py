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
    -5.29314, 1.71918, 6.75799, 10.1058, -0.708449, 1.49443, 0.318201, 0.422511, -0.0067209, -1.37457,
    -0.202214, 4.70206, -0.311886, 0.726015, 0.213734, 1.95293, -0.10732, 0.647688, -2.16556, 0.649731,
    3.05767, -0.151437, 0.0875648, 0.0761509, -0.602626, -2.41536, -2.37838, -0.297589, 0.0524146, 0.272842,
    0.109447, -15.1683, -3.66834, 1.4225, 9.06631, 0.561341, 0.526486, 0.248452, -4.40546, -19.2539,
    4.40496, 2.64907, 2.12108, 0.392396, 2.85267, 4.7922, -1.52716, -0.161359, 1.17146, 0.734171,
    0.142691, 1.70279, -10.9151, 6.53561, -0.0792013, -0.19261, -0.624187, -0.882774, -0.0694869, -3.00924,
    0.22594, 0.051742, 0.110612, 0.43409, 1.50267, -0.0665404, -0.714148, 0.679291, 0.104758, 0.234033,
    2.22788, 1.24952, -0.162119, 0.0671113, -0.690403, 10.8624, 1.80336, -3.15684, 1.07097, -0.667959,
    -6.11119, -0.0388072, -0.00722338, -0.34723, 0.400362, -0.627884, 0.285575, -0.341177, -0.392206, -0.226903,
    -0.227047, 0.0144036, 0.0201221, 0.110004, 0.585875, 0.398027, 0.115257, -0.000910671, 0.00595223, 0.160217,
    0.0258819, 0.0662446, 0.439157, 0.364978, -0.0885003, -0.11009, -0.0191359, 0.0361154, 0.041129, 1.87523,
    -0.924206, 1.24094, -0.459843, 0.138252, 1.08255, -0.148528, 2.11064, 2.40985, 1.59129, 0.105254,
    0.331329, -6.96267, 0.968384, -1.22811, 0.0410675, 1.44206, 0.518339, 0.296979, 0.0118583, 0.303242,
    0.259059, 0.224572, 0.726263, -0.039649, 0.0977195, 0.245763,
])  # fmt: skip
# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)
_CONFIDENCE: dict[str, tuple[float, float, float]] = {
    "angle": (3.692, 0.010, 0.151),  # 100.0% of 22 right
    "chirps": (2.887, 0.000, 0.701),  # 95.5% of 66 right
    "constant": (3.494, 0.000, 0.945),  # 97.2% of 72 right
    "driven": (0.716, 0.968, 0.948),  # 93.0% of 813 right
    "far": (1.932, -0.350, -0.007),  # 75.4% of 61 right
    "folds": (1.715, 1.045, 0.799),  # 95.9% of 489 right
    "gain": (-0.353, 1.426, 0.886),  # 94.5% of 1549 right
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
