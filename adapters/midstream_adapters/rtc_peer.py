"""One WebRTC connection that receives: aiortc's peer, its tracks drained into a sink, its health watched.

Used by the WHIP server, the WHEP client and signalling over a WebSocket. aiortc costs 0.3 s to import: `load` does it
in a thread, and must have been awaited before a `Peer` is made.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .base import Interrupted, Options, Sink, SourceError
from .events import BytesReceived, Dropped, Figures, Kind, State, StateChanged
from .rtc_frames import Converter, DecodeErrors, DecoderQueue, skip_hole
from .rtc_sdp import MAX_CANDIDATES, BadSdp, Checked, Fragment
from .rtc_stats import TrackMeter

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCIceServer, RTCRtpTransceiver

ICE_SERVERS = "MIDSTREAM_ICE_SERVERS"
CONNECT_WITHIN = 15.0
"""Seconds for ICE and DTLS."""
LOST_AFTER = 3.0
"""Seconds without a packet, and without an answer to a connectivity check, after which a peer is lost."""
HOLE_WITHIN = 1.0
"""Seconds that a missing packet may hold up the video: retransmission takes a round trip or two."""
_TICK = 0.25
_CLOSE_WITHIN = 0.1
_closing: set[asyncio.Task[None]] = set()


async def load() -> None:
    """Import aiortc in a thread, and keep its logging off the screen."""
    await asyncio.to_thread(_load)


def _load() -> None:
    import aiortc  # noqa: F401
    import av.logging

    from . import taps  # noqa: F401

    av.logging.set_level(None)
    for name in ("aiortc", "aioice"):  # without a handler, Python writes warnings over the screen
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def ice_servers(env: Mapping[str, str]) -> list[RTCIceServer]:
    """The servers that MIDSTREAM_ICE_SERVERS names, none by default; needs aiortc loaded.

    Either addresses with spaces or commas between (``stun:host:3478``), or JSON as browsers have it:
    ``[{"urls": "turn:host", "username": "u", "credential": "c"}]``.

    Raises:
        SourceError: it says something else.
    """
    from aiortc import RTCIceServer
    from aiortc.rtcicetransport import parse_stun_turn_uri

    given = env.get(ICE_SERVERS, "").strip()
    try:
        if given.startswith("["):
            servers = [
                RTCIceServer(urls=one["urls"], username=one.get("username"), credential=one.get("credential"))
                for one in json.loads(given)
            ]
        else:
            servers = [RTCIceServer(urls=url) for url in re.split(r"[\s,]+", given) if url]
        for server in servers:
            for url in [server.urls] if isinstance(server.urls, str) else server.urls:
                parse_stun_turn_uri(url)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise SourceError(f"{ICE_SERVERS} holds no STUN or TURN addresses, nor JSON that has them") from None
    return servers


class Peer:
    """A connection of the stream `stream`. `answer`, or `offer` and `accept`; then `run`; `close` in any case."""

    def __init__(
        self,
        stream: str,
        sink: Sink,
        options: Options,
        *,
        connect_within: float = CONNECT_WITHIN,
        lost_after: float = LOST_AFTER,
    ) -> None:
        from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection

        self.stream = stream
        self.connected = False
        """Whether media could ever flow."""
        self.round_trip: float | None = None
        """Seconds of the last connectivity check."""
        self._sink, self._options, self._clock = sink, options, options.clock
        self._connect_within, self._lost_after = connect_within, lost_after
        self._servers = ice_servers(options.env)
        self._pc = RTCPeerConnection(RTCConfiguration(self._servers, bundlePolicy=RTCBundlePolicy.BALANCED))
        self._pc.on("connectionstatechange", self._changed)
        self._pc.on("track", self._track)
        self._converter = Converter(stream, sink, self._clock, options.pictures)
        self._meters: dict[Kind, TrackMeter] = {}
        self._queues: dict[Kind, tuple[DecoderQueue, DecodeErrors]] = {}
        self._buffers: dict[Kind, Any] = {}
        self._fed: tuple[int, int, float] = 0, 0, 0.0
        self._told: dict[Kind, int] = {}
        self._shed_told: dict[tuple[Kind, str], int] = {}
        self._draining: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._state = "new"
        self._heard = self._clock()
        self._candidates = 0
        self._closed = False

    # -- offer and answer

    @property
    def local(self) -> str:
        """Our own description."""
        return str(self._pc.localDescription.sdp)

    async def answer(self, offer: Checked) -> str:
        """Accept an offer; return our answer.

        Raises:
            BadSdp: nothing in common, or aiortc can't use it.
        """
        await self._remote(offer, "offer")
        try:
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except Exception as error:
            raise BadSdp(f"can't be answered: {error or type(error).__name__}") from None
        return self.local

    async def offer(self) -> str:
        """An offer to receive audio and video."""
        for kind in ("audio", "video"):
            self._pc.addTransceiver(kind, direction="recvonly")
        await self._pc.setLocalDescription(await self._pc.createOffer())
        return self.local

    async def accept(self, answer: Checked) -> None:
        """Take the answer to our offer.

        Raises:
            BadSdp: it does not fit the offer.
        """
        await self._remote(answer, "answer")

    async def add(self, more: Fragment) -> None:
        """Add trickled candidates.

        Raises:
            BadSdp: there are too many by now.
        """
        self._candidates += len(more.candidates)
        if self._candidates > MAX_CANDIDATES:
            raise BadSdp(f"more than {MAX_CANDIDATES} candidates", unsupported=True)
        for candidate in more.candidates:
            await self._pc.addIceCandidate(candidate)

    async def _remote(self, description: Checked, kind: str) -> None:
        from aiortc import RTCSessionDescription
        from aiortc.exceptions import OperationError

        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(description.text, kind))
        except OperationError:
            raise BadSdp("no codec in common: VP8, H264, Opus, PCMU or PCMA are taken", True) from None
        except Exception as error:  # a parser's many ways to fail
            raise BadSdp(f"can't be used: {error or type(error).__name__}") from None

    # -- life

    async def run(self) -> None:
        """Say LIVE when connected; return when the other side has left.

        Raises:
            Interrupted: no connection came about, or it was lost.
        """
        clock = self._clock
        deadline = clock() + self._connect_within
        beat: asyncio.Task[None] | None = None
        next_figures = 0.0
        try:
            while True:
                self._news.clear()
                now = clock()
                if self._state == "failed":
                    raise Interrupted("ICE or DTLS failed: no media gets through")
                if self._state == "closed" or (self.connected and self._meters and not self._draining):
                    await self._finish()
                    return
                if self._state == "connected" and not self.connected:
                    self.connected = True
                    self._heard, next_figures = now, now + 1.0
                    self._fed = 0, 0, now
                    beat = asyncio.create_task(self._beat())
                    for meter in self._meters.values():
                        meter.figures(now)  # from here on there is a rate
                    self._sink.emit(StateChanged(self.stream, now, State.LIVE))
                if not self.connected and now >= deadline:
                    raise Interrupted(f"no media connection within {self._connect_within:g} s")
                if self.connected:
                    heard = [m.rtp.heard for m in self._meters.values() if m.rtp.heard is not None]
                    self._heard = max([self._heard, *heard])
                    if now - self._heard >= self._lost_after:
                        raise Interrupted(f"lost: nothing was heard for {now - self._heard:.1f} s")
                    self._shed()
                    self._unblock(now)
                    if now >= next_figures:
                        next_figures = max(next_figures + 1.0, now + 0.5)
                        self._figures(now)
                try:
                    async with asyncio.timeout(_TICK):
                        await self._news.wait()
                except TimeoutError:
                    pass
        finally:
            if beat is not None:
                beat.cancel()

    async def close(self) -> None:
        """End everything; what takes longer than a moment ends in the background."""
        if self._closed:
            return
        self._closed = True
        if self.connected:
            self._figures(self._clock())
        for queue, _ in self._queues.values():
            queue.put(None)  # so that no decoder has much left to do when aiortc waits for it
        self._shed()
        self._owe()
        self._converter.close()
        for task in self._draining:
            task.cancel()
        closing = asyncio.get_running_loop().create_task(self._pc.close())
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
        await asyncio.wait([closing], timeout=_CLOSE_WITHIN)

    async def _finish(self) -> None:
        """Let what has been decoded come out."""
        for _ in range(10):
            if self._converter.idle:
                return
            await asyncio.sleep(0.01)

    def _changed(self) -> None:
        if not self._closed:
            self._state = self._pc.connectionState
            self._news.set()

    async def _beat(self) -> None:
        """A connectivity check each second: it tells the round trip, and that a peer lives that sends nothing."""
        from aioice.stun import TransactionError, TransactionFailed

        while True:
            try:
                ice: Any = self._pc.getReceivers()[0].transport.transport._connection
                pair = next(iter(ice._nominated.values()))
                request = ice.build_request(pair, nominate=False)
                key = ice.remote_password.encode()
                began = self._clock()
                await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=0)
                self._heard = self._clock()
                self.round_trip = self._heard - began
            except TransactionFailed:
                self._heard = self._clock()
            except (TransactionError, StopIteration, OSError):
                pass
            await asyncio.sleep(1.0)

    # -- media

    def _track(self, track: MediaStreamTrack) -> None:
        """A track of the other side's: hook its receiver up before it is started."""
        for transceiver in self._pc.getTransceivers():
            if transceiver.receiver.track is track:
                kind = Kind(track.kind)
                meter = self._meters[kind] = TrackMeter(kind)
                self._hook(transceiver, meter)
                task = asyncio.get_running_loop().create_task(self._drain(track, meter))
                self._draining.add(task)
                task.add_done_callback(self._drained)

    def _drained(self, task: asyncio.Task[None]) -> None:
        self._draining.discard(task)
        self._news.set()

    def _hook(self, transceiver: RTCRtpTransceiver, meter: TrackMeter) -> None:
        """Count packets where aiortc's router hands them to the receiver, and bound the queue to its decoder."""
        receiver: Any = transceiver.receiver
        take, nack, pli = receiver._handle_rtp_packet, receiver._send_rtcp_nack, receiver._send_rtcp_pli
        clock, rtp = self._clock, meter.rtp
        errors = DecodeErrors()
        queue = DecoderQueue(meter.kind, errors)

        async def packet(packet: Any, arrival_time_ms: int) -> None:
            for codec in transceiver._codecs:
                if codec.payloadType == packet.payload_type:
                    rtx = codec.name.lower() == "rtx"
                    if not rtx:
                        meter.codec = codec.name
                    size = len(packet.payload)
                    rtp.packet(
                        packet.ssrc,
                        packet.sequence_number,
                        packet.timestamp,
                        size,
                        codec.clockRate,
                        clock(),
                        rtx,
                    )
                    break
            try:
                await take(packet, arrival_time_ms=arrival_time_ms)
            except Exception:  # a payload that aiortc's parsers trip over: it would end the connection
                errors.count += 1

        async def send_nack(*args: Any) -> None:
            rtp.nacks += 1
            await nack(*args)

        async def send_pli(*args: Any) -> None:
            rtp.plis += 1
            await pli(*args)

        receiver._handle_rtp_packet = packet
        receiver._send_rtcp_nack, receiver._send_rtcp_pli = send_nack, send_pli
        self._buffers[meter.kind] = receiver._RTCRtpReceiver__jitter_buffer
        receiver._RTCRtpReceiver__decoder_error = errors
        receiver._RTCRtpReceiver__decoder_queue = queue
        self._queues[meter.kind] = queue, errors

    async def _drain(self, track: MediaStreamTrack, meter: TrackMeter) -> None:
        """Take frames as they come; none ever waits in the track."""
        from aiortc.mediastreams import MediaStreamError

        taken = 0
        queue, _ = self._queues[meter.kind]
        try:
            while True:
                frame: Any = await track.recv()
                key = queue.is_key(frame.pts)
                meter.frame(self._clock(), frame.time if key else None)
                size, taken = meter.rtp.nbytes - taken, meter.rtp.nbytes
                self._told[meter.kind] = taken
                self._converter.push(meter.kind, frame, size, key)
        except MediaStreamError:
            pass

    def _unblock(self, now: float) -> None:
        """Give up a video packet that did not come within HOLE_WITHIN, though others did."""
        if Kind.VIDEO not in self._queues:
            return
        queue, packets = self._queues[Kind.VIDEO][0], self._meters[Kind.VIDEO].rtp.packets
        fed, packets_then, since = self._fed
        if queue.fed != fed or packets == packets_then:
            self._fed = queue.fed, packets, now
        elif now - since >= HOLE_WITHIN and skip_hole(self._buffers[Kind.VIDEO]):
            queue.restart()
            self._fed = queue.fed, packets, now

    def _shed(self) -> None:
        """Tell what was dropped before and in the decoders."""
        for kind, (queue, errors) in self._queues.items():
            for where, count in (("queue", queue.dropped), ("decoder", errors.count)):
                if more := count - self._shed_told.get((kind, where), 0):
                    self._shed_told[kind, where] = count
                    self._sink.emit(Dropped(self.stream, self._clock(), kind, more, where))

    def _owe(self) -> None:
        """Bytes that came after the last frame."""
        for kind, meter in self._meters.items():
            if rest := meter.rtp.nbytes - self._told.get(kind, 0):
                self._told[kind] = meter.rtp.nbytes
                self._sink.emit(BytesReceived(self.stream, self._clock(), kind, rest))

    def _figures(self, now: float) -> None:
        values: dict[str, float | str] = {}
        for meter in self._meters.values():
            values |= meter.figures(now)
            values[f"{meter.kind}_frames_received"] = self._queues[meter.kind][0].fed
        if self.round_trip is not None:
            values["round_trip_ms"] = 1000.0 * self.round_trip
        if values:
            self._sink.emit(Figures(self.stream, now, values))
