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
    -4.75494, 2.8149, 8.89762, 13.0183, -1.12257, 3.87837, -0.0505126, 0.814803, -0.115895, -1.40118,
    -0.726003, 6.88627, -0.674663, 0.896575, -0.196054, 2.29313, -0.0287305, -0.675347, -1.91252, 0.579011,
    3.22579, -0.424718, 0.10283, 0.0516243, 0.184806, -3.64383, -3.25595, -0.432535, 0.146892, 0.279364,
    0.0927543, -22.2646, -13.5627, 1.91569, 15.4818, 0.772359, 0.773344, 1.10858, -7.47256, -11.9024,
    3.14633, 2.5737, 3.78837, 0.770389, 3.97445, 8.62185, -5.42084, -11.2679, 3.42163, 1.12472,
    0.375094, 4.0055, -9.41284, 6.76544, -1.35076, 1.66929, -1.95134, -0.673312, -0.0935514, -1.19575,
    0.208157, -0.272024, -0.205115, 0.0585439, 0.721394, 0.749814, -0.792417, 0.958111, 0.0408027, 0.286131,
    2.27351, 1.11833, -0.214518, 0.105588, -0.602828, 7.04806, 12.4008, -0.157732, -0.425632, -1.32428,
    -13.2921, -0.0387488, -0.0610863, -0.382606, 0.485246, -0.796696, -0.69391, -0.747215, -0.419113, -0.117122,
    -0.146811, -0.00968719, -0.00669663, -0.192149, 0.699448, 0.0481175, -0.113234, -0.0316011, -0.0319176, 0.0884225,
    -0.051483, 0.39061, 0.163259, -0.311724, -0.365661, -0.173656, -0.0507392, -0.0510205, -0.490293, 1.00526,
    -4.02287, 1.69659, 0.0946377, 0.0864129, 0.481886, 2.40279, 5.52755, 2.01642, 1.32211, -0.108687,
    1.83073, -15.0588, -0.0661594, 0.733374, 0.328094, 1.20195, 0.0395855, 0.0914538, 0.143055, 0.0257805,
    0.279332, 0.109397, 0.630186, -0.0347877, 0.0601095, 0.153157,
])  # fmt: skip
DOUBT = (-5.0, 4.0)  # scores between which the return map has its say
RETURN_WEIGHTS = np.array([
    -0.999237, 0.787971, 5.63084, 6.48955, -3.14322, -3.39436, 0.0581341, -0.418449,
])  # fmt: skip
# kind of verdict: logit of being right = a + b * min(margin, 3) + c * ln(n / 256)
_CONFIDENCE: dict[str, tuple[float, float, float]] = {
    "angle": (4.101, 0.032, 0.025),  # 100.0% of 33 right
    "chirps": (2.989, 0.000, 1.182),  # 95.3% of 127 right
    "constant": (3.485, 0.000, 0.619),  # 97.2% of 144 right
    "driven": (0.225, 0.865, 0.544),  # 87.6% of 2103 right
    "far": (1.980, -0.303, -0.356),  # 82.2% of 174 right
    "folds": (2.008, 0.851, 0.713),  # 96.3% of 1615 right
    "gain": (-0.089, 1.211, 0.737),  # 93.5% of 5063 right
    "grows": (3.663, 0.000, -0.258),  # 97.6% of 286 right
    "harmonics": (0.383, 1.817, 0.561),  # 93.3% of 135 right
    "linear": (4.054, -2.452, 1.437),  # 96.6% of 3576 right
    "repeats": (6.243, 0.000, 0.053),  # 100.0% of 290 right
    "settles": (-0.186, 2.330, 0.574),  # 98.4% of 426 right
    "short": (-3.170, 0.000, -0.360),  # 4.3% of 117 right
    "tones": (2.448, 0.385, 2.414),  # 93.2% of 746 right
}


def expanded(features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1, the features (k,), and all their products in pairs: (1 + k + k (k + 1) / 2,)."""
    rows, columns = np.triu_indices(features.size)
    return np.concatenate([[1.0], features, features[rows] * features[columns]])


def gain_score(features: npt.NDArray[np.float64]) -> float:
    """The log-odds of chaos against noise that drives something nonlinear, for `classifier.evidence`."""
    return float(GAIN_WEIGHTS @ expanded(features))


def return_features(score: float, gains: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.float64]:
    """1, the score of `gain_score`, the gains of `return_map.return_gains` and the length, within bounds: (8,)."""
    return np.concatenate(
        [[1.0, np.clip(score, -6.0, 6.0)], np.clip(gains[:4], -0.1, 1.2), [gains[4], np.log(n / 256)]]
    )


def return_score(score: float, gains: npt.NDArray[np.float64], n: int) -> float:
    """The same log-odds, of a score within `DOUBT`, when the return map is known too."""
    return float(RETURN_WEIGHTS @ return_features(score, gains, n))


def confidence(kind: str, margin: float, n: int) -> float:
    """The share of verdicts of this kind, margin and length that were right on the tuning families (0..1)."""
    a, b, c = _CONFIDENCE.get(kind, (1.0, 0.0, 0.0))
    return float(1.0 / (1.0 + np.exp(-(a + b * min(margin, 3.0) + c * np.log(n / 256)))))
