"""What watching the quality of a stream costs: the whole path of a source with it, against the same path without.

``python benchmarks/quality.py``. Both run in turn on the clips of ``decode.py``, through `supervise`; "without" has no
loudness meter, no clipping count and no detectors on the way to the sink. The ratio is of the least processor time of
many runs: what is measured is a few per cent, and whatever else a machine does only adds. Target: at least 0.97 for
720p and 1080p.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from harness import Row, Timing, collect, table  # first: it pins the thread pools

from decode import CLIPS, CountingSink, make_clip  # isort: skip
from midstream_adapters import loudness, quality, taps
from midstream_adapters.base import Options, supervise
from midstream_adapters.media import open_source

REPEATS = 20


def play(path: Path) -> tuple[int, int]:
    """The whole path into a sink, as ``--fast`` does it."""
    sink = CountingSink()
    asyncio.run(supervise(open_source(str(path), "clip", Options(fast=True))[0], sink, Options()))
    return sink.frames, sink.chunks


def plain(path: Path) -> tuple[int, int]:
    """The same without anything that is there for quality alone."""
    with ExitStack() as without:
        without.enter_context(patch.object(loudness.LoudnessMeter, "push", lambda *_: None))
        without.enter_context(patch.object(taps, "clipped_samples", lambda *_: 0))
        without.enter_context(
            patch.object(quality.QualitySink, "emit", lambda self, event: self._sink.emit(event))
        )
        return play(path)


def compare(operation: str, path: Path, target: float | None) -> Row:
    agree = play(path) == plain(path)
    least = {play: float("inf"), plain: float("inf")}
    for _ in range(REPEATS):
        for function in (play, plain):
            start = time.process_time()
            function(path)
            least[function] = min(least[function], time.process_time() - start)
    return Row(operation, "without", Timing(least[play], least[plain]), target, agree)


def clips() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        for name, width, height, bit_rate, target in CLIPS:
            path = make_clip(Path(folder) / f"{height}.mp4", width, height, bit_rate)
            yield compare(name, path, 0.97 if target else None)


if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]]
    rows = (compare(path.name, path, None) for path in files) if files else collect(clips)
    print(table(rows))
