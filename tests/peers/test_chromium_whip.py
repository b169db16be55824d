"""Chromium with a fake camera and microphone publishes to our WHIP endpoint, from a page that we serve."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from midstream_adapters.base import Options, supervise
from midstream_adapters.events import AudioChunk, Figures, State, StateChanged, VideoFrame
from midstream_adapters.http_server import HttpServer, Request, Response
from midstream_adapters.whip import TOKEN, WhipListener
from tests.adapters.rtc import loopback  # noqa: F401
from tests.adapters.servers import ListSink

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)"),
]
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream
    --allow-loopback-in-peer-connection --disable-features=WebRtcHideLocalIpsWithMdns""".split()
PAGE = """<!doctype html><title>publisher</title><script type="module">
const whip = "%s", token = "%s";
const report = (what, more) => fetch("/report", {method: "POST", body: JSON.stringify({what, ...more})});
const post = (url, key, body) => fetch(url, {
  method: "POST", headers: {"Content-Type": "application/sdp", "Authorization": "Bearer " + key}, body});
async function publish(name, codec, camera) {
  const pc = new RTCPeerConnection();
  for (const track of camera.getTracks()) pc.addTransceiver(track, {direction: "sendonly", streams: [camera]});
  for (const t of pc.getTransceivers()) if (t.sender.track.kind == "video")
    t.setCodecPreferences(RTCRtpSender.getCapabilities("video").codecs.filter(
      c => [codec, "video/rtx"].includes(c.mimeType)));
  await pc.setLocalDescription();
  if (pc.iceGatheringState != "complete")
    await new Promise(done => pc.onicegatheringstatechange = () => pc.iceGatheringState == "complete" && done());
  const answer = await post(whip + "/" + name, token, pc.localDescription.sdp);
  const session = new URL(answer.headers.get("Location"), whip);
  await pc.setRemoteDescription({type: "answer", sdp: await answer.text()});
  await report(name, {status: answer.status, etag: answer.headers.get("ETag")});
  await fetch("/next");
  const ended = await fetch(session, {method: "DELETE", headers: {"Authorization": "Bearer " + token}});
  pc.close();
  await report(name + " deleted", {status: ended.status});
}
try {
  const camera = await navigator.mediaDevices.getUserMedia(
    {audio: true, video: {width: 320, height: 180, frameRate: 15}});
  await report("wrong token", {status: (await post(whip, "wrong", "v=0\\r\\n")).status});
  await report("1 MB", {status: (await post(whip, token, "v=0\\r\\n".repeat(200000))).status});
  await publish("vp8", "video/VP8", camera);
  await publish("h264", "video/H264", camera);
  await publish("killed", "video/VP8", camera);
} catch (error) { await report("error", {reason: String(error)}); }
</script>"""


class Page:
    """Serves the page and hears its reports."""

    def __init__(self) -> None:
        self.html = ""
        self.reports: dict[str, dict[str, Any]] = {}
        self.news = asyncio.Event()
        self.go_on = asyncio.Event()
        self.http = HttpServer(self.handle, max_body=1 << 16, within=60.0)

    async def handle(self, request: Request) -> Response:
        if request.path == "/next":
            await self.go_on.wait()
            self.go_on.clear()
        elif request.path == "/report":
            said = json.loads(request.body)
            self.reports[said.pop("what")] = said
            self.news.set()
        elif request.path == "/":
            return Response(200, {"Content-Type": "text/html"}, self.html.encode())
        return Response(204)

    async def heard(self, what: str) -> dict[str, Any]:
        async with asyncio.timeout(30.0):
            while what not in self.reports:
                assert "error" not in self.reports, self.reports["error"]
                self.news.clear()
                await self.news.wait()
        return self.reports[what]


@asynccontextmanager
async def browser(url: str, profile: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={profile}",
        url,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # so that its children end with it
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def of(sink: ListSink, kind: type, stream: str) -> list[Any]:
    return [e for e in sink.events if isinstance(e, kind) and e.stream == stream]


async def test_chromium_publishes(tmp_path: Path) -> None:
    token = "b3arer"
    options = Options(env={TOKEN: token})
    listener = WhipListener("127.0.0.1", 0, "/whip", token, "whip", options)
    sink, page = ListSink(), Page()
    listening = asyncio.create_task(supervise(listener, sink, options))
    await sink.until(lambda _: bool(sink.of(Figures)))
    await page.http.start("127.0.0.1", 0)
    page.html = PAGE % (f"http://127.0.0.1:{listener.port}/whip", token)
    try:
        async with browser(f"http://127.0.0.1:{page.http.port}/", tmp_path) as chromium:
            assert (await page.heard("wrong token"))["status"] == 401
            assert (await page.heard("1 MB"))["status"] == 413
            for name, codec in (("vp8", "VP8"), ("h264", "H264")):
                stream = f"whip/{name}"
                said = await page.heard(name)
                assert (said["status"], bool(said["etag"])) == (201, True)
                await sink.until(lambda _, s=stream: len(of(sink, VideoFrame, s)) > 20)  # type: ignore[misc]
                await sink.until(lambda _, s=stream: len(of(sink, AudioChunk, s)) > 50)  # type: ignore[misc]
                await sink.until(
                    lambda _, s=stream: any("video_codec" in e.values for e in of(sink, Figures, s))  # type: ignore[misc]
                )
                accepted = of(sink, StateChanged, stream)[0].at
                first = of(sink, VideoFrame, stream)[0]
                print(f"{codec}: first frame {first.at - accepted:.3f} s after the answer")
                assert first.at - accepted < 1.0
                assert first.keyframe
                figures = {k: v for e in of(sink, Figures, stream) for k, v in e.values.items()}
                print(figures)
                assert figures["video_codec"] == codec
                assert figures["audio_codec"] == "opus"
                assert max(c.rms for c in of(sink, AudioChunk, stream)) > 0.01  # it beeps
                assert len({f.luma for f in of(sink, VideoFrame, stream)}) > 5  # it moves
                page.go_on.set()
                assert (await page.heard(f"{name} deleted"))["status"] == 200
                assert of(sink, StateChanged, stream)[-1].state is State.ENDED
            await page.heard("killed")
            await sink.until(lambda _: len(of(sink, VideoFrame, "whip/killed")) > 5)
            os.killpg(chromium.pid, signal.SIGKILL)
            await sink.until(
                lambda _: of(sink, StateChanged, "whip/killed")[-1].state is State.RECONNECTING, timeout=5.0
            )
            end = of(sink, StateChanged, "whip/killed")[-1]
            print(
                f"killed: lost {end.at - of(sink, VideoFrame, 'whip/killed')[-1].at:.2f} s after the last frame"
            )
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await page.http.close()
