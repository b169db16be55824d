"""RTMP ingest: who has the key comes in, nobody else; each publisher is a stream of its own, none disturbs another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from midstream_adapters import rtmp_server
from midstream_adapters.base import Options, SourceError, supervise
from midstream_adapters.events import Event, Figures, State, StateChanged, StreamOpened
from midstream_adapters.rtmp_chunks import Message, chunks
from midstream_adapters.rtmp_server import RTMPListener, open_source
from tests.adapters.clips import truth
from tests.adapters.recorder import Recorder, until
from tests.adapters.rtmp_ends import Publisher, tags_of
from tests.adapters.test_rtmp import film  # noqa: F401  (a fixture)

KEY = "top-secret-key"


@pytest.fixture(autouse=True)
def no_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtmp_server, "PENALTY", 0.01)


@asynccontextmanager
async def listening(
    key: str | None = KEY, quiet: float = 2.5, gone: float = 20.0, most: int = 32, grace: float = 60.0
) -> AsyncGenerator[tuple[RTMPListener, Recorder], None]:
    sink = Recorder()
    listener = RTMPListener(
        "127.0.0.1", 0, "live", key, "in", Options(), quiet=quiet, gone=gone, most=most, grace=grace
    )
    task = asyncio.create_task(supervise(listener, sink, Options()))
    await until(lambda: listener.port)
    try:
        yield listener, sink
    finally:
        task.cancel()
        await asyncio.wait([task])


def states(sink: Recorder, stream: str) -> list[State]:
    return [e.state for e in sink.of(StateChanged, stream)]


def reason(sink: Recorder, stream: str) -> str:
    return sink.of(StateChanged, stream)[-1].reason


def count(sink: Recorder, stream: str) -> tuple[int, int]:
    frames = sum(e.stream == stream for e in sink.frames)
    return frames, sum(e.stream == stream for e in sink.chunks)


def no_key_in(events: list[Event]) -> bool:
    return KEY not in repr([e for e in events if isinstance(e, StateChanged | StreamOpened | Figures)])


@pytest.mark.parametrize(
    ("source", "env", "said"),
    [
        ("rtmp+listen://0.0.0.0:1935/live", {}, "set MIDSTREAM_STREAM_KEY"),
        ("rtmp+listen://[::]/live", {}, "set MIDSTREAM_STREAM_KEY"),
        ("rtmp+listen://127.0.0.1/live/secret1", {}, "no key in it"),
        ("rtmp+listen://127.0.0.1:99999/live", {}, "not an address"),
    ],
)
def test_addresses_that_are_refused(source: str, env: dict[str, str], said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        open_source(source, "in", Options(env=env))
    assert "secret1" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "env", "shown"),
    [
        ("rtmp+listen://", {}, "rtmp+listen://127.0.0.1:1935/live"),
        ("rtmp+listen://:1936/cams/", {}, "rtmp+listen://127.0.0.1:1936/cams"),
        ("rtmp+listen://0.0.0.0", {"MIDSTREAM_STREAM_KEY": "k"}, "rtmp+listen://0.0.0.0:1935/live"),
        ("rtmp+listen://[::1]:1/x", {}, "rtmp+listen://[::1]:1/x"),
    ],
)
def test_addresses(source: str, env: dict[str, str], shown: str) -> None:
    (adapter,) = open_source(source, "in", Options(env=env))
    assert adapter.info.source == shown


async def test_a_port_in_use_is_told() -> None:
    async with listening() as (first, _):
        second = RTMPListener("127.0.0.1", first.port, "live", None, "in", Options())
        with pytest.raises(SourceError, match=r"can't listen on .*in use"):
            await second.run(Recorder())


async def test_two_publishers_at_once_and_a_clean_end(film: Path) -> None:  # noqa: F811
    tags, want = tags_of(film), truth(film)
    async with listening() as (listener, sink):
        one, two = await Publisher.connect(listener.port), await Publisher.connect(listener.port)
        assert await one.publish(KEY) == "NetStream.Publish.Start"
        assert await two.publish(f"cam 1?key={KEY}") == "NetStream.Publish.Start"
        half = len(tags) // 2
        await one.media(tags[:half])
        await two.media(tags)
        await one.media(tags[half:])
        for end in (one, two):
            end.command("deleteStream", 5, None, 1, stream=0)
        await until(lambda: all(State.ENDED in states(sink, s) for s in ("in/1", "in/cam 1")))
        for stream in ("in/1", "in/cam 1"):
            assert states(sink, stream) == [State.CONNECTING, State.LIVE, State.ENDED]
            assert count(sink, stream) == (want["frames"], want["chunks"])
        assert no_key_in(sink.events)
        assert sink.of(StreamOpened, "in/1")[0].source == "test/1 at 127.0.0.1"
        assert sink.of(Figures, "in")[-1].values == {"publishers": 0, "publishers_refused": 0}


@pytest.mark.parametrize(
    ("name", "said"),
    [("nonsense", "wrong stream key"), (f"x?key={KEY}1", "wrong stream key"), (KEY[:-1], "wrong")],
)
async def test_a_wrong_key_is_refused_and_nothing_decoded(name: str, said: str, film: Path) -> None:  # noqa: F811
    async with listening() as (listener, sink):
        end = await Publisher.connect(listener.port)
        assert await end.publish(name) == "NetStream.Publish.BadName"
        with suppress(ConnectionError):
            await end.media(tags_of(film))
        with pytest.raises((EOFError, ConnectionError)):
            await end.until("never")
        await until(lambda: sink.of(Figures, "in")[-1].values["publishers_refused"] == 1)
        assert {e.stream for e in sink.events} == {"in"}
        assert not sink.frames
        assert said in reason(sink, "in")
        assert name not in repr(sink.of(StateChanged))
        assert no_key_in(sink.events)


async def test_media_before_the_publish_is_not_kept(film: Path) -> None:  # noqa: F811
    async with listening() as (listener, sink):
        end = await Publisher.connect(listener.port)
        await end.until("_result")
        await end.media(tags_of(film))
        await asyncio.sleep(0.1)
        assert {e.stream for e in sink.events} == {"in"}
        end.send(9, bytes(100_000), 1)  # beyond what a stranger may send
        with pytest.raises((EOFError, ConnectionError)):
            await end.until("never")


async def test_a_wrong_application_is_refused() -> None:
    async with listening() as (listener, sink):
        end = await Publisher.connect(listener.port, app="other")
        about = (await end.until("_error"))[3]
        assert isinstance(about, dict)
        assert about["code"] == "NetConnection.Connect.Rejected"
        await until(lambda: "wrong application" in reason(sink, "in"))


async def test_a_lost_publisher_comes_back_to_its_stream_and_the_other_goes_on(film: Path) -> None:  # noqa: F811
    tags = tags_of(film)
    async with listening() as (listener, sink):
        one, two = await Publisher.connect(listener.port), await Publisher.connect(listener.port)
        await one.publish(KEY)
        await two.publish(KEY)
        await one.media(tags[:40])
        await two.media(tags[:40])
        await until(lambda: count(sink, "in/1")[0] and count(sink, "in/2")[0])
        one.writer.transport.abort()
        await until(lambda: states(sink, "in/1")[-1] is State.RECONNECTING)
        assert reason(sink, "in/1").startswith("the publisher was lost: ")
        await two.media(tags[40:])
        again = await Publisher.connect(listener.port)
        await again.publish(KEY)
        await again.media(tags)
        await until(lambda: states(sink, "in/1")[-1] is State.LIVE)
        assert states(sink, "in/2") == [State.CONNECTING, State.LIVE]
    assert states(sink, "in/1")[-1] is State.ENDED
    assert reason(sink, "in/2") == "the listener was closed"


async def test_a_lost_publisher_that_stays_away_is_over(film: Path) -> None:  # noqa: F811
    async with listening(grace=0.1) as (listener, sink):
        end = await Publisher.connect(listener.port)
        await end.publish(KEY)
        await end.media(tags_of(film)[:40])
        await until(lambda: count(sink, "in/1")[0])
        end.writer.transport.abort()
        await until(lambda: states(sink, "in/1")[-1] is State.ENDED)
        assert states(sink, "in/1")[-2] is State.RECONNECTING
        assert reason(sink, "in/1").startswith("the publisher was lost: ")
        assert reason(sink, "in/1").endswith("; nobody came back within 0.1 s")


async def test_silence_shows_and_passes_or_ends_the_connection(film: Path) -> None:  # noqa: F811
    tags = tags_of(film)
    async with listening(quiet=0.2, gone=0.8) as (listener, sink):
        end = await Publisher.connect(listener.port)
        await end.publish(KEY)
        await end.media(tags[:40])
        await until(lambda: states(sink, "in/1")[-1] is State.RECONNECTING)
        assert reason(sink, "in/1") == "the publisher sends no media for 0.2 s now, nor anything else"
        await end.media(tags[40:44])
        await until(lambda: states(sink, "in/1")[-1] is State.LIVE)
        with pytest.raises((EOFError, ConnectionError)):
            await end.until("never")
        await until(lambda: "given up after 0.8 s" in reason(sink, "in/1"))
        assert states(sink, "in/1")[-1] is State.RECONNECTING


async def test_no_more_publishers_than_there_is_room_for() -> None:
    async with listening(most=1) as (listener, sink):
        one, two = await Publisher.connect(listener.port), await Publisher.connect(listener.port)
        assert await one.publish(KEY) == "NetStream.Publish.Start"
        assert await two.publish(KEY) == "NetStream.Publish.BadName"
        assert "no room" in reason(sink, "in")


async def test_a_name_that_is_publishing_is_taken() -> None:
    async with listening() as (listener, _):
        one, two = await Publisher.connect(listener.port), await Publisher.connect(listener.port)
        assert await one.publish(f"cam?key={KEY}") == "NetStream.Publish.Start"
        assert await two.publish(f"cam?key={KEY}") == "NetStream.Publish.BadName"


async def test_without_a_key_anybody_on_this_machine_may_publish_and_no_name_is_shown() -> None:
    async with listening(key=None) as (listener, sink):
        end = await Publisher.connect(listener.port)
        assert await end.publish("live_123_secretsecret") == "NetStream.Publish.Start"
        assert states(sink, "in/1") == [State.CONNECTING]
        assert "secretsecret" not in repr(sink.events)


async def test_what_can_not_be_decoded_fails_alone() -> None:
    async with listening() as (listener, sink):
        end = await Publisher.connect(listener.port)
        await end.publish(KEY)
        with suppress(ConnectionError, EOFError):
            await end.media([(9, 10 * n, b"\x7f" + bytes(50)) for n in range(200)])
            end.command("deleteStream", 5, None, 1)
            await end.until("never")
        await until(lambda: states(sink, "in/1")[-1] is State.FAILED)
        assert "can't be decoded" in reason(sink, "in/1")
        assert states(sink, "in")[-1] is State.LISTENING


async def test_spoilt_connections_leave_the_listener_well(film: Path) -> None:  # noqa: F811
    rng, tags, want = random.Random(4), tags_of(film), truth(film)
    wire = b"".join(chunks(Message(kind, 1, stamp, data), 4, 128) for kind, stamp, data in tags[:60])
    async with listening() as (listener, sink):
        for turn in range(20):
            end = await Publisher.connect(listener.port)
            with suppress(ConnectionError, EOFError):
                if turn % 4:
                    await end.publish(KEY)
                spoilt = bytearray(wire[: rng.randrange(len(wire))])
                for _ in range(rng.choice((1, 10, 200))):
                    if spoilt:
                        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
                end.writer.write(bytes(spoilt))
                await end.writer.drain()
            end.writer.close()
        raw_reader, raw = await asyncio.open_connection("127.0.0.1", listener.port)
        raw.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await asyncio.wait_for(raw_reader.read(), 5) == b""
        async with asyncio.timeout(10):
            await until(lambda: sink.of(Figures, "in")[-1].values["publishers"] == 0)
        good = await Publisher.connect(listener.port)
        assert await good.publish(f"good?key={KEY}") == "NetStream.Publish.Start"
        await good.media(tags)
        good.command("deleteStream", 5, None, 1)
        await until(lambda: states(sink, "in/good")[-1] is State.ENDED)
        assert count(sink, "in/good") == (want["frames"], want["chunks"])
        ends = {states(sink, e.stream)[-1] for e in sink.of(StreamOpened) if e.stream != "in"}
        assert ends <= {State.ENDED, State.FAILED, State.RECONNECTING}
        assert not any("internal error" in e.reason for e in sink.of(StateChanged))
