"""What `RestreamClient` is given and gives: its configuration, the arguments of its events, its snapshots."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from midstream_adapters.base import Options
from midstream_adapters.events import Box
from midstream_adapters.redact import MASK, redact

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from midstream_adapters.events import Detections, Transcript

    from .state import Pattern

_KEYS = ("MIDSTREAM_STREAM_KEY", "MIDSTREAM_HLS_TOKEN", "MIDSTREAM_WHEP_TOKEN")
_RESOLUTION = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class RestreamConfig:
    """What to connect to, and what to hear of it. Its repr shows no secret.

    ``rtmp_url`` is ``rtmp[s]://host/app``, to which ``stream_key`` belongs (or ``rtmp[s]://host/app/key``);
    ``webrtc_signaling`` a WebSocket (``wss://``) or a WHEP endpoint (``https://``). ``api_key`` is the bearer token of
    HLS, WHEP and signalling servers. ``speech_engine`` is what transcribes (``moonshine``, ``whisper:PATH``,
    ``openai[:MODEL]``). ``detector`` is the path of an ONNX file of the YOLO family, None the one in the box;
    ``detect_rate`` is pictures a second that it looks at. ``frame_rate`` is the most ``frame`` events a second (all
    frames are counted); ``resolution`` ("1920x1080") is compared with what comes, nothing is rescaled.

    Raises:
        ValueError: `frame_rate` is not above zero, or `resolution` not of the form WxH.
    """

    rtmp_url: str | None = None
    stream_key: str | None = field(default=None, repr=False)
    webrtc_signaling: str | None = None
    api_key: str | None = field(default=None, repr=False)
    enable_transcription: bool = False
    enable_object_detection: bool = False
    speech_engine: str = "moonshine"
    detector: str | None = None
    detect_rate: float = 4.0
    frame_rate: float | None = None
    resolution: str | None = None
    options: Options = field(default_factory=Options, repr=False)

    def __post_init__(self) -> None:
        if self.frame_rate is not None and not 0.0 < self.frame_rate < math.inf:
            raise ValueError(f"frame_rate must be above zero: {self.frame_rate}")
        if self.resolution is not None and not _RESOLUTION.fullmatch(self.resolution):
            raise ValueError(f"resolution must be WIDTHxHEIGHT, as in 1920x1080: {self.resolution!r}")

    def __repr__(self) -> str:
        shown = ("rtmp_url", "webrtc_signaling", "enable_transcription", "enable_object_detection")
        fields = {name: getattr(self, name) for name in (*shown, "frame_rate", "resolution")}
        text = ", ".join(f"{k}={mask(v, self)!r}" if v and k in shown[:2] else f"{k}={v!r}"
                         for k, v in fields.items())  # fmt: skip
        return f"RestreamConfig({text})"


@dataclass(frozen=True, slots=True)
class Connected:
    """The argument of ``connected``: the redacted source, what it says of its media, and how often it came back."""

    source: str
    media: str
    reconnects: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded video frame. ``image``: small RGB view, uint8, shape (h, w, 3), at most 160 wide.

    ``frame_number`` counts decoded frames from 1, emitted or not; ``timestamp`` is its arrival in Unix seconds;
    ``width`` and ``height`` are the source's own; ``pts`` is seconds of media time.
    """

    frame_number: int
    timestamp: float
    width: int
    height: int
    image: npt.NDArray[np.uint8]
    pts: float | None
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Audio:
    """A decoded audio chunk. ``samples``: float32 mono in [-1, 1] at ``rate`` Hz, shape (n,).

    ``sample_rate`` and ``channels`` are the source's own; ``pts`` and ``duration`` are seconds of media time.
    """

    sample_rate: int
    channels: int
    samples: npt.NDArray[np.float32]
    rate: int
    pts: float | None
    duration: float


class Transcription(str):
    """Words that were heard, as text. ``began`` and ``ended``: seconds of media time; ``lag``: seconds to this word.

    ``segment`` numbers what was said in one breath; only ``final`` text changes no more.
    """

    segment: int
    began: float
    ended: float
    final: bool
    lag: float | None

    @classmethod
    def of(cls, heard: Transcript) -> Self:
        """The text of an event, with its figures."""
        text = cls(heard.text)
        text.segment, text.began, text.ended = heard.segment, heard.began, heard.ended
        text.final, text.lag = heard.final, heard.lag
        return text


class Objects(tuple[Box, ...]):
    """Objects in one picture, the surest first. ``timestamp``: Unix seconds; ``pts`` and ``took``: seconds.

    ``pts`` is media time, ``took`` what the model needed.
    """

    timestamp: float
    pts: float | None
    took: float

    @classmethod
    def of(cls, found: Detections, timestamp: float) -> Self:
        """The boxes of an event, with its figures."""
        objects = cls(found.boxes)
        objects.timestamp, objects.pts, objects.took = timestamp, found.pts, found.took
        return objects


@dataclass(frozen=True, slots=True)
class StreamAnalysis:
    """What was measured of the present connection, or the last. ``None`` is unknown.

    ``frame_count`` counts decoded frames, ``frames_emitted`` those that listeners were given. ``fps`` (decoded) and
    ``bitrate`` (kbit/s = 8 * bytes in W / W / 1000) are of the last W = 3 s, of the whole life once the stream is over.
    ``duration_s`` is seconds of media received; ``resolution_matches`` compares with what was configured; ``dropped``
    counts frames and chunks shed anywhere. ``patterns`` are moves in what is said: empty unless it is transcribed.
    """

    frame_count: int = 0
    frames_emitted: int = 0
    audio_chunks: int = 0
    fps: float | None = None
    bitrate: float | None = None
    patterns: tuple[Pattern, ...] = ()
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    resolution_matches: bool | None = None
    sample_rate: int | None = None
    channels: int | None = None
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class RestreamStats:
    """The connection: ``state`` is a `State`'s word, or "disconnected" before the first.

    ``source`` and ``reason`` are redacted; ``drops`` are by place; ``figures`` is what the source tells of itself,
    by name with its unit; ``started`` and ``last_data`` are ISO 8601 wall times.
    """

    state: str = "disconnected"
    source: str | None = None
    reason: str = ""
    reconnects: int = 0
    bytes: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, float | str] = field(default_factory=dict)
    started: str | None = None
    last_data: str | None = None


def mask(text: str, config: RestreamConfig) -> str:
    """`text` without secrets: those that show by their form, and those that `config` names, wherever they stand."""
    text = redact(text)
    in_path = (config.rtmp_url or "").partition("://")[2].rstrip("/").split("/")[2:]
    given = [config.options.env.get(name) for name in _KEYS]
    for secret in (config.stream_key, config.api_key, *in_path[-1:], *given):
        for form in {secret, quote(secret, safe=""), secret.partition("?")[0]} if secret else ():
            whole = len(form) < 6  # within a word, a short one would be a coincidence
            pattern = rf"(?<!\w){re.escape(form)}(?!\w)" if whole else re.escape(form)
            text = re.sub(pattern, MASK, text) if form else text
    return text
