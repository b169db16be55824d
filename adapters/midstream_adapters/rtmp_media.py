"""From RTMP's media messages to events: the connection they come over, and the decoder they go to as FLV."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from . import flv
from .base import Options, Sink, explain
from .events import Kind
from .feed import Feed
from .mediainfo import MediaError, MediaInfo
from .reading import opened, play
from .rtmp_session import Client, Media, Publishing, Said

if TYPE_CHECKING:
    from typing import BinaryIO

    from .decode import MediaReader

S = TypeVar("S", bound=Publishing | Client)

PATIENCE = 1.0
"""Seconds to wait for the other of sound and picture, when one is here; it may still come later."""
_FEED = 4 << 20
_AHEAD = 4 << 20
"""Bytes held before the decoder is opened."""
# All that libav needs to know comes first in what it is fed, so it need not read on for seconds to make sure. Never
# fflags=nobuffer: it throws away what was read to find out, the first key frame with it, and so all up to
# the next (measured: 20 of 40 frames of a test clip). libav opens nothing but what it is fed.
_LIBAV = {
    "format_whitelist": "flv",
    "protocol_whitelist": "none",
    "analyzeduration": "100000",
    "probesize": "32768",
    "fpsprobesize": "0",
}


class Link(Generic[S]):
    """One TCP connection with its RTMP session."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: S) -> None:
        self.session: S = session
        self._reader = reader
        self._writer = writer

    async def receive(self, timeout: float) -> list[Said] | None:
        """What the peer says next (often nothing yet), or None when it sent no byte for `timeout` seconds.

        Raises:
            ConnectionError: the peer is gone without a word.
            ProtocolError: it does not speak RTMP.
        """
        try:
            async with asyncio.timeout(timeout):
                await self.flush()
                data = await self._reader.read(1 << 16)
        except TimeoutError:
            return None
        if not data:
            raise ConnectionResetError("the connection was closed without a word")
        said: list[Said] = self.session.receive(data)
        await self.flush()
        return said

    async def flush(self, empty: bool = False) -> None:
        """Send what the session has to say; with `empty`, wait until the system has taken all of it."""
        if empty:
            self._writer.transport.set_write_buffer_limits(0)
        if out := self.session.take():
            self._writer.write(out)
            await self._writer.drain()

    def close(self) -> None:
        """End the connection at once; what was not sent by now is not."""
        transport = self._writer.transport
        transport.close() if transport.get_write_buffer_size() == 0 else transport.abort()


async def decode(
    source: AsyncIterator[Media],
    stream: str,
    sink: Sink,
    options: Options,
    on_open: Callable[[MediaInfo], None],
) -> None:
    """Decode the messages of `source` until it ends, and emit what comes of them.

    The decoder is opened when sound and picture, as far as declared, are both here; when another kind comes later it is
    opened anew. Exceptions of `source` come through once everything before them is decoded.

    Raises:
        MediaError: libav can't decode it.
    """
    film = _Film(source, options)

    def opened_as(info: MediaInfo) -> None:
        info = replace(info, duration=None)  # encoders write 0, or what they were told to make
        if info.video is not None:
            info = replace(info, video=replace(info.video, frame_rate=film.frame_rate))
        on_open(info)

    await film.collect()
    while film.waiting:
        feed = _Feed(_FEED)
        pouring = asyncio.create_task(film.pour(feed))
        decoding = asyncio.create_task(_decode(feed, stream, sink, options, opened_as))
        try:
            await asyncio.wait([decoding])  # awaited itself, it would be cancelled before the feed is aborted
            decoding.result()
            if not feed.ended:  # libav saw an end where there was none
                raise MediaError("the decoder left before the end")
            await pouring
        except (MediaError, OSError) as error:
            if film.error is None:
                film.error = MediaError(explain(error))  # libav has no network here: it is the media
            break
        finally:
            feed.abort()  # first of all: it frees the thread that the decoding task waits for
            for task in (pouring, decoding):
                task.cancel()
            await asyncio.gather(pouring, decoding, return_exceptions=True)
    if film.error is not None:
        raise film.error


async def _decode(
    feed: Feed, stream: str, sink: Sink, options: Options, on_open: Callable[[MediaInfo], None]
) -> None:
    def reader() -> MediaReader:
        from .live_reader import LiveReader  # in its thread: this loads PyAV

        return LiveReader(stream, options.clock, pictures=options.pictures)

    async with opened(
        reader, cast("BinaryIO", feed), name=stream, container_format="flv", options=_LIBAV
    ) as (thread, info):
        on_open(info)
        await play(thread, info, sink, options, paced=False)


class _Feed(Feed):
    """An aborted feed reads as ended: libav may ask twice, and PyAV prints an exception that it has no place for."""

    def read(self, size: int = -1) -> bytes:
        try:
            return super().read(size)
        except ConnectionAbortedError:
            return b""


class _Film:
    """The messages of one source on their way to FLV, with what every new decoder has to be told first."""

    def __init__(self, source: AsyncIterator[Media], options: Options) -> None:
        self.waiting: deque[Media] = deque()
        """Messages that no decoder was given yet."""
        self.error: Exception | None = None
        """What `source` ended with, if not well."""
        self.frame_rate: float | None = None
        """Frames a second, where the source tells; libav's own guess at so few packets is worth nothing."""
        self._source = source
        self._options = options
        self._over = self._poured = False
        self._kinds: frozenset[Kind] = frozenset()
        self._declared: frozenset[Kind] | None = None
        self._script: Media | None = None
        self._configs: dict[Kind, Media] = {}

    async def collect(self) -> None:
        """Read until it is clear what there is, and a packet of each kind is here."""
        since: float | None = None
        size = 0
        everything = frozenset((Kind.AUDIO, Kind.VIDEO))
        while (media := await self._next()) is not None:
            self.waiting.append(media)
            size += len(media.payload)
            if (kind := flv.kind_of(media.kind)) is None or flv.is_config(media.kind, media.payload):
                continue
            self._kinds |= {kind}
            now = self._options.clock()
            since = now if since is None else since
            late = now - since >= PATIENCE or size >= _AHEAD
            if late or self._kinds >= (self._declared or everything):
                break
        self.waiting = deque(_fronted(self.waiting))

    async def pour(self, feed: Feed) -> None:
        """Write FLV into `feed` until the source ends, or a kind comes that the decoder was not told of."""
        await feed.write(flv.header(self._kinds))
        again = (self._script, *self._configs.values()) if self._poured else ()
        self._poured = True
        for known in filter(None, again):
            await feed.write(flv.tag(known.kind, known.timestamp, known.payload))
        while True:
            media = self.waiting.popleft() if self.waiting else await self._next()
            if media is None:
                break
            kind = flv.kind_of(media.kind)
            if kind and kind not in self._kinds and not flv.is_config(media.kind, media.payload):
                self._kinds |= {kind}
                self.waiting.appendleft(media)
                break
            await feed.write(flv.tag(media.kind, media.timestamp, media.payload))
        feed.end()

    async def _next(self) -> Media | None:
        """The next message that belongs into FLV; None once the source is over."""
        while not self._over:
            try:
                media = await anext(self._source)
            except StopAsyncIteration:
                self._over = True
                break
            except Exception as error:
                self._over, self.error = True, error
                break
            if media.kind == flv.SCRIPT:
                if (found := flv.metadata(media.payload)) is None:
                    continue
                self._declared, self.frame_rate = found.kinds, found.frame_rate
                self._script = media = Media(flv.SCRIPT, media.timestamp, found.payload)
            elif kind := flv.kind_of(media.kind):
                if flv.is_config(media.kind, media.payload):
                    self._configs[kind] = media
            else:
                continue
            return media
        return None


def _fronted(waiting: Iterable[Media]) -> list[Media]:
    """`waiting` with what sets decoders up and the first packet of each kind in front.

    libav looks at the first 0.1 s only, and a picture may come later than that after its sound; PTS put it right again.
    """
    seen: set[Kind] = set()

    def rank(media: Media) -> int:
        kind = flv.kind_of(media.kind)
        if kind is None or flv.is_config(media.kind, media.payload):
            return 0
        if kind in seen:
            return 2
        seen.add(kind)
        return 1

    return sorted(waiting, key=rank)  # stable, and each key is asked for once, in order


def single(media: Media) -> list[Media]:
    """`media` itself, or what an aggregate message holds, in its time."""
    if media.kind != 22:
        return [media]
    found = list(flv.tags(media.payload))
    shift = media.timestamp - found[0][1] if found else 0
    return [Media(kind, (stamp + shift) & 0xFFFFFFFF, payload) for kind, stamp, payload in found]
