"""HLS from a server of ours: everything listed is decoded once and counted, trouble is told, nothing leads astray."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from midstream_adapters import hls_fetch
from midstream_adapters.base import Backoff, Interrupted, Options, SourceError, supervise
from midstream_adapters.events import Dropped, Figures, Kind, State, StateChanged
from midstream_adapters.hls import HLSAdapter, open_source
from midstream_adapters.pacing import Pacer
from tests.adapters.clips import truth
from tests.adapters.hls_server import (
    Answer,
    Media,
    Site,
    bomb,
    endless,
    listed,
    make_media,
    playlist,
    serving,
)
from tests.adapters.recorder import FakeTime, Recorder, until
from tests.adapters.test_media import decode_threads

ONCE = Backoff(attempts=1)
FAST = Options(fast=True, env={})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hls")


@pytest.fixture(scope="module")
def ts(folder: Path) -> Media:
    return make_media(folder / "ts")


@pytest.fixture(scope="module")
def fmp4(folder: Path) -> Media:
    return make_media(folder / "fmp4", kind="fmp4")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def offer(site: Site, media: Media, name: str = "s{}.ts") -> None:
    """Put the segments (and the initialisation section) of `media` on the server."""
    site.files |= {name.format(n): segment for n, segment in enumerate(media.segments)}
    site.files["init.mp4"] = media.head


def counted(folder: Path, *streams: bytes) -> dict[str, int]:
    """What bare PyAV decodes from `streams`, each by itself."""
    total: dict[str, int] = {}
    for stream in streams:
        (folder / "whole").write_bytes(stream)
        for name, value in truth(folder / "whole").items():
            total[name] = total.get(name, 0) + value
    return total


def agrees(sink: Recorder, want: dict[str, int]) -> bool:
    """Whether `sink` has exactly the frames, chunks, samples' worth of time and bytes that bare PyAV has."""
    found = {
        "frames": len(sink.frames),
        "chunks": len(sink.chunks),
        "video_bytes": sink.nbytes(Kind.VIDEO),
        "audio_bytes": sink.nbytes(Kind.AUDIO),
    }
    assert found == {name: want[name] for name in found}
    return True


def adapter(url: str, options: Options = FAST, **settings: Any) -> HLSAdapter:
    return HLSAdapter(url, "hls", options, **settings)


async def watched(
    source: HLSAdapter, options: Options = FAST, within: float = 15.0
) -> tuple[State, Recorder]:
    sink = Recorder()
    async with asyncio.timeout(within):
        return await supervise(source, sink, options, ONCE), sink


def last_reason(sink: Recorder) -> str:
    return sink.of(StateChanged)[-1].reason


def figures(sink: Recorder) -> dict[str, float | str]:
    """The newest value of every figure."""
    return {name: value for event in sink.of(Figures) for name, value in event.values.items()}


def encrypted(data: bytes, key: bytes, iv: bytes) -> bytes:
    pad = 16 - len(data) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(data + bytes([pad]) * pad) + encryptor.finalize()


# -- on demand


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


# -- live


class Edge:
    """A live playlist that a test makes grow."""

    def __init__(self, site: Site, media: Media, target: float = 1.0, window: int = 5) -> None:
        self.site, self.media, self.target, self.window = site, media, target, window
        self.newest = 0

    def show(self, newest: int, *extra: str, ended: bool = False) -> None:
        """List segments up to before `newest`; segment n has the bytes of n modulo the media's."""
        count = len(self.media.segments)
        first = max(0, newest - self.window)
        for n in range(first, newest):
            self.site.files[f"s{n}.ts"] = self.media.segments[n % count]
        lines = listed(self.media, first, newest)
        self.site.files["x.m3u8"] = playlist(*extra, *lines, target=self.target, ended=ended, sequence=first)


async def test_live_begins_near_the_edge_grows_stalls_recovers_and_ends(site: Site, folder: Path) -> None:
    media = make_media(folder / "long", seconds=8)
    edge = Edge(site, media, target=2.0)
    edge.show(5)
    time, sink, playing = FakeTime(), Recorder(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        await playing.wait()
        await time.sleep(seconds)

    options = Options(fast=True, clock=time.clock, sleep=sleep, env={})
    began = time.now
    task = asyncio.create_task(supervise(adapter(site.url(), options), sink, options, ONCE))
    await until(lambda: len(sink.frames) >= 60)
    playing.set()
    await until(lambda: State.STALLED in sink.states)
    stalled = next(e for e in sink.of(StateChanged) if e.state is State.STALLED)
    # 1.5 target durations, and one poll: after a load without news the next is half a target duration later.
    assert 3.0 <= stalled.at - began <= 4.0
    assert "has not grown for 3.0 s (target duration 2 s)" in stalled.reason
    edge.show(6)
    await until(lambda: sink.states[-1] is State.LIVE)
    edge.show(8, ended=True)
    async with asyncio.timeout(10):
        assert await task is State.ENDED
    states = [
        state for state, after in zip(sink.states, [*sink.states[1:], None], strict=True) if state != after
    ]
    assert states[:2] == [State.CONNECTING, State.LIVE]
    assert states[-3:] == [State.STALLED, State.LIVE, State.ENDED]
    assert site.asked("s1.ts") == 0
    assert [site.asked(f"s{n}.ts") for n in range(2, 8)] == [1] * 6
    assert agrees(sink, counted(folder, media.whole(*range(2, 8))))
    found = figures(sink)
    stalls = sink.states.count(State.STALLED)  # fake time runs on while the test's own turn takes real time
    assert found["stalls"] == stalls
    assert float(found["stalled_s"]) >= 3.0 * stalls
    assert found["segments"] == 6


async def test_a_live_playlist_in_real_time(site: Site, ts: Media) -> None:
    edge = Edge(site, ts, target=0.3)
    edge.show(3)
    sink = Recorder()
    task = asyncio.create_task(supervise(adapter(site.url(), Options(env={})), sink, Options(), ONCE))
    await until(lambda: len(sink.frames) >= 60)
    for newest in range(4, 8):
        edge.show(newest)
        await until(lambda n=newest: site.asked(f"s{n - 1}.ts"))
    site.files["x.m3u8"] = b"#EXTM3U\n#EXT-X-ENDLIST\n"
    async with asyncio.timeout(10):
        assert await task is State.ENDED
    assert not sink.dropped
    assert figures(sink)["segments"] == 7


@pytest.mark.parametrize(("setting", "first"), [("", 7), ("#start=1", 9), ("#start=5", 5), ("#start=99", 0)])
async def test_the_live_start_is_configurable(setting: str, first: int, site: Site, ts: Media) -> None:
    edge = Edge(site, ts, window=10)
    edge.show(10)
    (source,) = open_source(site.url() + setting, "hls", Options(env={}))
    task = asyncio.create_task(source.run(Recorder()))
    await until(lambda: site.asked("s9.ts"))
    task.cancel()
    assert min(n for n in range(10) if site.asked(f"s{n}.ts")) == first


async def test_live_latency_by_program_date_and_by_segments(site: Site, ts: Media) -> None:
    edge = Edge(site, ts)
    for dates, origin in (True, "program date"), (False, "segments behind"):
        time, sink = FakeTime(), Recorder()
        options = Options(clock=time.clock, sleep=time.sleep, env={})
        edge.show(4, *(["#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00Z"] if dates else []))
        wall = 1714564804.0 + 2.5  # 2.5 s after the end of the fourth segment
        task = asyncio.create_task(adapter(site.url(), options, wall=lambda wall=wall: wall).run(sink))
        await until(lambda sink=sink: figures(sink).get("segments_behind") == 0)
        task.cancel()
        told = {
            int(e.values["segments_behind"]): float(e.values["live_latency_s"])
            for e in sink.of(Figures)
            if "live_latency_s" in e.values
        }  # the last word on each segment
        assert figures(sink)["live_latency_from"] == origin
        if dates:  # the playhead is somewhere in the segment
            assert all(2.5 + n <= told[n] <= 3.6 + n for n in (0, 1, 2)), told
        else:
            assert told == pytest.approx({2: 2.0, 1: 1.0, 0: 0.0})


class Steps(FakeTime):
    """A clock that only short sleeps, those of the pace, move; a long one (of who polls) waits for its hour."""

    async def sleep(self, seconds: float) -> None:
        until_then = self.now + seconds
        if seconds < 0.2:
            await super().sleep(seconds)
        while self.now < until_then:  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0)


async def test_live_plays_evenly_however_long_its_segments_are(site: Site, folder: Path) -> None:
    long = make_media(folder / "of six", seconds=18, audio=None)
    whole = [b"".join(long.segments[n : n + 6]) for n in (0, 6, 12)]
    media = Media(whole, [6.0] * 3, b"")
    edge = Edge(site, media, target=6.0)
    edge.show(3)
    time, sink = Steps(), Recorder()
    options = Options(clock=time.clock, sleep=time.sleep, env={})
    task = asyncio.create_task(adapter(site.url(), options).run(sink))
    await until(lambda: sink.frames)
    edge.show(3, ended=True)  # it was live when it was opened
    async with asyncio.timeout(10):
        await task
    frames = sink.frames
    assert len(frames) == 18 * 30
    second = [sum(n <= frame.at - frames[0].at < n + 1 for frame in frames) for n in range(15)]
    assert all(29 <= count <= 31 for count in second), second
    behind = [e.values["segments_behind"] for e in sink.of(Figures) if "segments_behind" in e.values]
    assert behind == sorted(
        behind, key=int, reverse=True
    )  # none any more once the playlist is seen to have ended
    assert {2, 1} <= set(behind)


async def test_what_came_too_late_is_forgiven_and_goes_on_evenly() -> None:
    time, starved = FakeTime(), [False]
    pacer = Pacer(time.clock, time.sleep, most_behind=10.0, starved=lambda: starved.pop())
    await pacer.wait(0.0)
    time.now += 0.4  # the reader's own fault: made good by going on at once
    starved.append(False)
    await pacer.wait(0.1)
    assert time.now == 1000.4
    await pacer.wait(1.0)
    assert time.now == 1001.0
    time.now += 0.7  # nothing had come
    starved.append(True)
    await pacer.wait(1.1)
    await pacer.wait(1.6)
    assert time.now == pytest.approx(1001.7 + 0.5)
    pacer.hurry = True
    await pacer.wait(9.0)
    assert time.now == pytest.approx(1002.2)


async def test_segments_that_are_gone_from_the_list_are_counted(site: Site, ts: Media, folder: Path) -> None:
    edge = Edge(site, ts)
    edge.show(3)
    time, sink = FakeTime(), Recorder()
    options = Options(clock=time.clock, sleep=time.sleep, env={})
    task = asyncio.create_task(adapter(site.url(), options).run(sink))
    await until(lambda: figures(sink).get("segments") == 3)
    edge.window = 2
    edge.show(8, ended=True)
    async with asyncio.timeout(10):
        await task
    assert sink.dropped == {(Kind.VIDEO, "segment"): 3}
    assert agrees(sink, counted(folder, ts.whole(0, 1, 2), ts.whole(2, 3)))


async def test_an_encoder_that_starts_again_is_followed(site: Site, ts: Media) -> None:
    edge = Edge(site, ts)
    edge.show(40)
    time, sink = FakeTime(), Recorder()
    options = Options(clock=time.clock, sleep=time.sleep, env={})
    task = asyncio.create_task(adapter(site.url(), options).run(sink))
    await until(lambda: figures(sink).get("segments") == 3)
    edge.show(2)
    await until(lambda: figures(sink).get("segments") == 5)
    edge.show(3, ended=True)
    async with asyncio.timeout(10):
        await task
    assert not sink.dropped


async def test_a_lost_playlist_is_come_back_to_and_nothing_is_played_twice(site: Site, ts: Media) -> None:
    edge = Edge(site, ts)
    edge.show(4)
    time, sink = FakeTime(), Recorder()
    options = Options(clock=time.clock, sleep=time.sleep, env={})
    task = asyncio.create_task(supervise(adapter(site.url(), options), sink, options))
    await until(lambda: figures(sink).get("segments") == 3)
    kept = site.files.pop("x.m3u8")
    await until(lambda: State.RECONNECTING in sink.states)
    reason = next(e.reason for e in sink.of(StateChanged) if e.state is State.RECONNECTING)
    assert reason == "the playlist is gone: HTTP 404 Not Found"
    site.files["x.m3u8"] = kept
    edge.show(6, ended=True)
    async with asyncio.timeout(10):
        assert await task is State.ENDED
    assert [site.asked(f"s{n}.ts") for n in range(6)] == [0, 1, 1, 1, 1, 1]
    assert len(sink.frames) == 5 * 30


async def test_a_few_failing_loads_of_the_playlist_are_borne(site: Site, ts: Media) -> None:
    edge = Edge(site, ts)
    edge.show(4)
    time, sink = FakeTime(), Recorder()
    options = Options(clock=time.clock, sleep=time.sleep, env={})
    task = asyncio.create_task(adapter(site.url(), options).run(sink))
    await until(lambda: figures(sink).get("segments") == 3)
    site.files["x.m3u8"] = Answer(b"", 503)
    with pytest.raises(Interrupted, match="can't be loaded: HTTP 503"):
        await task
    asked = [path for path, _ in site.seen].count("x.m3u8")
    assert asked >= 4


# -- trouble


async def test_a_missing_segment_is_skipped_and_counted(site: Site, ts: Media, folder: Path) -> None:
    offer(site, ts)
    del site.files["s1.ts"]
    site.files["x.m3u8"] = playlist(*listed(ts))
    state, sink = await watched(adapter(site.url()))
    assert state is State.ENDED
    assert sink.dropped == {(Kind.VIDEO, "segment"): 1}
    assert agrees(sink, counted(folder, ts.whole(0, 2, 3)))
    assert site.asked("s1.ts") == 1


async def test_a_segment_that_fails_for_a_moment_is_asked_for_again(
    site: Site, ts: Media, folder: Path
) -> None:
    offer(site, ts)
    times = iter(range(10))

    def first_broken(handler: Any) -> None:
        body = ts.segments[1]
        if next(times) == 0:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\ncut off")
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    site.files["s1.ts"] = Answer(first_broken)
    site.files["x.m3u8"] = playlist(*listed(ts))
    state, sink = await watched(adapter(site.url()))
    assert (state, dict(sink.dropped), site.asked("s1.ts")) == (State.ENDED, {}, 2)
    assert agrees(sink, counted(folder, ts.whole()))


async def test_three_missing_segments_in_a_row_are_an_interruption(site: Site, ts: Media) -> None:
    offer(site, ts)
    for n in (1, 2, 3):
        del site.files[f"s{n}.ts"]
    site.files["x.m3u8"] = playlist(*listed(ts))
    with pytest.raises(Interrupted, match="3 segments in a row did not come: HTTP 404"):
        await adapter(site.url()).run(sink := Recorder())
    assert sum(e.count for e in sink.of(Dropped)) == 3


async def test_a_segment_that_is_no_media_is_stepped_over(site: Site, ts: Media, folder: Path) -> None:
    offer(site, ts)
    site.files["s0.ts"] = b"<html>please pay</html>" * 2000
    site.files["x.m3u8"] = playlist(
        *listed(ts, 0, 1), "#EXT-X-DISCONTINUITY", *listed(ts, 1)
    )  # fmt: skip
    state, sink = await watched(adapter(site.url()))
    assert (state, sink.dropped[Kind.VIDEO, "segment"]) == (State.ENDED, 1)
    assert agrees(sink, counted(folder, ts.whole(1, 2, 3)))


async def test_segments_that_are_no_media_at_all_are_final(site: Site, ts: Media) -> None:
    site.files |= {f"s{n}.ts": b"<html>please pay</html>" * 20_000 for n in range(8)}
    site.files["x.m3u8"] = playlist(*listed(ts, 0, 8))
    state, sink = await watched(adapter(site.url()))
    assert state is State.FAILED
    assert "can't be decoded: Invalid data" in last_reason(sink)


async def test_a_playlist_within_a_segment_opens_nothing(site: Site, ts: Media, folder: Path) -> None:
    (folder / "bait.ts").write_bytes(ts.whole())
    for n, bait in enumerate(
        (f"file://{folder}/bait.ts", site.url("bait.ts"), f"concat:{folder}/bait.ts", str(folder / "bait.ts"))
    ):
        inner = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{bait}\n#EXT-X-ENDLIST\n"
        site.files[f"s{n}.ts"] = inner.encode()
    site.files["s3.ts"] = f"ffconcat version 1.0\nfile {folder}/bait.ts\n".encode()
    lines = [line for n in range(4) for line in ("#EXT-X-DISCONTINUITY", *listed(ts, n, n + 1))]
    site.files["x.m3u8"] = playlist(*lines)
    state, sink = await watched(adapter(site.url()))
    assert (state, sink.frames, site.asked("bait.ts")) == (State.FAILED, [], 0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<html>hello</html>", "no playlist"),
        (b"", "no playlist"),
        (playlist("#EXTINF:1,", "file:///etc/passwd"), "refused: the playlist points to what is no web address: file"),
        (playlist('#EXT-X-MAP:URI="data:,x"', "#EXTINF:1,", "a"), "no web address: data"),
        (b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx.m3u8\n", "leads to a master playlist"),
        (Answer(endless), "larger than 1,048,576 bytes"),
        (Answer(bomb(40_000_000), headers={"Content-Encoding": "gzip"}), "larger than 1,048,576 bytes"),
        (Answer(b"not gzip", headers={"Content-Encoding": "gzip"}), "no valid gzip"),
        (Answer(gzip.compress(b"#EXTM3U\n" * 99)[:-12], headers={"Content-Encoding": "gzip"}), "gzip is cut off"),
        (Answer(b"x", headers={"Content-Encoding": "br"}), "compressed in a way nobody asked for: br"),
        (Answer(b"", 404), "HTTP 404"),
        (Answer(b"", 401), "HTTP 401 Unauthorized (a key or header is missing"),
        (Answer(b"", 503), "HTTP 503"),
        (Answer(b"", 302, {"Location": "x.m3u8"}), "more than 5 redirects"),
        (Answer(b"", 302, {"Location": "file:///etc/passwd"}), "redirects to what is no web address: file"),
        (Answer(b"", 302), "HTTP 302 Found"),
        (Answer(lambda handler: None), "no answer"),
        (Answer(b"", wait=5.0), "no whole answer within 1 s"),
    ],
)  # fmt: skip
async def test_what_is_no_playlist_fails_clearly(answer: bytes | Answer, said: str, site: Site) -> None:
    site.files["x.m3u8"] = answer
    options = Options(fast=True, connect_timeout=1.0, env={})
    state, sink = await watched(adapter(site.url(), options), options, within=5.0)
    assert state is State.FAILED
    assert said in last_reason(sink)
    assert "internal" not in last_reason(sink)


async def test_a_gzipped_playlist_and_redirects_are_followed(site: Site, ts: Media, folder: Path) -> None:
    offer(site, ts, "deep/s{}.ts")
    for n in range(4):
        site.files[f"r{n}"] = Answer(b"", (301, 302, 307, 308)[n], {"Location": f"r{n + 1}"})
    site.files["x.m3u8"] = Answer(b"", 303, {"Location": "/r1"})
    site.files["r4"] = Answer(b"", 307, {"Location": "deep/y.m3u8"})
    site.files["deep/y.m3u8"] = Answer(
        gzip.compress(playlist(*listed(ts))), headers={"Content-Encoding": "gzip"}
    )
    state, sink = await watched(adapter(site.url()))
    assert state is State.ENDED
    assert agrees(sink, counted(folder, ts.whole()))
    assert {h["accept-encoding"] for path, h in site.seen if path.endswith(".ts")} == {"identity"}


async def test_too_large_segments_and_keys_are_missed(
    site: Site, ts: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midstream_adapters.hls_segments.MAX_SEGMENT", 1000)
    offer(site, ts)
    site.files["x.m3u8"] = playlist(*listed(ts))
    with pytest.raises(Interrupted, match="larger than 1,000 bytes"):
        await adapter(site.url()).run(Recorder())
    monkeypatch.undo()
    for key, said in (
        (b"short", "a key of 5 bytes"),
        (b"k" * 16, "no whole number of blocks|does not decrypt"),
    ):
        site.files["k"] = key
        site.files["x.m3u8"] = playlist('#EXT-X-KEY:METHOD=AES-128,URI="k"', *listed(ts))
        with pytest.raises(Interrupted, match=said):
            await adapter(site.url()).run(Recorder())


# -- who may be asked, and who is told what


class Elsewhere(httpx.AsyncHTTPTransport):
    """The open internet: every address of it is our server."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.reached: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.reached.append(request.url.host)
        request.url = request.url.copy_with(host="127.0.0.1", port=self.port)
        return await super().handle_async_request(request)


NAMES = {
    "public.test": ["93.184.216.34"],
    "cdn.test": ["10.0.0.7", "2606:2800:220:1::1"],
    "evil.test": ["127.0.0.1"],
    "evil6.test": ["::ffff:169.254.169.254"],
}


async def known(host: str, _port: int) -> list[str]:
    return NAMES[host]


PRIVATE = ["http://127.0.0.1/s0.ts", "http://localhost/s0.ts", "http://[::1]/s0.ts", "http://0.0.0.0/s0.ts",
           "http://169.254.169.254/s0.ts", "http://[64:ff9b::7f00:1]/s0.ts", "http://evil.test/s0.ts",
           "http://evil6.test/s0.ts", "http://public.test/moved"]  # fmt: skip


@pytest.mark.parametrize(
    ("as_what", "leads_to"),
    [("segment", address) for address in PRIVATE]
    + [(w, a) for w in ("key", "map", "variant", "sound", "playlist") for a in PRIVATE[-3:]],
)
async def test_a_public_playlist_leads_to_no_private_address(
    as_what: str, leads_to: str, site: Site, ts: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NAMES, "localhost", ["127.0.0.1"])
    offer(site, ts)
    site.files["moved"] = Answer(b"", 302, {"Location": "http://evil.test/s0.ts"})
    site.files["v.m3u8"] = playlist(*listed(ts))
    site.files["x.m3u8"] = {
        "segment": playlist("#EXTINF:1,", leads_to),
        "key": playlist(f'#EXT-X-KEY:METHOD=AES-128,URI="{leads_to}"', *listed(ts)),
        "map": playlist(f'#EXT-X-MAP:URI="{leads_to}"', *listed(ts)),
        "variant": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{leads_to}\n".encode(),
        "sound": f'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="g",NAME="n",URI="{leads_to}"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="g"\nv.m3u8\n'.encode(),
        "playlist": Answer(b"", 302, {"Location": leads_to}),
    }[as_what]
    world = Elsewhere(site.port)
    with pytest.raises(SourceError, match="refused: a public playlist leads to a private address"):
        await adapter("http://public.test/x.m3u8", resolve=known, transport=world).run(Recorder())
    assert all(hls_fetch.is_public(address) for address in world.reached)


async def test_public_playlists_may_lead_to_public_addresses(site: Site, ts: Media, folder: Path) -> None:
    offer(site, ts)
    site.files["x.m3u8"] = playlist(*listed(ts, name="http://cdn.test/s{}.ts"))
    world = Elsewhere(site.port)
    state, sink = await watched(adapter("http://public.test/x.m3u8", resolve=known, transport=world))
    assert state is State.ENDED
    assert agrees(sink, counted(folder, ts.whole()))
    assert world.reached == ["93.184.216.34"] + ["2606:2800:220:1::1"] * 4
    assert {h["host"] for path, h in site.seen if path.endswith("ts")} == {"cdn.test"}


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False), ("100.64.0.1", False),
     ("169.254.169.254", False), ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False),
     ("::1", False), ("::", False), ("fe80::1%eth0", False), ("fc00::1", False), ("ff02::1", False),
     ("2606:4700::1111", True), ("::ffff:10.0.0.1", False), ("::ffff:8.8.8.8", True), ("64:ff9b::a00:1", False),
     ("64:ff9b::808:808", True), ("2002:a00:1::", False)],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert hls_fetch.is_public(address) is public


async def test_headers_and_token_go_to_the_source_and_nowhere_else(site: Site, ts: Media) -> None:
    with serving() as other:
        offer(other, ts)
        site.files["s0.ts"] = ts.segments[0]
        site.files["x.m3u8"] = playlist(*listed(ts, 0, 1), *listed(ts, 1, 3, name=other.url("s{}.ts")))
        options = Options(
            fast=True,
            headers={"X-Customer": "17", "host": "elsewhere"},
            env={"MIDSTREAM_HLS_TOKEN": "let-me-in"},
        )
        state, _ = await watched(adapter(site.url(), options), options)
        assert state is State.ENDED
        assert [(h["authorization"], h["x-customer"]) for _, h in site.seen] == [
            ("Bearer let-me-in", "17")
        ] * 2
        assert {h["host"] for _, h in site.seen} == {f"127.0.0.1:{site.port}"}
        assert len(other.seen) == 2
        assert not any("authorization" in h or "x-customer" in h for _, h in other.seen)


async def test_a_header_of_the_user_goes_before_the_token(site: Site, ts: Media) -> None:
    options = Options(fast=True, headers={"authorization": "Basic x"}, env={"MIDSTREAM_HLS_TOKEN": "t"})
    await watched(adapter(site.url(), options), options)
    assert site.seen[0][1]["authorization"] == "Basic x"


@pytest.mark.parametrize(
    ("source", "said"),
    [("hls+https://", "without a host"), ("https://h:99999/x.m3u8", "not an address"),
     ("https://[::1/x.m3u8", "not an address"), ("https://h/x.m3u8#start=0", "start=0"),
     ("https://h/x.m3u8#start=many", "start=many")],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_at_once(source: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        open_source(source, "x", Options())


def test_secrets_in_the_address_are_not_shown() -> None:
    (source,) = open_source("https://u:pw@h/x.m3u8?token=abcdef123#variant=lowest", "x", Options())
    assert source.info.source == "https://***@h/x.m3u8?token=***"


def test_opening_loads_nothing_that_costs() -> None:
    code = """
import sys
from midstream_adapters.base import Options
from midstream_adapters.registry import open_source
open_source("https://h/x.m3u8", Options())
assert not {"av", "httpx", "m3u8", "cryptography", "numpy"} & set(sys.modules), sys.modules.keys()
"""
    path = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})


# -- ending


@pytest.mark.parametrize("wait", [0.0, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("kind", ["live", "paced", "silent"])
async def test_cancelled_at_any_time(kind: str, wait: float, site: Site, ts: Media) -> None:
    offer(site, ts)
    if kind == "silent":  # the last segment never comes to its end
        site.files["s1.ts"] = Answer(b"", wait=30.0)
    site.files["x.m3u8"] = playlist(*listed(ts), ended=kind == "paced")
    task = asyncio.create_task(adapter(site.url(), Options(env={})).run(Recorder()))
    await asyncio.sleep(wait)
    task.cancel()
    async with asyncio.timeout(2.0):  # far more than it takes; a stuck thread would take for ever
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not decode_threads())


async def test_a_sink_without_room_holds_the_fetching_up(site: Site, ts: Media) -> None:
    many = Media(ts.segments * 100, ts.durations * 100, b"")
    offer(site, many)
    site.files["x.m3u8"] = playlist(*listed(many))
    sink = Recorder()
    sink.room.clear()
    task = asyncio.create_task(adapter(site.url()).run(sink))
    await until(lambda: sink.drains)
    await asyncio.sleep(0.5)
    size = sum(map(len, ts.segments)) / len(ts.segments)
    asked = sum(path.endswith(".ts") for path, _ in site.seen)
    assert (
        asked <= (1 << 20) / size + 80
    )  # the feed's MiB, a few segments, and what was decoded into one batch
    assert asked < 400
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_damage_of_every_kind_is_survived(site: Site, ts: Media, fmp4: Media) -> None:
    rng = random.Random(11)
    for turn in range(10):
        media = (ts, fmp4)[turn % 2]
        for n, segment in enumerate(media.segments):
            data = bytearray(segment)
            match rng.randrange(4):
                case 0:
                    del data[rng.randrange(len(data)) :]
                case 1:
                    for _ in range(rng.randrange(1, 400)):
                        data[rng.randrange(len(data))] = rng.randrange(256)
                case 2:
                    data = bytearray(rng.randbytes(rng.randrange(1, 5000)))
            site.files[f"s{n}.ts"] = bytes(data)
        head = bytearray(media.head)
        if head and turn % 3 == 0:
            head[rng.randrange(len(head))] ^= 1 << rng.randrange(8)
        site.files["init.mp4"] = bytes(head)
        text = bytearray(playlist(*(['#EXT-X-MAP:URI="init.mp4"'] if head else []), *listed(media)))
        if turn % 2:
            text[rng.randrange(8, len(text))] ^= 1 << rng.randrange(7)
        site.files["x.m3u8"] = bytes(text)
        options = Options(fast=True, connect_timeout=1.0, env={})
        sink = Recorder()
        task = asyncio.create_task(supervise(adapter(site.url(), options), sink, options, ONCE))
        await asyncio.wait([task], timeout=1.0)
        site.files.pop("x.m3u8")  # a list that lost its end is live, and ends when it is gone
        async with asyncio.timeout(5.0):
            assert await task in (State.ENDED, State.FAILED)
        assert "internal" not in last_reason(sink)
