"""The feed: bounded, ordered, and quick to end whatever either side is doing."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from pathlib import Path

import av
import pytest

from midstream_adapters.base import Options
from midstream_adapters.decode import MediaReader
from midstream_adapters.feed import Feed
from midstream_adapters.reading import opened, play
from tests.adapters.clips import make_clip, truth
from tests.adapters.recorder import Recorder


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("feed") / "film.ts", frames=60)


@pytest.mark.parametrize("limit", [1, 7, 1000, 1 << 20])
async def test_bytes_come_out_as_they_went_in_and_never_more_than_the_limit(limit: int) -> None:
    rng = random.Random(limit)
    data = rng.randbytes(5_000 if limit < 100 else 300_000)
    feed, seen, most = Feed(limit), bytearray(), 0

    def reader() -> None:
        nonlocal most
        pause = random.Random(1)
        while piece := feed.read(pause.choice((1, 3, 500, 4096, -1))):
            most = max(most, feed.size + len(piece))
            seen.extend(piece)

    thread = threading.Thread(target=reader)
    thread.start()
    at = 0
    while at < len(data):
        size = rng.randrange(1, 20_000)
        await feed.write(data[at : at + size])
        assert feed.size <= limit
        at += size
    feed.end()
    await asyncio.to_thread(thread.join, 10)
    assert bytes(seen) == data
    assert feed.written == feed.consumed == len(data)
    assert most <= 2 * limit  # what was just taken, and what was written meanwhile


async def test_a_full_feed_makes_the_writer_wait_and_the_loop_go_on() -> None:
    feed = Feed(10)
    task = asyncio.create_task(feed.write(b"x" * 25))
    await asyncio.sleep(0.02)
    assert not task.done()
    assert feed.size == 10
    assert [feed.read(10) for _ in range(1)] == [b"x" * 10]
    await asyncio.sleep(0.02)
    assert not task.done()
    assert feed.read() == b"x" * 10
    await task
    assert feed.read() == b"x" * 5


async def test_end_gives_the_rest_then_the_end_and_refuses_more() -> None:
    feed = Feed()
    await feed.write(b"abc")
    feed.end()
    assert (feed.read(2), feed.read(2), feed.read(2), feed.read(-1)) == (b"ab", b"c", b"", b"")
    with pytest.raises(BrokenPipeError):
        await feed.write(b"d")


async def test_abort_frees_a_waiting_reader_and_a_waiting_writer() -> None:
    feed = Feed()
    reading = asyncio.create_task(asyncio.to_thread(feed.read, 10))
    await asyncio.sleep(0.02)
    start = time.perf_counter()
    feed.abort()
    with pytest.raises(ConnectionAbortedError):
        await reading
    assert time.perf_counter() - start < 2.0  # far more than it takes; without the wake-up: for ever
    assert feed.read(1) == b""  # said once: libav may ask again

    feed = Feed(4)
    writing = asyncio.create_task(feed.write(b"123456"))
    await asyncio.sleep(0)
    feed.abort()
    with pytest.raises(BrokenPipeError):
        await asyncio.wait_for(writing, 2)
    assert feed.size == 0


async def test_a_cancelled_writer_leaves_the_feed_usable() -> None:
    feed = Feed(4)
    writing = asyncio.create_task(feed.write(b"123456"))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert feed.read() == b"1234"
    await asyncio.sleep(0)
    await feed.write(b"ab")
    assert feed.read() == b"ab"


async def test_reading_times_out_only_without_data() -> None:
    feed = Feed(timeout=0.05)
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        await asyncio.to_thread(feed.read, 1)
    await feed.write(b"x")
    assert feed.read(5) == b"x"


def test_a_limit_below_one_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Feed(0)


async def test_pyav_decodes_from_a_small_feed_what_it_decodes_from_the_file(film: Path) -> None:
    feed, sink, want = Feed(1 << 14), Recorder(), truth(film)

    async def pour() -> None:
        await feed.write(film.read_bytes())
        feed.end()

    pouring = asyncio.create_task(pour())
    async with opened(lambda: MediaReader("s", time.monotonic), feed) as (thread, info):
        await play(thread, info, sink, Options(), paced=False)
    await pouring
    assert (len(sink.frames), len(sink.chunks)) == (want["frames"], want["chunks"])


@pytest.mark.parametrize("have", [0, 5_000, 60_000])
async def test_libav_waiting_for_data_is_freed_by_abort(have: int, film: Path) -> None:
    feed = Feed()
    await feed.write(film.read_bytes()[:have])

    async def run() -> None:
        async with opened(lambda: MediaReader("s", time.monotonic), feed) as (thread, info):
            await play(thread, info, Recorder(), Options(), paced=False)

    task = asyncio.create_task(run())
    await asyncio.sleep(0.3)
    assert not task.done()
    feed.abort()
    with pytest.raises((OSError, av.FFmpegError)):
        await asyncio.wait_for(task, 2)


async def test_a_timeout_reaches_whoever_reads_through_libav(film: Path) -> None:
    feed = Feed(timeout=0.1)
    await feed.write(film.read_bytes()[:60_000])
    with pytest.raises(TimeoutError):
        async with opened(lambda: MediaReader("s", time.monotonic), feed) as (thread, info):
            await play(thread, info, Recorder(), Options(), paced=False)
