"""HLS playlists (RFC 8216) as frozen data: parsed by `m3u8` within limits, every address absolute and http(s).

`m3u8` takes any size, is quadratic in the number of keys and raises whatever its conversions raise. So size and counts
are checked first, only the tags that are used here reach it, keys and maps are read here, and every error becomes a
`PlaylistError`. Synchronous and free of I/O; up to a second of CPU for the largest playlist allowed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from .redact import redact
from .sanitize import clean_line

MAX_BYTES = 1 << 20
MAX_SEGMENTS = 20_000
MAX_VARIANTS = 1_000
"""Variants, and renditions, of a master playlist."""
_LONGEST_SEGMENT = 3600.0
_TARGETS = 0.2, 300.0
"""Seconds within which a target duration is believed: it sets how often the server is asked."""

_TAG = re.compile(
    r"#(EXTM3U|EXTINF|EXT-X-(?:MEDIA-SEQUENCE|DISCONTINUITY|PROGRAM-DATE-TIME|KEY|MAP|BYTERANGE|ENDLIST|GAP|"
    r"STREAM-INF|MEDIA|TARGETDURATION))(?=:|$)"
)
_ATTRIBUTE = re.compile(r'([A-Za-z0-9-]++)=("[^"]*+"|[^",]*+)(?:,\s*+|$)')


class PlaylistError(Exception):
    """What the server sent is no playlist that can be played. The text is one redacted line."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """``length`` bytes of a resource from byte ``start``."""

    start: int
    length: int

    @property
    def header(self) -> str:
        return f"bytes={self.start}-{self.start + self.length - 1}"


@dataclass(frozen=True, slots=True)
class Key:
    """An AES-128 key's address; ``iv`` is 16 bytes, or None: the segment's media sequence number (RFC 8216, 5.2)."""

    uri: str
    iv: bytes | None


@dataclass(frozen=True, slots=True)
class Map:
    """The initialisation section of the segments that refer to it."""

    uri: str
    range: ByteRange | None
    key: Key | None


@dataclass(frozen=True, slots=True)
class Segment:
    """One media segment. ``date``: Unix seconds of its first sample where the playlist tells (or implies) them."""

    sequence: int
    uri: str
    duration: float
    range: ByteRange | None
    key: Key | None
    map: Map | None
    date: float | None
    discontinuity: bool
    gap: bool


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """Segments in order; ``target`` is the target duration in seconds, ``ended`` says that nothing will be added."""

    segments: tuple[Segment, ...]
    target: float
    ended: bool


@dataclass(frozen=True, slots=True)
class Variant:
    """One quality of a master playlist; ``audio`` is the group its renditions are in."""

    uri: str
    bandwidth: int
    width: int | None = None
    height: int | None = None
    name: str | None = None
    codecs: str | None = None
    audio: str | None = None

    def __str__(self) -> str:
        size = f"{self.width}x{self.height} " if self.height else ""
        name = f"{self.name} " if self.name and self.name not in (f"{self.height}p", f"{self.height}") else ""
        return f"{name}{size}{self.bandwidth / 1000:.0f} kb/s"

    @property
    def pictures(self) -> bool:
        """Whether it has, or may have, video: an audio-only variant names its codecs and no picture."""
        if self.height is not None or not self.codecs:
            return True
        return any(not part.strip().startswith(("mp4a", "ac-3", "ec-3", "opus", "flac")) for part in
                   self.codecs.split(","))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rendition:
    """One audio rendition; without a ``uri`` the sound is in the variant itself."""

    group: str
    uri: str | None
    name: str
    language: str | None
    default: bool


@dataclass(frozen=True, slots=True)
class MasterPlaylist:
    """The choice of qualities, and of sound."""

    variants: tuple[Variant, ...]
    audio: tuple[Rendition, ...] = field(default=())


def web_address(base: str, reference: str) -> str:
    """`reference` as an absolute http(s) address.

    Raises:
        PlaylistError: it leads elsewhere (file, concat, data...), or nowhere.
    """
    try:
        parts = urlsplit(found := urljoin(base, reference.strip()))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not found.isprintable() or len(found) > 8192:
        shown = clean_line(redact(reference), 80)
        raise PlaylistError(f"refused: the playlist points to what is no web address: {shown}")
    return found


def parse(data: bytes, url: str) -> MediaPlaylist | MasterPlaylist:
    """Read the playlist `data` that came from `url`.

    Raises:
        PlaylistError: it is none, is malformed, is over a limit, or needs what is not supported.
    """
    if len(data) > MAX_BYTES:
        raise PlaylistError(f"the playlist is larger than {MAX_BYTES:,} bytes")
    lines = [line.strip() for line in data.decode("utf-8-sig", "replace").replace("\r", "\n").split("\n")]
    lines = [line for line in lines if line]
    if not lines or lines[0].split(":")[0] != "#EXTM3U":
        raise PlaylistError("no playlist: it does not start with #EXTM3U")
    kept: list[str] = []
    counts: Counter[str] = Counter()
    for line in lines:
        if not line.startswith("#"):
            kept.append(line)
        elif tag := _TAG.match(line):
            counts[tag[1]] += 1
            kept.append(line)
    addresses = max(counts["EXTINF"], sum(not line.startswith("#") for line in kept))
    if addresses > MAX_SEGMENTS:
        raise PlaylistError(f"the playlist has {addresses:,} segments (limit {MAX_SEGMENTS:,})")
    for tag_name in ("EXT-X-STREAM-INF", "EXT-X-MEDIA"):
        if counts[tag_name] > MAX_VARIANTS:
            raise PlaylistError(f"the playlist has {counts[tag_name]:,} {tag_name} (limit {MAX_VARIANTS:,})")
    if counts["EXT-X-STREAM-INF"] and counts["EXTINF"]:
        raise PlaylistError("the playlist has both variants and segments")
    if any(len(line) > 16_384 for line in kept):
        raise PlaylistError("the playlist has a line longer than 16,384 characters")
    import m3u8  # type: ignore[import-untyped]

    tags = _Tags(url)
    try:
        found = m3u8.parse("\n".join(kept), custom_tags_parser=tags)
        if counts["EXT-X-STREAM-INF"]:
            return _master(found, url)
        return _media(found, tags, url)
    except PlaylistError:
        raise
    except Exception as error:  # of any kind: its conversions are not guarded
        said = clean_line(redact(str(error)), 120)
        raise PlaylistError(f"malformed playlist: {type(error).__name__}: {said}") from None


class _Tags:
    """Reads the tags that `m3u8` reads in quadratic time, or in a way that one odd value spoils the whole playlist."""

    def __init__(self, url: str) -> None:
        self.target: float | None = None
        self._url = url
        self._keyed = -1  # the number of segments before the last key that can be used
        self._keys: dict[str, Key] = {}
        self._maps: dict[tuple[str, Key | None], Map] = {}

    def __call__(self, line: str, _number: int, data: dict[str, Any], state: dict[str, Any]) -> bool:
        name, _, value = line.partition(":")
        if name == "#EXT-X-KEY":
            state["current_key"] = self._read_key(value, state.get("current_key"), len(data["segments"]))
        elif name == "#EXT-X-MAP":
            state["current_segment_map"] = self._read_map(value, state.get("current_key"))
        elif name == "#EXT-X-TARGETDURATION":
            self.target = float(value)
        elif name == "#EXT-X-PROGRAM-DATE-TIME":
            return _odd_date(value)
        else:
            return False
        return True

    def _read_key(
        self, value: str, before: Key | PlaylistError | None, at: int
    ) -> Key | PlaylistError | None:
        """The key from segment `at` on; an error, to be raised by whoever needs it, where it can't be used."""
        given = attributes(value)
        method, form = given.get("METHOD", ""), given.get("KEYFORMAT", "identity")
        if method != "NONE" and (method != "AES-128" or form != "identity"):
            if (
                self._keyed == at
            ):  # several forms of one key (RFC 8216, 4.3.2.4), and one that serves was there
                return before
            return PlaylistError(
                f"the segments are encrypted with {clean_line(method, 20) or 'no method'} ({clean_line(form, 60)}); "
                "only AES-128 with a key from the web is supported"
            )
        self._keyed = at
        if method == "NONE" or value in self._keys:
            return self._keys.get(value)
        iv = None
        if text := given.get("IV"):
            if not re.fullmatch(r"0[xX][0-9A-Fa-f]{1,32}", text):
                raise PlaylistError("malformed playlist: an IV that is no hexadecimal number of 128 bits")
            iv = int(text, 16).to_bytes(16, "big")
        key = self._keys[value] = Key(web_address(self._url, given["URI"]), iv)
        return key

    def _read_map(self, value: str, key: Key | PlaylistError | None) -> Map:
        if isinstance(key, PlaylistError):
            raise key
        if found := self._maps.get((value, key)):
            return found
        given = attributes(value)
        part = byte_range(given["BYTERANGE"], 0) if "BYTERANGE" in given else None
        made = self._maps[value, key] = Map(web_address(self._url, given["URI"]), part, key)
        return made


def attributes(text: str) -> dict[str, str]:
    """An attribute list (RFC 8216, 4.2) as a mapping; quotes are taken off, what is malformed is left out."""
    return {found[1].upper(): found[2].strip('"') for found in _ATTRIBUTE.finditer(text)}


def byte_range(text: str, start: int | None) -> ByteRange:
    """``length[@start]`` as a range, that starts at `start` where the text does not tell."""
    length, _, at = text.strip().strip('"').partition("@")
    if not at and start is None:
        raise PlaylistError("malformed playlist: a byte range without a start and nothing before it")
    found = ByteRange(int(at) if at else start or 0, int(length))
    if found.start < 0 or found.length < 1 or found.start + found.length >= 1 << 63:
        raise PlaylistError("malformed playlist: an impossible byte range")
    return found


def _odd_date(value: str) -> bool:
    """Whether `value` is a date that can't be read; it is left out, as no one needs it to play."""
    from datetime import datetime

    try:
        datetime.fromisoformat(value.strip().upper()).timestamp()
    except (ValueError, OverflowError):
        return True
    return False


def _media(found: dict[str, Any], tags: _Tags, url: str) -> MediaPlaylist:
    first = found["media_sequence"] or 0
    if not 0 <= first < 1 << 63:
        raise PlaylistError("malformed playlist: an impossible media sequence number")
    segments: list[Segment] = []
    ends: tuple[str, int] | None = None  # where the byte range before this one ended
    for number, raw in enumerate((raw for raw in found["segments"] if "uri" in raw), first):
        if isinstance(key := raw.get("key"), PlaylistError):
            raise key
        uri, duration = web_address(url, raw["uri"]), float(raw.get("duration", 0.0))
        if not 0 <= duration <= _LONGEST_SEGMENT:
            raise PlaylistError(f"malformed playlist: a segment of {duration:g} s")
        part = None
        if "byterange" in raw:
            part = byte_range(raw["byterange"], ends[1] if ends and ends[0] == uri else None)
            ends = uri, part.start + part.length
        date = raw.get("current_program_date_time")
        segments.append(
            Segment(
                number,
                uri,
                duration,
                part,
                key,
                raw.get("init_section"),
                date.timestamp() if date else None,
                bool(raw.get("discontinuity")),
                bool(raw.get("gap_tag")),
            )
        )
    longest = max((segment.duration for segment in segments), default=0.0)
    target = tags.target if tags.target is not None and math.isfinite(tags.target) else longest
    target = min(max(target, _TARGETS[0]), _TARGETS[1]) if target > 0 else max(longest, 1.0)
    return MediaPlaylist(tuple(segments), target, bool(found["is_endlist"]))


def _master(found: dict[str, Any], url: str) -> MasterPlaylist:
    variants = []
    for raw in found["playlists"]:
        given = raw["stream_info"]
        width, _, height = str(given.get("resolution", "")).lower().partition("x")
        known = width.isdecimal() and height.isdecimal()
        name = given.get("name") or given.get("video")
        variants.append(
            Variant(
                web_address(url, raw["uri"]),
                max(0, int(given.get("bandwidth", 0))),
                int(width) if known else None,
                int(height) if known else None,
                clean_line(str(name).strip('"'), 40) if name else None,
                given.get("codecs"),
                given.get("audio"),
            )
        )
    if not variants:
        raise PlaylistError("the master playlist has no variants")
    audio = [
        Rendition(
            raw.get("group_id", ""),
            web_address(url, raw["uri"]) if raw.get("uri") else None,
            clean_line(raw.get("name", ""), 40),
            raw.get("language"),
            raw.get("default") == "YES",
        )
        for raw in found["media"]
        if raw.get("type") == "AUDIO"
    ]
    return MasterPlaylist(tuple(variants), tuple(audio))


def choose(master: MasterPlaylist, want: str = "") -> Variant:
    """The variant that `want` names: "highest", "lowest", "720p", a name, or the most bits a second it may take.

    Nothing named: the highest of at most 1080 lines. Variants without pictures are taken only by name, or where there
    are no others.

    Raises:
        PlaylistError: there is none of that name or height; the text lists those there are.
    """
    ranked = sorted(master.variants, key=lambda variant: (variant.height or 0, variant.bandwidth))
    watchable = [variant for variant in ranked if variant.pictures] or ranked
    wish = want.strip().lower()
    if not wish:
        return ([variant for variant in watchable if (variant.height or 0) <= 1080] or watchable[:1])[-1]
    if wish in ("highest", "lowest"):
        return watchable[-1 if wish == "highest" else 0]
    by_name = [v for v in ranked if wish in ((v.name or "").lower(), f"{v.height}p", f"{v.width}x{v.height}")]
    if by_name:
        return by_name[-1]
    if wish.isdecimal():
        by_rate = sorted(watchable, key=lambda variant: variant.bandwidth)
        return ([variant for variant in by_rate if variant.bandwidth <= int(wish[:18])] or by_rate[:1])[-1]
    there = ", ".join(str(variant) for variant in watchable[:8])
    raise PlaylistError(f"no variant {clean_line(want, 40)!r}; there are: {there}")


def sound(master: MasterPlaylist, variant: Variant) -> Rendition | None:
    """The audio rendition that goes with `variant`, or None when its sound is in itself."""
    group = [rendition for rendition in master.audio if rendition.group == variant.audio]
    best = next((rendition for rendition in group if rendition.default), group[0] if group else None)
    return best if best is not None and best.uri and best.uri != variant.uri else None
