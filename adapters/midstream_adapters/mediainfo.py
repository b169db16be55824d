"""What a media input declares, and how it fails. Free of PyAV, so that asking costs no import."""

from __future__ import annotations

from dataclasses import dataclass

from .events import Kind


class MediaError(Exception):
    """libav can't open the input, or can't go on with it. The text is one redacted line."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video stream declares: the codec's name, pixels, and frames a second where it tells."""

    codec: str
    width: int
    height: int
    frame_rate: float | None

    def __str__(self) -> str:
        rate = f" {self.frame_rate:.4g} fps" if self.frame_rate else ""
        return f"{self.codec} {self.width}x{self.height}{rate}"


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What an audio stream declares: the codec's name, Hz and channels."""

    codec: str
    sample_rate: int
    channels: int

    def __str__(self) -> str:
        return f"{self.codec} {self.sample_rate / 1000:g} kHz {self.channels} ch"


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What an opened input declares; ``duration`` in seconds where the container tells."""

    container: str
    duration: float | None
    video: VideoInfo | None
    audio: AudioInfo | None

    @property
    def kinds(self) -> frozenset[Kind]:
        present = ((Kind.VIDEO, self.video), (Kind.AUDIO, self.audio))
        return frozenset(kind for kind, stream in present if stream is not None)

    def __str__(self) -> str:
        streams = " + ".join(str(stream) for stream in (self.video, self.audio) if stream is not None)
        length = "" if self.duration is None else f", {self.duration:.1f} s"
        return f"{self.container}: {streams}{length}"
