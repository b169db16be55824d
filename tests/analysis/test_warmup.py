"""Warm-up in processes of its own: the cache, the second start, and read-only installations.

A small kernel is laid beside the real ones (which take longer to compile than a test should) and cached as they are.

The tests may run as root, whom permissions do not bind. So what must not be writable gets a plain file where numba
would make its directory: nobody, root neither, can make it there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import midstream_analysis
from midstream_analysis.warmup import KernelsUnavailable, load_numba, steps

SOURCE = Path(midstream_analysis.__file__).parent

KERNEL = """
from numba import njit

@njit(nogil=True, cache=True)
def total(x):
    return x.sum()
"""

SCRIPT = """
import json, sys, threading
from midstream_analysis import kernel_cache
from midstream_analysis.engine import Engine, Series
from midstream_analysis.observe import unknown
from midstream_analysis.warmup import Step, load_numba

made, shares, done, said = [], [], threading.Event(), {}
real = kernel_cache.ensure
kernel_cache.ensure = lambda: made.append(real())

def total(x):
    from midstream_analysis.checks import as_series
    from midstream_analysis.kernels.small import total
    return float(total(as_series(x)))

def on_report(report):
    shares.append(report.warming)
    if report.series or report.failed:
        said["failed"] = report.failed
        said["reason"] = report.series["s", "x"].classification.reason
        done.set()

engine = Engine(on_report, interval_s=0.0, analyse=lambda job: unknown(job, repr(total(job.values))),
                warm_up=[Step("numba", load_numba), Step("small", lambda: total([1.0, 2.0]))])
engine.submit(Series("s", "x", [0.5, 1.0, 5.0], 1.0, 0.0))
assert not [name for name in ("numba", "numpy") if name in sys.modules]
engine.start()
assert done.wait(100), engine.status
assert engine.stop(30)

from numba.core.dispatcher import Dispatcher
kernels = {id(value): value for name, module in list(sys.modules.items()) if name.startswith("midstream_analysis")
           for value in vars(module).values() if isinstance(value, Dispatcher)}.values()
said |= {"hits": sum(sum(k.stats.cache_hits.values()) for k in kernels),
         "misses": sum(sum(k.stats.cache_misses.values()) for k in kernels),
         "paths": sorted({k.stats.cache_path for k in kernels}), "made": made[0], "shares": shares,
         "error": engine.status.last_error}
print(json.dumps(said))
"""


def start(packages: Path, home: Path) -> dict[str, Any]:
    """Run the script on the copy under `packages`, as a user whose home is `home`."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("NUMBA", "XDG", "COV"))
    }
    environment |= {"PYTHONPATH": str(packages), "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["reason"] == "6.5"  # really computed by the kernel
    assert said["failed"] is said["error"] is None
    assert said["shares"] == [*sorted(said["shares"][:-1]), None]
    return said


def install(packages: Path, *, writable: bool) -> None:
    """Copy the package, without caches; where it must not be writable, plain files take their places."""
    ignore = shutil.ignore_patterns("__pycache__", "*.nb?")
    copy = shutil.copytree(SOURCE, packages / "midstream_analysis", ignore=ignore)
    (copy / "kernels" / "small.py").write_text(KERNEL)
    if not writable:
        (copy / "__pycache__").touch()
        (copy / "kernels" / "__pycache__").touch()


def test_the_second_start_loads_what_the_first_compiled(tmp_path: Path) -> None:
    install(tmp_path, writable=True)
    first = start(tmp_path, tmp_path)
    assert first["misses"] > 0
    assert first["made"] is None
    assert all(path.startswith(str(tmp_path / "midstream_analysis")) for path in first["paths"])
    second = start(tmp_path, tmp_path)
    assert second["hits"] > 0
    assert second["misses"] == 0


def test_a_read_only_installation_caches_in_the_users_directory(tmp_path: Path) -> None:
    install(tmp_path / "site", writable=False)
    said = start(tmp_path / "site", tmp_path / "home")
    assert said["made"] is None
    assert said["misses"] > 0
    assert all(path.startswith(str(tmp_path / "home")) for path in said["paths"])


def test_without_a_writable_home_either_it_works_and_leaves_nothing_behind(tmp_path: Path) -> None:
    install(tmp_path / "site", writable=False)
    (tmp_path / "home").touch()
    said = start(tmp_path / "site", tmp_path / "home")
    assert said["misses"] > 0
    assert all(path.startswith(said["made"]) for path in said["paths"])
    assert not Path(said["made"]).exists()


def test_numba_that_cannot_be_loaded_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(KernelsUnavailable) as caught:
        load_numba()
    assert str(caught.value).startswith("numba cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_conversation_needs_no_numba() -> None:
    code = """
import sys, threading
sys.modules["numba"] = None
from midstream_analysis.engine import Engine, Series, Utterance
done = threading.Event()
def on_report(report):
    if report.series and report.conversations:
        print(report.failed == report.series["s", "x"].classification.reason, report.failed, sep="|")
        print(report.conversations["s"].moves[0].label, report.conversations["s"].learning.transitions, sep="|")
        done.set()
engine = Engine(on_report, interval_s=0.0)
engine.submit(Series("s", "x", [1.0, 2.0], 1.0, 0.0))
for _ in range(3):
    engine.hear(Utterance("s", "What is the capital of France?", "user"))
engine.start()
assert done.wait(60), engine.status
assert engine.stop(30)
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert run.returncode == 0, run.stderr
    first, last = run.stdout.splitlines()[0], run.stdout.splitlines()[-1]
    assert first.startswith("True|numba cannot be loaded: ")
    assert last == "question|1"


def test_every_step_does_what_it_says() -> None:
    for step in steps():
        step.run()


def test_every_public_analysis_has_a_step() -> None:
    """A new kernel is warmed up, or named here as having none."""
    none = {
        "MetaLearner",
        "MidStreamAgent",
        "Engine",
        "MoveClassifier",
        "RepetitionDetector",
        "recurring_patterns",
    }
    none |= {
        "autocorrelation_time",
        "embed",
        "permutation_entropy",
        "classify",
        "ChangePoint",
        "lyapunov_verdict",
    }  # "observe" calls them
    none |= {
        "divergence_curve",
        "correlation_sum",
    }  # their kernels are those of lyapunov and correlation_dimension
    none |= {"LyapunovSpectrum", "LyapunovVerdict", "CorrelationDimension", "ZeroOne"}  # results
    none |= {"Change", "PageHinkley", "Match", "Motif", "RecurringPattern"}
    warmed = {step.name.split()[0] for step in steps()}
    public = {
        name for module, names in midstream_analysis._MODULES.items() for name in names if module != "report"
    }
    assert public - none - warmed == set()


def test_without_warming_only_numba_is_loaded() -> None:
    assert [step.name for step in steps(False)] == ["numba"]
    assert next(iter(steps())).name == "numba"
