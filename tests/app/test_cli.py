"""The command line: what it prints, how it exits, and that it loads no more than it needs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from midstream_tui import __version__
from midstream_tui.cli import main


def command(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "midstream_tui", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,  # type: ignore[call-overload]
    )


def test_help_lists_commands_sources_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        main(["--help"])
    assert leave.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "demo",
        "probe",
        "sim:all",
        "wss://",
        "openai:MODEL",
        "OPENAI_API_KEY",
        "--refresh",
        "q quit",
    ):
        assert word in text
    assert max(map(len, text.splitlines())) <= 110


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"midstream-tui {__version__}\n"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nosuch://host", "nosuch"),
        ("/no/such/file.mp4", "no such file"),
        ("/", "folder"),
        ("sim:nothing", "sim:nothing"),
        ("", "empty"),
    ],
)
@pytest.mark.parametrize("front", [[], ["probe"]])
def test_a_bad_source_is_one_line_and_the_kinds(
    front: list[str], source: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*front, source]) == 2
    first, *kinds = capsys.readouterr().err.splitlines()
    assert says in first
    assert any("sim:all" in line for line in kinds)


def test_a_secret_in_a_bad_source_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nosuch://user:hunter2@host/x?token=abcdef123456"]) == 2
    err = capsys.readouterr().err
    assert "hunter2" not in err
    assert "abcdef123456" not in err


def test_an_unknown_source_is_refused_beside_good_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "sim:text", "nosuch://host"]) == 2
    assert "nosuch" in capsys.readouterr().err


def test_what_cannot_be_used_says_so_and_leaves_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text("one\ntwo\n")
    asked = ("openai:gpt-x", "/no/such/file.mp4", str(tmp_path / "talk.txt"))
    done = command("probe", "--fast", "--no-analysis", *asked, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 1
    assert "openai:gpt-x: failed: OPENAI_API_KEY is not set" in done.stderr
    assert "file.mp4: failed: no such file" in done.stderr
    streams = json.loads(done.stdout)["streams"]
    states = {name: (stream["state"], stream["chunks"]) for name, stream in streams.items()}
    assert states == {"openai:gpt-x": ("failed", 0), "file.mp4": ("failed", 0), "talk.txt": ("ended", 2)}


@pytest.mark.parametrize(
    "arguments", [["--refresh", "10", "sim:all"], ["--refresh", "9000", "sim:all"], ["--nope"]]
)
def test_a_wrong_option_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        main(arguments)
    assert leave.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_openai_without_a_key_is_one_clear_line() -> None:
    done = command("demo", "--mode", "openai", env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 2
    assert "OPENAI_API_KEY" in done.stderr.splitlines()[0]


def test_probe_counts_lines(tmp_path: Path) -> None:
    file = tmp_path / "talk.ndjson"
    lines = [{"text": f"line {n}", "tokens": 3, "role": "user", "reward": n / 10} for n in range(10)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = command("probe", "--fast", "--no-analysis", str(file))
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    (stream,) = state["streams"].values()
    assert (state["message_count"], state["total_tokens"], state["tokens_estimated"]) == (10, 30, False)
    assert (stream["chunks"], stream["state"], stream["provenance"]) == (10, "ended", "file")
    assert stream["average_reward"] == pytest.approx(0.45)
    assert state["attractor_type"] is None


def test_a_reader_that_has_enough_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text("a line\n" * 9)
    process = subprocess.Popen(
        [sys.executable, "-m", "midstream_tui", "probe", "--fast", "--no-analysis", str(tmp_path / "talk.txt")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()  # as `| head -0` does
    assert process.stderr.read() == ""
    assert process.wait(20) == 141


def test_probe_reads_a_pipe() -> None:
    done = command("probe", "-", "--no-analysis", "--seconds", "20", input="one\ntwo\nthree\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["message_count"] == 3


def test_probe_of_the_simulator_with_analysis() -> None:
    done = command("probe", "sim:all", "--seconds", "3")
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    kinds = {stream["source"]: stream for stream in state["streams"].values()}
    assert {stream["provenance"] for stream in kinds.values()} == {"simulated"}
    assert len(kinds) == 3
    assert state["audio_active"]
    assert state["video_active"]
    video = next(stream for stream in kinds.values() if stream["video_frames"])
    shed = sum(video["drops"].values())
    # 30 FPS from its first frame to its last, however late the machine was: what was late is counted, not hidden
    assert video["video_frames"] + shed == pytest.approx(video["media_s"]["video"] * 30 + 1, abs=2)
    assert 1.5 <= video["media_s"]["video"] <= 3.1


def test_an_interrupted_probe_prints_what_came() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "midstream_tui", "probe", "sim:text", "--seconds", "60", "--no-analysis"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert json.loads(out)["message_count"] >= 1


def test_probe_of_what_does_not_deliver_exits_with_1_and_the_reason(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()
    done = command("probe", "--no-analysis", str(empty))
    assert done.returncode == 1
    assert "nothing came" in done.stderr
    assert json.loads(done.stdout)["message_count"] == 0


def test_probe_says_why_a_server_cannot_be_reached() -> None:
    done = command("probe", "ws://127.0.0.1:9/", "--seconds", "1", "--no-analysis")
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    (stream,) = json.loads(done.stdout)["streams"].values()
    assert stream["state"] in ("reconnecting", "connecting")


def test_what_a_refusal_quotes_is_nothing_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no\x1b[31m\u202efile.mp4"]) == 2
    said = capsys.readouterr().err
    assert "no such file: nofile.mp4" in said
    assert "\x1b" not in said


HEAVY = ("textual", "rich", "numba", "openai", "av", "aiortc", "httpx", "numpy", "websockets")


def loaded(code: str) -> set[str]:
    """Which of the heavy packages `code` loads, in an interpreter of its own."""
    script = f"import sys\n{code}\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import midstream_tui, midstream_analysis, midstream_adapters",
        "from midstream_tui.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "import midstream_adapters.base, midstream_adapters.events, midstream_adapters.registry",
        "import midstream_analysis.report, midstream_analysis.jobs",
        "import midstream_tui.session, midstream_tui.hub, midstream_tui.probe",
    ],
)
def test_light_imports_stay_light(code: str) -> None:
    assert loaded(code) == set()


def test_the_app_loads_neither_numba_nor_openai_nor_av() -> None:
    assert loaded("import midstream_tui.app").isdisjoint({"numba", "openai", "av", "aiortc", "httpx"})


def test_adapters_and_analysis_never_load_the_terminal() -> None:
    code = """
import importlib, pkgutil, midstream_adapters, midstream_analysis
for package in (midstream_adapters, midstream_analysis):
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):
        if '.training' not in info.name:
            importlib.import_module(info.name)
"""
    assert loaded(code).isdisjoint({"textual", "rich"})


def test_without_a_terminal_it_says_where_it_wants_one() -> None:
    done = command("sim:text")
    assert done.returncode == 2
    assert "needs a terminal on stderr" in done.stderr
