"""Publishing over WebRTC: a WHIP client (RFC 9725). aiortc encodes (VP8 or H.264 as the server likes, Opus)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .base import Interrupted, Options, SourceError
from .publish import Counts, Plan, playing, reached
from .redact import redact
from .rtc_peer import CONNECT_WITHIN, ice_servers, load
from .rtc_sdp import BadSdp, check
from .simulated_audio import SimulatedChunk
from .simulated_video import SimulatedFrame
from .stream_simulator import StreamSimulator
from .together import together
from .whip import TOKEN
from .wish import Endpoint, endpoint_url

if TYPE_CHECKING:
    from .publish_tracks import Track

_LEAVE = 2.0
_TICK = 0.5


def open_output(target: str, plan: Plan, options: Options) -> WHIPOutput:
    """The output for ``whip+http[s]://host/path``. Raises `SourceError` as `endpoint_url` does."""
    return WHIPOutput(endpoint_url(target), plan, options)


class WHIPOutput:
    """Publishes to one WHIP endpoint; its session is deleted on leaving."""

    def __init__(
        self, url: str, plan: Plan, options: Options, *, connect_within: float = CONNECT_WITHIN
    ) -> None:
        self.address = f"whip+{redact(url)}"
        self.counts = Counts()
        self._url, self._plan, self._options = url, plan, options
        self._within = connect_within
        self._news = asyncio.Event()

    async def run(self, simulator: StreamSimulator) -> None:
        """Publish until cancelled.

        Raises:
            SourceError: refused, or the server's answer can't be used.
            Interrupted, OSError: not reached, no way through for media, or the server has left.
        """
        await load()
        from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection

        servers = ice_servers(self._options.env)
        pc = RTCPeerConnection(RTCConfiguration(servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        pc.on("connectionstatechange", self._news.set)
        session: str | None = None
        async with Endpoint.connected(self._url, self._options.env.get(TOKEN), self._options) as server:
            try:
                tracks = self._tracks()
                for track in tracks:
                    pc.addTransceiver(track, direction="sendonly")
                session = await self._enter(server, pc)
                await self._connected(pc)
                await self._push(pc, simulator, tracks)
            finally:
                ends = [asyncio.create_task(pc.close())]
                if session:
                    ends.append(asyncio.create_task(server.delete(session)))
                await asyncio.wait(ends, timeout=_LEAVE)

    def _tracks(self) -> list[Track]:
        from .publish_tracks import Track

        return [Track(kind, self._plan, self.counts) for kind in sorted(self._plan.kinds)]

    async def _enter(self, server: Endpoint, pc: Any) -> str | None:
        """Make a session; return its address."""
        from aiortc import RTCSessionDescription

        await pc.setLocalDescription(await pc.createOffer())
        offer = pc.localDescription.sdp
        answer = await server.post(offer)
        if answer.status not in (200, 201):
            raise answer.refused()
        try:
            checked = await check(answer.body, answers=offer)
            await pc.setRemoteDescription(RTCSessionDescription(checked.text, "answer"))
        except (BadSdp, ValueError) as error:
            if answer.session:
                await server.delete(answer.session)
            raise SourceError(f"the server's session description can't be used: {error}") from None
        return answer.session

    async def _connected(self, pc: Any) -> None:
        try:
            async with asyncio.timeout(self._within):
                while pc.connectionState != "connected":
                    if pc.connectionState in ("failed", "closed"):
                        raise Interrupted("ICE or DTLS failed: no media gets through")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Interrupted(f"no media connection within {self._within:g} s") from None

    async def _push(self, pc: Any, simulator: StreamSimulator, tracks: list[Track]) -> None:
        by_kind = {track.kind: track for track in tracks}

        def picture(frame: SimulatedFrame) -> None:
            by_kind["video"].picture(frame)

        def sound(chunk: SimulatedChunk) -> None:
            by_kind["audio"].sound(chunk)

        async with playing(simulator, self._plan, picture, sound) as failed:
            await together(self._watch(pc), reached(failed))

    async def _watch(self, pc: Any) -> None:
        """Count what is sent, until the server is gone."""
        while pc.connectionState == "connected":
            stats = (await pc.getStats()).values()
            self.counts.nbytes = sum(one.bytesSent for one in stats if one.type == "outbound-rtp")
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._news.wait()
        raise Interrupted("the server ended the session, or was lost")
