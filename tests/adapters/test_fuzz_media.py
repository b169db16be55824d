"""Truncated and bit-flipped media of every container that a stream comes in: no crash, no hang, a clear end.

What surrounds the media is fuzzed where it is tested: playlists in test_hls_playlist and test_hls_trouble, RTMP's
chunks and connections in test_rtmp_chunks and test_rtmp_server, SDP in test_whip and test_rtc_peer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.clips import make_clip
from tests.adapters.fuzz_files import LIMIT

CASES = 50
CONTAINERS: dict[str, dict[str, Any]] = {
    "flv": {"audio_rate": 44_100},
    "ts": {"file_format": "mpegts"},
    "mp4": {},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}},
    "mkv": {},
}


def fuzzed(path: Path, seed: int, folder: Path) -> list[dict[str, Any]]:
    """The ends of `CASES` damaged copies of `path`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.adapters.fuzz_files", str(path), str(seed), str(CASES), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"after {len(ends)} cases, status {done.returncode}:\n{done.stderr[-3000:]}"
    return ends


@pytest.mark.parametrize("container", CONTAINERS)
def test_damaged_media_ends_well_or_fails_clearly(container: str, tmp_path: Path) -> None:
    path = make_clip(tmp_path / f"clip.{container}", frames=30, size=(96, 64), **CONTAINERS[container])
    ends = fuzzed(path, seed=list(CONTAINERS).index(container), folder=tmp_path)
    assert len(ends) == CASES
    for end in ends:
        assert end["seconds"] < LIMIT, end
        assert end["state"] in ("ended", "failed"), end
        if end["state"] == "failed":
            reason = end["reason"]
            assert reason.startswith("damaged."), end  # it names the file ...
            assert len(reason) > len("damaged.mp4: ") + 4, end  # ... and what is wrong with it
            assert reason.isprintable(), end
            assert "internal error" not in reason, end
    said = Counter(end["state"] for end in ends)
    assert said["ended"] > 5, said  # damage is stepped over ...
    assert said["failed"] > 0, said  # ... where there is something left to step to
    assert sum(end["frames"] for end in ends) > 5 * 30


def test_the_watchdog_bites(tmp_path: Path) -> None:
    """A hang is seen: what the child is told to call never returns, and its end is no success."""
    code = (
        "import faulthandler, time, tests.adapters.fuzz_files as f; f.LIMIT = 0.3\n"
        "async def play(_): time.sleep(60)\n"
        "f.play = play; f.main(*__import__('sys').argv[1:])"
    )
    path = tmp_path / "x.ts"
    path.write_bytes(b"G" * 1000)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), "1", "1", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode != 0
    assert "Timeout" in done.stderr
