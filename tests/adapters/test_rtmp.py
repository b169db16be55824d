"""RTMP play against servers that do what servers do: ends, losses and stalls are told apart, nothing is waited for."""

from __future__ import annotations

import asyncio
import random
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from midstream_adapters import flv, rtmp, rtmp_media
from midstream_adapters.base import Backoff, Options, SourceError, supervise
from midstream_adapters.events import Kind, State, StateChanged
from midstream_adapters.mediainfo import MediaError
from midstream_adapters.rtmp import RTMPAdapter, open_source, target
from midstream_adapters.rtmp_session import Media, Refused
from tests.adapters.clips import make_clip, truth
from tests.adapters.recorder import Recorder, until
from tests.adapters.rtmp_ends import Played, Tag, server, tags_of
from tests.adapters.test_tls import tls  # noqa: F401  (a fixture)

SECRET = "secret-key-1"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(
        tmp_path_factory.mktemp("rtmp") / "film.flv",
        frames=30,
        frame_rate=10,
        size=(160, 90),
        audio_rate=44_100,
        video_options={"g": "10"},
    )


def adapter(port: int, quiet: float = 5.0, scheme: str = "rtmp") -> RTMPAdapter:
    url = f"{scheme}://127.0.0.1:{port}/live/{SECRET}"
    return RTMPAdapter(
        target(url, None), f"{scheme}://127.0.0.1:{port}/live/***", "s", Options(), quiet=quiet
    )


async def watch(port: int, quiet: float = 5.0, attempts: int = 1, scheme: str = "rtmp") -> Recorder:
    sink = Recorder()
    backoff = Backoff(first=0.02, most=0.05, attempts=attempts, settled=60.0)
    async with asyncio.timeout(20):
        await supervise(adapter(port, quiet, scheme), sink, Options(), backoff)
    assert SECRET not in repr([e for e in sink.events if isinstance(e, StateChanged)])
    return sink


def reasons(sink: Recorder) -> list[str]:
    return [e.reason for e in sink.of(StateChanged)]


@pytest.mark.parametrize(
    ("source", "key", "address", "name"),
    [
        ("rtmp://h/live/k", None, "rtmp://h:1935/live", "k"),
        ("rtmp://h:1936/a/b/k?t=1", None, "rtmp://h:1936/a/b", "k?t=1"),
        ("rtmps://h/live", "envkey", "rtmps://h:443/live", "envkey"),
        ("RTMP://[::1]/live/k/", "unused", "rtmp://[::1]:1935/live", "k"),
    ],
)
def test_addresses(source: str, key: str | None, address: str, name: str) -> None:
    found = target(source, key)
    assert (found.address, found.name) == (address, name)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("rtmp:///live/k", "without a host"),
        ("rtmp://h/", "no application"),
        ("rtmp://h/live", "MIDSTREAM_STREAM_KEY"),
        ("rtmp://h:99999/live/k", "not an address"),
        ("rtmp://u:secret1@h/live/k", "no user and password"),
    ],
)
def test_what_can_not_be_played_is_told(source: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        open_source(source, "s", Options(env={}))
    assert "secret1" not in str(caught.value)


async def test_everything_is_decoded_and_the_end_is_an_end(film: Path) -> None:
    want, seen = truth(film), []

    async def play(end: Played) -> None:
        seen.append(end.name)
        end.status("NetStream.Play.Start")
        end.send(4, b"\0\x06\0\0\0\x2a")  # a ping, to be answered
        await end.media(tags_of(film))
        end.status("NetStream.Play.UnpublishNotify")
        while (message := await end.message()).kind != 4 or message.payload != b"\0\x07\0\0\0\x2a":
            pass
        seen.append("pong")

    async with server(play) as port:
        sink = await watch(port)
        await until(lambda: len(seen) == 2)
    assert seen == [SECRET, "pong"]
    assert sink.states == [State.CONNECTING, State.LIVE, State.ENDED]
    assert (len(sink.frames), len(sink.chunks)) == (want["frames"], want["chunks"])
    assert sink.nbytes(Kind.VIDEO) == want["video_bytes"]
    assert sink.nbytes(Kind.AUDIO) == want["audio_bytes"]


async def test_a_loss_a_stall_and_silence_are_told_apart(film: Path) -> None:
    some = tags_of(film)[:40]

    async def lost(end: Played) -> None:
        end.status("NetStream.Play.Start")
        await end.media(some)

    async def stalled(end: Played) -> None:
        await lost(end)
        await end.message()
        await asyncio.sleep(20)

    async def chatting(end: Played) -> None:
        while True:
            end.send(4, b"\0\x06\0\0\0\x2a")
            await asyncio.sleep(0.05)

    said = []
    for play in (lost, stalled, chatting):
        async with server(play) as port:
            one = adapter(port, quiet=0.6)
            one._options = Options(connect_timeout=0.6)
            sink = Recorder()
            await supervise(one, sink, Options(), Backoff(attempts=1))
            said.append(reasons(sink)[-1])
            assert sink.states[-1] is State.FAILED
            assert bool(sink.frames) == (play is not chatting)
    assert said[0] == "the server was lost: the connection was closed without a word"
    assert said[1] == "stalled: no media for 0.6 s, nor anything else"
    assert said[2] == "nothing is published: no media for 0.6 s, though the server still talks"


@pytest.mark.parametrize(
    ("code", "final", "said"),
    [
        ("NetStream.Play.StreamNotFound", False, "no stream of this name"),
        ("NetConnection.Connect.Rejected", True, "the server refuses: NetConnection.Connect.Rejected"),
        ("NetStream.Play.Failed", False, "the server refuses: NetStream.Play.Failed"),
    ],
)
async def test_refusals(code: str, final: bool, said: str) -> None:
    async def play(end: Played) -> None:
        end.status(code, "error")
        await asyncio.sleep(20)

    async with server(play) as port:
        sink = await watch(port, attempts=2)
    assert said in reasons(sink)[-1]
    assert sink.states.count(State.RECONNECTING) == (0 if final else 1)


@pytest.mark.parametrize("before", [0, 100, 116, 119])
def test_a_refusal_that_repeats_the_key_shows_no_piece_of_it(before: int) -> None:
    """Also where the text is cut."""
    said = str(
        rtmp.refusal(Refused("NetStream.Play.Failed", "x" * before + " zq9-plain-key!"), "zq9-plain-key")
    )
    assert "zq9" not in said
    assert "plain" not in said
    one_letter = rtmp.refusal(Refused("NetStream.Play.Failed", "no such stream: e"), "e")
    assert str(one_letter).endswith("(no such stream: ***)")


async def test_what_is_no_rtmp_server_is_told() -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 4000)

    async with await asyncio.start_server(web, "127.0.0.1", 0) as listening:
        sink = await watch(listening.sockets[0].getsockname()[1], attempts=3)
    assert sink.states == [State.CONNECTING, State.FAILED]
    assert "does not speak RTMP" in reasons(sink)[-1]


async def test_rtmps_is_checked(tls: ssl.SSLContext, film: Path) -> None:  # noqa: F811
    async def play(end: Played) -> None:
        raise AssertionError

    async with server(play, tls) as port:
        sink = await watch(port, attempts=3, scheme="rtmps")
    assert sink.states == [State.CONNECTING, State.FAILED]
    assert reasons(sink)[-1].startswith("the server's certificate is not trusted")


@pytest.mark.parametrize("when", ["connecting", "waiting", "playing"])
async def test_cancel_is_prompt_and_leaves_no_thread(when: str, film: Path) -> None:
    async def play(end: Played) -> None:
        if when == "playing":
            await end.media(tags_of(film)[:60])
        await asyncio.sleep(20)

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(20)

    sink = Recorder()
    async with server(play) as port, await asyncio.start_server(mute, "127.0.0.1", 0) as deaf:
        where = deaf.sockets[0].getsockname()[1] if when == "connecting" else port
        task = asyncio.create_task(supervise(adapter(where), sink, Options()))
        await asyncio.sleep(0.3)
        if when == "playing":
            await until(lambda: sink.frames)
        clock = asyncio.get_running_loop().time
        start = clock()
        task.cancel()
        await asyncio.wait([task])
        assert clock() - start < 2.0  # 0.2 s is what is promised; a loaded machine gets more
        deaf.close()
    await until(lambda: not [t for t in threading.enumerate() if t.name.startswith("decode s")], 5)


async def feed(tags: list[Tag], sink: Recorder) -> list[str]:
    """Decode `tags`; returns what the decoders said when they were opened."""
    opened: list[str] = []

    async def source() -> AsyncIterator[Media]:
        for kind, stamp, payload in tags:
            yield Media(kind, stamp, payload)

    async with asyncio.timeout(10):
        await rtmp_media.decode(source(), "s", sink, Options(), lambda info: opened.append(str(info)))
    return opened


async def test_a_picture_that_comes_late_is_seen(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtmp_media, "PATIENCE", 0.0)
    tags, want = tags_of(film), truth(film)
    sound = [tag for tag in tags if tag[0] == flv.AUDIO]
    picture = [tag for tag in tags if tag[0] == flv.VIDEO]
    sink = Recorder()
    opened = await feed(
        sound[:20] + picture[:1] + [t for t in tags if t not in sound[:20] + picture[:1]], sink
    )
    assert len(opened) == 2
    assert "h264" not in opened[0]
    assert "h264" in opened[1]
    assert "aac" in opened[1]
    assert len(sink.frames) == want["frames"]
    assert len(sink.chunks) >= want["chunks"] - 2  # a new decoder of AAC needs a packet to begin with


async def test_a_picture_long_after_its_sound_is_seen_at_once(film: Path) -> None:
    tags, want, sink = tags_of(film), truth(film), Recorder()
    sound = [tag for tag in tags if tag[0] == flv.AUDIO]
    opened = await feed(tags[:1] + sound[:40] + [tag for tag in tags[1:] if tag not in sound[:40]], sink)
    assert len(opened) == 1
    assert (len(sink.frames), len(sink.chunks)) == (want["frames"], want["chunks"])


@pytest.mark.parametrize(
    ("video", "audio", "said"),
    [
        ("libx265", "aac", "hevc"),
        ("libvpx-vp9", "aac", "vp9"),
        ("libx264", "libopus", "opus"),
        ("flv", "libmp3lame", "mp3"),
    ],
)
async def test_codecs_old_and_of_enhanced_rtmp(video: str, audio: str, said: str, tmp_path: Path) -> None:
    options = {"x265-params": "log-level=none"} if video == "libx265" else {}
    path = make_clip(
        tmp_path / "x.flv", frames=8, frame_rate=10, size=(64, 48), video=video, audio=audio, video_options=options,
        audio_rate=48_000 if audio == "libopus" else 44_100,
    )  # fmt: skip
    want, sink = truth(path), Recorder()
    (opened,) = await feed(tags_of(path), sink)
    assert said in opened
    assert (len(sink.frames), len(sink.chunks)) == (want["frames"], want["chunks"])


async def test_a_frame_rate_is_only_told_where_it_is_known(film: Path) -> None:
    (told,) = await feed(tags_of(film), Recorder())
    (untold,) = await feed([tag for tag in tags_of(film) if tag[0] != flv.SCRIPT], Recorder())
    assert "10 fps" in told
    assert "fps" not in untold


@pytest.mark.parametrize("kind", [flv.AUDIO, flv.VIDEO])
async def test_one_kind_alone(kind: int, film: Path) -> None:
    want, sink = truth(film), Recorder()
    await feed([tag for tag in tags_of(film) if tag[0] == kind], sink)
    assert len(sink.frames) == (want["frames"] if kind == flv.VIDEO else 0)
    assert len(sink.chunks) == (want["chunks"] if kind == flv.AUDIO else 0)


async def test_spoilt_media_never_hangs_nor_crashes(film: Path) -> None:
    rng, whole = random.Random(22), tags_of(film)
    decoded = 0
    for turn in range(24):
        tags = [list(tag) for tag in whole[: rng.randrange(2, len(whole))]]
        for _ in range(rng.choice((1, 3, 30))):
            tag = rng.choice(tags)
            payload = bytearray(tag[2])
            if not payload:
                continue
            if turn % 3 == 0:
                payload = payload[: rng.randrange(len(payload))]
            elif turn % 3 == 1:
                payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
            else:
                payload[: min(8, len(payload))] = rng.randbytes(min(8, len(payload)))
            tag[2] = bytes(payload)
        sink = Recorder()
        with suppress(MediaError):
            await asyncio.wait_for(feed([(k, t, p) for k, t, p in tags], sink), 5)
        decoded += len(sink.frames) + len(sink.chunks)
    assert decoded > 300  # most of it is still there


def test_aggregates_are_taken_apart_in_their_time() -> None:
    parts = flv.tag(8, 1000, b"\xaf\x01a") + flv.tag(9, 1020, b"\x27\x01b")
    assert rtmp_media.single(Media(22, 5000, parts)) == [
        Media(8, 5000, b"\xaf\x01a"),
        Media(9, 5020, b"\x27\x01b"),
    ]
    assert rtmp_media.single(Media(22, 5000, parts[:-3] + b""))[:1] == [Media(8, 5000, b"\xaf\x01a")]
    assert rtmp_media.single(Media(22, 0, b"\x09\xff\xff\xff")) == []
