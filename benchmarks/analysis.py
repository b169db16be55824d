"""Every analysis kernel against its fastest correct peer; prints the Markdown table of the README.

Run `python benchmarks/analysis.py [WORD...]` with the `bench` group installed; words select benchmarks by name.
"""

from __future__ import annotations

import sys

import harness  # first: it pins the thread pools, before anything imports numpy or numba

import analysis_dynamics  # isort: skip
import analysis_sequences  # isort: skip


def main(words: list[str]) -> int:
    """Print the table; exit 1 when a target was missed or values disagree."""
    every = [*analysis_dynamics.BENCHMARKS, *analysis_sequences.BENCHMARKS]
    chosen = [b for b in every if not words or any(word in b.__name__ for word in words)]
    rows = list(harness.collect(*chosen))
    print(harness.table(rows))
    return int(any(row.met is False or row.agree is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
