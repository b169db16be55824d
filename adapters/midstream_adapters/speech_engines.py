"""Speech to text: Moonshine inside its wheel, faster-whisper with a model on disk, OpenAI's transcription API.

All block, so they run in a worker thread; the native ones let go of the interpreter's lock while they compute.
"""

from __future__ import annotations

import ctypes
import io
import threading
import wave
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from .base import explain
from .extras import missing
from .net import is_loopback, is_private
from .redact import MASK, redact
from .sanitize import clean_line
from .speech_activity import RATE, Samples

if TYPE_CHECKING:
    from openai import OpenAI

OPENAI = "https://api.openai.com/v1"
ENGINES = "moonshine (the default), whisper:PATH (a faster-whisper model), openai[:MODEL] (OPENAI_API_KEY)"
API_TIMEOUT = 20.0
API_MODEL = "gpt-4o-mini-transcribe"


class Unavailable(Exception):
    """The engine can't work here, or no longer: the text says what to do."""


class Failed(Exception):
    """One piece could not be transcribed; the next may be."""


class Transcriber(Protocol):
    """Turns speech into text, one call at a time."""

    name: str
    """What it is, for the screen."""
    partials: bool
    """Whether calls are cheap enough to ask again and again while somebody speaks."""

    def transcribe(self, samples: Samples) -> str:
        """Words in `samples`, float32 in [-1, 1], shape (n,), at 16 kHz. Blocks.

        Raises:
            Failed: not this time. Unavailable: and not the next time either.
        """


class Moonshine:
    """Moonshine tiny-en (27 M parameters, English; Jeffries et al. 2024, arXiv:2410.15608), MIT, in its wheel."""

    name = "moonshine tiny-en"
    partials = True

    def __init__(self) -> None:
        try:
            import moonshine_voice
            from moonshine_voice import transcriber
        except (ImportError, OSError) as error:  # OSError: its library needs a newer libc
            raise Unavailable(missing("speech", error)) from None
        model = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en"
        # Its own voice detection is off: it is given speech, and the rest would cost time and samples.
        options = {"vad_threshold": "0", "vad_max_segment_duration": "60", "return_audio_data": "false"}
        try:
            self._whole = transcriber.Transcriber(
                str(model), moonshine_voice.ModelArch.TINY, options=options | {"identify_speakers": "false"}
            )
        except Exception as error:
            raise Unavailable(f"moonshine can't be loaded: {explain(error)}") from None
        self._result = transcriber.TranscriptC

    def transcribe(self, samples: Samples) -> str:
        # The package's own method takes a list: 10 s of sound would keep the interpreter's lock for 20 ms.
        whole, out = self._whole, ctypes.POINTER(self._result)()
        sound = np.ascontiguousarray(samples, np.float32)
        data = sound.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        status = whole._lib.moonshine_transcribe_without_streaming(
            whole._handle, data, len(sound), RATE, 0, ctypes.byref(out)
        )
        if status < 0:
            raise Failed(f"moonshine failed with {status}")
        return " ".join(line.text for line in whole._parse_transcript(out).lines).strip()


class Whisper:
    """A model that faster-whisper (CTranslate2) can load from a folder on disk; nothing is downloaded."""

    partials = False  # its encoder takes 30 s of sound whatever it is given

    def __init__(self, folder: str) -> None:
        path = Path(folder).expanduser()
        if not (path / "model.bin").is_file():
            raise Unavailable(f"no faster-whisper model in {folder} (a folder with model.bin)")
        try:
            from faster_whisper import WhisperModel
        except (ImportError, OSError) as error:
            raise Unavailable(missing("whisper", error)) from None
        try:
            self._model: Any = WhisperModel(str(path), device="cpu", compute_type="int8", cpu_threads=1)
        except Exception as error:
            raise Unavailable(f"the model in {folder} can't be loaded: {explain(error)}") from None
        self.name = f"whisper {clean_line(path.name, 40)}"

    def transcribe(self, samples: Samples) -> str:
        try:
            pieces, _ = self._model.transcribe(samples, beam_size=1, condition_on_previous_text=False)
            return " ".join(piece.text.strip() for piece in pieces)
        except Exception as error:
            raise Failed(f"whisper: {explain(error)}") from None


class OpenAITranscription:
    """``audio/transcriptions`` of an OpenAI-compatible server: key and address from the environment."""

    partials = False  # every call is paid for

    def __init__(self, model: str, env: Mapping[str, str]) -> None:
        base = env.get("OPENAI_BASE_URL", "").strip() or OPENAI
        self._key = env.get("OPENAI_API_KEY", "").strip()
        host = urlsplit(base).hostname
        if not host:
            raise Unavailable(f"OPENAI_BASE_URL is not a web address: {redact(base)}")
        if not self._key and not is_private(host):
            raise Unavailable("OPENAI_API_KEY is not set: put it in the environment")
        self.name, self._model, self._base = f"openai {clean_line(model, 60)}", model, base
        self._client: OpenAI | None = None

    def transcribe(self, samples: Samples) -> str:
        import openai

        if self._client is None:
            http = openai.DefaultHttpxClient(trust_env=not is_loopback(urlsplit(self._base).hostname))
            self._client = openai.OpenAI(
                api_key=self._key or "none",
                base_url=self._base,
                max_retries=1,
                timeout=API_TIMEOUT,
                http_client=http,
            )
        try:
            answer = self._client.audio.transcriptions.create(
                model=self._model, file=("speech.wav", wav(samples), "audio/wav")
            )
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise Unavailable(self._said(error)) from None
        except openai.OpenAIError as error:
            raise Failed(self._said(error)) from None
        return answer.text.strip()

    def _said(self, error: Exception) -> str:
        text = explain(error)
        return f"openai: {text.replace(self._key, MASK) if len(self._key) > 6 else text}"


def wav(samples: Samples) -> bytes:
    """`samples` (float32 in [-1, 1], 16 kHz) as a WAV file of 16-bit integers."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes())
    return out.getvalue()


_PACKAGES = {"moonshine": ("speech", "moonshine_voice"), "whisper": ("whisper", "faster_whisper")}


def lacking(engine: str) -> str:
    """What is not installed and `engine` needs, in the words of `missing`; empty when all is there."""
    extra, package = _PACKAGES.get(engine.partition(":")[0], ("speech", "onnxruntime"))
    found = all(find_spec(name) is not None for name in (package, "onnxruntime"))
    return "" if found else missing(extra)


def maker(engine: str) -> Callable[[Mapping[str, str]], Transcriber]:
    """What makes the engine of that name, given the environment; nothing is loaded yet.

    Raises:
        ValueError: there is no such engine; the text says which there are.
    """
    name, _, rest = engine.partition(":")
    if name == "moonshine" and not rest:
        return lambda env: Moonshine()
    if name == "whisper" and rest:
        return lambda env: Whisper(rest)
    if name == "openai":
        return lambda env: OpenAITranscription(rest or API_MODEL, env)
    raise ValueError(f"no speech engine {redact(engine)!r}; there are {ENGINES}")


class Shared:
    """One engine for all streams: loaded by the first that needs it, used by one at a time."""

    def __init__(self, make: Callable[[Mapping[str, str]], Transcriber]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._engine: Transcriber | Unavailable | None = None

    def load(self, env: Mapping[str, str]) -> Transcriber:
        """The engine. Blocks while it loads.

        Raises:
            Unavailable: it can't be had; so it stays until the program is started again.
        """
        with self._lock:
            if self._engine is None:
                try:
                    self._engine = self._make(env)
                except Unavailable as error:
                    self._engine = error
            return self._loaded()

    @property
    def partials(self) -> bool:
        """Whether it may be asked while somebody is still speaking."""
        return (
            self._engine is not None and not isinstance(self._engine, Unavailable) and self._engine.partials
        )

    def transcribe(self, samples: Samples, *, patient: bool = True) -> str | None:
        """Words in `samples`; None when another stream is being heard and the caller is not `patient`.

        Raises what `Transcriber.transcribe` raises.
        """
        if not self._lock.acquire(blocking=patient):
            return None
        try:
            return self._loaded().transcribe(samples)
        except Unavailable as error:
            self._engine = error
            raise
        finally:
            self._lock.release()

    def _loaded(self) -> Transcriber:
        if isinstance(self._engine, Unavailable):
            raise Unavailable(str(self._engine))
        assert self._engine is not None
        return self._engine
