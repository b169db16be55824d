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
    -5.97095, 1.30464, 6.46943, 9.15188, 0.170898, 0.357133, 0.437178, 0.301263, -0.169245, -0.887454,
    0.48851, 3.89521, -0.0556871, 0.574501, 0.0923267, 1.21648, -0.0482102, 0.940415, -0.440916, 0.42866,
    2.65597, -0.155771, 0.0982247, 0.0568195, -0.252127, -1.48612, -1.32787, -0.111627, 0.20023, 0.183679,
    0.0889927, -12.8946, -3.71193, 0.118722, 8.61338, 0.676896, 0.568479, 0.405944, -0.710221, -10.6577,
    3.69443, 1.86568, 2.6151, 0.382446, 1.21695, 2.60008, -0.227873, -5.01053, 1.44715, 0.591411,
    0.136279, 1.50252, -9.02885, 3.12338, -1.06993, 0.140395, -0.62911, -1.37887, -0.0311953, -2.27726,
    0.172447, 0.107846, 0.0961242, 0.0663811, 0.43155, -0.448432, -0.317334, 0.452934, 0.0628402, 0.239224,
    2.14783, 1.01354, -0.313752, -0.408991, -0.559676, 8.77725, 3.58761, -2.52243, 0.884392, -0.710452,
    -5.69778, -0.0458763, 0.00474855, -0.283551, 0.31109, -0.367409, 0.166799, -0.309138, -0.324907, -0.175256,
    -0.290633, -0.0102353, 0.0019899, 0.0339782, 0.497327, 0.379119, 0.0608959, 0.0162088, -0.000160507, 0.0969742,
    0.0177363, 0.110328, 0.477707, 0.373987, -0.0999499, -0.0847391, -0.0237256, -0.0175841, 3.24544e-05, 1.0878,
    -0.117757, 0.730219, -0.0490268, 0.0521816, 0.5357, -0.672987, 0.23306, 1.40166, 1.36888, 0.189292,
    0.131788, -4.12527, 0.215731, -0.50846, 0.013823, 0.66662, 0.38283, 0.313656, 0.0556311, 0.243716,
    0.405692, 0.146609, 0.570505, -0.0296232, 0.104964, 0.14444,
])  # fmt: skip
# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)
_CONFIDENCE: dict[str, tuple[float, float, float]] = {
    "angle": (3.692, 0.010, 0.151),  # 100.0% of 22 right
    "chirps": (2.887, 0.000, 0.701),  # 95.5% of 66 right
    "constant": (3.494, 0.000, 0.945),  # 97.2% of 72 right
    "driven": (-0.036, 1.209, 0.738),  # 91.4% of 860 right
    "far": (2.537, -0.559, -0.113),  # 78.0% of 59 right
    "folds": (1.753, 0.796, 0.321),  # 95.3% of 492 right
    "gain": (-0.084, 1.601, 0.612),  # 95.3% of 1242 right
    "grows": (3.487, 0.000, -0.297),  # 97.2% of 143 right
    "harmonics": (-1.288, 1.934, -0.175),  # 81.1% of 53 right
    "linear": (3.735, -2.138, 1.387),  # 95.7% of 1378 right
    "repeats": (5.520, 0.000, 0.034),  # 100.0% of 138 right
    "settles": (2.151, 1.221, 0.456),  # 99.3% of 141 right
    "short": (-3.041, 0.000, 0.086),  # 2.2% of 45 right
    "tones": (0.806, 0.711, 0.618),  # 89.9% of 257 right
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
