"""`probe` on media: the counts it prints are those of bare PyAV on the same file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from midstream_adapters.base import Options
from midstream_tui.cli import main
from midstream_tui.probe import measure
from tests.adapters.clips import make_clip, truth


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=75, frame_rate=25)


def test_probe_prints_true_counts(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(clip), "--fast", "--no-analysis"]) == 0
    state = json.loads(capsys.readouterr().out)
    (stream,) = state["streams"].values()
    true = truth(clip)
    assert stream["video_frames"] == true["frames"]
    assert stream["audio_chunks"] == true["chunks"]
    assert stream["bytes"] == true["video_bytes"] + true["audio_bytes"]
    assert stream["media_s"]["video"] == pytest.approx(3.0, abs=0.05)
    assert stream["media_s"]["audio"] == pytest.approx(3.0, abs=0.05)
    assert (stream["width"], stream["height"], stream["sample_rate"], stream["channels"]) == (
        192,
        108,
        48_000,
        2,
    )
    assert (stream["state"], stream["provenance"], stream["drops"]) == ("ended", "file", {})


async def test_in_real_time_the_frame_rate_is_the_files(clip: Path) -> None:
    state = await measure([str(clip)], Options(), analysis=False)
    (stream,) = state.streams.values()
    assert stream.fps == pytest.approx(25, rel=0.1)
    assert stream.video_frames == truth(clip)["frames"]


def test_a_file_that_is_no_media_fails_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no movie" * 100)
    assert main(["probe", str(broken), "--fast", "--no-analysis"]) == 1
    printed = capsys.readouterr()
    assert "broken.mp4: failed" in printed.err
    (stream,) = json.loads(printed.out)["streams"].values()
    assert stream["state"] == "failed"


async def test_one_broken_source_takes_nothing_else_down(clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFFnonsense")
    state = await measure([str(broken), str(clip), "sim:text"], Options(fast=True), seconds=2, analysis=False)
    states = {name: stream.state for name, stream in state.streams.items()}
    assert states["broken.wav"] == "failed"
    assert states["clip.mp4"] == "ended"
    assert state.streams["clip.mp4"].video_frames == 75
    assert any(stream.state == "live" for stream in state.streams.values())
