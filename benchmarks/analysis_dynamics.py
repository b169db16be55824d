"""The dynamics kernels against their peers, on the same series with the same parameters; values are compared too."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

from harness import Row, interleaved, label, peer  # first: it pins the thread pools

import math  # isort: skip
import numpy as np  # isort: skip
import numpy.typing as npt  # isort: skip

FloatArray = npt.NDArray[np.float64]
N = 5000
DT = 0.03


def lorenz(n: int) -> FloatArray:
    """x of Lorenz 1963, RK4, DT units of time a sample, after a transient."""

    def rhs(s: FloatArray) -> FloatArray:
        return np.array([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])

    s, h, out = np.array([1.0, 2.0, 20.0]), DT / 3, np.empty(n)
    for k in range(-3000, 3 * n):
        if k >= 0 and k % 3 == 0:
            out[k // 3] = s[0]
        a = rhs(s)
        b = rhs(s + h / 2 * a)
        c = rhs(s + h / 2 * b)
        s = s + h / 6 * (a + 2 * b + 2 * c + rhs(s + h * c))
    return out


def noise(n: int) -> FloatArray:
    """Standard normal values."""
    return np.random.default_rng(1).standard_normal(n)


def _slope(curve: FloatArray) -> float:
    return float(np.polyfit(np.arange(curve.size), curve, 1)[0])


def rosenstein() -> Iterator[Row]:
    """The divergence curve of nearest neighbours (m = 5) and its slope over 20 steps."""
    from midstream_analysis.exponents import divergence_curve

    x = lorenz(N)
    m, tau, theiler, steps = 5, 5, 52, 20

    def ours() -> float:
        return _slope(divergence_curve(x, m, tau, theiler, steps))

    neurokit = peer("neurokit2")

    def theirs() -> float:
        return float(
            neurokit.complexity_lyapunov(
                x, delay=tau, dimension=m, method="rosenstein1993", separation=theiler, len_trajectory=steps
            )[0]
        )

    one, two = ours(), theirs()
    note = f"lambda {one / DT:.4f}, {two / DT:.4f}"
    close = math.isclose(one, two, rel_tol=1e-6)
    yield Row(f"Rosenstein, n={N}", label("neurokit2"), interleaved(ours, theirs), 30, close, note)

    nolds = peer("nolds")

    def nolds_slope() -> float:
        return float(
            nolds.lyap_r(x, emb_dim=m, lag=tau, min_tsep=theiler, trajectory_len=steps, tau=1, fit="poly")
        )

    two = nolds_slope()
    note = f"lambda {one / DT:.4f}, {two / DT:.4f}"
    close = math.isclose(one, two, rel_tol=1e-9)
    yield Row(
        f"Rosenstein, n={N}", label("nolds"), interleaved(ours, nolds_slope, repeats=3), 150, close, note
    )


def whole_lyapunov() -> Iterator[Row]:
    """All of `lyapunov` (parameters, test for dynamics, exponent, confirmation) against nolds' bare fit."""
    from midstream_analysis.exponents import lyapunov

    nolds = peer("nolds")
    x = lorenz(N)

    def ours() -> float:
        fit = lyapunov(x, DT)
        return fit.exponent if fit else math.nan

    def theirs() -> float:
        return float(nolds.lyap_r(x, emb_dim=5, lag=5, min_tsep=52, trajectory_len=20, tau=DT, fit="poly"))

    note = f"Lorenz 0.9054: ours {ours():.3f}, nolds {theirs():.3f}"
    yield Row(f"lyapunov, n={N}", label("nolds"), interleaved(ours, theirs, repeats=3), None, None, note)


def sample_entropy() -> Iterator[Row]:
    """m = 2, r = 0.2 sd; antropy counts in numba below 5000 samples and with k-d trees from there."""
    from midstream_analysis.entropy import sample_entropy as ours

    antropy = peer("antropy")
    for n in (N - 1, N):
        for name, x in (("noise", noise(n)), ("Lorenz", lorenz(n))):
            one, two = ours(x), float(antropy.sample_entropy(x))
            timing = interleaved(lambda x=x: ours(x), lambda x=x: antropy.sample_entropy(x), repeats=7)
            yield Row(
                f"sample entropy, {name}, n={n}", label("antropy"), timing, 6,
                one is not None and math.isclose(one, two, rel_tol=1e-12), f"{one:.6f}",
            )  # fmt: skip


def permutation_entropy() -> Iterator[Row]:
    """Order 5, delay 1."""
    from midstream_analysis.entropy import permutation_entropy as ours

    antropy = peer("antropy")
    for name, x in (("noise", noise(N)), ("Lorenz", lorenz(N))):
        one, two = ours(x, 5), float(antropy.perm_entropy(x, order=5))
        timing = interleaved(lambda x=x: ours(x, 5), lambda x=x: antropy.perm_entropy(x, order=5))
        close = math.isclose(one, two, rel_tol=1e-12)
        yield Row(f"permutation entropy, {name}, n={N}", label("antropy"), timing, 4, close, f"{one:.6f}")


def determinism() -> Iterator[Row]:
    """m = 3, delay 1, minimal line 2, maximum norm, radius 0.2 sd; single-precision values, as pyunicorn stores."""
    from midstream_analysis.recurrences import recurrence

    plots = peer("pyunicorn.timeseries", "pyunicorn")
    for name, series in (("noise", noise(N)), ("Lorenz", lorenz(N))):
        x = series.astype(np.float32).astype(np.float64)
        radius = 0.2 * float(x.std())

        def theirs(x: FloatArray = x, radius: float = radius) -> float:
            plot = plots.RecurrencePlot(
                x, metric="supremum", dim=3, tau=1, threshold=np.nextafter(radius, np.inf), silence_level=2
            )  # "<" there, "<=" here
            return float(plot.determinism(l_min=2))

        def ours(x: FloatArray = x, radius: float = radius) -> float:
            return recurrence(x, 3, 1, radius).determinism

        one, two = ours(), theirs()
        close = math.isclose(one, two, rel_tol=1e-9)
        yield Row(
            f"RQA determinism, {name}, n={N}", label("pyunicorn"), interleaved(ours, theirs, repeats=5), 20, close,
            f"{one:.6f}",
        )  # fmt: skip


def correlation_sum() -> Iterator[Row]:
    """m = 5, nolds' own 55 radii, both norms; its fitted line costs nolds nothing to speak of.

    nolds counts every vector as its own neighbour: 1 / (n - 1) too much, which is taken off before comparing.
    """
    from midstream_analysis.dimension import correlation_sum as ours

    nolds = peer("nolds")
    x = lorenz(N)
    sd = float(x.std(ddof=1))
    radii = np.array(nolds.logarithmic_r(0.1 * sd, 0.5 * sd, 1.03))
    for norm, distance in (("euclidean", nolds.rowwise_euclidean), ("maximum", nolds.rowwise_chebyshev)):

        def theirs(distance: Callable[..., object] = distance) -> FloatArray:
            _, (_, sums, _) = nolds.corr_dim(x, 5, rvals=radii, dist=distance, fit="poly", debug_data=True)
            return np.asarray(np.exp(sums) - 1.0 / (N - 4 - 1))

        def mine(norm: str = norm) -> FloatArray:
            return ours(x, radii, 5, norm=norm)  # type: ignore[arg-type]

        worst = float(np.abs(mine() / theirs() - 1.0).max())
        yield Row(
            f"correlation sum, {norm}, n={N}", label("nolds"), interleaved(mine, theirs, repeats=3), 12,
            worst < 1e-9, f"largest difference {worst:.0e}",
        )  # fmt: skip


BENCHMARKS = (rosenstein, whole_lyapunov, sample_entropy, permutation_entropy, determinism, correlation_sum)


def rows() -> list[Row]:
    """All rows; raises PeerMissingError when a peer is not installed."""
    return [row for benchmark in BENCHMARKS for row in benchmark()]


warnings.filterwarnings("ignore", module=r"(nolds|neurokit2|pyunicorn).*")

if __name__ == "__main__":
    from harness import collect, table

    print(table(collect(*BENCHMARKS)))
