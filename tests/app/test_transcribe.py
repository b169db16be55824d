"""Speech from a source to the state: live, with its lines in order, through a file, HLS and the command line."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Figures, State, StateChanged, TextChunk, Transcript
from midstream_adapters.speech import listener
from midstream_tui import RestreamClient, RestreamConfig
from midstream_tui.cli import main
from midstream_tui.commands.arguments import part
from midstream_tui.hub import Hub
from midstream_tui.present import status_view
from midstream_tui.probe import measure
from midstream_tui.session import Session
from midstream_tui.transcript import Message
from midstream_widgets.streaming_status import status_rows
from tests.adapters.hls_server import serving
from tests.adapters.speech_clips import (
    clips,
    encode,
    joined,
    needs_recordings,
    silence,
    word_error_rate,
    write,
)
from tests.app.conftest import FakeClock, live, opened

SAID = ("he was not an ill disposed young man", "he might even have been made amiable himself")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """8 seconds of film with two sentences."""
    pytest.importorskip("moonshine_voice", reason="extra 'speech' is not installed")
    sound = joined([clip.samples for clip in clips(cards=False) if clip.text in SAID])
    return encode(tmp_path / "film.mp4", sound)


def heard(segment: int, text: str, final: bool, at: float = 1001.0, lag: float = 0.2) -> Transcript:
    return Transcript("s", at, segment, text, 2.0 * segment, 2.0 * segment + 1.5, final, lag)


# -- the fold


def test_a_final_text_finds_its_message_also_after_the_end(clock: FakeClock) -> None:
    said: list[Message] = []
    session = Session(clock, on_message=said.append)
    session.apply_all([opened("s", 1000.0), live("s", 1000.0), heard(1, "he was", False)])
    session.apply(StateChanged("s", 1002.0, State.ENDED))
    assert not session.transcript.messages[-1].open
    assert said == []  # a partial text is not yet said
    session.apply(heard(1, "he was not", True))
    (message,) = session.transcript.messages
    assert (message.text, message.role, message.open) == ("he was not", "speech", False)
    assert [m.text for m in said] == ["he was not"]


def test_each_segment_is_one_transcript_the_newest_word_on_it(clock: FakeClock) -> None:
    session = Session(clock)
    session.apply_all([opened("s", 1000.0), live("s", 1000.0)])
    for n in range(1, 131):
        session.apply(heard(n, f"part {n}", False))
        session.apply(TextChunk("s", 1001.0, "other text"))
        session.apply(heard(n, f"whole {n}", True, lag=0.25))
    state = session.state().to_json()["streams"]["s"]
    assert [t["text"] for t in state["transcripts"]] == [f"whole {n}" for n in range(31, 131)]
    assert state["transcripts"][-1] == {
        "text": "whole 130", "began": 260.0, "ended": 261.5, "final": True, "lag": 0.25, "role": "speech",
    }  # fmt: skip
    json.dumps(state)


def test_a_secret_that_is_read_out_is_not_shown(clock: FakeClock) -> None:
    session = Session(clock)
    session.apply(heard(1, "the key is sk-proj-abcdefghijklmnopqrstuvwx", True))
    state = session.state()
    assert "abcdefgh" not in json.dumps(state.to_json())


def test_the_status_says_what_listens_and_how_far_behind_it_is(clock: FakeClock) -> None:
    session = Session(clock)
    session.apply_all([opened("s", 1000.0), live("s", 1000.0)])
    assert status_view(session, 1000.0).lines[0].heard == ""
    session.apply(Figures("s", 1000.0, {"speech": "moonshine tiny-en", "speech_lag_s": 0.2}))
    assert status_view(session, 1000.0).lines[0].heard == "speech: moonshine tiny-en"
    session.apply(Figures("s", 1000.0, {"speech_lag_s": 3.24}))
    line = status_view(session, 1000.0).lines[0]
    assert line.heard == "speech: moonshine tiny-en, 3.2 s behind"
    assert "speech" not in line.reason
    rows = status_rows(status_view(session, 1000.0), 120, 12)
    assert any("3.2 s behind" in text for row in rows for text, _ in row.spans)
    session.apply(Figures("s", 1000.0, {"speech": 'not installed: pip install "midstream-tui[speech]"'}))
    line = status_view(session, 1000.0).lines[0]
    assert line.heard == 'pip install "midstream-tui[speech]" (speech not installed)'


# -- the command line


@needs_recordings
def test_probe_prints_what_was_said(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--fast", "--transcribe", str(film)]) == 0
    state = json.loads(capsys.readouterr().out)
    (stream,) = state["streams"].values()
    assert len(stream["transcripts"]) == 2
    for said, told in zip(SAID, stream["transcripts"], strict=True):
        assert word_error_rate(said, told["text"]) <= 0.2
        assert told["final"]
        assert 0 <= told["began"] < told["ended"] <= 8.5
        assert told["lag"] >= 0
    recent = [(m["role"], m["text"]) for m in state["recent_messages"]]
    assert recent == [("speech", told["text"]) for told in stream["transcripts"]]
    assert stream["drops"] == {}
    assert stream["figures"]["speech"] == "moonshine tiny-en"
    assert sum(pattern["count"] for pattern in state["patterns"]) == 2  # what was said is looked for moves


@needs_recordings
def test_probe_without_the_extra_measures_all_the_same(
    film: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    assert main(["probe", str(film), "--fast", "--no-analysis", "--transcribe"]) == 0
    (stream,) = json.loads(capsys.readouterr().out)["streams"].values()
    assert stream["figures"]["speech"] == 'not installed: pip install "midstream-tui[speech]"'
    assert stream["transcripts"] == []
    assert stream["audio_chunks"] > 0


def test_silence_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("moonshine_voice", reason="extra 'speech' is not installed")
    noise = np.random.default_rng(0).normal(0, 0.003, len(silence(20))).astype(np.float32)
    for name, sound in (("silence", silence(20)), ("noise", noise)):
        file = write(tmp_path / f"{name}.wav", sound)
        assert main(["probe", str(file), "--fast", "--no-analysis", "--transcribe"]) == 0
        state = json.loads(capsys.readouterr().out)
        assert state["streams"][f"{name}.wav"]["transcripts"] == []
        assert state["recent_messages"] == []


@pytest.mark.parametrize(
    ("args", "parted"),
    [
        ("--transcribe a.wav", "--transcribe moonshine a.wav"),
        ("a.wav --transcribe", "a.wav --transcribe"),
        ("--transcribe openai:whisper-1 a.wav", "--transcribe openai:whisper-1 a.wav"),
        ("--transcribe whisper:/m a.wav", "--transcribe whisper:/m a.wav"),
        ("--transcribe --fast a.wav", "--transcribe moonshine --fast a.wav"),
        ("--transcribe=openai a.wav", "--transcribe=openai a.wav"),
    ],
)
def test_a_source_after_the_flag_is_a_source(args: str, parted: str) -> None:
    assert part(args.split()) == parted.split()


def test_an_engine_that_is_not_known_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["probe", "sim:text", "--transcribe=vosk"])
    assert caught.value.code == 2
    assert "no speech engine 'vosk': moonshine, whisper:PATH or openai[:MODEL]" in capsys.readouterr().err


# -- live


@needs_recordings
async def test_lines_appear_while_the_film_plays(film: Path) -> None:
    hub = Hub(Options(models=(listener(),)), engine=False)
    began = time.monotonic()
    (stream,) = hub.add(str(film))
    seen: list[tuple[float, str]] = []
    while not all(task.done() for task in hub.tasks):
        await asyncio.sleep(0.05)
        text = hub.session.transcript.messages[-1].text if hub.session.transcript.messages else ""
        if text and text != (seen[-1][1] if seen else ""):
            seen.append((time.monotonic() - began, text))
    state = hub.state().streams[stream]
    await hub.stop()
    first, second = state.transcripts
    assert word_error_rate(" ".join(SAID), f"{first.text} {second.text}") <= 0.2
    at = {text: when for when, text in seen}
    assert at[first.text] < second.ended  # long before the end: while the second sentence is said
    assert len(seen) > 2  # there were partial texts
    assert seen[0][0] < first.ended + 1.0
    assert (first.final, second.final, state.drops) == (True, True, {})
    assert state.messages == 2


@needs_recordings
async def test_a_restream_client_hears_hls_in_real_time(film: Path, tmp_path: Path) -> None:
    sound = joined([clip.samples for clip in clips(cards=False) if clip.text in SAID])
    names = {"hls_time": "1", "hls_list_size": "0", "hls_segment_filename": str(tmp_path / "seg%03d.ts")}
    made = encode(tmp_path / "x.m3u8", sound, file_format="hls", options=names)
    told: list[tuple[str, Any, float]] = []
    over = asyncio.Event()
    restream = RestreamClient(RestreamConfig(enable_transcription=True, options=Options(env={})))
    for name in ("transcription", "partial_transcription", "error"):
        restream.on(name, lambda text, name=name: told.append((name, text, time.monotonic())))
    restream.on("disconnected", lambda reason: over.set())
    with serving() as site:
        site.files |= {path.name: path.read_bytes() for path in tmp_path.glob("seg*.ts")}
        site.files["x.m3u8"] = made.read_bytes()
        assert re.search(b"#EXT-X-ENDLIST", made.read_bytes())
        async with restream, asyncio.timeout(30):
            await restream.connect_hls(site.url())
            await over.wait()
            ended = time.monotonic()
    finals = [(text, at) for name, text, at in told if name == "transcription"]
    assert not [text for name, text, _ in told if name == "error"]
    assert len(finals) == 2
    assert word_error_rate(" ".join(SAID), " ".join(text for text, _ in finals)) <= 0.2
    text, at = finals[0]
    assert isinstance(text, str)
    assert (text.segment, text.final) == (1, True)
    assert 0 <= text.began < text.ended < 5
    assert at < ended - 2  # while it played
    assert any(name == "partial_transcription" and not text.final for name, text, _ in told)
    assert sum(pattern.count for pattern in restream.analysis.patterns) == 2


async def test_measure_leaves_a_listener_in_time(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="extra 'speech' is not installed")
    began = time.monotonic()
    state = await measure(["sim:audio"], Options(models=(listener(),)), seconds=1.0, analysis=False)
    assert time.monotonic() - began < 3.5
    assert any(stream.audio_chunks for stream in state.streams.values())
