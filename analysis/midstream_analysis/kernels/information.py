"""Mutual information of a series with its own past."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def mutual_information_kernel(label, bins, lags):
    """Mutual information (lags,) in nats between label[t] and label[t + lag], lag = 1..lags; labels are 0..bins-1."""
    out = np.empty(lags)
    joint = np.empty((bins, bins), np.int64)
    for lag in range(1, lags + 1):
        joint[:] = 0
        n = label.size - lag
        for t in range(n):
            joint[label[t], label[t + lag]] += 1
        total = 0.0
        row = joint.sum(axis=1)
        column = joint.sum(axis=0)
        for a in range(bins):
            for b in range(bins):
                if joint[a, b] > 0:
                    total += joint[a, b] * np.log(joint[a, b] * n / (row[a] * column[b]))
        out[lag - 1] = total / n
    return out
