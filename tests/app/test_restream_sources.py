"""RestreamClient over real sockets: HLS, RTMP and WebRTC, each with the spec's example; its counts, its secrets."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect

from midstream_adapters.base import Options
from midstream_adapters.signalling import SignallingServer, decode, encode
from midstream_tui.inbox import Inbox
from midstream_tui.session import Session
from tests.adapters.clips import make_clip, truth
from tests.adapters.hls_server import Answer, Media, Site
from tests.adapters.rtc import Pictures, Tone, accept, connection, loopback, offer  # noqa: F401
from tests.adapters.rtmp_ends import Played, Tag, server, tags_of
from tests.app.conftest import FakeClock, frame, live
from tests.app.restream_ends import SECRET, Heard, client, told


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    return make_clip(folder / "film.flv", frames=12, frame_rate=10, size=(160, 90), audio_rate=44_100)


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
