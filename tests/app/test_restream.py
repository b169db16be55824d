"""RestreamClient over real sockets: HLS, RTMP and WebRTC; its events, its counts, its secrets; the spec's examples."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect

from midstream_adapters.base import Backoff, Options
from midstream_adapters.events import Kind, Provenance, State, StateChanged, StreamOpened
from midstream_adapters.signalling import SignallingServer, decode, encode
from midstream_tui import RestreamClient, RestreamConfig
from midstream_tui.inbox import MOST, Inbox
from midstream_tui.session import Session
from tests.adapters.clips import make_clip, truth
from tests.adapters.hls_server import Answer, Media, Site, listed, make_media, playlist, serving
from tests.adapters.photographs import make_film
from tests.adapters.recorder import until
from tests.adapters.rtc import Pictures, Tone, accept, connection, loopback, offer  # noqa: F401
from tests.adapters.rtmp_ends import Played, Tag, server, tags_of
from tests.app.conftest import FakeClock, audio, frame, live

SECRET = "secret-key-1"
QUICK = Backoff(first=0.02, most=0.05)
EVENTS = ("connected", "disconnected", "frame", "audio", "transcription", "objects_detected", "error")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("restream")


@pytest.fixture(scope="module")
def media(folder: Path) -> Media:
    return make_media(folder / "ts", seconds=2)


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    return make_clip(folder / "film.flv", frames=12, frame_rate=10, size=(160, 90), audio_rate=44_100)


@pytest.fixture
def site(media: Media) -> Iterator[Site]:
    with serving() as site:
        site.files |= {f"s{n}.ts": segment for n, segment in enumerate(media.segments)}
        site.files["x.m3u8"] = playlist(*listed(media))
        yield site


def client(**settings: Any) -> RestreamClient:
    settings.setdefault("options", Options(fast=True, env={}))
    return RestreamClient(RestreamConfig(**settings), backoff=QUICK)


class Heard:
    """Everything that a client tells, in order."""

    def __init__(self, client: RestreamClient) -> None:
        self.all: list[tuple[str, Any]] = []
        self._news = asyncio.Event()
        for name in EVENTS:
            client.on(name, lambda told, name=name: self._add(name, told))

    def _add(self, name: str, told: Any) -> None:
        self.all.append((name, told))
        self._news.set()

    def of(self, name: str) -> list[Any]:
        return [told for event, told in self.all if event == name]

    @property
    def life(self) -> list[str]:
        return [event for event, _ in self.all if event not in ("frame", "audio")]

    async def until(self, name: str, count: int = 1) -> None:
        async with asyncio.timeout(10):
            while len(self.of(name)) < count:
                self._news.clear()
                await self._news.wait()


def told(heard: Heard, client: RestreamClient) -> str:
    """Everything that could show a secret, as text."""
    rest = [(name, repr(e), str(e)) for name, e in heard.all if name not in ("frame", "audio")]
    return repr((rest, client.stats, client.analysis, client.config))


# -- HLS


async def test_hls_every_frame_is_told_and_counted(site: Site, folder: Path, media: Media) -> None:
    (folder / "whole.ts").write_bytes(media.whole())
    want = truth(folder / "whole.ts")
    restream = client()
    heard = Heard(restream)
    assert restream.analysis.frame_count == 0
    assert restream.analysis.fps is None
    assert restream.stats.state == "disconnected"
    async with restream:
        await restream.connect_hls(site.url())
        assert heard.life[0] == "connected"
        await heard.until("disconnected")
        analysis, stats = restream.analysis, restream.stats
    assert heard.life == ["connected", "disconnected"]
    assert heard.of("disconnected") == ["ended"]
    frames, chunks = heard.of("frame"), heard.of("audio")
    assert [f.frame_number for f in frames] == list(range(1, want["frames"] + 1))
    assert (frames[0].width, frames[0].height, frames[0].keyframe) == (192, 108, True)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].image.shape[2] == 3
    assert np.diff([f.pts for f in frames]) == pytest.approx(1 / 30, abs=1e-3)
    assert (chunks[0].sample_rate, chunks[0].channels, chunks[0].samples.dtype) == (48_000, 2, np.float32)
    assert sum(c.samples.size / c.rate for c in chunks) == pytest.approx(
        sum(c.duration for c in chunks), abs=0.05
    )
    assert (analysis.frame_count, analysis.audio_chunks) == (want["frames"], want["chunks"])
    assert (analysis.frames_emitted, len(chunks)) == (want["frames"], want["chunks"])
    assert analysis.duration_s == pytest.approx(2.0, abs=0.1)
    assert (analysis.width, analysis.height, analysis.sample_rate, analysis.channels) == (192, 108, 48_000, 2)
    assert (analysis.dropped, analysis.patterns, analysis.resolution_matches) == (0, (), None)
    assert (stats.state, stats.reconnects) == ("ended", 0)
    assert stats.bytes == want["video_bytes"] + want["audio_bytes"]
    assert stats.figures["segments"] == 2
    assert stats.last_data is not None


async def test_bitrate_is_bytes_in_the_window_over_the_window(clock: FakeClock) -> None:
    restream = client(options=Options(env={}, clock=clock), resolution="640x360")
    inbox = Inbox(Session(clock), lambda *_: None, lambda: False, str)
    restream._inbox, restream._stream = inbox, "s"
    inbox.emit(live("s", clock.now))
    assert restream.analysis.bitrate is None
    for n in range(100):  # 10 s of 10 frames of 1000 bytes a second
        inbox.emit(frame("s", clock.advance(0.1), pts=n / 10, nbytes=1000))
    analysis = restream.analysis
    assert analysis.bitrate == pytest.approx(80.0, rel=0.05)
    assert analysis.fps == pytest.approx(10.0, rel=0.05)
    assert analysis.resolution_matches is True
    assert analysis.duration_s == pytest.approx(9.9)


async def test_frame_rate_limits_what_is_told_not_what_is_counted(site: Site) -> None:
    restream = client(frame_rate=5, resolution="1920x1080", options=Options(env={}))
    heard = Heard(restream)
    async with restream:
        await restream.connect_hls(site.url())
        await heard.until("disconnected")
    analysis = restream.analysis
    assert analysis.frame_count == 60
    assert 5 <= len(heard.of("frame")) <= 13
    assert analysis.frames_emitted == len(heard.of("frame"))
    assert analysis.dropped == 0
    assert analysis.resolution_matches is False


async def test_the_limit_is_an_average_that_jitter_does_not_lower() -> None:
    restream = client(frame_rate=30)
    rng = np.random.default_rng(7)
    passed = sum(restream._allowed(n / 30 + rng.uniform(0, 0.01)) for n in range(300))
    assert passed >= 298
    restream = client(frame_rate=10)
    assert 100 <= sum(restream._allowed(n / 60 + rng.uniform(0, 0.01)) for n in range(600)) <= 102


async def test_bearer_token_goes_to_the_server_and_nowhere_else(site: Site) -> None:
    site.files[f"x.m3u8?token={SECRET}"] = site.files["x.m3u8"]
    restream = client(api_key=SECRET)
    heard = Heard(restream)
    async with restream:
        await restream.connect_hls(f"{site.url()}?token={SECRET}")
        assert site.seen[0][1]["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in told(heard, restream)


@pytest.mark.parametrize("status", [401, 404])
async def test_a_wrong_address_is_told_and_can_be_followed_by_a_right_one(site: Site, status: int) -> None:
    site.files["wrong.m3u8"] = Answer(b"no " + SECRET.encode(), status)
    restream = client(api_key=SECRET)
    heard = Heard(restream)
    with pytest.raises(ConnectionError, match=str(status)) as caught:
        await restream.connect_hls(site.url("wrong.m3u8"))
    assert SECRET not in repr(caught.value)
    assert heard.all == []
    assert restream.stats.state == "failed"
    await restream.connect_hls(site.url())
    with pytest.raises(RuntimeError, match="disconnect"):
        await restream.connect_hls(site.url())
    await restream.disconnect()
    await restream.disconnect()
    assert heard.life == ["connected", "disconnected"]


async def test_not_live_in_time(site: Site) -> None:
    site.files["x.m3u8"] = Answer(wait=5.0)
    restream = client()
    with pytest.raises(ConnectionError, match=r"not live within 0\.2 s"):
        await restream.connect_hls(site.url(), timeout=0.2)
    assert restream.stats.state == "ended"
    task = asyncio.create_task(restream.connect_hls(site.url()))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [t for t in asyncio.all_tasks() if t.get_name().startswith("restream")]


# -- RTMP


def played(tags: list[Tag], seen: list[str]) -> Any:
    async def play(end: Played) -> None:
        seen.append(end.name)
        end.status("NetStream.Play.Start")
        await end.media(tags)
        if len(seen) == 1:
            return  # the connection is lost
        end.status("NetStream.Play.UnpublishNotify")
        await end.message()

    return play


@pytest.mark.parametrize("app", ["live", "live/eu"])
async def test_rtmp_key_and_reconnect(film: Path, app: str) -> None:
    seen: list[str] = []
    restream = None
    async with server(played(tags_of(film), seen)) as port:
        restream = client(rtmp_url=f"rtmp://127.0.0.1:{port}/{app}", stream_key=SECRET)
        heard = Heard(restream)
        await restream.connect_rtmp()
        assert restream.connected
        await heard.until("disconnected", 2)
    assert seen == [SECRET, SECRET]
    assert heard.life == ["connected", "disconnected", "connected", "disconnected"]
    first, second = heard.of("connected")
    assert (first.reconnects, second.reconnects, restream.stats.reconnects) == (0, 1, 1)
    assert "160x90" in first.media
    assert "lost" in heard.of("disconnected")[0]
    assert heard.of("disconnected")[1] == "ended"
    assert restream.analysis.frame_count == 2 * truth(film)["frames"]
    assert SECRET not in told(heard, restream)
    assert not restream.connected


async def test_a_stream_that_fails_for_good_is_an_error_and_a_disconnect(film: Path) -> None:
    seen: list[str] = []

    async def play(end: Played) -> None:
        seen.append(end.name)
        if len(seen) == 1:
            end.status("NetStream.Play.Start")
            await end.media(tags_of(film))
            return
        end.status("NetStream.Play.Unauthorized", "error")
        await end.message()

    async with server(play) as port:
        restream = client(rtmp_url=f"rtmp://127.0.0.1:{port}/live", stream_key=SECRET)
        heard = Heard(restream)
        await restream.connect_rtmp()
        await heard.until("disconnected")
        async with asyncio.timeout(10):
            while restream.stats.state != "failed":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await restream.disconnect()
    assert heard.life == ["connected", "disconnected", "error"]
    assert isinstance(heard.of("error")[0], ConnectionError)
    assert "Unauthorized" in str(heard.of("error")[0])
    assert SECRET not in told(heard, restream)


@pytest.mark.parametrize("where", ["path", "setting", "environment"])
async def test_rtmp_refusal_that_echoes_the_key(where: str) -> None:
    async def play(end: Played) -> None:
        about = {"level": "error", "code": "NetStream.Play.Rejected", "description": f"no {end.name} here"}
        end.command("onStatus", 0, None, about, stream=1)
        await end.message()

    async with server(play) as port:
        base = f"rtmp://127.0.0.1:{port}/live"
        settings: dict[str, Any] = {"rtmp_url": f"{base}/{SECRET}" if where == "path" else base}
        if where == "setting":
            settings["stream_key"] = SECRET
        elif where == "environment":
            settings["options"] = Options(env={"MIDSTREAM_STREAM_KEY": SECRET})
        restream = client(**settings)
        heard = Heard(restream)
        with pytest.raises(ConnectionError, match=r"refuses.*no \*\*\* here") as caught:
            await restream.connect_rtmp()
    assert SECRET not in repr(caught.value) + told(heard, restream)


async def test_a_server_that_is_not_there_is_told_with_the_last_reason() -> None:
    restream = client(rtmp_url="rtmp://127.0.0.1:1/live", stream_key=SECRET)
    with pytest.raises(ConnectionError, match=r"not live within 0\.3 s: .*127\.0\.0\.1") as caught:
        await restream.connect_rtmp(timeout=0.3)
    assert SECRET not in str(caught.value)


# -- WebRTC


@asynccontextmanager
async def room() -> AsyncGenerator[str]:
    """A room with a publisher in it who offers to the viewer that joins."""

    async def publish(url: str) -> None:
        pc = connection()
        try:
            async with connect(url) as socket:
                await socket.send(encode("join", role="publisher"))
                async for text in socket:
                    if (message := decode(text))["type"] == "join" and not pc.getSenders():  # once
                        pc.addTrack(Pictures())
                        pc.addTrack(Tone())
                        await socket.send(encode("offer", sdp=await offer(pc)))
                    elif message["type"] == "answer":
                        await accept(pc, message["sdp"])
        finally:
            await pc.close()

    async with SignallingServer().listening() as port:
        url = f"ws://127.0.0.1:{port}/room"
        task = asyncio.create_task(publish(url))
        try:
            yield url
        finally:
            if task.done():
                task.result()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_whep_is_told_by_its_address_and_given_the_token(site: Site) -> None:
    restream = client(webrtc_signaling=f"http://127.0.0.1:{site.port}/whep?token={SECRET}", api_key=SECRET)
    with pytest.raises(ConnectionError) as caught:  # this server takes no POST
        await restream.connect_webrtc(timeout=0.5)
    assert "501" in str(caught.value)
    assert (restream.stats.source or "").startswith("whep+http://")
    assert SECRET not in repr((caught.value, restream.config, restream.stats))


# -- what is configured


@pytest.mark.parametrize(
    ("connecting", "settings", "said"),
    [
        ("connect_rtmp", {}, "no rtmp_url"),
        ("connect_rtmp", {"rtmp_url": f"http://h/live/{SECRET}?key={SECRET}"}, "rtmp, rtmps"),
        ("connect_webrtc", {}, "no webrtc_signaling"),
        ("connect_webrtc", {"webrtc_signaling": "ftp://h"}, "wss"),
        ("connect_rtmp", {"rtmp_url": "rtmp://[::1/live"}, "no address"),
        ("connect_rtmp", {"rtmp_url": "rtmp://h/live/eu", "stream_key": f"key={SECRET}#"}, "with / or #"),
    ],
)
async def test_what_is_not_configured_is_told(connecting: str, settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        await getattr(client(**settings), connecting)()
    assert f"key={SECRET}" not in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "", "/etc/passwd", "rtmp://h/live/k"])
async def test_hls_is_http_only(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        await client().connect_hls(url)


async def test_no_key_and_no_host_are_connection_errors() -> None:
    with pytest.raises(ConnectionError, match="MIDSTREAM_STREAM_KEY"):
        await client(rtmp_url="rtmp://127.0.0.1/live").connect_rtmp()
    with pytest.raises(ConnectionError, match="without a host"):
        await client().connect_hls("http:///x.m3u8")


@pytest.mark.parametrize(
    "settings",
    [{"frame_rate": 0}, {"frame_rate": -1}, {"frame_rate": float("inf")}, {"frame_rate": float("nan")},
     {"resolution": "1080p"}, {"resolution": "0x0"}, {"resolution": "1920x1080\n"}],
)  # fmt: skip
def test_configuration_that_makes_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        RestreamConfig(**settings)


def test_repr_of_the_configuration_shows_no_secret() -> None:
    config = RestreamConfig(
        rtmp_url=f"rtmp://h/live/{SECRET}", stream_key="other-key-2", api_key="k3",
        webrtc_signaling="wss://u:pw-4-word@h/room?token=tok-5-en", frame_rate=30,
        options=Options(env={"MIDSTREAM_STREAM_KEY": "env-6-key"}, headers={"Authorization": "Bearer b-7-b"}),
    )  # fmt: skip
    text = repr(config) + str(config)
    for secret in (SECRET, "other-key-2", "k3", "pw-4-word", "tok-5-en", "env-6-key", "b-7-b"):
        assert secret not in text
    assert "frame_rate=30" in text
    assert "rtmp://h/live/***" in text


# -- listeners


async def test_listeners_that_raise_become_errors_and_never_a_loop(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    restream = client(api_key=SECRET)
    errors: list[Exception] = []

    @restream.on("frame")
    def sync(frame: Any) -> None:
        raise ValueError(f"sync {SECRET}")

    @restream.once("audio")
    async def later(audio: Any) -> None:
        await asyncio.sleep(0)
        raise ValueError(f"async {SECRET}")

    @restream.on("error")
    def record(error: Exception) -> None:
        errors.append(error)
        raise ValueError(f"worse {SECRET}")

    @restream.on("error")
    async def record_later(error: Exception) -> None:
        raise ValueError(f"worse and later {SECRET}")

    over = asyncio.Event()
    restream.on("disconnected", lambda _: over.set())
    with caplog.at_level(logging.WARNING):
        async with restream, asyncio.timeout(10):
            await restream.connect_hls(site.url())
            await over.wait()
            await restream.wait_for_complete()
    assert len(errors) == 61  # a frame each, and the one sound
    assert sum("async" in str(error) for error in errors) == 1
    assert "a listener of 'frame' raised ValueError: sync ***" in map(str, errors)
    assert len([r for r in caplog.records if "listener of 'error'" in r.getMessage()]) == 2 * 61
    assert SECRET not in repr(errors) + caplog.text.replace("Traceback", "")


async def test_errors_that_nobody_listens_to_are_logged(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)  # as if it were not installed
    restream = client(enable_transcription=True)
    with caplog.at_level(logging.WARNING):
        async with restream:
            await restream.connect_hls(site.url())
            await until(lambda: restream.stats.figures.get("speech"))
    assert 'transcription: not installed: pip install "midstream-tui[speech]"' in caplog.text
    assert restream.stats.figures["speech"] == 'not installed: pip install "midstream-tui[speech]"'
    assert restream.analysis.frame_count


async def test_objects_in_its_pictures_are_told_with_their_boxes(tmp_path: Path) -> None:
    make_film(tmp_path / "film.ts", ["chelsea.png", "motorcycle_left.png"], seconds=1.0)
    restream = client(enable_object_detection=True, detect_rate=5.0, options=Options(env={}))
    heard = Heard(restream)
    over = asyncio.Event()
    restream.on("disconnected", lambda _: over.set())
    with serving() as site:
        site.files |= {"film.ts": (tmp_path / "film.ts").read_bytes()}
        site.files["x.m3u8"] = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfilm.ts\n#EXT-X-ENDLIST\n"
        async with restream, asyncio.timeout(20):
            await restream.connect_hls(site.url())
            await over.wait()
    told = [objects for name, objects in heard.all if name == "objects_detected"]
    assert [box.label for objects in told for box in objects][:1] == ["cat"]
    assert {box.label for objects in told for box in objects} >= {"cat", "motorcycle"}
    assert all(objects.took > 0 and objects.timestamp > 1e9 for objects in told)
    moments = [objects.pts for objects in told]
    assert moments == sorted(moments)
    assert restream.stats.figures["vision"] == "SSDLite-MobileNetV2 (COCO)"


async def test_detection_without_its_extra_is_one_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    restream = client(enable_object_detection=True)
    heard = Heard(restream)
    async with restream:
        await restream.connect_hls(site.url())
        await until(lambda: restream.stats.figures.get("vision"))
        await until(lambda: any(name == "error" for name, _ in heard.all))
    line = 'not installed: pip install "midstream-tui[vision]"'
    assert [str(error) for name, error in heard.all if name == "error"] == [f"object detection: {line}"]
    assert restream.stats.figures["vision"] == line
    assert restream.analysis.frame_count
    with pytest.raises(ValueError, match=r"detector: none\.onnx: No such file"):
        await client(enable_object_detection=True, detector="none.onnx").connect_hls(site.url())


async def test_slow_coroutines_hold_the_source_up_and_nothing_is_lost(site: Site) -> None:
    restream = client()
    heard, most = 0, 0

    @restream.on("frame")
    async def slow(frame: Any) -> None:
        nonlocal heard, most
        most = max(most, len(restream._waiting))
        await asyncio.sleep(0.2)
        heard += 1

    over = asyncio.Event()
    restream.on("disconnected", lambda _: over.set())
    async with restream, asyncio.timeout(15):
        await restream.connect_hls(site.url())
        await over.wait()
        await restream.wait_for_complete()
    assert heard == 60
    assert most <= 64
    assert restream.analysis.dropped == 0


async def test_what_can_not_wait_is_shed_and_counted(clock: FakeClock) -> None:
    """A thread that floods the inbox: bounded, states kept, the newest media kept, everything counted."""
    told: list[tuple[Any, int]] = []
    busy = True
    session = Session(clock)
    inbox = Inbox(session, lambda event, number: told.append((event, number)), lambda: busy, str)

    def flood() -> None:
        inbox.emit(StreamOpened("s", clock.now, "x", frozenset({Kind.VIDEO}), Provenance.LIVE))
        inbox.emit(live("s", clock.now))
        for n in range(1000):
            inbox.emit((frame if n % 2 else audio)("s", clock.now + n / 100))

    thread = threading.Thread(target=flood)
    thread.start()
    await asyncio.to_thread(thread.join)
    state = inbox.read("s")
    assert state is not None
    assert (state.video_frames, state.audio_chunks) == (500, 500)
    assert state.drops == {"listener": 1000 - (MOST - 1)}
    waiting = asyncio.create_task(inbox.drain())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert told == []
    busy = False
    await asyncio.wait_for(waiting, 2)
    async with asyncio.timeout(2):
        while len(told) < MOST:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert told[0][0].state is State.LIVE
    assert [n for event, n in told[1:]][-2:] == [500, 500]
    inbox.close(StateChanged("s", clock.now, State.ENDED, "disconnected"))
    inbox.emit(live("s", clock.now))
    assert told[-1][0].reason == "disconnected"
    assert inbox.read("s").state == "ended"  # type: ignore[union-attr]


async def test_a_coroutine_listener_may_disconnect(site: Site) -> None:
    restream = client(options=Options(env={}))
    done = asyncio.Event()

    @restream.once("frame")
    async def enough(frame: Any) -> None:
        await restream.disconnect()
        done.set()

    heard = Heard(restream)
    await restream.connect_hls(site.url())
    await asyncio.wait_for(done.wait(), 5)
    assert heard.of("disconnected") == ["disconnected"]
    count = restream.analysis.frame_count
    await asyncio.sleep(0.1)
    assert 1 <= count == restream.analysis.frame_count < 60


async def test_a_removed_listener_hears_nothing(site: Site) -> None:
    restream = client()
    heard: list[Any] = []
    restream.on("frame", heard.append)
    restream.remove_listener("frame", heard.append)
    over = Heard(restream)
    await restream.connect_hls(site.url())
    await over.until("disconnected")
    assert heard == []


async def test_a_fault_of_ours_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> State:
        raise ZeroDivisionError(f"at rtmp://h/live/{SECRET}")

    monkeypatch.setattr("midstream_tui.restream.supervise", broken)
    with pytest.raises(ConnectionError, match="internal error: ZeroDivisionError") as caught:
        await client().connect_hls(site.url())
    assert SECRET not in str(caught.value)


# -- the examples


def example(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_example_hls(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    restream = await example("restream_hls").main(site.url(), 1.5)
    analysis = restream.analysis
    assert 10 <= analysis.frame_count <= 60
    out = capsys.readouterr().out
    assert "Patterns: 0" in out
    assert "Frames: 0" not in out
    assert "FPS: None" not in out


async def test_example_rtmp(
    film: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAM_KEY", SECRET)
    seen = ["before"]
    async with server(played(tags_of(film), seen)) as port:
        restream = await example("restream_rtmp").main(f"rtmp://127.0.0.1:{port}/live", 1.0)
    assert seen[1] == SECRET
    assert restream.analysis.frame_count == truth(film)["frames"]
    out = capsys.readouterr().out
    assert "Connected: rtmp://127.0.0.1" in out
    assert "Disconnected: " in out
    assert SECRET not in out


async def test_example_webrtc(capsys: pytest.CaptureFixture[str]) -> None:
    async with room() as url:
        restream = await example("restream_webrtc").main(url, 1.5)
    out = capsys.readouterr().out
    assert "Frame 1: 160x96" in out
    assert "Audio chunk: 48000Hz" in out
    assert "object detection" not in out  # it asks for that too; there is nothing to see
    assert "Transcription:" not in out
    assert restream.analysis.frame_count >= 3
    assert restream.analysis.resolution_matches is False
    assert restream.stats.state == "ended"
