"""Mean logarithmic divergence of neighbouring trajectories (Rosenstein et al. 1993)."""

from __future__ import annotations

import numpy as np
from numba import njit

COINCIDENT = 1e-36
"""Squared distances (of a series of unit spread) below this are rounding, not divergence, and are left out."""


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
def _accumulate(here, there, dimension, delay, step, square, product, seen):
    """Multiply the squared distances of one pair after k = 0..horizon-1 steps into `product`."""
    for k in range(step.size):
        e = here[k] - there[k]
        step[k] = e * e
    horizon = product.size
    for k in range(horizon):
        square[k] = step[k]
    for d in range(1, dimension):
        later = step[d * delay :]
        for k in range(horizon):
            square[k] += later[k]
    for k in range(horizon):
        apart = square[k] > COINCIDENT
        product[k] *= square[k] if apart else 1.0
        seen[k] += 1.0 if apart else 0.0


@njit(nogil=True, cache=True)
def divergence_kernel(x, neighbour, dimension, delay, horizon):
    """Sum (horizon,) of the log distances after k steps over the pairs (i, neighbour[i]), and their number (horizon,).

    Negative neighbours are skipped. `x` has unit spread, so that eight squared distances multiply without overflow
    before one logarithm is taken.
    """
    total = np.zeros(horizon)
    pairs = np.zeros(horizon)
    reach = horizon + (dimension - 1) * delay
    step = np.empty(reach)
    square = np.empty(horizon)
    product = np.ones(horizon)
    pending = 0
    for i in range(neighbour.size):
        j = neighbour[i]
        if j < 0:
            continue
        _accumulate(x[i : i + reach], x[j : j + reach], dimension, delay, step, square, product, pairs)
        pending += 1
        if pending == 8:
            for k in range(horizon):
                total[k] += 0.5 * np.log(product[k])
                product[k] = 1.0
            pending = 0
    for k in range(horizon):
        total[k] += 0.5 * np.log(product[k])
    return total, pairs
