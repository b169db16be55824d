"""WHIP ingest with an aiortc publisher over loopback, and with clients that mean no good."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from midstream_adapters import registry
from midstream_adapters.base import Options, SourceError, supervise
from midstream_adapters.events import (
    AudioChunk,
    BytesReceived,
    Figures,
    Kind,
    State,
    StateChanged,
    VideoFrame,
)
from midstream_adapters.whip import TOKEN, WhipListener, open_source
from tests.adapters.rtc import (
    SDP,
    Publisher,
    accept,
    connection,
    eventually,
    offer,
    publishing,
    vanish,
)
from tests.adapters.servers import ListSink

TRICKLE = {"Content-Type": "application/trickle-ice-sdpfrag"}


@asynccontextmanager
async def listening(
    token: str | None = None, **limits: float
) -> AsyncGenerator[tuple[str, ListSink, WhipListener]]:
    async def sleep(seconds: float) -> None:  # the penalty of a wrong token
        await asyncio.sleep(seconds / 10)

    options = Options(env={TOKEN: token} if token else {}, sleep=sleep)
    listener = WhipListener("127.0.0.1", 0, "/whip", token, "whip", options, **limits)  # type: ignore[arg-type]
    sink = ListSink()
    task = asyncio.create_task(supervise(listener, sink, options))
    try:
        await sink.until(lambda events: any(isinstance(e, Figures) for e in events) or task.done())
        yield f"http://127.0.0.1:{listener.port}/whip", sink, listener
    finally:
        began = time.monotonic()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1.0  # 0.2 s and what a busy machine adds


def states(sink: ListSink, stream: str) -> list[State]:
    return [e.state for e in sink.events if isinstance(e, StateChanged) and e.stream == stream]


def last_reason(sink: ListSink, stream: str) -> str:
    return [e.reason for e in sink.events if isinstance(e, StateChanged) and e.stream == stream][-1]


def count(sink: ListSink, kind: type, stream: str = "whip/1") -> int:
    return sum(isinstance(e, kind) and e.stream == stream for e in sink.events)


@pytest.mark.parametrize(("video", "audio"), [("VP8", "OPUS"), ("H264", "PCMU"), ("VP8", "PCMA")])
async def test_a_publisher_is_seen_and_heard(video: str, audio: str) -> None:
    async with listening() as (url, sink, _), publishing(url, video, audio) as publisher:
        await sink.until(lambda _: count(sink, VideoFrame) >= 12 and count(sink, AudioChunk) >= 30)
        await sink.until(lambda e: any("video_codec" in f.values for f in e if isinstance(f, Figures)))
        response = await publisher.http.delete(publisher.session)
        assert response.status_code == 200
        frames = [e for e in sink.events if isinstance(e, VideoFrame)]
        chunks = [e for e in sink.events if isinstance(e, AudioChunk)]
        assert (frames[0].width, frames[0].height) == (160, 96)
        assert frames[0].keyframe
        assert any((f.motion or 0) > 1 for f in frames)
        assert 0.25 < max(c.rms or 0 for c in chunks) < 0.45  # a sine of 0.5 has 0.354
        assert all(len(c.samples) for c in chunks[2:])
        told = [e.values for e in sink.events if isinstance(e, Figures) and e.stream == "whip/1"]
        figures = {name: value for values in told for name, value in values.items()}
        assert figures["video_codec"] == video
        assert str(figures["audio_codec"]).upper() == audio
        assert figures["video_packets_lost"] == 0
        assert 0 <= float(figures["audio_jitter_ms"]) < 50
        assert 0 < float(figures["round_trip_ms"]) < 250
        assert float(figures["video_frames_decoded"]) >= 12
        assert 5 < float(figures["video_decoded_fps"]) < 20
        assert float(figures["video_frames_received"]) >= float(figures["video_frames_decoded"])
        assert float(figures["audio_bitrate_bps"]) > 10_000
        total = sum(e.nbytes for e in sink.events if isinstance(e, VideoFrame | AudioChunk | BytesReceived))
        sent = (await publisher.pc.getStats()).values()
        assert total == pytest.approx(sum(s.bytesSent for s in sent if s.type == "outbound-rtp"), rel=0.05)
        assert states(sink, "whip/1") == [State.CONNECTING, State.LIVE, State.ENDED]
        assert last_reason(sink, "whip/1") == "the publisher has left"


async def test_two_publishers_one_vanishes() -> None:
    async with (
        listening(lost_after=1.0) as (url, sink, _),
        publishing(f"{url}/cam", "VP8", audio=False) as first,
        publishing(url, "VP8", audio=False),
    ):
        await sink.until(lambda _: count(sink, VideoFrame, "whip/cam") > 3 and count(sink, VideoFrame) > 3)
        vanish(first.pc)
        gone = time.monotonic()
        await sink.until(lambda _: states(sink, "whip/cam")[-1] is State.RECONNECTING)
        assert 0.7 < time.monotonic() - gone < 3.0
        assert "lost: nothing was heard" in last_reason(sink, "whip/cam")
        assert states(sink, "whip/1") == [State.CONNECTING, State.LIVE]
        async with publishing(f"{url}/cam", "VP8", audio=False):  # comes back, to its own stream
            before = count(sink, VideoFrame, "whip/cam")
            await sink.until(lambda _: count(sink, VideoFrame, "whip/cam") > before + 3)
        await sink.until(lambda _: states(sink, "whip/cam")[-1] is State.ENDED)


async def test_a_publisher_that_vanishes_and_stays_away_is_over() -> None:
    async with (
        listening(lost_after=0.5, grace=0.1) as (url, sink, _),
        publishing(url, "VP8", audio=False) as one,
    ):
        await sink.until(lambda _: count(sink, VideoFrame) > 3)
        vanish(one.pc)
        await sink.until(lambda _: states(sink, "whip/1")[-1] is State.ENDED)
        assert states(sink, "whip/1") == [State.CONNECTING, State.LIVE, State.RECONNECTING, State.ENDED]
        assert "nobody came back within 0.1 s" in last_reason(sink, "whip/1")


async def test_token() -> None:
    async with listening("s3cret") as (url, sink, _), httpx.AsyncClient(trust_env=False) as http:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}):
            response = await http.post(url, content=b"v=0", headers=SDP | headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Bearer")
        async with publishing(url, "VP8", token="s3cret", audio=False) as publisher:
            await sink.until(lambda _: count(sink, VideoFrame) > 2)
            assert (await http.delete(publisher.session)).status_code == 401
            assert (await publisher.http.delete(publisher.session)).status_code == 200
        assert "s3cret" not in repr(sink.events)


async def test_methods_and_limits() -> None:
    async with listening(most=1) as (url, _, _), httpx.AsyncClient(trust_env=False) as http:
        response = await http.options(url)
        assert (response.status_code, response.headers["accept-post"]) == (204, "application/sdp")
        assert (await http.get(url)).status_code == 405
        assert (await http.get(url.replace("/whip", "/else"))).status_code == 404
        assert (await http.delete(f"{url}/session/nobody")).status_code == 404
        assert (await http.patch(f"{url}/session/nobody")).status_code == 404
        assert (
            await http.post(url, content=b"{}", headers={"Content-Type": "text/plain"})
        ).status_code == 415
        assert (await http.post(url, content=b"v=0\r\n" * 200_000, headers=SDP)).status_code == 413
        assert (await http.get(url, headers={"x": "y" * 20_000})).status_code == 431
        pc = connection()
        async with publishing(url, "VP8", audio=False):
            pc.addTransceiver("video", direction="sendonly")
            response = await http.post(url, content=await offer(pc), headers=SDP)
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
        await pc.close()


async def test_offers_that_are_refused_whole() -> None:
    async with listening() as (url, sink, listener), httpx.AsyncClient(trust_env=False) as http:
        pc = connection()
        pc.addTransceiver("video", direction="sendonly")
        text = await offer(pc)
        await pc.close()
        port = text.partition("m=video ")[2].partition(" ")[0]
        section = text[text.index("m=video") :]
        for wrong, status, why in (
            ("", 400, ""),
            ("v=0\r\n", 400, ""),
            (text.replace("a=mid:0\r\n", ""), 400, "a=mid"),
            (text + section, 400, "each its own"),
            (text + section.replace("a=mid:0", "a=mid:1"), 422, "more than one video track"),
            (text.replace("a=ice-pwd", "a=ice-xyz"), 400, "no ICE user name"),
            (text.replace("a=ice-pwd:", "a=ice-pwd:" + "x" * 256), 400, "too long"),
            (text.replace("a=setup:actpass", "a=setup:nonsense"), 400, ""),
            (text.replace("a=fingerprint", "a=xyz"), 400, "no DTLS fingerprint"),
            (text.replace("a=fingerprint:sha-", "a=fingerprint:md-"), 400, "no DTLS fingerprint"),
            (text.replace("a=sendonly", "a=recvonly"), 422, "nothing would be sent"),
            (text.replace("m=video", "m=application"), 422, "audio and video only"),
            (text.replace(f"m=video {port} ", "m=video 0 "), 422, "a rejected video section"),
            (text.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), 422, "profile RTP/AVP"),
            (text.replace("a=rtcp-mux\r\n", ""), 422, "no a=rtcp-mux"),
            (text.replace("VP8", "AV1").replace("H264", "H265"), 422, ""),
            (text + "a=rtpmap:1 X/1\r\n" * 200, 400, ""),
        ):
            response = await http.post(url, content=wrong, headers=SDP)
            assert response.status_code == status, (response.status_code, response.text, wrong[:200])
            assert why in response.text
        assert (await http.post(url, content=b"v=0\r\n\xff", headers=SDP)).status_code == 400
        assert not listener._sessions
        assert {e.stream for e in sink.events} == {"whip"}  # nothing was opened


async def test_trickle() -> None:
    async with listening() as (url, sink, _):
        publisher = Publisher(url, "VP8", audio=False)
        text = await offer(publisher.pc)
        candidates = [line for line in text.splitlines() if line.startswith("a=candidate")]
        bare = "".join(
            f"{line}\r\n" for line in text.splitlines() if not line.startswith(("a=candidate", "a=end-of"))
        )
        response = await publisher.http.post(url, content=bare, headers=SDP)
        assert response.status_code == 201
        session = url.replace("/whip", response.headers["location"])
        ufrag = next(line for line in text.splitlines() if line.startswith("a=ice-ufrag"))
        head = f"{ufrag}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        good = f"{head}{candidates[0]}\r\na=end-of-candidates\r\n"
        match = {"If-Match": response.headers["etag"]}
        patch = publisher.http.patch
        assert (await patch(session, content=good, headers={"Content-Type": "text/plain"})).status_code == 415
        assert (
            await patch(session, content=good, headers=TRICKLE | {"If-Match": '"old"'})
        ).status_code == 412
        assert (await patch(session, content=good, headers=TRICKLE | {"If-Match": "*"})).status_code == 422
        restart = "a=ice-ufrag:new1\r\na=ice-pwd:0123456789012345678901\r\n"
        assert (await patch(session, content=restart, headers=TRICKLE | match)).status_code == 422
        assert (await patch(session, content="nonsense", headers=TRICKLE | match)).status_code == 400
        wrong = f"{head}a=candidate:1 1 udp\r\n"
        assert (await patch(session, content=wrong, headers=TRICKLE | match)).status_code == 400
        assert (await patch(session, content=good, headers=TRICKLE | match)).status_code == 204
        await accept(publisher.pc, response.text)
        await sink.until(lambda _: count(sink, VideoFrame) > 2)
        await publisher.close()
        await sink.until(lambda _: states(sink, "whip/1")[-1] is State.ENDED)


async def test_no_media_is_no_stream_for_ever() -> None:
    async with (
        listening(connect_within=0.5) as (url, sink, listener),
        httpx.AsyncClient(trust_env=False) as http,
    ):
        pc = connection()
        pc.addTransceiver("video", direction="sendonly")
        assert (await http.post(url, content=await offer(pc), headers=SDP)).status_code == 201
        await sink.until(lambda _: states(sink, "whip/1")[-1:] == [State.FAILED])
        assert "no media connection within" in last_reason(sink, "whip/1")
        assert not listener._sessions
        await pc.close()


async def test_pages_of_other_sites_may_not_publish() -> None:
    evil, own = {"Origin": "https://evil.example"}, {"Origin": "http://localhost:3000"}
    preflight = {"Access-Control-Request-Method": "POST"}
    async with listening() as (url, _, _), httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(url, content=b"v=0", headers=SDP | evil)).status_code == 403
        assert (
            "access-control-allow-origin" not in (await http.options(url, headers=evil | preflight)).headers
        )
        response = await http.options(url, headers=own | preflight)
        assert response.headers["access-control-allow-origin"] == own["Origin"]
        assert "Authorization" in response.headers["access-control-allow-headers"]
        response = await http.post(url, content=b"v=0\r\n" * 20_000, headers=SDP | own)
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (413, own["Origin"])
        assert "Location" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "source",
    ["whip+listen://0.0.0.0:8889/whip", "whip+listen://u:p@127.0.0.1/", "whip+listen://127.0.0.1:x/"],
)
def test_bad_addresses(source: str) -> None:
    with pytest.raises(SourceError):
        open_source(source, "s", Options(env={}))


def test_addresses() -> None:
    adapter = open_source("whip+listen://", "s", Options(env={}))[0]
    assert adapter.info.source == "whip+listen://127.0.0.1:8889/whip"
    assert open_source("whip+listen://0.0.0.0:9000/in", "s", Options(env={TOKEN: "t"}))
    assert Kind.VIDEO not in adapter.info.kinds
    assert registry.kind_of("WHIP+listen://h/x") is registry.WHIP_LISTEN
    assert registry.kind_of("whep+https://h/x") is registry.WHEP
    assert registry.kind_of("webrtc+ws://h/x") is registry.WEBRTC


async def test_mutated_offers() -> None:
    rng = random.Random(25)
    pc = connection()
    pc.addTransceiver("video", direction="sendonly")
    pc.addTransceiver("audio", direction="sendonly")
    text = await offer(pc)
    await pc.close()
    seen = set()
    async with (
        listening(connect_within=0.2) as (url, _, listener),
        httpx.AsyncClient(trust_env=False) as http,
    ):
        for _ in range(150):
            data = bytearray(text.encode())
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(data))
                match rng.randrange(4):
                    case 0:
                        data[at] ^= 1 << rng.randrange(8)
                    case 1:
                        del data[at : at + rng.randrange(1, 40)]
                    case 2:
                        data[at:at] = data[at : at + rng.randrange(1, 200)]
                    case _:
                        del data[at:]
                if not data:
                    break
            began = time.monotonic()
            response = await http.post(url, content=bytes(data), headers=SDP, timeout=5.0)
            assert response.status_code in (201, 400, 422, 503), (response.status_code, bytes(data))
            seen.add(response.status_code)
            assert time.monotonic() - began < 5.0
        assert {201, 400} <= seen
        await eventually(lambda: not listener._sessions, 5.0)
