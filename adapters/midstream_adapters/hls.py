"""HTTP Live Streaming (RFC 8216): playlists and segments are fetched here, on the loop, and libav only decodes.

Left to itself libav would follow a playlist anywhere, hang on a dead one for minutes, and tell nothing of what it saw.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import parse_qsl

from .base import Adapter, Interrupted, Options, Sink, SourceError, StreamInfo
from .events import (
    AudioChunk,
    BytesReceived,
    Event,
    Kind,
    Provenance,
    VideoFrame,
)
from .feed import Feed
from .hls_fetch import Fetched, Fetcher, FetchError, Resolve, resolve
from .hls_monitor import Monitor
from .hls_playlist import MasterPlaylist, MediaPlaylist, PlaylistError, Variant, choose, sound
from .hls_segments import Follower, Loaded, Shelf, load_playlist
from .mediainfo import MediaError, MediaInfo
from .net import located
from .pacing import Pacer
from .reading import opened, play
from .redact import redact
from .together import together

if TYPE_CHECKING:
    import httpx

    from .decode import MediaReader

START = 3
"""Segments before the live edge to begin with (RFC 8216, 6.3.3)."""
_FEED = 1 << 20
_BARREN = 3
"""Pieces in a row of which nothing could be decoded, after which the source is no media."""
_WAIT = 5.0
"""Seconds that sound and pictures wait for each other to begin."""
_TOKEN = "MIDSTREAM_HLS_TOKEN"
_OURS = frozenset(("host", "accept-encoding", "range"))
# A segment is whatever a server sends. The formats are those of HLS, and none of them opens anything else (a playlist
# within a segment would); the protocols are none. Analysis is short: the segments tell their codecs early.
_LIBAV = {
    "format_whitelist": "mpegts,mov,aac,mp3,ac3,eac3",
    "protocol_whitelist": "none",
    "analyzeduration": "1000000",
    "probesize": "2000000",
}


def open_source(source: str, stream_id: str, options: Options) -> list[Adapter]:
    """The adapter for ``http(s)://`` or ``hls+http(s)://``.

    After a ``#`` may stand ``variant=`` (highest, lowest, 720p, a name, or the most bits a second) and ``start=``
    (segments before the live edge), joined by ``&``.

    Raises:
        SourceError: the address has no host, its port is none, or a setting makes no sense.
    """
    url = source[4:] if source[:4].lower() == "hls+" else source
    address, _, settings = url.partition("#")
    located(address, source)
    given = dict(parse_qsl(settings))
    start = given.get("start", str(START))
    if not (start.isdecimal() and 1 <= int(start[:6]) <= 20_000):
        raise SourceError(f"start={start[:20]} is no number of segments (1 to 20000)")
    return [HLSAdapter(address, stream_id, options, variant=given.get("variant", ""), start=int(start[:6]))]


class HLSAdapter:
    """One HLS source; each run is one connection. What an earlier run has played is not played again.

    ``variant`` is what `choose` takes. ``resolve``, ``transport`` and ``wall`` (Unix seconds) are injected by tests.
    """

    def __init__(
        self,
        url: str,
        stream: str,
        options: Options,
        *,
        variant: str = "",
        start: int = START,
        resolve: Resolve = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._info = StreamInfo(stream, redact(url), frozenset(), Provenance.LIVE)
        self._url = url
        self._options = options
        self._want = variant
        self._start = start
        self._resolve = resolve
        self._transport = transport
        self._wall = wall
        self._last: dict[str, tuple[int, str]] = {}  # by role: what was played last
        self._lived = False

    @property
    def info(self) -> StreamInfo:
        return self._info

    async def run(self, sink: Sink) -> None:
        """Play until the playlist says that it has ended, and everything is decoded.

        Raises:
            SourceError: no playlist, nothing that can be played, or an address that must not be asked.
            Interrupted: the playlist is gone, or its segments don't come.
        """
        headers = {k: v for k, v in self._options.headers.items() if k.lower() not in _OURS}
        if (token := self._options.env.get(_TOKEN)) and "authorization" not in map(str.lower, headers):
            headers["Authorization"] = f"Bearer {token}"
        async with Fetcher(
            self._url, headers, self._options, resolve=self._resolve, transport=self._transport
        ) as fetcher:
            try:
                await self._play(fetcher, sink)
                self._last.clear()  # it is complete: a run after this one begins anew
            except PlaylistError as error:
                raise (Interrupted if self._lived else SourceError)(str(error)) from None
            except FetchError as error:
                if error.lasting and not (self._lived and error.gone):
                    raise SourceError(str(error)) from None
                raise

    async def _play(self, fetcher: Fetcher, sink: Sink) -> None:
        found, got = await load_playlist(fetcher, self._url, False, self._options.connect_timeout)
        variant: Variant | None = None
        beside: tuple[MediaPlaylist, Fetched] | None = None
        if isinstance(found, MasterPlaylist):
            variant = choose(found, self._want)
            rendition = sound(found, variant)
            if rendition is not None and rendition.uri is not None:
                beside = await self._media_playlist(fetcher, rendition.uri, got.public)
            found, got = await self._media_playlist(fetcher, variant.uri, got.public)
        video = {Kind.VIDEO} if beside else None
        at = self._info.stream, sink, self._options.clock, self._wall
        both = asyncio.Barrier(2) if beside else None
        jobs = [self._track("main", fetcher, found, got, Monitor(*at, variant), sink, video, both)]
        if beside:
            quiet = Monitor(*at, None, main=False)
            jobs.append(self._track("sound", fetcher, *beside, quiet, sink, {Kind.AUDIO}, both))
        await together(*jobs, until=asyncio.FIRST_EXCEPTION)

    async def _media_playlist(
        self, fetcher: Fetcher, url: str, public: bool
    ) -> tuple[MediaPlaylist, Fetched]:
        found, got = await load_playlist(fetcher, url, public, self._options.connect_timeout)
        if isinstance(found, MasterPlaylist):
            raise PlaylistError("a master playlist that leads to a master playlist")
        return found, got

    async def _track(
        self,
        role: str,
        fetcher: Fetcher,
        playlist: MediaPlaylist,
        got: Fetched,
        monitor: Monitor,
        sink: Sink,
        only: set[Kind] | None,
        both: asyncio.Barrier | None,
    ) -> None:
        """Play one media playlist. When it is lost, what has come of it is still played, at once."""
        follower = Follower(
            fetcher,
            playlist,
            got,
            monitor,
            clock=self._options.clock,
            sleep=self._options.sleep,
            start=self._start,
            after=self._last.get(role),
        )
        shelf = Shelf()

        def opened_as(info: MediaInfo) -> None:
            self._lived = True
            monitor.opened(info)

        def poured(item: Loaded, first: bool) -> None:
            self._last[role] = item.segment.sequence, item.segment.uri
            monitor.poured(item, follower, first)

        def shown(event: VideoFrame | AudioChunk) -> None:
            monitor.shown(event, follower)

        filtered = Filter(sink, only, shown)
        track = _Track(
            self._info.stream, self._options, not playlist.ended, filtered, both, opened_as, poured
        )
        lost: list[Interrupted] = []

        async def fill() -> None:
            try:
                await together(follower.poll(), follower.load(shelf), until=asyncio.FIRST_EXCEPTION)
            except Interrupted as error:
                lost.append(error)
                track.hurry()
            await shelf.end()

        await together(fill(), track.play(shelf, monitor), until=asyncio.FIRST_EXCEPTION)
        if lost:
            raise lost[0]


@dataclass
class Filter:
    """A sink that lets only some kinds of media through (of others it counts the bytes), and tells what it lets."""

    sink: Sink
    only: set[Kind] | None
    shown: Callable[[VideoFrame | AudioChunk], None]
    count: int = 0

    def emit(self, event: Event) -> None:
        if isinstance(event, VideoFrame | AudioChunk):
            kind = Kind.VIDEO if isinstance(event, VideoFrame) else Kind.AUDIO
            if self.only and kind not in self.only:
                event = BytesReceived(event.stream, event.at, kind, event.nbytes)
            else:
                self.count += 1
                self.shown(event)
        self.sink.emit(event)

    async def drain(self) -> None:
        await self.sink.drain()


class _Track:
    """Decodes the segments of one shelf: a new decoder wherever they don't continue what came before."""

    def __init__(
        self,
        stream: str,
        options: Options,
        live: bool,
        sink: Filter,
        both: asyncio.Barrier | None,
        opened: Callable[[MediaInfo], None],
        poured: Callable[[Loaded, bool], None],
    ) -> None:
        self._stream = stream
        self._options = options
        self._live = live
        self._pacer: Pacer | None = None
        self._hurrying = False
        self._sink = sink
        self._both = (
            both  # sound beside the pictures begins with them: their pace counts from where each begins
        )
        self._opened = opened
        self._poured = poured
        self._next: Loaded | None = (
            None  # the segment that does not continue the piece at hand, once it is there
        )

    def hurry(self) -> None:
        """Nothing more comes: decode what is there without pacing it."""
        self._hurrying = True
        if self._pacer is not None:
            self._pacer.hurry = True

    async def play(self, shelf: Shelf, monitor: Monitor) -> None:
        """Decode until the shelf has ended. Raises `SourceError` when nothing of several pieces can be decoded."""
        item = await shelf.get()
        barren, reason = 0, ""
        while item is not None:
            before, poured = self._sink.count, [0]
            try:
                await self._piece(item, shelf, poured)
            except (MediaError, OSError) as error:
                empty = self._sink.count == before
                monitor.missed(max(1, poured[0]) if empty else 1)
                barren = barren + 1 if empty else 0
                reason = f"the segments can't be decoded: {getattr(error, 'strerror', None) or error}"
                if barren >= _BARREN:
                    raise SourceError(reason) from None
            item, self._next = self._next or await shelf.get(), None
        if reason and not self._sink.count:
            raise SourceError(reason)

    async def _piece(self, first: Loaded, shelf: Shelf, poured: list[int]) -> None:
        """Decode `first` and what continues it."""
        feed = Feed(_FEED)

        async def pour() -> None:
            item: Loaded | None = first
            await feed.write(first.head)
            while item is not None and (item is first or not item.fresh):
                self._poured(item, item is first)
                poured[0] += 1
                await feed.write(item.data)
                item = await shelf.get()
            self._next = item
            feed.end()

        pouring, decoding = asyncio.create_task(pour()), asyncio.create_task(self._decode(feed))
        try:
            # Not `await decoding`: a cancellation would go into it, and wait for the thread that only abort frees.
            await asyncio.wait({decoding})
            decoding.result()
            if not feed.ended:  # libav saw an end where there was none
                raise MediaError("the decoder left before the end")
            await pouring
        finally:
            feed.abort()  # first of all: it frees the thread that the decoding task waits for
            for task in (pouring, decoding):
                task.cancel()
            await asyncio.gather(pouring, decoding, return_exceptions=True)

    async def _decode(self, feed: Feed) -> None:
        async with opened(self._reader, cast("BinaryIO", feed), name=self._stream, options=_LIBAV) as (
            thread,
            info,
        ):
            self._opened(info)
            both, self._both = self._both, None
            if both is not None:
                with suppress(asyncio.BrokenBarrierError):
                    try:
                        async with asyncio.timeout(_WAIT):
                            await both.wait()
                    except TimeoutError:
                        await both.abort()  # the other comes later, and need not wait for us
            self._pacer = self._new_pacer(feed)
            await play(
                thread, info, self._sink, self._options, paced=not self._options.fast, pacer=self._pacer
            )

    def _new_pacer(self, feed: Feed) -> Pacer:
        """A pace for one piece. Live, what is late by our own fault is made good: the edge does not wait for us."""
        clock, sleep = self._options.clock, self._options.sleep
        pacer = (
            Pacer(clock, sleep, most_behind=10.0, starved=feed.starved) if self._live else Pacer(clock, sleep)
        )
        pacer.hurry = self._hurrying
        return pacer

    def _reader(self) -> MediaReader:
        from .decode import MediaReader  # in its thread: this loads PyAV

        return MediaReader(self._stream, self._options.clock, pictures=self._options.pictures)
