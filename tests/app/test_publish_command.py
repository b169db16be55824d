"""`midstream-tui demo --publish`: what it says, how it leaves, and that no key is ever shown."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KEY = "never-to-be-shown"


def start(*arguments: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "midstream_tui", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
    )


def done(*arguments: str, **env: str) -> tuple[int, str]:
    process = start(*arguments, **env)
    out, err = process.communicate(timeout=30)
    assert out == ""
    return process.returncode, err


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(name: signal.Signals, tmp_path: Path) -> None:
    process = start("--publish", f"hls:{tmp_path}/live", "--mode", "audio")
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == f"connecting to hls:{tmp_path}/live\n"
        line = process.stderr.readline()  # a second later
        assert re.search(
            r"publishing to .*: \d+ frames, [\d.]+ fps, [\d.]+ MB, \d+ kbit/s, \d+ dropped$", line
        )
        began = time.monotonic()
        process.send_signal(name)
        _, rest = process.communicate(timeout=10)
        assert time.monotonic() - began < 3.0
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert rest.splitlines()[-1].startswith(f"left hls:{tmp_path}/live after")
    assert "Traceback" not in rest
    assert "#EXT-X-ENDLIST" in (tmp_path / "live/index.m3u8").read_text()


def test_it_leaves_after_its_duration(tmp_path: Path) -> None:
    status, said = done(
        "--publish", f"hls:{tmp_path}", "--mode", "video", "--duration", "1.2", "--frame-rate", "25"
    )
    assert status == 0
    frames = re.search(r"after (\d+) frames", said)
    assert frames is not None
    assert 5 <= int(frames[1]) <= 31


def test_nobody_there_is_one_line_without_the_key() -> None:
    status, said = done("--publish", f"rtmp://127.0.0.1:9/live/{KEY}")
    assert status == 1
    assert said.splitlines()[-1].startswith("rtmp://127.0.0.1:9/live/***: ")
    assert len(said.splitlines()) == 2
    assert KEY not in said
    status, said = done("--publish", "rtmp://127.0.0.1:9/live", MIDSTREAM_STREAM_KEY=KEY)
    assert (status, KEY in said) == (1, False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--publish", "nonsense"), "hls:FOLDER"),
        (("--publish", f"https://u:{KEY}@host/x"), "whip+http"),
        (("--publish", "hls:/tmp/x", "--mode", "text"), "--mode text"),
        (("--publish", "hls:/tmp/x", "--frame-rate", "0"), "frame rate"),
    ],
)
def test_a_wrong_call_is_refused(arguments: tuple[str, ...], says: str) -> None:
    status, said = done(*arguments)
    assert status == 2
    assert says in said
    assert KEY not in said
    assert len(said.splitlines()) == 1
