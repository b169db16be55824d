"""WHEP play against a small server made of aiortc, with every turn that the draft allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from midstream_adapters.base import Backoff, Interrupted, Options, SourceError, supervise
from midstream_adapters.events import AudioChunk, Figures, State, VideoFrame
from midstream_adapters.http_server import HttpServer, Request, Response
from midstream_adapters.rtc_sdp import check, fill_rejected
from midstream_adapters.whep import TOKEN, WhepAdapter, open_source
from tests.adapters.recorder import Recorder
from tests.adapters.rtc import Pictures, Tone, accept, connection, loopback, offer, prefer, vanish  # noqa: F401
from tests.adapters.servers import ListSink

QUICK = Backoff(first=0.02, most=0.05)


class WhepServer:
    """One stream, many viewers. ``script``: answers that are given first, instead of a session."""

    def __init__(
        self, script: list[Response] | None = None, counter: bool = False, audio: bool = True
    ) -> None:
        self.script, self.counter, self.audio = script or [], counter, audio
        self.seen: list[Request] = []
        self.viewers: list[RTCPeerConnection] = []
        self.http = HttpServer(self.handle, max_body=1 << 16)

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        if request.method == "DELETE":
            return Response(200)
        if request.method == "PATCH":
            await accept(self.viewers[-1], request.body.decode())
            return Response(204)
        if self.script:
            return self.script.pop(0)
        pc = connection()
        self.viewers.append(pc)
        headers = {"Content-Type": "application/sdp", "Location": "sessions/1"}
        if self.counter:
            pc.addTrack(Pictures())
            prefer(pc, "VP8")
            return Response(406, headers, (await offer(pc)).encode())
        await pc.setRemoteDescription(RTCSessionDescription(request.body.decode(), "offer"))
        pc.addTrack(Pictures())
        if self.audio:
            pc.addTrack(Tone())
        await pc.setLocalDescription(await pc.createAnswer())
        return Response(201, headers, pc.localDescription.sdp.encode())

    @asynccontextmanager
    async def up(self) -> AsyncGenerator[str]:
        await self.http.start("127.0.0.1", 0)
        try:
            yield f"whep+http://127.0.0.1:{self.http.port}/live/cam"
        finally:
            await self.http.close()
            await asyncio.gather(*(pc.close() for pc in self.viewers))

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.seen]


@asynccontextmanager
async def playing(url: str, options: Options) -> AsyncGenerator[ListSink]:
    sink = ListSink()
    task = asyncio.create_task(supervise(open_source(url, "s", options)[0], sink, options, QUICK))
    try:
        yield sink
    finally:
        began = time.monotonic()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1.0  # 0.2 s and what a busy machine adds


def arrived(sink: ListSink, frames: int = 5, chunks: int = 0) -> bool:
    return len(sink.of(VideoFrame)) >= frames and len(sink.of(AudioChunk)) >= chunks


async def test_play_and_leave() -> None:
    server = WhepServer()
    async with server.up() as url:
        options = Options(env={TOKEN: "tok3n"})
        async with playing(url, options) as sink:
            await sink.until(lambda _: arrived(sink, 8, 10) and bool(sink.of(Figures)))
        assert sink.states == [State.CONNECTING, State.LIVE]
        await asyncio.sleep(0.05)
        assert server.methods == ["POST", "DELETE"]
        assert server.seen[-1].path == "/live/sessions/1"
        assert {r.headers["authorization"] for r in server.seen} == {"Bearer tok3n"}
        assert "recvonly" in server.seen[0].body.decode()


async def test_counter_offer() -> None:
    server = WhepServer(counter=True)
    async with server.up() as url, playing(url, Options(env={})) as sink:
        await sink.until(lambda _: arrived(sink))
        assert server.methods == ["POST", "PATCH"]
        assert server.seen[1].content_type == "application/sdp"


async def test_not_live_yet_then_redirected() -> None:
    wait = Response.text(409, "not yet", {"Retry-After": "0"})
    server = WhepServer([wait, Response(307, {"Location": "/elsewhere"})])
    async with server.up() as url, playing(url, Options(env={})) as sink:
        await sink.until(lambda _: arrived(sink))
        assert sink.states[:4] == [State.CONNECTING, State.RECONNECTING, State.CONNECTING, State.LIVE]
        assert "not live yet" in sink.reasons[0]
        assert [r.path for r in server.seen] == ["/live/cam", "/live/cam", "/elsewhere"]


async def test_server_ends_and_comes_back() -> None:
    server = WhepServer()
    async with server.up() as url, playing(url, Options(env={})) as sink:
        await sink.until(lambda _: arrived(sink, 3))
        server.script = [Response.text(404, "gone")]
        await server.viewers[0].close()
        await sink.until(lambda _: sink.states.count(State.LIVE) == 2)
        assert "the server ended the session" in sink.reasons[0]
        assert "not live any more" in sink.reasons[1]


async def test_server_vanishes() -> None:
    server = WhepServer()
    async with server.up() as url, playing(url, Options(env={})) as sink:
        await sink.until(lambda _: arrived(sink, 3))
        vanish(server.viewers[0])
        gone = time.monotonic()
        await sink.until(lambda _: State.RECONNECTING in sink.states)
        assert 2.0 < time.monotonic() - gone < 5.5
        assert "nothing was heard" in sink.reasons[0]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Response.text(401, "who are you"), SourceError, "401"),
        (Response.text(404, "no such stream"), SourceError, "404"),
        (Response.text(409, "wait", {"Retry-After": "7"}), Interrupted, "not live yet"),
        (Response.text(503, "full", {"Retry-After": "7"}), Interrupted, "503"),
        (Response.text(200, "hello"), SourceError, "no WHIP or WHEP endpoint"),
        (Response.text(406, "no"), SourceError, "no offer of its own"),
        (Response(201, {"Content-Type": "application/sdp"}, b"v=0\r\n"), SourceError, "no media"),
        (Response(201, {"Content-Type": "application/sdp"}, b"v" * 70_000), SourceError, "over 64 KiB"),
        (Response(307, {"Location": "file:///etc/passwd"}), SourceError, "redirects to"),
    ],
)
async def test_refusals(answer: Response, error: type[Exception], said: str) -> None:
    server = WhepServer([answer] * 2)
    async with server.up() as url:
        with pytest.raises(error, match=said) as raised:
            await open_source(url, "s", Options(env={}))[0].run(Recorder())
        if isinstance(raised.value, Interrupted):
            assert raised.value.retry_after == 7


async def test_endless_redirects_and_no_server() -> None:
    server = WhepServer([Response(308, {"Location": "/again"})] * 9)
    async with server.up() as url:
        with pytest.raises(SourceError, match="redirects"):
            await open_source(url, "s", Options(env={}))[0].run(Recorder())
    with pytest.raises(Interrupted, match="cannot connect"):
        await open_source(url, "s", Options(env={}))[0].run(Recorder())


async def test_the_token_stays_with_its_host() -> None:
    other = WhepServer()
    async with other.up() as elsewhere:
        server = WhepServer([Response(307, {"Location": elsewhere.removeprefix("whep+")})])
        async with (
            server.up() as url,
            playing(url, Options(env={TOKEN: "t"}, headers={"X-Key": "k"})) as sink,
        ):
            await sink.until(lambda _: arrived(sink, 2))
        assert server.seen[0].headers["authorization"] == "Bearer t"
        assert "authorization" not in other.seen[0].headers
        assert "x-key" not in other.seen[0].headers


async def test_a_stream_without_sound() -> None:
    """Servers reject the section that they have nothing for: port 0, and not a word more."""

    class Silent(WhepServer):
        async def handle(self, request: Request) -> Response:
            if request.method != "POST":
                return await super().handle(request)
            head, audio, video = request.body.decode().partition("m=audio")[0], *split(request.body.decode())
            pc = connection()
            self.viewers.append(pc)
            bare = head.replace("BUNDLE 0 1", "BUNDLE 1") + video
            await pc.setRemoteDescription(RTCSessionDescription(bare, "offer"))
            pc.addTrack(Pictures())
            await pc.setLocalDescription(await pc.createAnswer())
            answer = pc.localDescription.sdp
            at = answer.index("m=video")
            text = answer[:at] + "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n" + answer[at:]
            assert audio
            return Response(201, {"Content-Type": "application/sdp", "Location": "/s"}, text.encode())

    server = Silent()
    async with server.up() as url, playing(url, Options(env={})) as sink:
        await sink.until(lambda _: arrived(sink, 3))
        assert not sink.of(AudioChunk)


def split(sdp: str) -> tuple[str, str]:
    at = sdp.index("m=video")
    return sdp[sdp.index("m=audio") : at], sdp[at:]


async def test_fill_rejected_leaves_whole_answers_alone() -> None:
    pc = connection()
    pc.addTransceiver("video", direction="recvonly")
    text = await offer(pc)
    assert fill_rejected(text, text) == text
    assert (await check(text, answers=text)).ufrag
    await pc.close()


@pytest.mark.parametrize("source", ["whep+https:///x", "whep+http://h:x/", "whep+https://[::1/"])
def test_bad_addresses(source: str) -> None:
    with pytest.raises(SourceError):
        open_source(source, "s", Options(env={}))


def test_shown_without_secrets() -> None:
    adapter = open_source("whep+https://u:pw@h/x?token=abc", "s", Options(env={}))[0]
    assert isinstance(adapter, WhepAdapter)
    assert adapter.info.source == "whep+https://***@h/x?token=***"
