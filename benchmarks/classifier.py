"""The classifier on large samples: accuracy by length and family, calibration, time, and what it does to a ticker.

    python -m benchmarks.classifier [accuracy|calibration|time|ticker ...] [--seeds S]

Three groups: plain ones (maps, flows, tones, noises, settling, with observation noise); those that noise drives, which
are the hardest; and blind ones, which share no system with either and had no part in any threshold or constant. Seeds
differ from those of the tests and of `calibrate_classifier`.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections import Counter, defaultdict

import numpy as np

import tests.analysis.families_driven
import tests.analysis.families_events
import tests.analysis.families_linear  # noqa: F401 (all register their families)
from midstream_analysis import classifier
from midstream_analysis.report import Attractor, Classification
from tests.analysis.families import FAMILIES, Family, draw
from tests.analysis.families_blind import BLIND

Result = tuple[Family, int, Classification]
TIMED = (
    "white",
    "ar1",
    "map_logistic",
    "flow_lorenz",
    "flow_rossler",
    "sine",
    "sawtooth",
    "three_tones",
    "noisy_cycle",
)


def survey(sizes: tuple[int, ...], seeds: int, offset: int = 9) -> list[Result]:
    """Verdicts without exponents (they decide nothing) on every family."""
    exponent, classifier._exponent = classifier._exponent, lambda x, dt: None
    try:
        return [
            (family, n, classifier.classify(draw(family, np.random.default_rng([seed, n, offset]), n)))
            for n in sizes
            for family in (*FAMILIES.values(), *BLIND.values())
            if n >= 256 or family.group != "blind"  # whose periods are too long for less
            for seed in range(seeds if n < 1000 else max(1, seeds // 2))
        ]
    finally:
        classifier._exponent = exponent


def accuracy(results: list[Result]) -> None:
    by_size: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    by_family: dict[Family, dict[int, list[bool]]] = defaultdict(lambda: defaultdict(list))
    wrong: dict[Family, Counter[str]] = defaultdict(Counter)
    for family, n, verdict in results:
        right = verdict.label is family.label
        for group in (family.group, "all"):
            by_size[n, group].update({"all": 1, "right": right})
            if family.label is Attractor.STOCHASTIC:
                by_size[n, group].update({"noise": 1, "noise called chaotic": verdict.chaotic})
        by_family[family][n].append(right)
        if not right:
            wrong[family][verdict.label.value] += 1
    print("| n | families | series | right | noise called chaotic |\n|---|---|---|---|---|")
    for (n, group), c in sorted(by_size.items()):
        share = c["noise called chaotic"] / max(c["noise"], 1)
        noise = f"{c['noise called chaotic']} of {c['noise']} ({share:.1%})"
        print(f"| {n} | {group} | {c['all']} | {c['right'] / c['all']:.1%} | {noise} |")
    sizes = sorted({n for n, _ in by_size})
    print(
        f"\n| family | label | {' | '.join(f'n={n}' for n in sizes)} | taken for |\n"
        f"|---|---|{'---|' * (len(sizes) + 1)}"
    )
    for family, rows in by_family.items():
        shares = [float(np.mean(rows[n])) for n in sizes]
        if min(shares) < 1.0:
            taken = ", ".join(f"{label} {count}" for label, count in wrong[family].most_common())
            percent = " | ".join(f"{share:.0%}" for share in shares)
            print(f"| {family.name} ({family.group}) | {family.label} | {percent} | {taken} |")
    perfect = sum(min(np.mean(r) for r in rows.values()) == 1.0 for rows in by_family.values())
    print(f"\n{perfect} families without an error are not listed.")


def calibration(results: list[Result]) -> None:
    print(
        "\n| said | series | mean said | right | blind families: mean said | right |\n|---|---|---|---|---|---|"
    )
    said = np.array([verdict.confidence for _, _, verdict in results])
    right = np.array([verdict.label is family.label for family, _, verdict in results])
    blind = np.array([family.group == "blind" for family, _, _ in results])
    for low, high in ((0, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 0.98), (0.98, 1.01)):
        row = (said >= low) & (said < high)
        if not row.any():
            continue
        out = row & blind
        tail = f"{said[out].mean():.1%} | {right[out].mean():.1%} ({out.sum()})" if out.any() else "- | -"
        print(
            f"| {low:.2f}-{min(high, 1):.2f} | {row.sum()} | {said[row].mean():.1%} | {right[row].mean():.1%} "
            f"| {tail} |"
        )
    print(f"\nmean |said - right| over ten equal bins: {_calibration_error(said, right):.3f}")


def _calibration_error(said: np.ndarray, right: np.ndarray) -> float:
    parts = np.array_split(np.argsort(said), 10)
    return float(np.mean([abs(said[p].mean() - right[p].mean()) for p in parts]))


def timing(n: int = 1000) -> None:
    print(f"\nn={n}, one thread, warm, CPU time in ms (label alone; then with the exponent, for chaos)\n")
    print("| family | median | worst | with exponent, median |\n|---|---|---|---|")
    exponent = classifier._exponent
    for name in TIMED:
        series = [draw(FAMILIES[name], np.random.default_rng([seed, n, 10]), n) for seed in range(6)]
        columns = []
        for function in (lambda x, dt: None, exponent):
            classifier._exponent = function
            for x in series:
                classifier.classify(x)
            spent = []
            for x in series * 3:
                start = time.thread_time()
                classifier.classify(x)
                spent.append(1e3 * (time.thread_time() - start))
            columns.append(spent)
        print(
            f"| {name} | {np.median(columns[0]):.1f} | {max(columns[0]):.1f} | {np.median(columns[1]):.1f} |"
        )
    classifier._exponent = exponent


def ticker(seconds: float = 8.0) -> None:
    """Lag of a 15 Hz asyncio ticker, alone and while a thread classifies back to back."""
    pool = [draw(FAMILIES[name], np.random.default_rng([1, 1000, 11]), 1000) for name in TIMED]
    for x in pool:
        classifier.classify(x)

    async def lags() -> list[float]:
        out = []
        due = time.perf_counter()
        while len(out) < 15 * seconds:
            due += 1 / 15
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            out.append(1e3 * (time.perf_counter() - due))
        return out

    print("\n| ticker at 15 Hz | lag p50 | p99 | worst | series classified |\n|---|---|---|---|---|")
    for busy in (False, True):
        stop, done = threading.Event(), Counter[str]()

        def work(stop: threading.Event = stop, done: Counter[str] = done) -> None:
            while not stop.is_set():
                classifier.classify(pool[done["series"] % len(pool)])
                done["series"] += 1

        thread = threading.Thread(target=work, daemon=True)
        if busy:
            thread.start()
        found = asyncio.run(lags())
        stop.set()
        if busy:
            thread.join()
        p50, p99 = np.percentile(found, [50, 99])
        name = "while classifying" if busy else "alone"
        print(f"| {name} | {p50:.2f} ms | {p99:.2f} ms | {max(found):.2f} ms | {done['series']} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["accuracy", "calibration", "time", "ticker"])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--offset", type=int, default=9, help="another number draws series never seen before")
    parser.add_argument("--sizes", type=int, nargs="*", default=[64, 128, 256, 512, 1000])
    chosen = parser.parse_args()
    if {"accuracy", "calibration"} & set(chosen.parts):
        found = survey(tuple(chosen.sizes), chosen.seeds, chosen.offset)
        if "accuracy" in chosen.parts:
            accuracy(found)
        if "calibration" in chosen.parts:
            calibration(found)
    if "time" in chosen.parts:
        timing()
    if "ticker" in chosen.parts:
        ticker()
