"""Bayesian online change-point detection (Adams and MacKay 2007) for Gaussian segments of unknown mean and variance.

A hypothesis is "the present segment began at `START`", with the normal-inverse-gamma posterior of its data; its
density of the next value is Student's t. Three things are ours: a value may also be an outlier (drawn from a new
segment's prior predictive), else one spike would look like two changes; the prior of a new segment is centred on the
likeliest present one, so no scale has to be given; and only the heaviest hypotheses are kept.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

START, WEIGHT, KAPPA, MU, ALPHA, BETA, GAMMA = range(7)  # rows; GAMMA = lgamma(alpha + 1/2) - lgamma(alpha)
PRIOR_KAPPA = 0.01  # the mean of a new segment is expected within about ten standard deviations
_PRIOR_GAMMA = math.lgamma(1.5) - math.lgamma(1.0)
_FLOOR = 1e-9  # least standard deviation, relative to the mean: a constant stretch is not infinitely sure of itself


@njit(nogil=True, cache=True)
def _log_t(x, kappa, mu, alpha, beta, gamma):
    """Log predictive density of x: Student's t with 2 alpha degrees of freedom."""
    spread = 2.0 * beta * (kappa + 1.0) / kappa
    return gamma - 0.5 * math.log(math.pi * spread) - (alpha + 0.5) * math.log1p((x - mu) ** 2 / spread)


@njit(nogil=True, cache=True)
def _spawn(state, k, start, weight, mu, variance):
    floor = _FLOOR * abs(mu)
    state[START, k], state[WEIGHT, k] = start, weight
    state[KAPPA, k], state[MU, k], state[ALPHA, k] = PRIOR_KAPPA, mu, 1.0
    state[BETA, k] = max(variance, floor * floor, 1e-200)
    state[GAMMA, k] = _PRIOR_GAMMA


@njit(nogil=True, cache=True)
def _observe(state, count, x, place, hazard, outlier):
    """Take in value number `place`; hypothesis columns 0..count-1 are normalised log weights. Returns the new count.

    When all columns are taken the lightest hypothesis gives way to the new one.
    """
    heaviest = 0
    for k in range(count):
        if state[WEIGHT, k] > state[WEIGHT, heaviest]:
            heaviest = k
    mu, variance = state[MU, heaviest], state[BETA, heaviest] / state[ALPHA, heaviest]
    floor = _FLOOR * abs(mu)
    variance = max(variance, floor * floor, 1e-200)
    broad = _log_t(x, PRIOR_KAPPA, mu, 1.0, variance, _PRIOR_GAMMA) + math.log(outlier)
    top = -np.inf
    for k in range(count):
        kappa, centre, alpha = state[KAPPA, k], state[MU, k], state[ALPHA, k]
        density = math.log1p(-outlier) + _log_t(x, kappa, centre, alpha, state[BETA, k], state[GAMMA, k])
        if (
            kappa < 1.0
        ):  # a segment's first value gives its level, however odd, and says nothing of its spread
            state[MU, k], state[KAPPA, k] = x, 1.0
        elif density >= broad:
            state[BETA, k] += 0.5 * kappa * (x - centre) ** 2 / (kappa + 1.0)
            state[MU, k] = centre + (x - centre) / (kappa + 1.0)
            state[KAPPA, k] = kappa + 1.0
            state[ALPHA, k] = alpha + 0.5
            state[GAMMA, k] = math.log(alpha) - state[GAMMA, k]
        high = max(density, broad)
        state[WEIGHT, k] += high + math.log1p(math.exp(min(density, broad) - high))
        top = max(top, state[WEIGHT, k])
    total = 0.0
    for k in range(count):
        total += math.exp(state[WEIGHT, k] - top)
    total = top + math.log(total)
    lightest = 0
    for k in range(count):
        state[WEIGHT, k] += math.log1p(-hazard) - total
        if state[WEIGHT, k] < state[WEIGHT, lightest]:
            lightest = k
    slot = count
    if count == state.shape[1]:
        slot, count = lightest, count - 1
    _spawn(state, slot, place + 1, math.log(hazard), mu, variance)
    return count + 1


@njit(nogil=True, cache=True)
def _moved(state, count, segment, place, least):
    """Probability that the segment in force at `place` began after `segment` and has `least` values, and the likeliest.

    Returns (probability, column).
    """
    total, best = 0.0, -1
    for k in range(count):
        start = state[START, k]
        if segment < start <= place + 1 - least:
            total += math.exp(state[WEIGHT, k])
            if best < 0 or state[WEIGHT, k] > state[WEIGHT, best]:
                best = k
    return total, best


@njit(nogil=True, cache=True)
def _forget(state, count, start):
    """Drop the hypotheses that began before `start` and normalise the rest. Returns the new count."""
    kept, total = 0, 0.0
    for k in range(count):
        if state[START, k] >= start:
            state[:, kept] = state[:, k]
            total += math.exp(state[WEIGHT, k])
            kept += 1
    state[WEIGHT, :kept] -= math.log(total)
    return kept
