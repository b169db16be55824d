"""Recorded speech with its words (Debian's pocketsphinx-testdata), and how far a transcript is from them."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from midstream_adapters.events import AudioChunk
from midstream_adapters.speech_activity import RATE

DATA = Path("/usr/share/pocketsphinx/test/data")
needs_recordings = pytest.mark.skipif(
    not DATA.is_dir(), reason="no recorded speech: Debian's pocketsphinx-testdata is not installed"
)
Sound = npt.NDArray[np.float32]
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Clip:
    """A recording: ``samples`` float32 in [-1, 1], shape (n,), at 16 kHz."""

    name: str
    samples: Sound
    text: str


def clips(book: bool = True, cards: bool = True) -> list[Clip]:
    """Five sentences read from a book (25 s), five calls at a card table (10 s)."""
    lists = [("librivox/transcription", book), ("cards/cards.transcription", cards)]
    return [clip for name, wanted in lists if wanted for clip in _read(DATA / name)]


def _read(transcription: Path) -> Iterator[Clip]:
    for line in transcription.read_text().splitlines():
        found = re.fullmatch(r"<s>(.*)</s> \((.*)\)\s*", line)
        assert found, line
        with wave.open(str(transcription.parent / f"{found[2]}.wav")) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
        yield Clip(found[2], samples, found[1].strip())


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.float32)


def joined(parts: Iterable[Sound], pause: float = 0.8) -> Sound:
    """The parts after one another, each followed by `pause` seconds of silence."""
    return np.concatenate([piece for part in parts for piece in (part, silence(pause))])


def write(path: Path, sound: Sound) -> Path:
    """A WAV file of 16-bit integers."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(sound), "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def chunks(sound: Sound, stream: str = "s", *, pts: float | None = 0.0, at: float = 0.0) -> list[AudioChunk]:
    """`sound` as chunks of 20 ms that arrive at the pace of their PTS; without PTS where ``pts`` is None."""
    step, out = RATE // 50, []
    for n in range(0, len(sound), step):
        piece, seconds = sound[n : n + step], n / RATE
        place = None if pts is None else pts + seconds
        out.append(AudioChunk(stream, at + seconds, piece, RATE, RATE, 1, place, len(piece) / RATE, 0.1, 0.1))
    return out


def words(text: str) -> list[str]:
    """Words as they sound: no case, no punctuation, titles and digits in full."""
    text = re.sub(r"\bmr\b\.?", "mister", text.lower().replace("-", " "))
    text = re.sub(r"\d", lambda digit: f" {DIGITS[int(digit[0])]} ", text)
    return re.findall(r"[a-z']+", text)


def errors(said: str, heard: str) -> tuple[int, int]:
    """Substitutions, insertions and deletions from `said` to `heard` at least, and the words of `said`."""
    a, b = words(said), words(heard)
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1], len(a)


def word_error_rate(said: str, heard: str) -> float:
    """Errors a word that was said."""
    wrong, count = errors(said, heard)
    return wrong / count


def encode(
    path: Path, sound: Sound, *, file_format: str | None = None, options: dict[str, str] | None = None
) -> Path:
    """`sound` as AAC, beside a small still picture at 5 frames a second, in whatever container `path` is."""
    with av.open(str(path), "w", format=file_format, options=options or {}) as output:
        video = output.add_stream(
            "libx264", rate=5, options={"preset": "ultrafast", "g": "5", "threads": "1"}
        )
        video.width, video.height, video.pix_fmt = 64, 36, "yuv420p"
        audio = output.add_stream("aac", rate=RATE, layout="mono")
        picture = av.VideoFrame.from_ndarray(np.full((36, 64, 3), 90, np.uint8), "rgb24").reformat(
            format="yuv420p"
        )
        step = RATE // 5
        for n in range(0, len(sound), step):
            picture.pts, picture.time_base = n // step, Fraction(1, 5)
            output.mux(video.encode(picture))
            frame = av.AudioFrame.from_ndarray(sound[None, n : n + step], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, n, Fraction(1, RATE)
            output.mux(audio.encode(frame))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    return path
