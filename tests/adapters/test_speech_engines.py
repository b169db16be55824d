"""The engines: Moonshine itself on recordings, OpenAI's SDK against a server on loopback, refusals that say why."""

from __future__ import annotations

import io
import os
import sys
import threading
import wave
from collections.abc import Iterator
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Dropped, Transcript
from midstream_adapters.speech import listener
from midstream_adapters.speech_activity import RATE
from midstream_adapters.speech_engines import (
    Failed,
    Shared,
    Unavailable,
    lacking,
    maker,
    wav,
)
from tests.adapters.recorder import Recorder
from tests.adapters.speech_clips import Sound, chunks, clips, errors, joined, needs_recordings, silence

KEY = "sk-test-0123456789abcdef"
TONE = (0.5 * np.sin(np.arange(RATE) / 5)).astype(np.float32)


async def heard(sound: Sound) -> list[Transcript]:
    recorder = Recorder()
    ear = listener()("s", recorder, Options())
    for chunk in chunks(sound):
        ear.take(chunk)
    await ear.finish()  # type: ignore[attr-defined]
    assert not recorder.of(Dropped)
    return [event for event in recorder.of(Transcript) if event.final]


# -- Moonshine


@pytest.fixture(scope="module")
def moonshine() -> None:
    pytest.importorskip("moonshine_voice", reason="extra 'speech' is not installed")


@needs_recordings
@pytest.mark.usefixtures("moonshine")
async def test_recorded_speech_is_understood() -> None:
    recordings = clips()
    # In two parts: more than 30 s at once would be shed.
    finals = [
        event
        for part in (recordings[:5], recordings[5:])
        for event in await heard(joined([clip.samples for clip in part]))
    ]
    assert len(finals) == 10
    counts = [errors(clip.text, event.text) for clip, event in zip(recordings, finals, strict=True)]
    assert sum(wrong for wrong, _ in counts) / sum(count for _, count in counts) <= 0.1


@pytest.mark.usefixtures("moonshine")
async def test_silence_and_noise_have_no_words() -> None:
    engine = maker("moonshine")({})
    assert (
        engine.transcribe(silence(3)) != ""
    )  # left alone it hears words in silence: that is what the gate is for
    rng = np.random.default_rng(1)
    assert await heard(silence(10)) == []
    assert await heard(rng.normal(0, 0.05, 5 * RATE).astype(np.float32)) == []


# -- faster-whisper


def test_whisper_needs_a_model_on_disk(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"a folder with model\.bin"):
        maker(f"whisper:{tmp_path}")({})


def test_whisper_is_given_the_folder_and_nothing_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Any, ...]] = []

    class WhisperModel:
        def __init__(self, path: str, **settings: object) -> None:
            made.append((path, settings))

        def transcribe(self, samples: Sound, **settings: object) -> tuple[Iterator[SimpleNamespace], None]:
            if len(samples) == 1:
                raise RuntimeError("broken")
            return iter([SimpleNamespace(text=" one"), SimpleNamespace(text=" two ")]), None

    module = ModuleType("faster_whisper")
    module.WhisperModel = WhisperModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    (tmp_path / "model.bin").touch()
    engine = maker(f"whisper:{tmp_path}")({})
    assert made[0][0] == str(tmp_path)
    assert engine.transcribe(TONE) == "one two"
    assert not engine.partials
    with pytest.raises(Failed, match="whisper: broken"):
        engine.transcribe(TONE[:1])


def test_without_faster_whisper_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    (tmp_path / "model.bin").touch()
    with pytest.raises(Unavailable, match=r'pip install "midstream-tui\[whisper\]"'):
        maker(f"whisper:{tmp_path}")({})
    assert "[whisper]" in lacking(f"whisper:{tmp_path}")


@pytest.mark.skipif(
    "MIDSTREAM_WHISPER_MODEL" not in os.environ, reason="MIDSTREAM_WHISPER_MODEL names no model"
)
@needs_recordings
def test_whisper_itself_with_the_model_that_is_named() -> None:
    engine = maker(f"whisper:{os.environ['MIDSTREAM_WHISPER_MODEL']}")({})
    counts = [errors(clip.text, engine.transcribe(clip.samples)) for clip in clips(cards=False)]
    assert sum(wrong for wrong, _ in counts) / sum(count for _, count in counts) <= 0.1


# -- OpenAI


class Api:
    """A server that answers transcription requests with `status`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.asked = 200, list[dict[str, bytes]]()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
                parts = {
                    str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
                    for part in message_from_bytes(head + body).get_payload()
                }
                api.asked.append(parts | {"path": self.path, "key": self.headers["Authorization"]})  # type: ignore[dict-item]
                text = f"bad key {KEY}" if api.status != 200 else "hello there"
                answer = f'{{"text": " {text} ", "error": {{"message": "{text}"}}}}'.encode()
                self.send_response(api.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def env(self) -> dict[str, str]:
        base = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        return {"OPENAI_BASE_URL": base, "OPENAI_API_KEY": KEY}


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.server.shutdown()
    api.server.server_close()
    api.thread.join(5)


def test_openai_is_sent_a_wav_and_answers_with_words(api: Api) -> None:
    engine = maker("openai:whisper-9")(api.env)
    assert engine.transcribe(TONE) == "hello there"
    (asked,) = api.asked
    assert asked["path"] == "/v1/audio/transcriptions"
    assert asked["key"] == f"Bearer {KEY}"
    assert asked["model"] == b"whisper-9"
    with wave.open(io.BytesIO(asked["file"])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (RATE, 1, len(TONE))
        sent = np.frombuffer(file.readframes(RATE), np.int16) / 32767
    np.testing.assert_allclose(sent, TONE, atol=1e-4)


@pytest.mark.parametrize(
    ("status", "error"), [(401, Unavailable), (404, Unavailable), (400, Failed), (500, Failed)]
)
def test_what_openai_refuses_is_told_without_the_key(api: Api, status: int, error: type[Exception]) -> None:
    api.status = status
    engine = maker("openai")(api.env)
    with pytest.raises(error, match="bad key") as caught:
        engine.transcribe(TONE)
    assert KEY not in str(caught.value)


def test_openai_needs_a_key_but_for_this_machine() -> None:
    with pytest.raises(Unavailable, match="OPENAI_API_KEY is not set"):
        maker("openai")({})
    with pytest.raises(Unavailable, match="not a web address"):
        maker("openai")({"OPENAI_BASE_URL": "nonsense", "OPENAI_API_KEY": KEY})
    assert maker("openai")({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}).name.startswith("openai ")


def test_a_server_that_is_not_there_fails_the_piece_only() -> None:
    engine = maker("openai")({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    with pytest.raises(Failed, match="Connection error"):
        engine.transcribe(TONE)


# -- what they have in common


@pytest.mark.parametrize("name", ["", "moonshin", "moonshine:x", "whisper", "whisper:", "vosk:/m"])
def test_an_engine_that_is_not_known_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"there are moonshine .* whisper:PATH .* openai"):
        maker(name)


def test_what_cannot_be_had_is_not_tried_again() -> None:
    tries = []

    def make(env: object) -> Any:
        tries.append(1)
        raise Unavailable("no")

    shared = Shared(make)
    for _ in range(3):
        with pytest.raises(Unavailable, match="no"):
            shared.load({})
    assert len(tries) == 1


def test_wav_clips_what_is_beyond_full_scale() -> None:
    with wave.open(io.BytesIO(wav(np.array([2.0, -2.0, 0.0], np.float32)))) as file:
        assert list(np.frombuffer(file.readframes(3), np.int16)) == [32767, -32767, 0]
