from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.embedding import standardise
from midstream_analysis.exponents import divergence_curve, lyapunov, lyapunov_spectrum, lyapunov_verdict
from midstream_analysis.kernels.neighbours import neighbours_kernel
from midstream_analysis.kernels.regression import residual_kernel
from midstream_analysis.kernels.tangent import growth_kernel, jacobian_kernel
from midstream_analysis.reference import dynamics as oracle
from tests.analysis import reference_systems as systems
from tests.analysis.inputs import BAD, JIT, forms

needs_jit = pytest.mark.skipif(not JIT, reason="too slow as plain Python; shorter series are tested there")
SEEDS = range(4)


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("logistic 3.7", lambda: systems.logistic(2000, 3.7, SEEDS)),
        ("logistic 3.9", lambda: systems.logistic(2000, 3.9, SEEDS)),
        ("logistic 4", lambda: systems.logistic(2000, 4.0, SEEDS)),
        ("henon", lambda: systems.henon(2000, SEEDS)),
        ("standard", lambda: systems.standard_map(5000, SEEDS)),
    ],
)
@needs_jit
def test_maps_are_within_ten_percent(name: str, series: Any) -> None:
    for x in series():
        fit = lyapunov(x)
        assert fit is not None
        assert fit.exponent == pytest.approx(systems.EXPONENTS[name], rel=0.10)
        assert fit.r_squared > 0.97
        assert fit.n == x.size


@pytest.mark.parametrize(
    ("name", "dt", "series"),
    [
        ("lorenz", 0.01, lambda dt: systems.lorenz(5000, dt, SEEDS)),
        ("lorenz", 0.03, lambda dt: systems.lorenz(5000, dt, SEEDS)),
        ("lorenz", 0.1, lambda dt: systems.lorenz(5000, dt, SEEDS)),
        ("rossler", 0.2, lambda dt: systems.rossler(5000, dt, SEEDS)),
        ("rossler", 0.3, lambda dt: systems.rossler(5000, dt, SEEDS)),
        ("mackey-glass 17", 2.0, lambda dt: systems.mackey_glass(5000, dt, 17, SEEDS)),
        ("mackey-glass 30", 2.0, lambda dt: systems.mackey_glass(5000, dt, 30, SEEDS)),
    ],
)
@needs_jit
def test_flows_are_within_twenty_percent(name: str, dt: float, series: Any) -> None:
    for x in series(dt):
        fit = lyapunov(x, dt)
        assert fit is not None, lyapunov_verdict(x, dt).reason
        assert fit.exponent == pytest.approx(systems.EXPONENTS[name], rel=0.20)
        assert fit.stderr < 0.3 * fit.exponent
        assert fit.r_squared > 0.8
        assert fit.dt == dt


@needs_jit
def test_time_step_and_amplitude_are_respected() -> None:
    x = systems.lorenz(3000, 0.05)[0]
    one, two = lyapunov(x, 0.05), lyapunov(x * 1e9 - 1e12, 0.1)
    assert one is not None
    assert two is not None
    assert two.exponent == pytest.approx(one.exponent / 2, rel=0.02)
    assert two.window == pytest.approx((one.window[0] * 2, one.window[1] * 2), rel=0.02)
    assert two.stderr == pytest.approx(one.stderr / 2, rel=0.1)


@pytest.mark.parametrize("n", [300, 1000, 3000])
@pytest.mark.parametrize(
    "noise",
    [
        systems.white,
        lambda n, s: systems.autoregressive(n, 0.5, s),
        lambda n, s: systems.autoregressive(n, 0.95, s),
        lambda n, s: systems.power_law(n, 1.0, s),
        lambda n, s: systems.power_law(n, 2.0, s),
        lambda n, s: systems.smooth_noise(n, 4.0, s),
        lambda n, s: systems.resonance(n, 20.0, 0.02, s),
    ],
    ids=["white", "ar .5", "ar .95", "pink", "brown", "smooth", "resonance"],
)
@needs_jit
def test_noise_has_no_exponent(noise: Any, n: int) -> None:
    for x in noise(n, range(3)):
        verdict = lyapunov_verdict(x)
        assert verdict.fit is None
        assert "linear model" in verdict.reason or "insufficient data" in verdict.reason


@pytest.mark.parametrize("level", [0.0, 1e-6, 1e-3, 0.05])
@needs_jit
def test_regular_signals_have_no_positive_exponent(level: float) -> None:
    t = np.arange(1500)
    rng = np.random.default_rng(3)
    signals = {
        "sine": np.sin(0.17 * t), "two tones": np.sin(0.17 * t) + np.sin(0.17 * t * 1.618),
        "square": np.sign(np.sin(0.2 * t)), "saw": (t / 31.7) % 1.0, "pulses": np.exp(20 * np.cos(0.1 * t) - 20),
        "period 4": systems.logistic(1500, 3.5)[0], "integers": (t % 7).astype(float),
        "settling": np.exp(-t / 50.0) * np.cos(0.3 * t), "growing": np.exp(t / 100.0), "ramp": t * 1.0,
    }  # fmt: skip
    for name, x in signals.items():
        fit = lyapunov(x + level * x.std() * rng.standard_normal(t.size))
        assert fit is None or fit.exponent < 2 * fit.stderr, name


def test_constant_short_and_long_series_say_why() -> None:
    assert "constant" in lyapunov_verdict(np.full(500, 0.1)).reason
    assert "insufficient data: 5 samples" in lyapunov_verdict([1, 2, 4, 3, 1]).reason
    assert "constant" in lyapunov_verdict([1.0]).reason
    assert "insufficient data" in lyapunov_verdict(systems.rossler(300, 0.05)[0]).reason
    with pytest.raises(ValueError, match="at most 50000"):
        lyapunov(np.zeros(50_001))


def test_short_map_in_either_mode() -> None:
    fit = lyapunov(systems.logistic(250)[0])
    assert fit is not None
    assert fit.exponent == pytest.approx(np.log(2.0), rel=0.15)
    assert (fit.delay, fit.theiler) == (1, 4)


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_refused(bad: str) -> None:
    if bad == "empty":
        assert lyapunov(BAD[bad]) is None
    else:
        with pytest.raises(ValueError, match=r"x (must|has)"):
            lyapunov(BAD[bad])
    with pytest.raises(ValueError, match=r"x (must|has)"):
        lyapunov_spectrum(BAD[bad])
    with pytest.raises(ValueError, match=r"x (must|has|is)"):
        divergence_curve(BAD[bad], 2, 1, 1, 5)


@pytest.mark.parametrize("dt", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_parameters_are_refused(dt: float) -> None:
    with pytest.raises(ValueError, match="dt"):
        lyapunov(np.arange(100.0), dt)
    with pytest.raises(ValueError, match="kind"):
        lyapunov(np.arange(100.0), 1.0, "spiral")  # type: ignore[arg-type]


def test_every_form_of_a_series_gives_the_same_result() -> None:
    x = np.round(systems.logistic(250)[0] * 1e6).astype(np.int64)
    expected = lyapunov(x.astype(np.float64))
    assert expected is not None
    for name, form in forms(x).items():
        assert lyapunov(form) == expected, name


@given(st.lists(st.floats(-1e6, 1e6), min_size=0, max_size=60) | st.lists(st.integers(0, 2), max_size=60))
@settings(max_examples=30, deadline=None)
def test_any_short_series_gets_an_answer(values: list[float]) -> None:
    assert lyapunov_verdict(values).reason


@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4), st.integers(2, 9))
@settings(max_examples=25 if JIT else 8, deadline=None)
def test_divergence_against_the_oracle(seed: int, m: int, tau: int, theiler: int, horizon: int) -> None:
    x = np.random.default_rng(seed).standard_normal(60)
    np.testing.assert_allclose(
        divergence_curve(x, m, tau, theiler, horizon),
        oracle.divergence(x, m, tau, theiler, horizon),
        rtol=1e-9,
        atol=1e-9,
    )


def test_divergence_leaves_out_pairs_that_coincide() -> None:
    x = np.array([0.0, 1.0, 0.0, 2.0] * 10)
    assert np.isnan(divergence_curve(x, 2, 1, 1, 6)).all()
    x[30:] += 0.25
    curve = divergence_curve(x, 2, 1, 1, 6)
    np.testing.assert_allclose(curve, oracle.divergence(x, 2, 1, 1, 6))
    for refused in ((np.zeros(50), 2, 1, 1, 6), (x, 2, 1, 40, 6), (x, 0, 1, 1, 6), (x, 2, 1, 1, 1)):
        with pytest.raises(ValueError, match=r"constant|needed|whole"):
            divergence_curve(*refused)


def test_divergence_is_linear_at_the_exponent_of_a_map() -> None:
    curve = divergence_curve(systems.logistic(1500 if JIT else 250)[0], 2, 1, 4, 6)
    assert np.polyfit(np.arange(1, 4), curve[1:4], 1)[0] == pytest.approx(
        np.log(2.0), rel=0.1 if JIT else 0.3
    )


def test_tangent_maps_against_the_oracle() -> None:
    z = standardise(systems.henon(150)[0])
    assert z is not None
    m, tau = 3, 2
    count = z.size - m * tau
    index, _ = neighbours_kernel(z, np.argsort(z), m, tau, 3, count, 8)
    got = jacobian_kernel(z, index, m, tau, 1e-3)
    np.testing.assert_allclose(got, oracle.jacobian(z, index, m, tau, 1e-3), rtol=1e-6, atol=1e-9)
    start = np.array([[np.cos(1.0 + 2.3 * e + 1.7 * d * (e + 1)) for d in range(m)] for e in range(2)])
    np.testing.assert_allclose(
        growth_kernel(got, tau, 2), oracle.growth(got, tau, start), rtol=1e-6, atol=1e-9
    )


def test_residuals_against_least_squares() -> None:
    x = systems.smooth_noise(200, 3.0)[0]
    lags, horizons = np.array([0, 1, 2, 5]), np.array([1, 3])
    got = residual_kernel(x, 5, 150, lags, horizons)
    np.testing.assert_allclose(got, oracle.residuals(x, 5, 150, lags, horizons), atol=1e-7)


def test_spectrum_has_the_contraction_of_the_map() -> None:
    found = lyapunov_spectrum(systems.henon(2000 if JIT else 250)[0], 0.5, dimension=2)
    assert found is not None
    assert found.exponents[0] == pytest.approx(2 * systems.EXPONENTS["henon"], rel=0.1 if JIT else 0.25)
    if JIT:
        assert found.exponents[1] == pytest.approx(2 * (np.log(0.3) - systems.EXPONENTS["henon"]), rel=0.25)
    assert lyapunov_spectrum(np.full(100, 2.0)) is None
    with pytest.raises(ValueError, match="too few"):
        lyapunov_spectrum(np.sin(np.arange(60.0)), dimension=5, neighbours=30)
