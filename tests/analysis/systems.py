"""Maps and flows for the classifier's families: iterate, integrate (RK4), and check the regime by Benettin's method.

The regime of every drawn parameter set is verified with the largest Lyapunov exponent from two nearby trajectories
(Benettin et al. 1980), on the equations, never on the series that the classifier sees.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy import cos, exp, sin

MAPS = (
    "logistic", "henon", "ikeda", "skew_tent", "sine", "cubic", "gauss", "standard", "lozi", "ricker", "delayed",
    "tinkerbell", "duffing_map", "coupled_logistic", "henon3", "circle", "cat", "beta",
)  # fmt: skip
FLOWS = (
    "lorenz", "rossler", "chen", "thomas", "halvorsen", "duffing", "forced_vdp", "chua", "rikitake", "hindmarsh_rose",
    "sprott_b", "jerk", "nose_hoover", "lorenz96", "van_der_pol", "fitzhugh", "brusselator", "lotka_volterra",
    "pendulum", "rucklidge", "double_scroll_tanh", "hyper_rossler", "arneodo", "forced_brusselator",
)  # fmt: skip


@njit(nogil=True, cache=True)
def map_step(kind, s, p):
    """Advance the state `s` in place by one iteration of map number `kind`."""
    x, y, z = s[0], s[1], s[2]
    if kind == 0:
        s[0] = p[0] * x * (1.0 - x)
    elif kind == 1:
        s[0] = 1.0 - p[0] * x * x + y
        s[1] = p[1] * x
    elif kind == 2:
        t = 0.4 - 6.0 / (1.0 + x * x + y * y)
        s[0] = 1.0 + p[0] * (x * cos(t) - y * sin(t))
        s[1] = p[0] * (x * sin(t) + y * cos(t))
    elif kind == 3:
        s[0] = x / p[0] * p[1] if x < p[0] else (1.0 - x) / (1.0 - p[0]) * p[1]
    elif kind == 4:
        s[0] = p[0] * sin(np.pi * x)
    elif kind == 5:
        s[0] = p[0] * x * (1.0 - x * x)
    elif kind == 6:
        s[0] = exp(-p[0] * x * x) + p[1]
    elif kind == 7:
        s[1] = (y + p[0] * sin(x)) % (2 * np.pi)
        s[0] = (x + s[1]) % (2 * np.pi)
    elif kind == 8:
        s[0] = 1.0 - p[0] * abs(x) + y
        s[1] = p[1] * x
    elif kind == 9:
        s[0] = x * exp(p[0] * (1.0 - x))
    elif kind == 10:
        s[0] = p[0] * x * (1.0 - y)
        s[1] = x
    elif kind == 11:
        s[0] = x * x - y * y + p[0] * x - 0.6013 * y
        s[1] = 2.0 * x * y + 2.0 * x + p[1] * y
    elif kind == 12:
        s[0] = y
        s[1] = -p[1] * x + p[0] * y - y * y * y
    elif kind == 13:
        fx, fy = p[0] * x * (1 - x), p[0] * y * (1 - y)
        s[0] = (1 - p[1]) * fx + p[1] * fy
        s[1] = (1 - p[1]) * fy + p[1] * fx
    elif kind == 14:
        s[0] = p[0] - y * y - p[1] * z
        s[1] = x
        s[2] = y
    elif kind == 15:
        s[0] = (x + p[0] - p[1] / (2 * np.pi) * sin(2 * np.pi * x)) % 1.0
    elif kind == 16:
        s[0] = (x + y) % 1.0
        s[1] = (x + 2.0 * y) % 1.0
    elif kind == 17:
        s[0] = (p[0] * x + p[1]) % 1.0


@njit(nogil=True, cache=True)
def flow_rhs(kind, s, p, d):
    """Write the time derivative of flow number `kind` at state `s` into `d`."""
    x, y, z = s[0], s[1], s[2]
    d[:] = 0.0
    if kind == 0:
        d[0], d[1], d[2] = p[0] * (y - x), x * (p[1] - z) - y, x * y - p[2] * z
    elif kind == 1:
        d[0], d[1], d[2] = -y - z, x + p[0] * y, p[1] + z * (x - p[2])
    elif kind == 2:
        d[0], d[1], d[2] = p[0] * (y - x), (p[2] - p[0]) * x - x * z + p[2] * y, x * y - p[1] * z
    elif kind == 3:
        d[0], d[1], d[2] = sin(y) - p[0] * x, sin(z) - p[0] * y, sin(x) - p[0] * z
    elif kind == 4:
        a = p[0]
        d[0] = -a * x - 4 * y - 4 * z - y * y
        d[1] = -a * y - 4 * z - 4 * x - z * z
        d[2] = -a * z - 4 * x - 4 * y - x * x
    elif kind == 5:
        d[0], d[1], d[2] = y, x - x * x * x - p[0] * y + p[1] * cos(z), p[2]
    elif kind == 6:
        d[0], d[1], d[2] = y, p[0] * (1 - x * x) * y - x + p[1] * cos(z), p[2]
    elif kind == 7:
        f = x * x * x / 16.0 - x / 6.0
        d[0], d[1], d[2] = p[0] * (y - f), x - y + z, -p[1] * y
    elif kind == 8:
        d[0], d[1], d[2] = -p[0] * x + z * y, -p[0] * y + (z - p[1]) * x, 1.0 - x * y
    elif kind == 9:
        d[0] = y + 3.0 * x * x - x * x * x - z + p[0]
        d[1] = 1.0 - 5.0 * x * x - y
        d[2] = p[1] * (4.0 * (x + 1.6) - z)
    elif kind == 10:
        d[0], d[1], d[2] = p[0] * y * z, x - y, 1.0 - p[1] * x * y
    elif kind == 11:
        d[0], d[1], d[2] = y, z, -p[0] * z + y * y - x
    elif kind == 12:
        d[0], d[1], d[2] = y, -x + y * z, p[0] - y * y
    elif kind == 13:
        n = s.size
        for i in range(n):
            d[i] = (s[(i + 1) % n] - s[i - 2]) * s[i - 1] - s[i] + p[0]
    elif kind == 14:
        d[0], d[1] = y, p[0] * (1 - x * x) * y - x
    elif kind == 15:
        d[0], d[1] = x - x * x * x / 3 - y + p[0], 0.08 * (x + 0.7 - 0.8 * y) * p[1]
    elif kind == 16:
        d[0], d[1] = p[0] + x * x * y - (p[1] + 1) * x, p[1] * x - x * x * y
    elif kind == 17:
        d[0], d[1] = x * (p[0] - y), y * (x - p[1])
    elif kind == 18:
        d[0], d[1] = y, -sin(x)
    elif kind == 19:
        d[0], d[1], d[2] = -p[0] * x + p[1] * y - y * z, x, -z + y * y
    elif kind == 20:
        d[0], d[1], d[2] = y, z, -p[0] * (x + y + z - np.tanh(8.0 * x))
    elif kind == 21:
        w = s[3]
        d[0], d[1], d[2], d[3] = -y - z, x + 0.25 * y + w, p[0] + x * z, -0.5 * z + p[1] * w
    elif kind == 22:
        d[0], d[1], d[2] = y, z, p[0] * x - p[1] * y - z - x * x * x
    elif kind == 23:
        meet = x * x * y
        d[0], d[1], d[2] = 0.4 + meet - 2.2 * x + p[0] * cos(z), 1.2 * x - meet, p[1]


@njit(nogil=True, cache=True)
def _rk4(kind, s, p, h, work):
    k1, k2, k3, k4, t = work[0], work[1], work[2], work[3], work[4]
    flow_rhs(kind, s, p, k1)
    for i in range(s.size):
        t[i] = s[i] + 0.5 * h * k1[i]
    flow_rhs(kind, t, p, k2)
    for i in range(s.size):
        t[i] = s[i] + 0.5 * h * k2[i]
    flow_rhs(kind, t, p, k3)
    for i in range(s.size):
        t[i] = s[i] + h * k3[i]
    flow_rhs(kind, t, p, k4)
    for i in range(s.size):
        s[i] += h / 6.0 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i])


@njit(nogil=True, cache=True)
def run(flow, kind, start, p, n, skip, step, substeps, kick, noise):
    """States of map (`flow` False) or flow after `skip` transient samples: (n, d).

    `kick` times the rows of `noise` (n + skip, d) is added to the state at every sample: dynamic noise.
    """
    s = start.copy()
    work = np.empty((5, s.size))
    out = np.empty((n, s.size))
    for i in range(n + skip):
        if flow:
            for _ in range(substeps):
                _rk4(kind, s, p, step / substeps, work)
        else:
            map_step(kind, s, p)
        if kick > 0.0:
            for j in range(s.size):
                s[j] += kick * noise[i, j]
        if i >= skip:
            out[i - skip] = s
    return out


@njit(nogil=True, cache=True)
def exponent(flow, kind, start, p, n, skip, step, substeps):
    """Largest Lyapunov exponent per iteration or unit time, by renormalised nearby trajectories."""
    s = start.copy()
    work = np.empty((5, s.size))
    for _ in range(skip):
        if flow:
            for _ in range(substeps):
                _rk4(kind, s, p, step / substeps, work)
        else:
            map_step(kind, s, p)
    u = s.copy()
    u[0] += 1e-8
    total = 0.0
    for _ in range(n):
        if flow:
            for _ in range(substeps):
                _rk4(kind, s, p, step / substeps, work)
                _rk4(kind, u, p, step / substeps, work)
        else:
            map_step(kind, s, p)
            map_step(kind, u, p)
        gap = 0.0
        for i in range(s.size):
            gap += (u[i] - s[i]) ** 2
        gap = np.sqrt(gap)
        if not np.isfinite(gap):
            return np.nan
        if gap < 1e-14:
            gap = 1e-14
            u[0] = s[0] + 1e-14
        if gap < 1e-4:  # a gap over a modulus is a wrap, not growth
            total += np.log(gap / 1e-8)
        for i in range(s.size):
            u[i] = s[i] + (u[i] - s[i]) * (1e-8 / gap)
    return total / (n * (step if flow else 1.0))


@njit(nogil=True, cache=True)
def mackey_glass(tau, power, n, skip, step, substeps, history, kick, noise):
    """Mackey-Glass x' = 0.2 x(t-tau)/(1+x(t-tau)^power) - 0.1 x by RK4 with the delayed value held linear: (n,)."""
    h = step / substeps
    lag = max(1, round(tau / h))
    buffer = np.empty(lag + 1)
    for i in range(lag + 1):
        buffer[i] = history[i % history.size]
    out = np.empty(n)
    x, head = buffer[lag], 0
    for i in range(n + skip):
        for _ in range(substeps):
            a, b = buffer[head], buffer[(head + 1) % (lag + 1)]
            m = 0.5 * (a + b)
            fa, fm, fb = 0.2 * a / (1 + a**power), 0.2 * m / (1 + m**power), 0.2 * b / (1 + b**power)
            k1 = fa - 0.1 * x
            k2 = fm - 0.1 * (x + 0.5 * h * k1)
            k3 = fm - 0.1 * (x + 0.5 * h * k2)
            k4 = fb - 0.1 * (x + h * k3)
            x += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            buffer[head] = x
            head = (head + 1) % (lag + 1)
        if kick > 0.0:
            x = max(x + kick * noise[i], 0.01)
        if i >= skip:
            out[i - skip] = x
    return out
