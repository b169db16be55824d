"""HLS with something wrong: what is missing, damaged or no media is told; nothing hangs, nothing is left running."""

from __future__ import annotations

import asyncio
import gzip
import random
from pathlib import Path
from typing import Any

import pytest

from midstream_adapters.base import Interrupted, Options, supervise
from midstream_adapters.events import Dropped, Kind, State
from tests.adapters.hls_server import Answer, Media, Site, bomb, endless, listed, playlist
from tests.adapters.hls_watch import ONCE, adapter, agrees, counted, last_reason, offer, watched
from tests.adapters.recorder import Recorder, until
from tests.adapters.test_media import decode_threads

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
