from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.analysis.families_linear  # noqa: F401 (registers its families)
from midstream_analysis import classifier
from midstream_analysis.classifier import LONGEST, SHORTEST, classify
from midstream_analysis.report import Attractor, Classification, LyapunovFit
from tests.analysis.families import FAMILIES, draw
from tests.analysis.inputs import BAD, JIT, forms

needs_jit = pytest.mark.skipif(not JIT, reason="too slow as plain Python; shorter series are tested there")
T = np.arange(300)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def no_exponent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels alone: the exponent has its own tests, and decides nothing here."""
    monkeypatch.setattr(classifier, "_exponent", lambda x, dt: None)


def survey(n: int, seeds: int) -> list[tuple[Attractor, Classification]]:
    return [
        (family.label, classify(draw(family, np.random.default_rng([seed, n, 5]), n)))
        for family in FAMILIES.values()
        for seed in range(seeds)
    ]


@needs_jit
@pytest.mark.usefixtures("no_exponent")
@pytest.mark.parametrize(("n", "seeds", "least"), [(256, 3, 0.95), (1000, 1, 0.96)])
def test_most_labels_are_right_and_noise_is_not_called_chaos(n: int, seeds: int, least: float) -> None:
    results = survey(n, seeds)
    right = [verdict.label is label for label, verdict in results]
    assert np.mean(right) >= least
    noise = [verdict for label, verdict in results if label is Attractor.STOCHASTIC]
    assert sum(verdict.chaotic for verdict in noise) <= 0.01 * len(noise) + 0.5
    sure = [ok for ok, (_, verdict) in zip(right, results, strict=True) if verdict.confidence > 0.9]
    unsure = [ok for ok, (_, verdict) in zip(right, results, strict=True) if verdict.confidence < 0.7]
    assert np.mean(sure) > 0.94
    assert not unsure or np.mean(unsure) < np.mean(sure)


CLEAR: dict[str, tuple[Any, Attractor]] = {
    "constant": (np.full(300, 0.1), Attractor.FIXED_POINT),
    "decay": (5 + np.exp(-T / 20), Attractor.FIXED_POINT),
    "sine": (np.sin(2 * np.pi * T / 17.3), Attractor.PERIODIC),
    "noisy sine": (np.sin(2 * np.pi * T / 17.3) + 0.2 * rng(1).normal(size=300), Attractor.PERIODIC),
    "square": ((T % 14 < 5).astype(float), Attractor.PERIODIC),
    "two tones": (np.sin(0.41 * T) + 0.7 * np.sin(0.41 * np.sqrt(2) * T), Attractor.QUASI_PERIODIC),
    "white": (rng(2).normal(size=300), Attractor.STOCHASTIC),
    "counts": (rng(3).poisson(3, 300), Attractor.STOCHASTIC),
    "coin": ((rng(4).random(300) < 0.3).astype(int), Attractor.STOCHASTIC),
    "walk": (np.cumsum(rng(5).normal(size=300)), Attractor.STOCHASTIC),
    "rewards": (np.clip(0.8 + 0.2 * rng(6).normal(size=300), 0, 1), Attractor.STOCHASTIC),
    "latencies": (rng(7).gamma(2.0, 15.0, 300), Attractor.STOCHASTIC),
    "growing": (np.exp(T / 50), Attractor.UNKNOWN),
    "ramp": (T * 0.3 + rng(8).normal(size=300), Attractor.UNKNOWN),
}


def logistic(n: int, r: float = 3.9) -> np.ndarray:
    x = np.empty(n)
    x[0] = 0.3
    for t in range(1, n):
        x[t] = r * x[t - 1] * (1 - x[t - 1])
    return x


CLEAR["logistic"] = (logistic(300), Attractor.CHAOTIC)
CLEAR["noisy logistic"] = (logistic(300) + 0.01 * rng(9).normal(size=300), Attractor.CHAOTIC)
CLEAR["logistic, eight bits"] = (np.round(logistic(300) * 255).astype(np.uint8), Attractor.CHAOTIC)


@pytest.mark.parametrize("name", CLEAR if JIT else ["constant", "decay", "square", "growing"])
def test_clear_cases(name: str) -> None:
    x, label = CLEAR[name]
    verdict = classify(x)
    assert verdict.label is label, verdict.reason
    assert verdict.chaotic is (label is Attractor.CHAOTIC)
    assert 0.0 <= verdict.confidence <= 1.0
    assert verdict.reason
    assert "\n" not in verdict.reason
    assert verdict.n == 300
    if label is Attractor.UNKNOWN:
        assert verdict.stable is False
    elif name != "walk":
        assert verdict.stable is True
    if label is not Attractor.CHAOTIC:
        assert verdict.lyapunov is None


@needs_jit
@pytest.mark.parametrize("name", [n for n in CLEAR if n not in ("constant",)])
@pytest.mark.usefixtures("no_exponent")
@settings(max_examples=5, deadline=None)
@given(
    power=st.integers(-200, 200),
    factor=st.floats(0.5, 2.0),
    shift=st.floats(-100, 100),
    sign=st.sampled_from([-1, 1]),
)
def test_labels_do_not_depend_on_scale_offset_or_sign(
    name: str, power: int, factor: float, shift: float, sign: int
) -> None:
    x, label = CLEAR[name]
    y = np.asarray(x, float)
    assert classify(sign * factor * (y + shift * y.std()) * 10.0**power).label is label


@needs_jit
@pytest.mark.usefixtures("no_exponent")
@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=SHORTEST, max_size=120))
def test_any_finite_series_gets_a_defined_verdict(values: list[float]) -> None:
    verdict = classify(values)
    assert isinstance(verdict.label, Attractor)
    assert 0.0 <= verdict.confidence <= 1.0
    assert verdict.period is None or verdict.period > 0


@needs_jit
@pytest.mark.usefixtures("no_exponent")
@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.sampled_from([0.0, 1.0, -1.0, 5.0]), min_size=1, max_size=8),
    odd=st.lists(st.tuples(st.integers(0, 149), st.floats(-1e6, 1e6)), max_size=3),
)
def test_repeating_words_with_stray_values_get_a_defined_verdict(
    values: list[float], odd: list[tuple[int, float]]
) -> None:
    x = np.resize(np.array(values), 150)
    for place, value in odd:
        x[place] = value
    verdict = classify(x)
    assert isinstance(verdict.label, Attractor)
    if not odd and np.ptp(x) == 0:
        assert verdict.label is Attractor.FIXED_POINT
    elif not odd:
        assert verdict.label is Attractor.PERIODIC
        assert len(values) % verdict.period == 0


@pytest.mark.parametrize("name", [name for name in BAD if name != "empty"])
def test_bad_input_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="x "):
        classify(BAD[name])


@pytest.mark.parametrize("dt", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_dt_is_a_value_error(dt: float) -> None:
    with pytest.raises(ValueError, match="dt"):
        classify(np.zeros(100), dt)


@pytest.mark.parametrize("n", [0, 1, 10, SHORTEST - 1])
def test_short_series_are_unknown_with_the_reason(n: int) -> None:
    verdict = classify(logistic(n) if n else [])
    assert verdict.label is Attractor.UNKNOWN
    assert verdict.confidence == 0.0
    assert verdict.stable is None
    assert f"{n} samples" in verdict.reason


@needs_jit
def test_every_form_of_one_series_gives_one_verdict_and_stays_as_it_was() -> None:
    whole = (1000 * logistic(200)).astype(int)
    verdicts = []
    for name, form in forms(whole).items():
        before = np.array(form)
        verdicts.append((name, classify(form)))
        np.testing.assert_array_equal(np.array(form), before)
    assert all(verdict == verdicts[0][1] for _, verdict in verdicts), verdicts


def test_only_the_last_samples_of_a_long_series_count() -> None:
    x = np.r_[rng().normal(size=500), np.zeros(LONGEST)]
    verdict = classify(x)
    assert verdict.label is Attractor.FIXED_POINT
    assert verdict.n == LONGEST


@pytest.mark.parametrize("period", [7, 12] if not JIT else [7, 12, 16.6, 31.25])
def test_period_is_in_units_of_time(period: float) -> None:
    t = np.arange(300)
    wave = np.sin(2 * np.pi * t / period) + 0.4 * np.cos(4 * np.pi * t / period)
    verdict = classify(wave, dt=0.02)
    assert verdict.label is Attractor.PERIODIC
    assert verdict.period == pytest.approx(period * 0.02, rel=5e-3)


@needs_jit
@pytest.mark.parametrize("exponent", [-3.0, 0.0, 3.0])
def test_the_sign_of_the_exponent_decides_nothing(monkeypatch: pytest.MonkeyPatch, exponent: float) -> None:
    fit = LyapunovFit(exponent, 1.0, (0.0, 1.0), 2, 1, 3, 0.1, 300, 1.0)
    monkeypatch.setattr(classifier, "_exponent", lambda x, dt: fit)
    for name in ("logistic", "white", "sine"):
        x, label = CLEAR[name]
        verdict = classify(x)
        assert verdict.label is label
        assert verdict.lyapunov is (fit if label is Attractor.CHAOTIC else None)


@needs_jit
def test_chaos_comes_with_its_exponent() -> None:
    fit = classify(logistic(1000, 4.0 - 1e-9), dt=0.5).lyapunov
    assert fit is not None
    assert fit.exponent == pytest.approx(np.log(2) / 0.5, rel=0.15)


@needs_jit
def test_a_trend_is_unstable_whatever_else_it_is() -> None:
    t = np.arange(400)
    assert classify(np.sin(0.5 * t) + t / 300).stable is False
    assert classify(rng(1).normal(size=400) + t / 150).stable is False
    assert classify(rng(2).normal(size=400) * (1 + t / 100)).stable is False


def test_short_of_a_sure_length_the_reason_says_so() -> None:
    assert "100 samples" in classify(np.tile([0.0, 1.0, 3.0, 1.0], 25)).reason


def test_nothing_is_compiled_at_import() -> None:
    code = (
        "import midstream_analysis.classifier as c;"
        "from midstream_analysis.kernels import prediction as p, sinusoids as s;"
        "import numba.core.dispatcher as d;"
        "print(sum(len(f.signatures) for m in (p, s) for f in vars(m).values() if isinstance(f, d.Dispatcher)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_paths()
    )
    assert out.stdout.strip() == "0"


def _paths() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
