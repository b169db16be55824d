"""HLS that is live: near the edge, even, with its latency; stalls, restarts and lost playlists are got over."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from midstream_adapters.base import Interrupted, Options, supervise
from midstream_adapters.events import Figures, Kind, State, StateChanged
from midstream_adapters.hls import open_source
from midstream_adapters.pacing import Pacer
from tests.adapters.hls_server import Answer, Media, Site, listed, make_media, playlist
from tests.adapters.hls_watch import ONCE, adapter, agrees, counted, figures
from tests.adapters.recorder import FakeTime, Recorder, until


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
