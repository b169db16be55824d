"""HLS on demand from a server of ours: everything listed is decoded once and counted, paced by its own time."""

from __future__ import annotations

from pathlib import Path

import pytest

from midstream_adapters.base import Options
from midstream_adapters.events import Kind, State, StateChanged
from midstream_adapters.hls import HLSAdapter, open_source
from tests.adapters.hls_server import Answer, Media, Site, listed, make_media, playlist
from tests.adapters.hls_watch import FAST, adapter, agrees, counted, encrypted, figures, offer, watched
from tests.adapters.recorder import FakeTime, until
from tests.adapters.test_media import decode_threads


async def test_vod_of_transport_streams_is_decoded_whole(site: Site, ts: Media, folder: Path) -> None:
    offer(site, ts)
    site.files["x.m3u8"] = playlist(*listed(ts))
    (source,) = open_source(site.url(), "hls", FAST)
    assert isinstance(source, HLSAdapter)
    state, sink = await watched(source)
    assert state is State.ENDED
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]
    assert "h264 192x108 30 fps + aac 48 kHz 2 ch" in sink.of(StateChanged)[1].reason
    assert agrees(sink, counted(folder, ts.whole()))
    assert not sink.dropped
    found = figures(sink)
    assert (found["segments"], found["segments_missed"], found["segment_s"]) == (4, 0, 1.0)
    assert found["segment_bitrate_bps"] == 8 * len(ts.segments[-1])
    assert "live_latency_s" not in found
    assert site.asked("x.m3u8") == 1
    await until(lambda: not decode_threads())


@pytest.mark.parametrize("explicit_iv", [True, False])
async def test_vod_of_fmp4_with_aes_128(explicit_iv: bool, site: Site, fmp4: Media, folder: Path) -> None:
    key, iv, first = b"0123456789abcdef", bytes(range(16)), 5
    for n, segment in enumerate(fmp4.segments):
        vector = iv if explicit_iv else (first + n).to_bytes(16, "big")
        site.files[f"s{n}.m4s"] = encrypted(segment, key, vector)
    site.files |= {"init.mp4": fmp4.head, "secret.key": key}
    given = f",IV=0x{iv.hex()}" if explicit_iv else ""
    site.files["x.m3u8"] = playlist(
        '#EXT-X-MAP:URI="init.mp4"',
        f'#EXT-X-KEY:METHOD=AES-128,URI="secret.key"{given}',
        *listed(fmp4, name="s{}.m4s"),
        sequence=first,
    )
    state, sink = await watched(adapter(site.url()))
    assert state is State.ENDED
    assert agrees(sink, counted(folder, fmp4.whole()))
    assert (site.asked("secret.key"), site.asked("init.mp4")) == (1, 1)


async def test_byte_ranges_of_one_file(site: Site, fmp4: Media, folder: Path) -> None:
    whole = fmp4.whole()
    site.files["all.mp4"] = whole
    at, lines = len(fmp4.head), [f'#EXT-X-MAP:URI="all.mp4",BYTERANGE="{len(fmp4.head)}@0"']
    for n, segment in enumerate(fmp4.segments):
        start = f"@{at}" if n == 0 else ""
        lines += ["#EXTINF:1,", f"#EXT-X-BYTERANGE:{len(segment)}{start}", "all.mp4"]
    site.files["x.m3u8"] = playlist(*lines)
    state, sink = await watched(adapter(site.url()))
    assert state is State.ENDED
    assert agrees(sink, counted(folder, whole))


async def test_a_server_that_ignores_ranges_is_not_believed(site: Site, ts: Media) -> None:
    site.files["all.ts"] = Answer(ts.whole(), status=200, headers={"X-No": "ranges"})
    site.files["x.m3u8"] = playlist("#EXTINF:1,", "#EXT-X-BYTERANGE:1000@0", "all.ts?whole")
    site.files["all.ts?whole"] = Answer(lambda h: h.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nxxxx"))
    state, sink = await watched(adapter(site.url()))
    assert (state, sink.dropped) == (State.FAILED, {(Kind.VIDEO, "segment"): 1})


async def test_a_discontinuity_with_other_codecs_gets_another_decoder(
    site: Site, ts: Media, folder: Path
) -> None:
    other = make_media(
        folder / "mpeg2",
        seconds=2,
        video="mpeg2video",
        video_options={"g": "15"},
        size=(128, 96),
        audio="mp2",
    )
    offer(site, ts)
    offer(site, other, "o{}.ts")
    site.files["x.m3u8"] = playlist(
        *listed(ts, 0, 2),
        "#EXT-X-DISCONTINUITY",
        *listed(other, name="o{}.ts"),
        "#EXT-X-DISCONTINUITY",
        *listed(ts, 2),
    )
    state, sink = await watched(adapter(site.url()))
    assert state is State.ENDED
    assert agrees(sink, counted(folder, ts.whole(0, 1), other.whole(), ts.whole(2, 3)))
    assert [e.reason.split(" ")[1] for e in sink.of(StateChanged) if e.state is State.LIVE] == [
        "h264", "mpeg2video", "h264"
    ]  # fmt: skip
    sizes = [frame.width for frame in sink.frames]
    assert sizes == sorted(sizes[: sizes.index(128)]) + [128] * 60 + [192] * (
        len(sizes) - sizes.index(128) - 60
    )


async def test_a_new_initialisation_section_gets_another_decoder(
    site: Site, fmp4: Media, ts: Media, folder: Path
) -> None:
    other = make_media(folder / "other", seconds=2, kind="fmp4", size=(96, 64), audio=None)
    offer(site, other, "o{}.m4s")
    site.files["other.mp4"] = other.head
    offer(site, fmp4)
    site.files["x.m3u8"] = playlist(
        '#EXT-X-MAP:URI="init.mp4"',
        *listed(fmp4),
        '#EXT-X-MAP:URI="other.mp4"',
        *listed(other, name="o{}.m4s"),
    )
    state, sink = await watched(adapter(site.url()))
    assert state is State.ENDED
    assert agrees(sink, counted(folder, fmp4.whole(), other.whole()))


async def test_sound_beside_the_pictures(site: Site, folder: Path) -> None:
    pictures = make_media(folder / "pictures", audio=None)
    sounds = make_media(folder / "sounds", video=None, seconds=4)
    offer(site, pictures, "v{}.ts")
    offer(site, sounds, "a{}.ts")
    site.files["v.m3u8"] = playlist(*listed(pictures, name="v{}.ts"))
    site.files["a.m3u8"] = playlist(*listed(sounds, name="a{}.ts"))
    site.files["x.m3u8"] = (
        b'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="g",NAME="n",DEFAULT=YES,URI="a.m3u8"\n'
        b'#EXT-X-STREAM-INF:BANDWIDTH=300000,RESOLUTION=192x108,AUDIO="g"\nv.m3u8\n'
    )
    state, sink = await watched(adapter(site.url()))
    assert state is State.ENDED
    assert agrees(sink, counted(folder, pictures.whole(), sounds.whole()))
    assert figures(sink)["variant"] == "192x108 300 kb/s"


async def test_sound_beside_the_pictures_begins_with_them(site: Site, folder: Path) -> None:
    pictures = make_media(folder / "short pictures", audio=None, seconds=1)
    sounds = make_media(folder / "short sounds", video=None, seconds=1, frames=30)
    offer(site, pictures, "v{}.ts")
    site.files["a0.ts"] = Answer(sounds.segments[0], wait=1.0)
    site.files["v.m3u8"] = playlist(*listed(pictures, name="v{}.ts"))
    site.files["a.m3u8"] = playlist(*listed(sounds, 0, 1, name="a{}.ts"))
    site.files["x.m3u8"] = (
        b'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="g",NAME="n",URI="a.m3u8"\n'
        b'#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="g"\nv.m3u8\n'
    )
    state, sink = await watched(adapter(site.url(), Options(env={})))
    assert state is State.ENDED
    assert sink.chunks[0].at - sink.frames[0].at < 0.5  # of the second by which the sound comes later


async def test_sound_that_is_beside_is_not_taken_twice(site: Site, ts: Media, folder: Path) -> None:
    offer(site, ts)
    site.files["v.m3u8"] = site.files["a.m3u8"] = playlist(*listed(ts))
    site.files["x.m3u8"] = (
        b'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="g",NAME="n",URI="a.m3u8"\n'
        b'#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="g"\nv.m3u8\n'
    )
    _, sink = await watched(adapter(site.url()))
    want = counted(folder, ts.whole())
    assert (len(sink.frames), len(sink.chunks)) == (want["frames"], want["chunks"])


@pytest.mark.parametrize(
    ("asked", "played"), [("#variant=lowest", "low"), ("", "high"), ("#variant=90p", "low")]
)
async def test_the_variant_asked_for_is_played(asked: str, played: str, site: Site, ts: Media) -> None:
    offer(site, ts)
    site.files["low.m3u8"] = site.files["high.m3u8"] = playlist(*listed(ts, 0, 1))
    site.files["x.m3u8"] = (
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9,RESOLUTION=160x90\nlow.m3u8\n"
        b"#EXT-X-STREAM-INF:BANDWIDTH=99,RESOLUTION=320x180\nhigh.m3u8\n"
    )
    (source,) = open_source("hls+" + site.url() + asked, "hls", FAST)
    state, _ = await watched(source)  # type: ignore[arg-type]
    assert state is State.ENDED
    assert [path for path, _ in site.seen][:2] == ["x.m3u8", f"{played}.m3u8"]


async def test_vod_is_paced_by_its_pts(site: Site, ts: Media) -> None:
    offer(site, ts)
    site.files["x.m3u8"] = playlist(*listed(ts))
    time = FakeTime(500.0)
    options = Options(clock=time.clock, sleep=time.sleep, env={})
    _, sink = await watched(adapter(site.url(), options), options)
    spans = [(e.at - sink.frames[0].at) - (e.pts - sink.frames[0].pts) for e in sink.frames]  # type: ignore[operator]
    assert max(map(abs, spans)) < 0.05
    assert time.now - 500.0 == pytest.approx(4.0, abs=0.2)
