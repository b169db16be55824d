"""Matrix profile by diagonals of mean-centred covariances (Zimmerman et al. 2019, SCAMP), batch and streaming.

cov(i, j) = cov(i-1, j-1) + df_i dg_j + df_j dg_i. All diagonals of one row are advanced together, since they are
contiguous in memory and vectorise. The covariances are computed afresh every `RESEED` rows, so that rounding errors do
not pile up, and once an outlier has gone by, whose rounding would drown what follows. `inverse` is 1 / norm of the
centred subsequence, 0 for a constant one; as in stumpy two constant ones correlate at 1, one and another at 0.5.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np
from numba import njit

from midstream_analysis.kernels.warping import FASTMATH

RESEED = 256
_DROWNED = 1e5  # square of the largest term since, over that of the present subsequence: about 1e-11 of error
_CHUNK = 128


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def _cells(cov, df, dg, inverse, best, index, key, df_i, dg_i, inverse_i, i):
    """Advance row `i` against the subsequences of the arrays; their best correlations are updated, `key` = own + 2."""
    base = 0.0 if inverse_i > 0.0 else 0.5
    constant = 0.5 if inverse_i > 0.0 else 1.0
    for k in range(cov.size):
        c = cov[k] + df_i * dg[k] + dg_i * df[k]
        cov[k] = c
        c = c * (inverse_i * inverse[k]) + base
        c = c if inverse[k] > 0.0 else constant
        b = best[k]
        best[k] = c if c > b else b
        index[k] = i if c > b else index[k]
        key[k] = c + 2.0


@njit(nogil=True, cache=True)
def _highest(keys):
    """Largest of positive floats seen as integers: that order is the same, and integer reductions vectorise."""
    high = keys[0]
    for k in range(keys.size):
        high = keys[k] if keys[k] > high else high
    return high


@njit(nogil=True, cache=True)
def _find(keys):
    """Index of the largest key; each chunk is reduced first and only one is searched."""
    high, at = np.int64(0), 0
    for start in range(0, keys.size, _CHUNK):
        top = _highest(keys[start : min(start + _CHUNK, keys.size)])
        if top > high:
            high, at = top, start
    while keys[at] != high:
        at += 1
    return at


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def _covariances(cov, x, centred):
    """Covariance sums of the centred subsequence with each one of `x`."""
    cov[:] = 0.0
    for t in range(centred.size):
        c = centred[t]
        y = x[t : t + cov.size]
        for k in range(cov.size):
            cov[k] += c * y[k]


@njit(nogil=True, cache=True)
def _moments(x, m):
    """Mean, 1 / norm (0: constant) of every subsequence, two passes each."""
    n = x.size - m + 1
    mean, inverse = np.empty(n), np.empty(n)
    for i in range(n):
        mean[i], inverse[i] = _moment(x[i : i + m])
    return mean, inverse


@njit(nogil=True, cache=True)
def _moment(window):
    first = window[0]
    offset, constant = 0.0, True
    for value in window:
        offset += value - first
        constant = constant and value == first
    mean = first + offset / window.size
    square = 0.0
    for value in window:
        square += (value - mean) * (value - mean)
    return mean, 0.0 if constant or square == 0.0 else 1.0 / np.sqrt(square)


@njit(nogil=True, cache=True)
def _profile(x, m, mean, inverse, exclusion):
    """Best correlation of every subsequence with one more than `exclusion` places away (-2: none), and where."""
    n = mean.size
    df, dg = np.zeros(n), np.zeros(n)
    for i in range(1, n):
        df[i] = 0.5 * (x[i + m - 1] - x[i - 1])
        dg[i] = (x[i + m - 1] - mean[i]) + (x[i - 1] - mean[i - 1])
    best, index = np.full(n, -2.0), np.full(n, -1)
    cov, key = np.empty(n), np.empty(n)
    keys = key.view(np.int64)
    peak = 0.0
    for i in range(n - exclusion - 1):
        j = i + exclusion + 1
        width = n - j
        df_i, dg_i = df[i], dg[i]
        peak = max(peak, df_i * df_i + dg_i * dg_i)
        if i % RESEED == 0 or peak * inverse[i] * inverse[i] > _DROWNED:
            peak = 0.0
            _covariances(cov[:width], x[j:], x[i : i + m] - mean[i])
            df_i = dg_i = 0.0
        _cells(
            cov[:width],
            df[j:],
            dg[j:],
            inverse[j:],
            best[j:],
            index[j:],
            key[:width],
            df_i,
            dg_i,
            inverse[i],
            i,
        )
        k = _find(keys[:width])
        if key[k] - 2.0 > best[i]:
            best[i], index[i] = key[k] - 2.0, j + k
    return best, index


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def _distance(x, mean_x, inverse_x, y, mean_y, inverse_y):
    """z-normalised distance of two subsequences that are not constant."""
    total = 0.0
    for t in range(x.size):
        gap = (x[t] - mean_x) * inverse_x - (y[t] - mean_y) * inverse_y
        total += gap * gap
    return np.sqrt(x.size * total)


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def _refine(distance, index, x, m, mean, inverse):
    """Compute the distances of the chosen pairs again, from the values.

    As the root of 1 - correlation a small one has half the digits, and one near an outlier the outlier's rounding.
    """
    for i in range(distance.size):
        j = index[i]
        if j >= 0 and inverse[i] > 0.0 and inverse[j] > 0.0:
            distance[i] = _distance(x[i : i + m], mean[i], inverse[i], x[j : j + m], mean[j], inverse[j])


# Rows of the streaming state. Time runs backwards in it: the newest value is at `head`, which moves down, so that what
# lags by k is always at head + k, and covariances of lag k stay in place.
VALUE, DF, DG, INVERSE, BEST, COV, KEY = range(7)


@njit(nogil=True, cache=True)
def _push(state, index, counters, peak, m, window, exclusion, values, nearest):
    """Take in `values`; `nearest` gets each new subsequence's least distance (inf: none).

    `counters` = head, values held, values seen in all, rows since the covariances were computed afresh; `peak[0]` =
    square of the largest term since.
    """
    capacity = state.shape[1]
    for v in range(values.size):
        nearest[v] = np.inf
        if counters[0] == 0:  # amortised: the state has room for twice the window
            head = capacity - window
            for row in range(BEST + 1):
                for k in range(window - 1, -1, -1):
                    state[row, head + k] = state[row, k]
            for k in range(window - 1, -1, -1):
                index[head + k] = index[k]
            counters[0] = head
        head = counters[0] - 1
        counters[0] = head
        counters[1] = min(counters[1] + 1, window)
        counters[2] += 1
        state[VALUE, head] = values[v]
        held = counters[1] - m + 1
        if held < 1:
            continue
        mean, inverse = _moment(state[VALUE, head : head + m])
        df, dg = 0.0, 0.0
        if counters[2] > m:
            newest, dropped = state[VALUE, head], state[VALUE, head + m]
            before = mean + (dropped - newest) / m
            df, dg = 0.5 * (newest - dropped), (newest - mean) + (dropped - before)
        state[DF, head], state[DG, head], state[INVERSE, head] = df, dg, inverse
        state[BEST, head], index[head] = -2.0, -1
        start = counters[2] - m
        if held > exclusion + 1:
            a, b = exclusion + 1, held
            counters[3] += 1
            peak[0] = max(peak[0], df * df + dg * dg)
            afresh = counters[3] >= RESEED or peak[0] * inverse * inverse > _DROWNED
            if afresh or counters[2] <= window:
                # While the window fills, each row has one lag more than the last; that one is computed in full.
                low = b - 1
                if afresh:
                    low, counters[3], peak[0] = a, 0, 0.0
                for k in range(a, low):
                    state[COV, k] += df * state[DG, head + k] + dg * state[DF, head + k]
                _covariances(
                    state[COV, low:b], state[VALUE, head + low :], state[VALUE, head : head + m] - mean
                )
                df = dg = 0.0
            at = slice(head + a, head + b)
            _cells(
                state[COV, a:b],
                state[DF, at],
                state[DG, at],
                state[INVERSE, at],
                state[BEST, at],
                index[at],
                state[KEY, a:b],
                df,
                dg,
                inverse,
                start,
            )
            k = _find(state[KEY, a:b].view(np.int64))
            lag, c = a + k, state[KEY, a + k] - 2.0
            state[BEST, head], index[head] = c, start - lag
            nearest[v] = np.sqrt(max(0.0, 2.0 * m * (1.0 - c)))
            other = state[INVERSE, head + lag]
            if inverse > 0.0 and other > 0.0:  # as `_refine`
                past = state[VALUE, head + lag : head + lag + m]
                nearest[v] = _distance(
                    state[VALUE, head : head + m], mean, inverse, past, _moment(past)[0], other
                )
