"""Loudness against ffmpeg's own ebur128 on the same file."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest

from midstream_adapters.events import Figures
from midstream_adapters.levels import clipped_samples
from midstream_adapters.loudness import LoudnessMeter
from tests.adapters.quality_clips import ffmpeg, make, watch

SOUNDS = {
    "tone": ("sine=997:r=48000:d=6", ("-c:a", "aac"), ".mp4"),
    "tone that comes and goes": (
        "aevalsrc='0.5*sin(2*PI*997*t)*if(lt(mod(t,2),0.9),1,0.02)|0.1*sin(2*PI*300*t)':d=9:s=48000",
        ("-c:a", "pcm_s16le"),
        ".wav",
    ),
    "pink noise at 44.1 kHz": ("anoisesrc=d=6:c=pink:a=0.4:seed=2:r=44100", ("-c:a", "libmp3lame"), ".mp3"),
    # A quarter of the rate, 45 degrees off: true peaks are 3 dB over the samples. Faded in and out, since of what
    # begins at once each oversampler makes another overshoot.
    "between the samples": (
        "aevalsrc='0.7*sin(2*PI*12000*t+PI/4)':d=5:s=48000,afade=d=0.2,areverse,afade=d=0.2",
        ("-c:a", "pcm_f32le"),
        ".wav",
    ),
    "16 kHz mono": ("anoisesrc=d=5:c=brown:a=0.8:seed=3:r=16000", ("-c:a", "pcm_s16le"), ".wav"),
    "5.1": (
        "aevalsrc='0.2*sin(500*t)|0.1*sin(900*t)|0.3*sin(1400*t)|0.5*sin(50*t)|0.1*sin(2000*t)|0.2*sin(3000*t)'"
        ":c=5.1:d=5:s=48000",
        ("-c:a", "flac"),
        ".flac",
    ),
}


def truth(path: Path) -> dict[str, float]:
    """What ``ffmpeg -af ebur128=peak=true`` says at the end: M and S of the last step, and the summary."""
    log = ffmpeg("-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-")
    last = re.findall(r"M:\s*(\S+)\s+S:\s*(\S+)\s+I:", log)[-1]
    summary = log[log.rindex("Summary:") :]
    integrated = re.search(r"I:\s+(\S+) LUFS", summary)
    peak = re.search(r"Peak:\s+(\S+) dBFS", summary)
    assert integrated
    assert peak
    return {
        "loudness_momentary_lufs": float(last[0]),
        "loudness_short_term_lufs": float(last[1]),
        "loudness_integrated_lufs": float(integrated[1]),
        "true_peak_dbtp": float(peak[1]),
    }


@pytest.mark.parametrize("name", SOUNDS)
async def test_agrees_with_ffmpeg(tmp_path: Path, name: str) -> None:
    graph, how, suffix = SOUNDS[name]
    path = make(tmp_path / f"sound{suffix}", None, graph, *how)
    told: dict[str, float | str] = {}
    for event in (await watch(path)).of(Figures):
        told |= event.values
    for figure, value in truth(path).items():
        tolerance = 0.3 if figure == "true_peak_dbtp" else 0.2
        assert told[figure] == pytest.approx(value, abs=tolerance), figure


async def test_told_once_a_second(tmp_path: Path) -> None:
    sink = await watch(make(tmp_path / "tone.wav", None, "sine=d=5.5"))
    told = [e.values for e in sink.of(Figures) if "loudness_momentary_lufs" in e.values]
    assert 5 <= len(told) <= 6
    assert "loudness_short_term_lufs" not in told[0]  # three seconds have not passed: insufficient data
    assert "loudness_short_term_lufs" in told[-1]


async def test_what_is_below_the_gate_has_no_number(tmp_path: Path) -> None:
    sink = await watch(make(tmp_path / "silence.wav", None, "anullsrc,atrim=duration=4"))
    last = [e.values for e in sink.of(Figures) if "loudness_momentary_lufs" in e.values][-1]
    assert last["loudness_integrated_lufs"] == last["loudness_momentary_lufs"] == "below -70"
    assert last["true_peak_dbtp"] == "silent"


async def test_a_new_format_is_measured_anew(tmp_path: Path) -> None:
    parts = [
        make(tmp_path / f"{rate}.ts", None, f"sine=997:r={rate}:d=3,volume={volume}", "-c:a", "mp2")
        for rate, volume in ((48_000, 1.0), (32_000, 4.0))
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    told = [e.values for e in (await watch(both)).of(Figures) if "loudness_integrated_lufs" in e.values]
    first, last = told[0]["loudness_integrated_lufs"], told[-1]["loudness_integrated_lufs"]
    assert float(last) - float(first) == pytest.approx(20 * np.log10(4), abs=0.3)


def test_a_format_that_the_filter_refuses_has_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no such layout")

    meter = LoudnessMeter()
    monkeypatch.setattr(meter, "_open", refuse)
    frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
    frame.sample_rate = 48_000
    for _ in range(100):
        assert meter.push(frame, np.full((2, 1024), 0.5, np.float32)) is None
    assert meter.read() is None


@pytest.mark.parametrize(
    ("samples", "clipped"),
    [
        ([[0.0, 1.0, 1.0, 1.0, 0.0]], 3),
        ([[1.0, 1.0, 0.0, 1.0, 1.0]], 0),  # two in a row are a peak
        ([[-1.0, -1.0, -1.0, -1.2, 0.5]], 4),
        ([[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]], 0),  # no run goes on in the next channel
        ([[1.0, 1.0, 1.0], [0.0, 0.5, 0.5]], 3),
        ([[0.9, 0.99, 0.9]], 0),
        ([[]], 0),
    ],
)
def test_clipped_samples(samples: list[list[float]], clipped: int) -> None:
    array = np.array(samples, np.float32)
    assert clipped_samples(array, float(np.abs(array).max(initial=0.0))) == clipped
