"""The motion of ffmpeg's test pictures, really encoded and decoded: schedules and rounding, and no chaos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from midstream_analysis import classifier
from midstream_analysis.classifier import classify
from tests.analysis.inputs import JIT

pytestmark = pytest.mark.skipif(
    not JIT, reason="too slow as plain Python; shorter series are tested elsewhere"
)
TRACES = np.load(Path(__file__).parent / "video_motion.npz")  # by benchmarks/analysis_video_motion.py
HELD = "320x240_30"  # the encoding that no constant was fitted on


@pytest.mark.parametrize(
    ("part", "n", "most"),
    [("testsrc_", 252, 0.05), ("testsrc_", 500, 0.06), (HELD, 500, 0.04), (HELD, 1000, 0.0)],
)
def test_the_motion_of_a_test_picture_is_not_chaotic(
    part: str, n: int, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "_exponent", lambda x, dt: None)
    called = [
        classify(TRACES[name][start : start + n]).chaotic
        for name in TRACES.files
        if part in name
        for start in range(0, 1000 - n + 1, 62)
    ]
    assert len(called) >= 4
    assert np.mean(called) <= most
