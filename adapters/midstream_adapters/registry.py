"""One string names a source: this is the table that maps it to an adapter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from .base import Adapter, Options, SourceError, UnknownSource
from .redact import MASK, redact


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A row of the table: how a source of this kind is written, what it is, and where its adapter lives."""

    usage: str
    about: str
    home: str
    """``module:function``; the function takes (source, stream id, options) and returns its adapters."""

    def load(self) -> Callable[[str, str, Options], list[Adapter]]:
        module, _, name = self.home.partition(":")
        function: Callable[[str, str, Options], list[Adapter]]
        function = getattr(import_module(f"{__package__}.{module}"), name)
        return function


SIMULATOR = SourceKind(
    "sim:all|text|audio|video", "the simulator, always labelled simulated", "simulator:open_source"
)
LINES = SourceKind("-, FILE.txt, FILE.ndjson", "lines of text, or JSON objects a line", "stdin:open_source")
MEDIA = SourceKind("FILE.mp4, FILE.wav, ...", "any media file libav opens, paced by PTS", "media:open_source")
WEBSOCKET = SourceKind("ws://..., wss://...", "text over a WebSocket", "websocket:open_source")
HLS = SourceKind("https://.../x.m3u8, hls+https://...", "HLS, live or on demand", "hls:open_source")
RTMP = SourceKind(
    "rtmp://host/app/key, rtmps://...", "RTMP play (key: MIDSTREAM_STREAM_KEY)", "rtmp:open_source"
)
RTMP_LISTEN = SourceKind(
    "rtmp+listen://127.0.0.1:1935/live", "RTMP ingest: OBS or ffmpeg publish here", "rtmp_server:open_source"
)
WHIP_LISTEN = SourceKind(
    "whip+listen://127.0.0.1:8889/whip", "WebRTC ingest: OBS or a browser publish here", "whip:open_source"
)
WHEP = SourceKind("whep+https://host/path", "WebRTC play (token: MIDSTREAM_WHEP_TOKEN)", "whep:open_source")
WEBRTC = SourceKind("webrtc+wss://host/path", "WebRTC, signalled over a WebSocket", "webrtc:open_source")
NETWORK_MEDIA = SourceKind(
    "rtsp://, udp://, https://.../x.mp4", "media that libav fetches", "network_media:open_source"
)
WS_LISTEN = SourceKind(
    "ws+listen://127.0.0.1:8787", "programs send text here, and may ask what it is", "ws_ingest:open_source"
)
HTTP_LISTEN = SourceKind(
    "http+listen://127.0.0.1:8788", "programs POST lines or NDJSON here", "http_ingest:open_source"
)
SSE = SourceKind("sse+https://..., https://...", "server-sent events", "sse:open_source")
TAP = SourceKind(
    "tap+listen://127.0.0.1:8790?upstream=URL", "a proxy: watch what any app asks a model", "tap:open_source"
)
OPENAI = SourceKind("openai:MODEL", "chat completions, streamed (OPENAI_BASE_URL)", "openai_chat:open_source")
RESPONSES = SourceKind("openai-responses:MODEL", "likewise, by the Responses API", "openai_chat:open_source")
OPENAI_REALTIME = SourceKind(
    "openai-realtime:MODEL",
    "Realtime session; proxy: openai-realtime+wss://...",
    "openai_realtime:open_source",
)

KINDS = (
    SIMULATOR,
    LINES,
    MEDIA,
    HLS,
    RTMP,
    RTMP_LISTEN,
    WHIP_LISTEN,
    WHEP,
    WEBRTC,
    NETWORK_MEDIA,
    WEBSOCKET,
    WS_LISTEN,
    HTTP_LISTEN,
    SSE,
    TAP,
    OPENAI,
    RESPONSES,
    OPENAI_REALTIME,
)
_SCHEMES = {
    "sim": SIMULATOR,
    "ws": WEBSOCKET,
    "wss": WEBSOCKET,
    "ws+listen": WS_LISTEN,
    "http+listen": HTTP_LISTEN,
    "hls+http": HLS,
    "hls+https": HLS,
    "rtmp": RTMP,
    "rtmps": RTMP,
    "rtmp+listen": RTMP_LISTEN,
    "whip+listen": WHIP_LISTEN,
    "whep+http": WHEP,
    "whep+https": WHEP,
    "webrtc+ws": WEBRTC,
    "webrtc+wss": WEBRTC,
    "rtsp": NETWORK_MEDIA,
    "rtsps": NETWORK_MEDIA,
    "udp": NETWORK_MEDIA,
    "srt": NETWORK_MEDIA,
    "rist": NETWORK_MEDIA,
    "sse+http": SSE,
    "sse+https": SSE,
    "http": SSE,
    "https": SSE,
    "tap+listen": TAP,
    "openai": OPENAI,
    "openai-responses": RESPONSES,
    "openai-realtime": OPENAI_REALTIME,
    "openai-realtime+ws": OPENAI_REALTIME,
    "openai-realtime+wss": OPENAI_REALTIME,
}  # fmt: skip
_SCHEME = re.compile(
    r"([A-Za-z][A-Za-z0-9+.\-]*):"
)  # urlsplit raises at odd hosts before it tells the scheme
_PLAYLIST = re.compile(r"[^?#]*\.m3u8?(?=[?#]|$)", re.IGNORECASE)
_MEDIA_FILE = re.compile(
    r"[^?#]*//[^?#/]+/[^?#]*\.(?:mp4|m4[av]|mov|mkv|webm|ts|mp3|aac|og[ga]|opus|wav|flac|flv)(?=[?#]|$)",
    re.IGNORECASE,
)
_LINE_SUFFIXES = {".txt", ".log", ".md", ".ndjson", ".jsonl"}


def known_kinds() -> str:
    """The sources that can be named, one a line, for errors and help."""
    width = max(len(kind.usage) for kind in KINDS)
    return "\n".join(f"  {kind.usage:<{width}}  {kind.about}" for kind in KINDS)


def kind_of(source: str) -> SourceKind:
    """Return the kind that `source` names.

    Raises:
        UnknownSource: nothing here answers to it; the text says what is wrong.
        SourceError: it is a file's name, and there is no such file.
    """
    if source == "-":
        return LINES
    scheme = found[1].lower() if (found := _SCHEME.match(source)) else ""
    if scheme in ("http", "https") and _PLAYLIST.match(source):
        return HLS
    if scheme in ("http", "https") and _MEDIA_FILE.match(source):
        return NETWORK_MEDIA
    if scheme in _SCHEMES:
        return _SCHEMES[scheme]
    path = Path(source).expanduser()
    if "://" in source or (scheme and not path.exists() and len(scheme) > 1):
        raise UnknownSource(f"no source of kind {scheme!r}: {redact(source)}")
    if not path.exists():
        raise SourceError(f"no such file: {source}")
    if path.is_dir():
        raise SourceError(f"is a folder, not a stream: {source}")
    return LINES if path.suffix.lower() in _LINE_SUFFIXES else MEDIA


def stream_name(source: str, taken: set[str] | frozenset[str] = frozenset()) -> str:
    """A short id for `source`, unlike those in `taken`, that holds no secret."""
    if source == "-":
        name = "stdin"
    elif source.lower().startswith("tap+listen:"):
        name = "tap"  # its streams are named after models
    elif "://" in source:
        try:
            parts = urlsplit(redact(source))
        except ValueError:  # its adapter will say what is wrong with it
            parts = urlsplit(f"{source.partition(':')[0]}://")
        path = parts.path.rstrip("/")
        if parts.scheme in ("rtmp", "rtmps"):  # the last part is the key: the application is the name
            tail = path.removesuffix(f"/{MASK}").strip("/")
        else:
            tail = path.rpartition("/")[2]
        name = f"{parts.hostname or parts.scheme}{'/' + tail if tail else ''}"
    elif Path(source).expanduser().exists() or not _SCHEME.match(source):
        name = Path(source).name
    else:
        name = source
    name = "".join(c if c.isprintable() else "?" for c in name)[:48] or "stream"
    unique, n = name, 2
    while unique in taken:
        unique, n = f"{name}#{n}", n + 1
    return unique


def open_source(
    source: str, options: Options, taken: set[str] | frozenset[str] = frozenset()
) -> list[Adapter]:
    """Return the adapters that `source` names; nothing is connected yet.

    Raises:
        UnknownSource: the source is not of a known kind.
        SourceError: it says something its adapter can't use, or can't be used now.
    """
    source = source.strip()
    if not source:
        raise UnknownSource("an empty source")
    return open_as(stream_name(source, taken), source, options)


def open_as(stream: str, source: str, options: Options) -> list[Adapter]:
    """The adapters of `source`, the first of them for the stream of that id. Raises as `open_source` does."""
    return kind_of(source).load()(source, stream, options)
