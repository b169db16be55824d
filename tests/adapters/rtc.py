"""WebRTC peers for tests: small moving pictures and a tone, published by aiortc over loopback."""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aioice.ice
import av
import httpx
import numpy as np
import pytest
from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    VideoStreamTrack,
)

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """ICE over 127.0.0.1, which aioice otherwise leaves out."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


class Pictures(VideoStreamTrack):
    """A bright bar that moves over a dark picture of 160x96."""

    def __init__(self, fps: float = 12.0) -> None:
        super().__init__()
        self.fps = fps
        self.sent = 0
        self.paused = asyncio.Event()
        self.paused.set()

    async def recv(self) -> av.VideoFrame:
        await self.paused.wait()
        await asyncio.sleep(1 / self.fps)
        picture = np.full((96, 160, 3), 32, np.uint8)
        picture[:, self.sent * 4 % 150 :][:, :10] = 220
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        frame.pts, frame.time_base = int(self.sent * 90_000 / self.fps), fractions.Fraction(1, 90_000)
        self.sent += 1
        return frame


class Tone(AudioStreamTrack):
    """440 Hz at half of full scale, mono, 20 ms a frame."""

    def __init__(self, rate: int = 48_000) -> None:
        super().__init__()
        self.rate = rate
        self.at = 0

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(0.02)
        n = self.rate // 50
        t = (self.at + np.arange(n)) / self.rate
        samples = (0.5 * 32767 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = self.rate, self.at, fractions.Fraction(1, self.rate)
        self.at += n
        return frame


def connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def prefer(pc: RTCPeerConnection, *codecs: str) -> None:
    """Offer only these codecs, for instance "VP8", "PCMU"."""
    for transceiver in pc.getTransceivers():
        offered = RTCRtpSender.getCapabilities(transceiver.kind).codecs
        transceiver.setCodecPreferences([c for c in offered if c.name.upper() in codecs])


async def offer(pc: RTCPeerConnection) -> str:
    await pc.setLocalDescription(await pc.createOffer())
    return str(pc.localDescription.sdp)


async def accept(pc: RTCPeerConnection, answer: str) -> None:
    await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def eventually(condition: Callable[[], object], timeout: float = 15.0) -> None:
    """Wait for `condition` without taking the processor from those who bring it about."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0.02)


def vanish(pc: RTCPeerConnection) -> None:
    """Be gone as a killed process is: sockets closed, nobody told."""
    for transceiver in pc.getTransceivers():
        ice: Any = transceiver.receiver.transport.transport._connection
        for protocol in ice._protocols:
            protocol.transport.abort()


class Publisher:
    """A WHIP client (RFC 9725) with a picture and a tone."""

    def __init__(self, url: str, *codecs: str, token: str | None = None, audio: bool = True) -> None:
        self.pc = connection()
        self.pictures, self.tone = Pictures(), Tone()
        self.pc.addTrack(self.pictures)
        if audio:
            self.pc.addTrack(self.tone)
        if codecs:
            prefer(self.pc, *codecs)
        self.url = url
        self.http = httpx.AsyncClient(
            trust_env=False, headers={"Authorization": f"Bearer {token}"} if token else {}
        )
        self.session = self.etag = ""

    async def publish(self) -> httpx.Response:
        response = await self.http.post(self.url, content=await offer(self.pc), headers=SDP)
        if response.status_code == 201:
            self.session = str(response.url.join(response.headers["location"]))
            self.etag = response.headers["etag"]
            await accept(self.pc, response.text)
        return response

    async def close(self) -> None:
        await self.http.aclose()
        await self.pc.close()


@asynccontextmanager
async def publishing(url: str, *codecs: str, **options: Any) -> AsyncGenerator[Publisher]:
    publisher = Publisher(url, *codecs, **options)
    try:
        response = await publisher.publish()
        assert response.status_code == 201, response.text
        yield publisher
    finally:
        await publisher.close()
