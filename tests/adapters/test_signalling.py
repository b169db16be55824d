"""Two peers that meet over the signalling server; rooms and messages have their limits."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from midstream_adapters.base import Backoff, Interrupted, Options, SourceError, supervise
from midstream_adapters.events import AudioChunk, State, VideoFrame
from midstream_adapters.signalling import MAX_MESSAGE, BadMessage, SignallingServer, decode, encode, main
from midstream_adapters.webrtc import open_source
from tests.adapters.recorder import Recorder
from tests.adapters.rtc import Pictures, Tone, accept, connection, loopback, offer  # noqa: F401
from tests.adapters.servers import ROOT, ListSink


@asynccontextmanager
async def room() -> AsyncGenerator[str]:
    async with SignallingServer().listening() as port:
        yield f"ws://127.0.0.1:{port}/room"


@asynccontextmanager
async def viewing(url: str, fragment: str = "") -> AsyncGenerator[ListSink]:
    options = Options(env={})
    sink = ListSink()
    adapter = open_source(f"webrtc+{url}{fragment}", "s", options)[0]
    task = asyncio.create_task(supervise(adapter, sink, options, Backoff(first=0.05, most=0.1)))
    try:
        yield sink
    finally:
        began = time.monotonic()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1.0  # 0.2 s and what a busy machine adds


async def heard(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(5.0):
        while (message := decode(await socket.recv()))["type"] != kind:
            pass
    return message


async def seen_and_heard(sink: ListSink) -> None:
    await sink.until(lambda _: len(sink.of(VideoFrame)) > 4 and len(sink.of(AudioChunk)) > 4)


async def test_viewer_first_then_publisher_who_trickles() -> None:
    async with room() as url, viewing(url) as sink, connect(url) as socket:
        await socket.send(encode("join", role="publisher"))
        await heard(socket, "join")
        pc = connection()
        pc.addTrack(Pictures())
        pc.addTrack(Tone())
        text = await offer(pc)
        found = re.findall(r"a=(candidate:.*?)\r\n", text)
        await socket.send(
            json.dumps({"type": "candidate", "candidate": found[0], "sdpMid": "0"})
        )  # even early
        await socket.send(encode("hello"))  # whatever that is
        await socket.send(encode("offer", sdp=re.sub(r"a=(candidate:.*?|end-of-candidates)\r\n", "", text)))
        await accept(pc, (await heard(socket, "answer"))["sdp"])
        init = {"candidate": found[0], "sdpMid": "0", "sdpMLineIndex": 0}
        await socket.send(json.dumps({"type": "candidate", "candidate": init}))
        await socket.send(json.dumps({"type": "candidate", "candidate": None}))
        await seen_and_heard(sink)
        assert sink.states == [State.CONNECTING, State.LIVE]
        await socket.send(encode("bye"))
        await sink.until(lambda _: sink.states[-1] is State.ENDED)
        await pc.close()


async def test_the_viewer_offers_and_outlives_signalling() -> None:
    async with room() as url, connect(url) as socket:
        async with viewing(url, "#offer") as sink:
            pc = connection()
            text = (await heard(socket, "offer"))["sdp"]
            from aiortc import RTCSessionDescription

            await pc.setRemoteDescription(RTCSessionDescription(text, "offer"))
            pc.addTrack(Pictures())
            pc.addTrack(Tone())
            await pc.setLocalDescription(await pc.createAnswer())
            await socket.send(encode("answer", sdp=pc.localDescription.sdp))
            await seen_and_heard(sink)
        assert (await heard(socket, "bye"))["type"] == "bye"  # we say so when we leave
        await pc.close()


async def test_media_outlives_signalling() -> None:
    async with SignallingServer().listening() as port:
        url = f"ws://127.0.0.1:{port}/r"
        async with connect(url) as socket:
            await socket.send(encode("join", role="publisher"))
            viewer = viewing(url)
            sink = await viewer.__aenter__()
            await heard(socket, "join")
            pc = connection()
            pc.addTrack(Pictures())
            await socket.send(encode("offer", sdp=await offer(pc)))
            await accept(pc, (await heard(socket, "answer"))["sdp"])
            await sink.until(lambda _: len(sink.of(VideoFrame)) > 2)
    # the server is gone, with every WebSocket
    before = len(sink.of(VideoFrame))
    await sink.until(lambda _: len(sink.of(VideoFrame)) > before + 5)
    assert sink.states == [State.CONNECTING, State.LIVE]
    await pc.close()
    await sink.until(lambda _: sink.states[-1] is not State.LIVE)
    await viewer.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("message", "error", "said"),
    [
        (encode("offer", sdp="v=0\r\n"), SourceError, "no media"),
        (encode("candidate", candidate="candidate:nonsense", sdpMid="0"), SourceError, "malformed candidate"),
        (encode("error", reason="go away\x1b[2J"), Interrupted, "go away"),
    ],
)
async def test_what_cannot_be_used_is_told(message: str, error: type[Exception], said: str) -> None:
    async with room() as url, connect(url) as socket:
        running = asyncio.create_task(open_source(f"webrtc+{url}", "s", Options(env={}))[0].run(Recorder()))
        await heard(socket, "join")
        await socket.send(message)
        with pytest.raises(error, match=said):
            await asyncio.wait_for(running, 5.0)


async def test_no_server() -> None:
    with pytest.raises(Interrupted, match="cannot connect"):
        await open_source("webrtc+ws://127.0.0.1:1/x", "s", Options(env={}))[0].run(Recorder())


async def test_rooms_and_messages_are_bounded() -> None:
    async with room() as url:
        async with connect(url) as first, connect(url) as second, connect(url) as third:
            assert "full" in (await heard(third, "error"))["reason"]
            await first.send("not json")
            assert "no JSON" in (await heard(first, "error"))["reason"]
            assert (await heard(second, "left")) == {"type": "left"}  # of the one who was shown out
        async with connect(url) as fourth:
            await fourth.send("x" * (MAX_MESSAGE + 1))
            with pytest.raises(ConnectionClosed) as closed:
                await fourth.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        async with connect(url) as fifth, connect(url) as sixth:  # there is room again
            await fifth.send(encode("join", role="viewer"))
            assert (await heard(sixth, "join"))["role"] == "viewer"


def test_messages() -> None:
    assert decode('{"type": "bye"}') == {"type": "bye"}
    rng = random.Random(7)
    text = encode("offer", sdp="v=0", more=[1, {"a": None}])
    for wrong in (
        b"x",
        "",
        "[]",
        "{}",
        '{"type": 1}',
        '{"type": "offer"}',
        '{"type": "answer", "sdp": 3}',
        "[" * 9000,
    ):
        with pytest.raises(BadMessage):
            decode(wrong)
    for _ in range(500):
        letters = list(text)
        for _ in range(rng.randrange(1, 4)):
            letters[rng.randrange(len(letters))] = chr(rng.randrange(32, 300))
        with suppress(BadMessage):
            assert isinstance(decode("".join(letters))["type"], str)


@pytest.mark.parametrize("source", ["webrtc+wss:///x", "webrtc+ws://h:x/", "webrtc+wss://h/x#answer"])
def test_bad_addresses(source: str) -> None:
    with pytest.raises(SourceError):
        open_source(source, "s", Options(env={}))


async def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--host", "0.0.0.0"])
    assert "loopback" in capsys.readouterr().err
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "midstream_adapters.signalling", "--port", "0"),
        cwd=ROOT / "adapters",
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 10.0)).decode()
        async with (
            connect(line.split()[-1].replace("ROOM", "r")) as one,
            connect(line.split()[-1].replace("ROOM", "r")) as two,
        ):
            await one.send(encode("join", role="viewer"))
            assert (await heard(two, "join"))["role"] == "viewer"
    finally:
        process.terminate()
        await process.wait()
