"""Follows one HLS media playlist: asks for it again as it grows, and fetches its segments in order, a few ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from .base import Clock, Interrupted, Sleep
from .hls_fetch import Fetched, Fetcher, FetchError
from .hls_playlist import MAX_BYTES, Key, Map, MasterPlaylist, MediaPlaylist, PlaylistError, Segment, parse

MAX_SEGMENT = 64 << 20
MAX_MAP = 4 << 20
AHEAD = 2
"""Segments fetched ahead of the one that is being decoded, if they are within `AHEAD_BYTES`."""
AHEAD_BYTES = 16 << 20
MISSES = 3
"""Segments, or loads of a live playlist, that may fail in a row before the source counts as lost."""
STALL = 1.5
"""Target durations without anything new after which a live playlist is stalled."""
_KEYS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Loaded:
    """A segment's media bytes, decrypted. ``head``: its initialisation section, where the format has one.

    ``fresh``: it does not continue what came before, and wants a decoder of its own.
    """

    segment: Segment
    data: bytes
    head: bytes
    fresh: bool
    seconds: float
    """Seconds that fetching took, its key and map included."""
    nbytes: int
    """Bytes of the segment as they came over the network."""


class Shelf:
    """Segments on their way to the decoder: at most `AHEAD` of them, and no more once `AHEAD_BYTES` are there."""

    def __init__(self) -> None:
        self._items: deque[Loaded] = deque()
        self._size = 0
        self._ended = False
        self._changed = asyncio.Condition()

    async def put(self, item: Loaded) -> None:
        """Wait for room, then add `item`; a large one has the shelf to itself."""
        async with self._changed:
            while self._items and (len(self._items) >= AHEAD or self._size + len(item.data) > AHEAD_BYTES):
                await self._changed.wait()
            self._items.append(item)
            self._size += len(item.data)
            self._changed.notify_all()

    async def end(self) -> None:
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def get(self) -> Loaded | None:
        """The next segment, waited for; None after the last."""
        async with self._changed:
            while not (self._items or self._ended):
                await self._changed.wait()
            if not self._items:
                return None
            item = self._items.popleft()
            self._size -= len(item.data)
            self._changed.notify_all()
            return item


class Watcher(Protocol):
    """Whoever keeps the figures of a playlist."""

    def polled(self, follower: Follower) -> None: ...
    def stalled(self, follower: Follower, silent: float) -> None: ...
    def recovered(self, follower: Follower, silent: float) -> None: ...
    def missed(self, count: int) -> None: ...


async def load_playlist(
    fetcher: Fetcher, url: str, public: bool, within: float
) -> tuple[MediaPlaylist | MasterPlaylist, Fetched]:
    """Fetch and read a playlist; ``public`` is whether whoever named it is. Raises what those raise."""
    got = await fetcher.get(url, limit=MAX_BYTES, within=within, from_public=public, compressed=True)
    return await asyncio.to_thread(parse, got.body, got.url), got


class Follower:
    """One media playlist, from a first load on. `poll` keeps it new, `load` fetches what it lists; both run at once.

    ``start``: segments before the live edge to begin with. ``after``: sequence number and address of the last segment
    that an earlier connection played, to go on behind it where it is still listed.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        playlist: MediaPlaylist,
        got: Fetched,
        watcher: Watcher,
        *,
        clock: Clock,
        sleep: Sleep,
        start: int = 3,
        after: tuple[int, str] | None = None,
    ) -> None:
        self.playlist = playlist
        self.changed_at = clock()
        """When the playlist was last seen to have grown."""
        self.stalled = False
        self._fetcher = fetcher
        self._url, self._public = got.url, got.public
        self._watcher = watcher
        self._clock = clock
        self._sleep = sleep
        self._start = start
        self._news = asyncio.Event()
        self._fresh = True
        self._keys: dict[str, bytes] = {}
        self._map: tuple[Map, bytes] | None = None
        self._position = self._first()
        for segment in playlist.segments:
            if (segment.sequence, segment.uri) == after:
                self._position = segment.sequence + 1

    @property
    def newest(self) -> Segment | None:
        return self.playlist.segments[-1] if self.playlist.segments else None

    def _first(self) -> int:
        segments = self.playlist.segments
        if not segments:
            return 0
        return segments[0 if self.playlist.ended else max(0, len(segments) - self._start)].sequence

    # -- the playlist

    async def poll(self) -> None:
        """Load the playlist again and again until it has ended (RFC 8216, 6.3.4), telling stalls.

        Raises:
            Interrupted: it is gone, or could not be loaded several times in a row.
            SourceError: its address leads where nothing may be asked.
        """
        failures = 0
        pause = self.playlist.target
        while not self.playlist.ended:
            await self._sleep(pause)
            pause = self.playlist.target / 2
            within = min(10.0, max(2.0, STALL * self.playlist.target))
            try:
                found, got = await load_playlist(self._fetcher, self._url, self._public, within)
                if isinstance(found, MasterPlaylist):
                    raise PlaylistError("a master playlist has taken its place")
            except (FetchError, PlaylistError) as error:
                failures += 1
                if isinstance(error, FetchError) and error.gone:
                    raise Interrupted(f"the playlist is gone: {error}") from None
                if failures >= MISSES:
                    raise Interrupted(f"the playlist can't be loaded: {error}") from None
            else:
                failures = 0
                if self._take(found):
                    pause = found.target
                self._public |= got.public
            silent = self._clock() - self.changed_at
            if not self.stalled and not self.playlist.ended and silent >= STALL * self.playlist.target:
                self.stalled = True
                self._watcher.stalled(self, silent)
            self._watcher.polled(self)

    def _take(self, found: MediaPlaylist) -> bool:
        """Put `found` in the place of what was there; whether it brought anything new."""
        before, self.playlist = self.newest, found
        newest = self.newest
        grown = newest is not None and (
            before is None or (newest.sequence, newest.uri) != (before.sequence, before.uri)
        )
        if newest is not None and (
            before is None
            or newest.sequence < before.sequence
            or (grown and newest.sequence == before.sequence)
        ):
            self._position, self._fresh = self._first(), True  # a new encoder counts from the start again
        if not (grown or found.ended):
            return False
        silent, self.changed_at = self._clock() - self.changed_at, self._clock()
        if self.stalled:
            self.stalled = False
            self._watcher.recovered(self, silent)
        self._news.set()
        return True

    # -- its segments

    async def load(self, shelf: Shelf) -> None:
        """Fetch segments and put them on `shelf` until the playlist has ended.

        Raises:
            Interrupted: several in a row did not come.
            SourceError: an address leads where nothing may be asked.
        """
        misses = came = 0
        while True:
            segment = self._next()
            if segment is None:
                if self.playlist.ended:
                    break
                self._news.clear()
                await self._news.wait()
                continue
            if segment.sequence > self._position:  # gone from the list before it was our turn
                self._watcher.missed(segment.sequence - self._position)
                self._fresh = True
            self._position = segment.sequence + 1
            self._fresh |= segment.discontinuity
            if segment.gap:
                self._watcher.missed(1)
                continue
            try:
                loaded = await self._load(segment)
            except FetchError as error:
                misses += 1
                self._watcher.missed(1)
                if misses >= MISSES:
                    raise Interrupted(f"{misses} segments in a row did not come: {error}") from None
                continue
            misses, came = 0, came + 1
            self._fresh = False
            await shelf.put(loaded)
        if misses and not came:
            raise Interrupted("none of the segments came")

    def _next(self) -> Segment | None:
        """The first listed segment that is at or after our position."""
        segments = self.playlist.segments
        if not segments:
            return None
        index = max(0, self._position - segments[0].sequence)
        return segments[index] if index < len(segments) else None

    async def _load(self, segment: Segment) -> Loaded:
        began = self._clock()
        head = b""
        if segment.map is not None:
            if self._map is None or self._map[0] != segment.map:
                data, _ = await self._media(segment.map, segment, MAX_MAP)
                self._map, self._fresh = (segment.map, data), True
            head = self._map[1]
        elif self._map is not None:
            self._map, self._fresh = None, True
        data, nbytes = await self._media(segment, segment, MAX_SEGMENT)
        return Loaded(segment, data, head, self._fresh, self._clock() - began, nbytes)

    async def _media(self, part: Segment | Map, segment: Segment, limit: int) -> tuple[bytes, int]:
        """The bytes of `part`, decrypted, and how many came over the network."""
        if part.range is not None and part.range.length > limit:
            raise FetchError(f"a byte range of more than {limit:,} bytes")
        within = max(20.0, 5.0 * self.playlist.target)
        got = await self._get(part.uri, limit, within, part.range.header if part.range else None)
        if part.key is None:
            return got.body, got.nbytes
        iv = part.key.iv if part.key.iv is not None else segment.sequence.to_bytes(16, "big")
        secret = await self._secret(part.key)
        return await asyncio.to_thread(decrypt, got.body, secret, iv), got.nbytes

    async def _secret(self, key: Key) -> bytes:
        if key.uri not in self._keys:
            got = await self._get(key.uri, 1024, 20.0, None)
            if len(got.body) != 16:
                raise FetchError(f"a key of {len(got.body)} bytes, not 16")
            while len(self._keys) >= _KEYS_KEPT:
                del self._keys[next(iter(self._keys))]
            self._keys[key.uri] = got.body
        return self._keys[key.uri]

    async def _get(self, uri: str, limit: int, within: float, range_header: str | None) -> Fetched:
        """Fetch, and once more where that may help."""

        async def fetch() -> Fetched:
            return await self._fetcher.get(
                uri, limit=limit, within=within, from_public=self._public, range_header=range_header
            )

        try:
            return await fetch()
        except FetchError as error:
            if error.lasting:
                raise
        return await fetch()


def decrypt(data: bytes, key: bytes, iv: bytes) -> bytes:
    """AES-128-CBC with PKCS #7 padding (RFC 8216, 4.3.2.4).

    Raises:
        FetchError: not whole blocks, or padding that only another key explains.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if not data or len(data) % 16:
        raise FetchError("an encrypted segment that is no whole number of blocks")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(data) + decryptor.finalize()
    pad = plain[-1]
    if not 1 <= pad <= 16 or plain[-pad:] != bytes([pad]) * pad:
        raise FetchError("a segment that its key does not decrypt")
    return plain[:-pad]
