"""Playlists: read right, within limits, and never a step outside the web."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from midstream_adapters.hls_playlist import (
    MAX_BYTES,
    MAX_SEGMENTS,
    ByteRange,
    MasterPlaylist,
    MediaPlaylist,
    PlaylistError,
    Variant,
    attributes,
    choose,
    parse,
    sound,
)

URL = "https://cdn.example/live/x.m3u8?sig=1"

MASTER = b"""#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Deutsch, laut",LANGUAGE="de",URI="de.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",LANGUAGE="en",DEFAULT=YES,URI="en.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="x",URI="file:///nobody/reads/it"
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS="avc1.4d401e,mp4a.40.2",AUDIO="aac"
low/x.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2500000,RESOLUTION=1280x720,AUDIO="aac",NAME="hd"
mid.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080,AUDIO="aac"
/high.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=15000000,RESOLUTION=3840x2160
https://other.example/uhd.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="mp4a.40.5"
audio.m3u8
"""


def media(*lines: str) -> MediaPlaylist:
    found = parse("\n".join(["#EXTM3U", *lines]).encode(), URL)
    assert isinstance(found, MediaPlaylist)
    return found


def master() -> MasterPlaylist:
    found = parse(MASTER, URL)
    assert isinstance(found, MasterPlaylist)
    return found


def test_a_media_playlist_has_all_that_playing_needs() -> None:
    found = media(
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-MEDIA-SEQUENCE:7",
        "# a comment",
        '#EXT-X-KEY:METHOD=AES-128,URI="k1",IV=0x0F',
        '#EXT-X-MAP:URI="init.mp4",BYTERANGE="100@20"',
        "#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00.500Z",
        "#EXTINF:3.5,title, with commas",
        "#EXT-X-BYTERANGE:50@10",
        "a.mp4",
        "#EXTINF:4",
        "#EXT-X-BYTERANGE:60",
        "a.mp4",
        "#EXT-X-KEY:METHOD=NONE",
        "#EXT-X-DISCONTINUITY",
        "#EXTINF:2,",
        "//other.example/b.mp4",
        "#EXT-X-GAP",
        "#EXTINF:2,",
        "c.mp4",
        "#EXT-X-ENDLIST",
    )
    first, second, third, fourth = found.segments
    assert (found.target, found.ended) == (4.0, True)
    assert [s.sequence for s in found.segments] == [7, 8, 9, 10]
    assert first.uri == second.uri == "https://cdn.example/live/a.mp4"
    assert (first.range, second.range, third.range) == (ByteRange(10, 50), ByteRange(60, 60), None)
    assert first.range is not None
    assert first.range.header == "bytes=10-59"
    assert first.key is not None
    assert (first.key.uri, first.key.iv) == ("https://cdn.example/live/k1", bytes(15) + b"\x0f")
    assert first.map is not None
    assert (first.map.range, first.map.key) == (ByteRange(20, 100), first.key)
    assert first.map is second.map
    assert (third.key, third.discontinuity, third.uri) == (None, True, "https://other.example/b.mp4")
    assert [s.discontinuity for s in found.segments] == [False, False, True, False]
    assert (third.gap, fourth.gap) == (False, True)
    start = datetime.fromisoformat("2024-05-01T12:00:00.500+00:00").timestamp()
    assert [s.date for s in found.segments] == pytest.approx([start, start + 3.5, start + 7.5, start + 9.5])


def test_what_is_odd_but_harmless_is_read_over() -> None:
    found = media(
        "#EXT-X-TARGETDURATION:1.5",
        "#EXT-X-PROGRAM-DATE-TIME:yesterday",
        "#EXT-X-DATERANGE:ID=1,DURATION=none",
        "#EXT-X-CUE-OUT-CONT:////",
        "#EXT-X-PART:DURATION=x",
        '#EXT-X-KEY:METHOD=SAMPLE-AES,KEYFORMAT="com.apple.streamingkeydelivery",URI="skd://x"',
        '#EXT-X-KEY:METHOD=AES-128,URI="k"',
        '#EXT-X-KEY:METHOD=SAMPLE-AES,KEYFORMAT="urn:uuid:x",URI="data:text/plain;base64,AAAA"',
        "#EXTINF:1.5,",
        "a.ts",
        "#EXTINF:9,",
    )
    (segment,) = found.segments
    assert segment.date is None
    assert segment.key is not None
    assert segment.key.uri.endswith("/k")
    assert (found.target, found.ended) == (1.5, False)


@pytest.mark.parametrize(
    ("target", "taken"),
    [("0.001", 0.2), ("1e9", 300.0), ("nan", 3.0), ("inf", 3.0), ("0", 3.0), ("-5", 3.0)],
)
def test_the_target_duration_is_believed_within_reason(target: str, taken: float) -> None:
    assert media(f"#EXT-X-TARGETDURATION:{target}", "#EXTINF:3,", "a.ts").target == taken


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd", "FILE:/etc/passwd", "concat:a|b", "data:video/mp4;base64,AAAA", "crypto:x", "ftp://h/x",
        "rtmp://h/x", "http://", "http://[::1/", "http://h:99999/", "https://h/\x1b]52;c;x\x07", "javascript:x",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "line",
    ["#EXTINF:1,\n{}", '#EXT-X-MAP:URI="{}"\n#EXTINF:1,\na', '#EXT-X-KEY:METHOD=AES-128,URI="{}"\n#EXTINF:1,\na',
     "#EXT-X-STREAM-INF:BANDWIDTH=1\n{}",
     '#EXT-X-STREAM-INF:BANDWIDTH=1\na\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="g",URI="{}"'],
)  # fmt: skip
def test_only_web_addresses(address: str, line: str) -> None:
    with pytest.raises(PlaylistError, match="no web address") as caught:
        parse(f"#EXTM3U\n{line.format(address)}\n".encode(), URL)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "EXTM3U"),
        (b"<html>", "EXTM3U"),
        (b"#EXTM3U8\n", "EXTM3U"),
        (b"#EXTM3U\n" + b"#\n" * MAX_BYTES, "larger than"),
        (b"#EXTM3U\n" + b"#EXTINF:1,\na\n" * (MAX_SEGMENTS + 1), "20,001 segments"),
        (b"#EXTM3U\n#EXTINF:1,\n" + b"a\n" * (MAX_SEGMENTS + 2), "20,002 segments"),
        (b"#EXTM3U\n" + b"#EXT-X-MEDIA:A=1\n" * 1001, "1,001 EXT-X-MEDIA"),
        (b"#EXTM3U\n#EXTINF:1," + b"x" * 20_000, "longer than"),
        (b"#EXTM3U\n#EXTINF:1,\na\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb", "both"),
        (b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", "no variants"),
        (b"#EXTM3U\n#EXTINF:soon,\na\n", "malformed"),
        (b"#EXTM3U\n#EXTINF:nan,\na\n", "malformed"),
        (b"#EXTM3U\n#EXTINF:1e300,\na\n", "malformed"),
        (b"#EXTM3U\n#EXTINF:-1,\na\n", "malformed"),
        (b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-1\n#EXTINF:1,\na\n", "malformed"),
        (b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:" + b"9" * 5000 + b"\n#EXTINF:1,\na\n", "malformed"),
        (b"#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:5\na\n", "byte range"),
        (b"#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:5@-7\na\n", "byte range"),
        (b"#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n#EXTINF:1,\na\n", "malformed"),
        (b'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0xZZ\n#EXTINF:1,\na\n', "IV"),
        (b'#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"\n#EXTINF:1,\na\n', "SAMPLE-AES"),
        (b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=fast\na\n", "malformed"),
    ],
)
def test_what_cannot_be_played_is_said(data: bytes, said: str) -> None:
    with pytest.raises(PlaylistError, match=said):
        parse(data, URL)


@pytest.mark.parametrize(
    ("want", "height"),
    [("", 1080), ("highest", 2160), ("lowest", 360), ("720p", 720), ("HD", 720), ("1280x720", 720),
     ("3000000", 720), ("1", None), ("99999999999999999999", 2160)],
)  # fmt: skip
def test_choosing_a_variant(want: str, height: int | None) -> None:
    chosen = choose(master(), want)
    if height is None:  # less than the least there is: the least with pictures
        height = 360
    assert chosen.height == height


def test_a_variant_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(PlaylistError, match=r"no variant '480p'; there are: 640x360 800 kb/s, hd 1280x720"):
        choose(master(), "480p")
    only_sound = MasterPlaylist((Variant("u", 64_000, codecs="mp4a.40.2"),))
    assert choose(only_sound).bandwidth == 64_000
    only_uhd = MasterPlaylist((Variant("u", 1, height=2160), Variant("v", 2, height=1440)))
    assert choose(only_uhd).height == 1440


def test_sound_beside_the_pictures() -> None:
    found = master()
    rendition = sound(found, choose(found))
    assert rendition is not None
    assert (rendition.name, rendition.uri) == ("English", "https://cdn.example/live/en.m3u8")
    assert [r.name for r in found.audio] == ["Deutsch, laut", "English"]
    assert sound(found, choose(found, "highest")) is None  # it names no group


def test_attributes_keep_commas_within_quotes() -> None:
    assert attributes('A=1,B="x,y=z", C-D=0xF') == {"A": "1", "B": "x,y=z", "C-D": "0xF"}
    assert attributes('A="unended') == {}


def test_mutated_playlists_are_read_or_refused() -> None:
    rng = random.Random(7)
    seeds = [MASTER, b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:3\n"
             b'#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x1\n#EXT-X-MAP:URI="i",BYTERANGE="9@0"\n'
             b"#EXT-X-PROGRAM-DATE-TIME:2024-01-01T00:00:00Z\n#EXTINF:4.0,\n#EXT-X-BYTERANGE:5@1\na.ts\n"
             b"#EXT-X-DISCONTINUITY\n#EXTINF:4.0,\nb.ts\n#EXT-X-ENDLIST\n"]  # fmt: skip
    read, said = 0, []
    for _ in range(3000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(8, len(data))
            match rng.randrange(4):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    del data[at : at + rng.randrange(1, 30)]
                case 2:
                    data[at:at] = rng.choice((b'"', b"\n", b",", b"=", b":", b"@", b"-", b"\xff", b"9" * 30))
                case 3:
                    data[at:at] = data[(a := rng.randrange(len(data))) : a + rng.randrange(60)]
            if len(data) < 9:
                break
        try:
            found = parse(bytes(data), URL)
        except PlaylistError as error:
            said.append(str(error))
            continue
        read += 1
        listed = found.variants if isinstance(found, MasterPlaylist) else found.segments
        assert all(item.uri.startswith(("http://", "https://")) for item in listed)
    assert all(text.isprintable() and text for text in said)
    assert read > 300
