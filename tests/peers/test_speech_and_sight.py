"""A film with speech and with things that move, from a file and through RTMP: words and objects while it still runs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Detections, Transcript
from midstream_adapters.registry import open_source
from midstream_adapters.speech import listener
from midstream_adapters.vision import with_detection
from tests.adapters.photographs import TOP, make_film
from tests.adapters.speech_clips import clips, joined, needs_recordings, word_error_rate, write
from tests.peers.peers import Fold, free_port, needs_ffmpeg, running, until, watched

pytestmark = [pytest.mark.peer, needs_ffmpeg, needs_recordings]


@pytest.fixture(scope="module")
def said() -> str:
    return " ".join(clip.text for clip in clips(cards=False)[:2])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few seconds: two sentences read aloud, over a pan across four photographs."""
    folder = tmp_path_factory.mktemp("film")
    sound = joined([clip.samples for clip in clips(cards=False)[:2]])
    seconds = len(sound) / 16_000
    picture = make_film(folder / "picture.mp4", seconds=seconds / len(TOP), size=(480, 360))
    speech = write(folder / "speech.wav", sound)
    out = folder / "film.mp4"
    command = f"ffmpeg -nostdin -loglevel error -i {picture} -i {speech} -c:v copy -c:a aac -b:a 96k {out}"
    subprocess.run(command.split(), check=True, timeout=60)
    return out


def heard(sink: Fold) -> list[Transcript]:
    return [event for event in sink.of(Transcript) if event.final]


async def test_words_and_objects_come_while_the_film_still_runs(film: Path, said: str) -> None:
    port = free_port()
    options = with_detection(Options(env={"MIDSTREAM_STREAM_KEY": "k"}, models=(listener(),)))
    (adapter,) = open_source(f"rtmp+listen://127.0.0.1:{port}/live", options)
    # The film twice: the engines are loaded while the first is under way.
    send = f"ffmpeg -nostdin -loglevel error -re -stream_loop 1 -i {film} -c copy -f flv rtmp://127.0.0.1:{port}/live/k"
    async with watched(adapter, options) as sink, running(*send.split()) as publisher:
        await until(lambda: heard(sink) and sink.of(Detections), 60)
        assert publisher.returncode is None  # live, not afterwards
        await until(lambda: publisher.returncode is not None, 90)
        await until(
            lambda: word_error_rate(said, " ".join(event.text for event in heard(sink)[-2:])) <= 0.2, 30
        )
    labels = {box.label for event in sink.of(Detections) for box in event.boxes}
    assert labels >= set(TOP.values())
    messages = [m for m in sink.session.transcript.messages if m.role == "speech"]
    assert len(messages) >= 2


async def test_probe_prints_both_as_json(film: Path, said: str) -> None:
    words = ("probe", "--fast", "--transcribe", "--detect", "--no-analysis", str(film))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "midstream_tui", *words, env={**os.environ}, stdout=PIPE, stderr=PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    (stream,) = json.loads(out)["streams"].values()
    text = " ".join(each["text"] for each in stream["transcripts"] if each["final"])
    assert word_error_rate(said, text) <= 0.2
    assert set(stream["detections"]["seen"]) >= set(TOP.values())
