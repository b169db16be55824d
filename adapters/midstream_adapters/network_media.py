"""Media that libav fetches itself: RTSP (over TCP), MPEG-TS over UDP, and files over HTTP."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo, explain
from .events import Provenance, State, StateChanged
from .hls_fetch import is_public, resolve
from .live_thread import opened_live
from .mediainfo import MediaError
from .mp4_order import index_is_last
from .net import bad_certificate, detail, refused, short_body
from .reading import play
from .redact import redact

if TYPE_CHECKING:
    from .decode import MediaReader

QUIET = 10.0
MAX_REDIRECTS = 5
_MISSING = {"srt": "srt", "rist": "rist"}
_DEMUXERS = (
    "mov,matroska,mpegts,mp3,aac,ogg,wav,flac,flv"  # none of them opens anything else, as a playlist would
)


_HEAD = 65_536
"""Bytes of a file in which what comes first is looked for."""
_WANTS_RANGES = (
    "the file's index (moov) is at its end, and the server answers no ranges: serve it with ranges, or put the index"
    " in front (ffmpeg -i IN -c copy -movflags +faststart OUT)"
)


@dataclass(frozen=True, slots=True)
class Input:
    """What libav is given: an address, its format where that is sure, and its options."""

    url: str
    container_format: str | None
    options: dict[str, str]


def libav_input(url: str, *, quiet: float, headers: Mapping[str, str] | None = None) -> Input:
    """The one place that knows libav's options, whose units and names differ from protocol to protocol.

    ``quiet``: seconds without a byte. Never ``nobuffer``: it throws away the packets that were read to probe.

    Raises:
        SourceError: a header that can't be sent.
    """
    scheme = urlsplit(url).scheme.lower()
    micro = str(round(quiet * 1e6))
    probe = {"analyzeduration": "2000000", "probesize": "1000000"}
    if scheme in ("rtsp", "rtsps"):
        # "timeout" is the socket's, in microseconds; before libav 59 it was seconds, and meant listening.
        own = {"rtsp_transport": "tcp", "timeout": micro, "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls"}
        return Input(url, "rtsp", probe | own | (_tls() if scheme == "rtsps" else {}))
    if scheme == "udp":
        own = {"timeout": micro, "overrun_nonfatal": "1", "protocol_whitelist": "udp"}
        return Input(url, "mpegts", probe | own)
    for name, value in (headers or {}).items():
        if re.search(r"[\r\n\0]", name + value):
            raise SourceError(f"a header that can't be sent: {redact(name)!r}")
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    own = {
        "rw_timeout": micro,  # in microseconds; a "timeout" beside it would be TCP's, and take its place
        "max_redirects": "0",  # they were followed, and looked at, before
        "format_whitelist": _DEMUXERS,
        "protocol_whitelist": "http,https,tcp,tls",
        **({"headers": lines} if lines else {}),
    }
    return Input(url, None, probe | own | (_tls() if scheme == "https" else {}))


def _tls() -> dict[str, str]:
    """libav checks no certificate by default, and knows no authorities."""
    import certifi  # httpx's own

    return {"tls_verify": "1", "ca_file": os.environ.get("SSL_CERT_FILE") or certifi.where()}


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``rtsp[s]://``, ``udp://`` and ``http(s)://...`` with a suffix of media.

    Raises:
        SourceError: an address that can't be one, or a protocol that PyAV's libav was built without.
    """
    try:
        parts = urlsplit(source)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"not an address: {redact(source)} ({error})") from None
    scheme = parts.scheme.lower()
    if scheme in _MISSING:
        raise SourceError(
            f"{scheme}:// is not in the libav that PyAV ships: open udp://127.0.0.1:5000 here, then let ffmpeg bring"
            f" it over: ffmpeg -i '{scheme}://...' -c copy -f mpegts 'udp://127.0.0.1:5000?pkt_size=1316'"
        )
    if scheme == "udp":
        if port is None:
            raise SourceError("udp:// needs a port, as in udp://127.0.0.1:5000")
        if not host:  # everybody could send here: only who writes 0.0.0.0 wants that
            source = f"udp://127.0.0.1:{port}" + (f"?{parts.query}" if parts.query else "")
    elif not host:
        raise SourceError(f"an address without a host: {redact(source)}")
    return [NetworkMedia(source, stream_id, options)]


class NetworkMedia:
    """One input that libav reads from the network; each run opens it anew."""

    def __init__(self, url: str, stream: str, options: Options, *, quiet: float = QUIET) -> None:
        self._info = StreamInfo(stream, redact(url), frozenset(), Provenance.LIVE)
        self._url = url
        self._options = options
        self._quiet = quiet
        self._scheme = urlsplit(url).scheme.lower()

    @property
    def info(self) -> StreamInfo:
        return self._info

    async def run(self, sink: Sink) -> None:
        """Play until the end; what comes over HTTP and has a length is paced like a file.

        Raises:
            SourceError: refused for good, no media, or a certificate that is not trusted.
            Interrupted: not there, lost, or silent; the text tells which.
        """
        options, live = self._options, False
        url, whole = self._url, False
        if self._scheme in ("http", "https"):
            url, whole = await self._arrive()
        given = libav_input(url, quiet=self._quiet, headers=self._headers(url))
        try:
            async with opened_live(
                lambda: self._reader(whole),
                given.url,
                name=self._info.stream,
                container_format=given.container_format,
                options=given.options,
                within=options.connect_timeout,
                quiet=self._quiet,
            ) as (thread, info):
                live = True
                sink.emit(StateChanged(self._info.stream, options.clock(), State.LIVE, str(info)))
                paced = whole and info.duration is not None and not options.fast
                await play(thread, info, sink, options, paced=paced)
        except (MediaError, OSError) as error:
            if whole and await self._wants_ranges(url):
                raise SourceError(_WANTS_RANGES) from None
            raise self._failure(error, live) from None
        if not whole and info.duration is None:
            raise Interrupted("the server closed the stream")

    def _failure(self, error: MediaError | OSError, live: bool) -> SourceError | Interrupted:
        """What an error of libav's means, `live`: after it had opened the input."""
        if isinstance(error, MediaError):
            if live or "5XX" in str(error):
                return Interrupted(f"the source broke off: {error}")
            return SourceError(f"{self._info.source}: {error}")
        if isinstance(error, TimeoutError):
            if live:
                return Interrupted(f"stalled: no packet for {self._quiet:g} s")
            return Interrupted(f"nothing came within {self._options.connect_timeout:g} s")
        what = "the source was lost" if live else "not reached"
        return Interrupted(f"{what}: {error.strerror or explain(error)}")

    async def _wants_ranges(self, url: str) -> bool:
        """Whether libav, which failed at it, can never play the file: its index is last, and no range is answered."""
        import httpx  # `_arrive` has loaded it

        headers = {**self._headers(url), "Range": "bytes=0-", "Accept-Encoding": "identity"}
        context = await asyncio.to_thread(httpx.create_ssl_context)
        head = b""
        try:
            async with (
                asyncio.timeout(self._options.connect_timeout),
                httpx.AsyncClient(verify=context, timeout=None) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                if answer.status_code != 200:  # 206 is a range
                    return False
                async for chunk in answer.aiter_raw():
                    head += chunk
                    if len(head) >= _HEAD:
                        break
        except (httpx.HTTPError, TimeoutError):
            return False
        return index_is_last(head)

    def _headers(self, url: str) -> Mapping[str, str]:
        """The user's headers may hold keys: they go to the host that was named, and to no other."""
        return self._options.headers if _origin(url) == _origin(self._url) else {}

    def _reader(self, whole: bool) -> MediaReader:
        from .decode import MediaReader  # in its thread: this loads PyAV
        from .live_reader import LiveReader

        kind = MediaReader if whole else LiveReader
        return kind(self._info.stream, self._options.clock, pictures=self._options.pictures)

    async def _arrive(self) -> tuple[str, bool]:
        """Follow redirects as libav would not: never from a public host to a private one. (address, has a length)."""
        httpx = await asyncio.to_thread(import_module, "httpx")
        url = self._url
        public = False
        context = await asyncio.to_thread(httpx.create_ssl_context)
        async with httpx.AsyncClient(verify=context, timeout=self._options.connect_timeout) as client:
            for _ in range(MAX_REDIRECTS + 1):
                public = await self._allowed(url, public)
                try:
                    async with client.stream("GET", url, headers=dict(self._headers(url))) as answer:
                        if answer.has_redirect_location:
                            url = urljoin(url, answer.headers["location"])
                            continue
                        if answer.status_code != 200:
                            said = detail(await short_body(answer))
                            raise refused(answer.status_code, said, answer.headers.get("retry-after"))
                        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                        if kind.startswith("text/") or kind.endswith("mpegurl"):
                            hint = ", a playlist: write hls+ before the address" if "mpegurl" in kind else ""
                            raise SourceError(f"no media there, but {kind[:60]}{hint}")
                        return url, answer.headers.get("content-length", "").isdecimal()
                except httpx.TimeoutException:
                    wait = self._options.connect_timeout
                    raise Interrupted(f"no answer within {wait:g} s") from None
                except httpx.TransportError as error:
                    if reason := bad_certificate(error):
                        raise SourceError(reason) from None
                    raise Interrupted(f"not reached: {explain(error)}") from None
        raise SourceError(f"more than {MAX_REDIRECTS} redirects")

    async def _allowed(self, url: str, from_public: bool) -> bool:
        """Whether a public host is on the way now. Raises `SourceError` where it must not be asked."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https"):
            raise SourceError("redirected to something that is no web address")
        try:
            found = await resolve(host, port)
        except OSError as error:
            raise Interrupted(f"not reached: {error.strerror or explain(error)}") from None
        public = all(map(is_public, found))
        if from_public and not public:
            raise SourceError(f"a public server redirects to a private address ({host}): refused")
        return public or from_public


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
