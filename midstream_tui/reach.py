"""Whether a source can be reached: found out by opening it for a few seconds, and said in one line.

What would cost, send, or take something away by being opened is not: of it is said what can be known without.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Literal
from urllib.parse import urlsplit

from midstream_adapters import registry
from midstream_adapters.base import Adapter, Backoff, NotConfigured, Options, SourceError, explain
from midstream_adapters.events import Kind, Provenance, State
from midstream_adapters.net import bracketed, is_loopback
from midstream_adapters.pictures import Pictures
from midstream_adapters.redact import redact
from midstream_adapters.registry import SourceKind, kind_of, open_source
from midstream_adapters.sanitize import clean_line

from .hub import Hub
from .probe import measure
from .state import StreamState
from .tally import Tally

SECONDS = 3.0
"""How long a source has to say something."""
SETTLE = {Kind.TEXT: 0.15, Kind.AUDIO: 0.4, Kind.VIDEO: 0.4}
"""Seconds that a source goes on after its first data: some break off at once, and media has a second track."""
CLOSING = 3.0
"""Seconds that a source has to let go of what it holds."""
_LONGEST = 200
_LOOK = 1.0

OPENED = {
    registry.LINES: "lines",
    registry.MEDIA: "",
    registry.HLS: "HLS",
    registry.RTMP: "RTMP",
    registry.WHEP: "WHEP",
    registry.WEBRTC: "WebRTC",
    registry.NETWORK_MEDIA: "",
    registry.WEBSOCKET: "WebSocket",
    registry.SSE: "SSE",
}
"""Kinds that may be opened just to look, by their names. A kind that is not here is left alone."""
_LIBRARIES = {
    registry.HLS: ("httpx", "av"),
    registry.MEDIA: ("av",),
    registry.NETWORK_MEDIA: ("httpx", "av"),
    registry.RTMP: ("av",),
    registry.SSE: ("httpx",),
    registry.WEBSOCKET: ("websockets.asyncio.client",),
    registry.WHEP: ("httpx", "aiortc"),
    registry.WEBRTC: ("websockets.asyncio.client", "aiortc"),
}
"""What is loaded before the clock starts: a second of loading, the first time, is not the source's."""
_FIRST = {registry.LINES: "line", registry.WEBSOCKET: "message", registry.SSE: "event"}
_PORTS = {
    "https": 443,
    "wss": 443,
    "http": 80,
    "ws": 80,
    "rtmp": 1935,
    "rtmps": 443,
    "rtsp": 554,
    "rtsps": 322,
}
_NO_ENTRY = re.compile(r"\b(?:HTTP|returned) 40[13]\b|[Uu]nauthori[sz]ed")


@dataclass(frozen=True, slots=True)
class Reach:
    """What was found: a `word` for it (``reachable``, ``refused``, ``not probed``...), and the rest of the sentence.

    Both are clean and redacted. ``level`` is a style: good, warning, error, or muted for what was not probed.
    """

    level: Literal["good", "warning", "error", "muted"]
    word: str
    said: str

    @property
    def text(self) -> str:
        return f"{self.word}: {self.said}"


async def reach(source: str, options: Options, *, seconds: float = SECONDS) -> Reach:
    """Find out whether `source` can be reached, within about `seconds`; every failure is an answer.

    Models beside the stream are left out, and nothing is asked of a language model.
    """
    try:
        kind = await asyncio.to_thread(kind_of, source)
        (adapter, *_) = await asyncio.to_thread(open_source, source, options)
    except NotConfigured as error:
        return _found("warning", "needs a key", explain(error))
    except SourceError as error:
        return _found("error", "wrong", explain(error))
    if (left := await _left_alone(source, kind, adapter, options)) is not None:
        return left
    for library in _LIBRARIES.get(kind, ()):
        await asyncio.to_thread(import_module, library)
    try:
        async with asyncio.timeout(seconds + CLOSING):
            return await _opened(source, kind, options, seconds)
    except TimeoutError:
        return _found("error", "timed out", f"after {seconds:g} s")
    except SourceError as error:
        return _found("error", "wrong", explain(error))


# -- what is not opened


async def _left_alone(source: str, kind: SourceKind, adapter: Adapter, options: Options) -> Reach | None:
    """What is said of a source that is not to be opened just to look; None for one that may be."""
    if kind is registry.SIMULATOR:
        return _found("muted", "not probed", "it is made here, there is nothing to reach")
    if source.strip() == "-":
        return _found("muted", "not probed", "standard input can be read only once")
    if kind in (registry.OPENAI, registry.RESPONSES, registry.OPENAI_REALTIME):
        names = ("OPENAI_API_KEY", "AGENTIC_FLOW_API_KEY")[: 1 + (kind is registry.OPENAI_REALTIME)]
        keys = [name for name in names if options.env.get(name, "").strip()]
        key = f"{keys[-1]} is set" if keys else "no key is set: its server is near, and may need none"
        return _found("muted", "not probed", f"asking costs tokens; {key}")
    if "+listen://" in kind.usage:
        return await asyncio.to_thread(_bindable, adapter.info.source)
    if kind not in OPENED:
        return _found("muted", "not probed", "opening it may cost or send something")
    if kind is registry.LINES and adapter.info.provenance is not Provenance.FILE:
        return _found("muted", "not probed", "reading a pipe would take what is in it")
    return None


def _bindable(address: str) -> Reach:
    """Whether a listener's `address` is free: bound and let go again at once, nobody can connect to it."""
    parts = urlsplit(address)
    host, port = parts.hostname or "127.0.0.1", parts.port or 0
    where = f"{bracketed(host)}:{port}"
    try:
        for family, kind, proto, _, name in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, proto) as probe:
                if os.name == "posix":  # as asyncio's servers have it: a port just left is free
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(name)
    except OSError as error:
        return _found("error", "not free", f"can't listen on {where}: {error.strerror or error}")
    return _found("muted", "not probed", f"it waits for others to connect; {where} is free to listen on")


# -- what is opened


@dataclass(slots=True)
class _Watch:
    """Watches the hub of a probe; ``tally`` is that of its stream, ``about`` what the source declared of itself."""

    hub: Hub | None = None
    about: str = ""

    def enough(self, hub: Hub) -> bool:
        """Whether what came tells all there is to tell."""
        self.hub = hub
        tally = self.tally
        if tally is not None and tally.said is State.LIVE:
            self.about = tally.reason
        if tally is None or (first := _first(tally)) is None:
            return False
        return hub.options.clock() - first[0] >= SETTLE[first[1]]

    @property
    def tally(self) -> Tally | None:
        return next(iter(self.hub.session.streams.values()), None) if self.hub is not None else None


def _first(tally: Tally) -> tuple[float, Kind] | None:
    """When the first data came, and of which kind."""
    came = [(track.first, kind) for kind, track in tally.tracks.items() if track.first is not None]
    return min(came, default=None)


async def _opened(source: str, kind: SourceKind, options: Options, seconds: float) -> Reach:
    watch = _Watch()
    # A little patience more than there is time: then it is always the time that is up, and not said otherwise.
    alone = replace(
        options, models=(), pictures=Pictures(), answer=None, fast=False, connect_timeout=seconds + 1.0
    )
    state = await measure(
        [source],
        alone,
        seconds=seconds,
        analysis=False,
        rules={},
        backoff=Backoff(attempts=1),
        enough=watch.enough,
    )
    stream, tally = next(iter(state.streams.values())), watch.tally
    if tally is not None and (first := _first(tally)) is not None:
        if stream.state in (State.FAILED, State.RECONNECTING):
            return _found("warning", "reachable", f"but it breaks off: {stream.reason}")
        return _came(kind, stream, watch.about, first[0] - tally.opened, first[1])
    match stream.state:
        case State.FAILED:
            return await _failed(source, stream.reason)
        case State.CONNECTING:
            waits = urlsplit(source).scheme.lower() == "udp"
            return _found(
                "error", "timed out", f"{'nothing came' if waits else 'no answer'} within {seconds:g} s"
            )
        case State.ENDED:
            return _found("warning", "reachable", "but it has ended, and nothing came")
        case _:
            name = OPENED[kind] or "connected"
            return _found("good", "reachable", f"{name}, nothing came within {seconds:g} s")


def _came(kind: SourceKind, stream: StreamState, about: str, after: float, of: Kind) -> Reach:
    """What a source is that said something after so many seconds."""
    what = {Kind.VIDEO: "frame", Kind.AUDIO: "sound"}.get(of, _FIRST.get(kind, "text"))
    name = OPENED[kind]
    if of is not Kind.TEXT:
        # As `MediaInfo` says it, without the container's name, which is libav's own.
        about = (about.partition(": ")[2] or about).replace(" + ", ", ") or _media(stream)
        name = f"{name}, {about}" if name and name.lower() not in about.lower() else about
    word = "readable" if stream.provenance == Provenance.FILE else "reachable"
    return _found("good", word, f"{name}, first {what} {max(0.0, after):.2f} s")


def _media(stream: StreamState) -> str:
    """What is seen and heard, where the source did not declare it."""
    seen = f"video {stream.width}x{stream.height}" if stream.width else ""
    heard = f"audio {stream.sample_rate / 1000:g} kHz" if stream.sample_rate else ""
    return " + ".join(filter(None, (seen, heard))) or "media"


async def _failed(source: str, reason: str) -> Reach:
    """Why it failed: what a bare connection says, where the source's own words don't tell who answered."""
    if _NO_ENTRY.search(reason):
        return _found("warning", "needs a key", reason)
    parts = urlsplit(source)
    port = parts.port or _PORTS.get(parts.scheme.lower().rpartition("+")[2])
    if "HTTP" not in reason and parts.hostname and port and not _proxied(parts.hostname):
        try:
            async with asyncio.timeout(_LOOK):
                if (found := await _knock(parts.hostname, port)) is not None:
                    return found
        except TimeoutError:
            pass
    return _found("error", "failed", reason)


def _proxied(host: str) -> bool:
    """Whether the way to `host` may lead over a proxy: then a bare connection tells nothing."""
    from urllib.request import getproxies

    return not is_loopback(host) and bool(getproxies().keys() & {"http", "https", "all", "socks"})


async def _knock(host: str, port: int) -> Reach | None:
    """Connect to `host`, and say what stands in the way of that; None when nothing does."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return _found("error", "not found", f"there is no host {host}")
    refused = False
    for family, kind, proto, _, address in found[:4]:
        try:
            with socket.socket(family, kind, proto) as knocking:
                knocking.setblocking(False)
                await loop.sock_connect(knocking, address)
                return None
        except ConnectionRefusedError:
            refused = True
        except OSError:
            continue
    return _found("error", "refused", f"nothing listens on {bracketed(host)}:{port}") if refused else None


def _found(level: Literal["good", "warning", "error", "muted"], word: str, said: str) -> Reach:
    return Reach(level, word, clean_line(redact(said), _LONGEST))
